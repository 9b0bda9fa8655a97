"""A call machine driven by hand: time is two numbers, and every effect is kept in the order it came."""

from dataclasses import dataclass, field, replace

from b2bua.call.effects import Effect
from b2bua.call.events import (
    AnswerSent,
    Arrived,
    CallEvent,
    Deadline,
    DeadlinePassed,
    DigitBegun,
    DigitPressed,
    DigitWay,
    FailureKind,
    HangupRequested,
    LegAnswered,
    LegAnsweredAhead,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegLost,
    LegMoved,
    LegProgressed,
    LegRinging,
    MediaSilent,
    PromptsHeard,
    RecordingStopped,
    ReservationExtended,
    ReservationRefused,
    Started,
    SystemFailed,
    SystemStopping,
)
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg
from storage.records import CallRecord, CallStatus

CREATED_AT = 1_700_000_000_000

A_CALL = CallRecord(
    call_id="8a6e0804-2bd0-4672-b79d-d97027f9071a",
    org_id="org-1",
    party_a="9876543210",
    party_b="9123456780",
    masked_number="917969002802",
    direction="click_to_call",
    status=CallStatus.INITIATED,
    created_at=CREATED_AT,
)


def a_call(**changes: object) -> CallRecord:
    """A fresh call, as admission makes it, with changes."""
    return replace(A_CALL, **changes)  # type: ignore[arg-type]  # the test names the fields


def every_event() -> list[CallEvent]:
    """One event for each input of the table."""
    events: list[CallEvent] = [DeadlinePassed(deadline) for deadline in Deadline]
    for leg in Leg:
        events += [
            LegProgressed(leg, 182),
            LegRinging(leg, 180),
            LegEarlyMedia(leg, 183),
            LegAnswered(leg, 200, "PCMA"),
        ]
        events += [LegFailed(leg, FailureKind.RESPONSE, 486, True), LegHungUp(leg), LegLost(leg), MediaSilent(leg)]
        events += [LegMoved(leg), DigitBegun(leg, "5"), DigitPressed(leg, "5", 160, DigitWay.INFO)]
    events += [Started(), Arrived(), PromptsHeard(), ReservationExtended(1), ReservationRefused()]
    events += [LegAnsweredAhead(Leg.B, 200, "PCMA"), AnswerSent()]
    events += [HangupRequested(), RecordingStopped(), SystemFailed(), SystemStopping()]
    return events


@dataclass
class Walk:
    """A machine with its two clocks: `now` from 1000 s, the wall clock from a second after the call's creation."""

    machine: CallMachine = field(default_factory=lambda: CallMachine(A_CALL))
    now: float = 1000.0
    wall_ms: int = CREATED_AT + 1000
    effects: list[Effect] = field(default_factory=list)

    def status(self) -> CallStatus:
        """The record's status now."""
        return self.machine.record.status

    def after(self, seconds: float, event: CallEvent) -> tuple[Effect, ...]:
        """What the machine says to an event so much later."""
        self.now += seconds
        self.wall_ms += round(seconds * 1000)
        effects = self.machine.handle(event, self.wall_ms, self.now)
        self.effects += effects
        return effects

    def at_once(self, *events: CallEvent) -> tuple[Effect, ...]:
        """What the machine says to the last of some events, all at this moment."""
        effects: tuple[Effect, ...] = ()
        for event in events:
            effects = self.after(0, event)
        return effects
