"""How far a call has come: its record, and the clocks and marks its decisions need."""

from typing import Any, Final

from b2bua.call.digits import Presses
from b2bua.call.effects import CloseMedia, Effect, FinalResponse, HangUp, StopRecording
from b2bua.call.hangup import CLEARINGS
from b2bua.call.model import HangupCause, HangupParty, Leg
from b2bua.call.prompting import NOTHING_DUE, DuePrompts
from b2bua.call.record import finish, leg_of
from storage.records import CallRecord, CallStatus, changed

LEAD_S: Final = 10.0  # so long before the end of the reserved time more is asked for: a store may be slow to answer
EXTENSION_S: Final = 10  # at least so much is asked for at once, or billing by the second were a write each second
# A store that gives no answer is our failure, and mostly short: a lock, a full disk, a copy being made. So long a call
# goes on past what is reserved for it, which is what its customer may come to owe us at most.
UNANSWERED_S: Final = 30.0


class Progress:
    """The one mutable thing of a call's decisions. `now` and `wall_ms` are those of the event being handled."""

    __slots__ = (
        "_bridged",
        "_changes",
        "_leg_changes",
        "_record",
        "_up",
        "_waits",
        "answered_elsewhere",
        "b_cause",
        "b_q850",
        "early_media_relayed",
        "now",
        "presses",
        "prompts",
        "reserved_pulses",
        "wall_ms",
    )

    def __init__(self, record: CallRecord, prompts: DuePrompts = NOTHING_DUE) -> None:
        self._record = record
        self.prompts = prompts
        self._changes: dict[str, Any] = {}
        self._leg_changes: dict[Leg, dict[str, Any]] = {}
        self.wall_ms = record.created_at
        self.now = 0.0
        self.b_cause: HangupCause | None = None  # B's failure, while A is told of it
        self.b_q850: int | None = None  # what A's Reason says of it, where the cause says less
        self.answered_elsewhere = False  # why A gave up, so that B has missed no call
        self.early_media_relayed = False
        self.presses: dict[Leg, Presses] = {Leg.A: Presses(), Leg.B: Presses()}
        self._up: tuple[Leg, ...] = ()
        self._waits = False  # A has called us, and has no final response yet
        self._bridged: float | None = None
        self.reserved_pulses = 1

    def at(self, wall_ms: int, now: float) -> None:
        """The moment of the next event. A call's times never run backwards, even when the wall clock is set back."""
        self.wall_ms = max(self.wall_ms, wall_ms)
        self.now = now

    # Legs.

    def called_by_a(self) -> None:
        """A's own INVITE waits for its final response."""
        self._waits = True
        self.dialled(Leg.A)

    def dialled(self, leg: Leg) -> None:
        """The leg's INVITE is under way: from now on it must be hung up."""
        self._up = (*self._up, leg)
        self.change_leg(leg, status="dialling")

    def rings(self, leg: Leg) -> None:
        """The leg rings; only the first time is kept."""
        if not self.has_rung(leg):
            self.change_leg(leg, status="ringing", ringing_at=self.wall_ms)

    def answered(self, leg: Leg, sip_status: int, codec: str | None) -> None:
        """The leg has answered, or is answered."""
        self._waits = self._waits and leg is not Leg.A
        self.change_leg(leg, status="answered", answered_at=self.wall_ms, sip_status=sip_status, codec=codec)

    def down(self, leg: Leg) -> None:
        """The leg has no dialog any more and needs no hanging up."""
        self._up = tuple([other for other in self._up if other is not leg])

    def take_down(self, leg: Leg, cause: HangupCause) -> tuple[Effect, ...]:
        """Hang the leg up, unless it is down already."""
        if leg not in self._up:
            return ()
        self.down(leg)
        return (HangUp(leg, cause),)

    def leg_over(self, leg: Leg, cause: HangupCause, sip_status: int | None = None) -> None:
        """The leg ended before the call does: failed when it had not answered."""
        was = leg_of(self.record, leg)
        if was.ended_at is None:
            status = "failed" if was.answered_at is None else "ended"
            self.change_leg(leg, status=status, ended_at=self.wall_ms, hangup_cause=cause.value)
        if sip_status is not None:
            self.change_leg(leg, sip_status=sip_status)

    @property
    def record(self) -> CallRecord:
        """The call as it now stands."""
        if self._leg_changes or self._changes:
            legs = self._record.legs
            for leg, changes in self._leg_changes.items():
                a, b = legs
                legs = (changed(a, **changes), b) if leg is Leg.A else (a, changed(b, **changes))
            self._record = changed(self._record, legs=legs, **self._changes)
            self._leg_changes = {}
            self._changes = {}
        return self._record

    @record.setter
    def record(self, record: CallRecord) -> None:
        self._record = record
        self._leg_changes = {}
        self._changes = {}

    @property
    def status(self) -> CallStatus:
        """Its status."""
        status: CallStatus = self._changes.get("status", self._record.status)
        return status

    @property
    def terms(self) -> CallRecord:
        """The record for what does not change with the call: whose it is, its tariff and its limits."""
        return self._record

    def has_rung(self, leg: Leg) -> bool:
        """Whether the leg has rung before."""
        return "ringing_at" in self._leg_changes.get(leg, ()) or leg_of(self._record, leg).ringing_at is not None

    def change_leg(self, leg: Leg, **changes: Any) -> None:
        """Change fields of a leg's record. Copying a record is dear, so changes are gathered until it is looked at."""
        gathered = self._leg_changes.get(leg)
        if gathered is None:
            self._leg_changes[leg] = changes
        else:
            gathered.update(changes)

    def change(self, **changes: Any) -> None:
        """Change fields of the record; gathered likewise."""
        self._changes.update(changes)

    # Talk time and the time that money is reserved for, on the monotonic clock.

    def bridged(self) -> None:
        """Both parties are connected from now."""
        self._bridged = self.now
        self.change(answered_at=self.wall_ms)

    def pulses_reserved(self, pulses: int) -> None:
        """So many more pulses of talk are reserved."""
        self.reserved_pulses += pulses

    def reserved_left_s(self) -> float:
        """Seconds until the reserved time ends."""
        return max(0.0, self._started() + self._reserved_s() - self.now)

    def answer_within_s(self) -> float:
        """Seconds that the answer to an extension is waited for."""
        return max(0.0, self._started() + self._reserved_s() + UNANSWERED_S - self.now)

    def pulses_to_ask_for(self) -> int:
        """The pulses of the next extension: `EXTENSION_S` of them, but none beyond the longest the call may last."""
        asked_s: int = EXTENSION_S
        if self.terms.max_duration_s is not None:
            asked_s = min(asked_s, self.terms.max_duration_s - self._reserved_s())
        return max(1, -(-asked_s // self.terms.tariff.pulse_s))

    def extension_after_s(self) -> float | None:
        """Seconds until more must be asked for; None when the call cannot outlive what is reserved, or is
        nobody's to pay."""
        if not self.terms.org_id:
            return None
        longest_s = self.terms.max_duration_s
        if longest_s is not None and longest_s <= self._reserved_s():
            return None
        return max(0.0, self.reserved_left_s() - LEAD_S)

    def _started(self) -> float:
        return self.now if self._bridged is None else self._bridged

    def _reserved_s(self) -> int:
        return self.reserved_pulses * self.terms.tariff.pulse_s

    # The end.

    def end(
        self, cause: HangupCause, party: HangupParty | None = None, final: FinalResponse | None = None
    ) -> tuple[Effect, ...]:
        """End the call now: the legs that are up are hung up first, at once; the record is finished.

        `final`: what A gets where it has called us and is not answered; None: by the cause.
        """
        q850 = self.b_q850 if cause is self.b_cause else None
        ends = {
            Leg.A: HangUp(Leg.A, cause, final, q850),
            Leg.B: HangUp(Leg.B, cause, elsewhere=self.answered_elsewhere),
        }
        hang_ups = [ends[leg] for leg in self._up]
        self._up = ()
        if self._waits:
            self._waits = False
            self.change_leg(Leg.A, sip_status=CLEARINGS[cause].sip_status if final is None else final.sip_status)
        talk_ms = None
        if self._bridged is not None:
            talk_ms = max(0, round((self.now - self._bridged) * 1000))
        self.record = finish(self.record, cause, self.wall_ms, talk_ms, party, self._billed_limit_s(cause))
        return *hang_ups, StopRecording(), CloseMedia()

    def _billed_limit_s(self, cause: HangupCause) -> int | None:
        if cause is HangupCause.MAX_DURATION:
            return self.terms.max_duration_s
        return self._reserved_s() if cause is HangupCause.BALANCE_EXHAUSTED else None
