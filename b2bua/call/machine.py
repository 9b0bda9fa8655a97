"""The life of a masked call as one table: (state, input) -> (action, next state).

Every pair of the product is in `TABLE` or in `IMPOSSIBLE`; races, such as an answer that crosses our CANCEL or a
deadline that comes when it no longer counts, are rows like any other.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from b2bua.call import actions
from b2bua.call.actions import Action
from b2bua.call.effects import ClearDeadline, Effect, SetDeadline
from b2bua.call.events import (
    CallEvent,
    Deadline,
    DeadlinePassed,
    HangupRequested,
    LegAnswered,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegLost,
    LegRinging,
    MediaSilent,
    RecordingStopped,
    ReservationExtended,
    ReservationRefused,
    Started,
    SystemFailed,
    SystemStopping,
)
from b2bua.call.model import Leg
from b2bua.call.progress import Progress
from storage.records import CallRecord, CallStatus


class State(StrEnum):
    """Where a call stands."""

    ADMITTED = "admitted"
    DIALLING_A = "dialling_a"
    RINGING_A = "ringing_a"
    DIALLING_B = "dialling_b"  # A has answered and waits
    BRIDGED = "bridged"
    TELLING_A = "telling_a"  # B has failed and A hears a tone
    ENDING = "ending"  # all legs are down, the recording is being closed
    ENDED = "ended"  # settled


class Input(StrEnum):
    """An event with the leg or the deadline it is about: what the table is keyed by."""

    STARTED = "started"
    A_RINGS = "a_rings"
    B_RINGS = "b_rings"
    A_EARLY_MEDIA = "a_early_media"
    B_EARLY_MEDIA = "b_early_media"
    A_ANSWERS = "a_answers"
    B_ANSWERS = "b_answers"
    A_FAILS = "a_fails"
    B_FAILS = "b_fails"
    A_HANGS_UP = "a_hangs_up"
    B_HANGS_UP = "b_hangs_up"
    A_LOST = "a_lost"
    B_LOST = "b_lost"
    A_SILENT = "a_silent"
    B_SILENT = "b_silent"
    RING_A_OVER = "ring_a_over"
    RING_B_OVER = "ring_b_over"
    MAX_DURATION_OVER = "max_duration_over"
    EXTENSION_DUE = "extension_due"
    BALANCE_OVER = "balance_over"
    TONE_OVER = "tone_over"
    ENDING_OVER = "ending_over"
    RESERVATION_EXTENDED = "reservation_extended"
    RESERVATION_REFUSED = "reservation_refused"
    HANGUP_REQUESTED = "hangup_requested"
    RECORDING_STOPPED = "recording_stopped"
    SYSTEM_STOPPING = "system_stopping"
    SYSTEM_FAILED = "system_failed"


INPUTS: Final[Mapping[tuple[type[CallEvent], Leg | Deadline | None], Input]] = {
    (Started, None): Input.STARTED,
    (LegRinging, Leg.A): Input.A_RINGS,
    (LegRinging, Leg.B): Input.B_RINGS,
    (LegEarlyMedia, Leg.A): Input.A_EARLY_MEDIA,
    (LegEarlyMedia, Leg.B): Input.B_EARLY_MEDIA,
    (LegAnswered, Leg.A): Input.A_ANSWERS,
    (LegAnswered, Leg.B): Input.B_ANSWERS,
    (LegFailed, Leg.A): Input.A_FAILS,
    (LegFailed, Leg.B): Input.B_FAILS,
    (LegHungUp, Leg.A): Input.A_HANGS_UP,
    (LegHungUp, Leg.B): Input.B_HANGS_UP,
    (LegLost, Leg.A): Input.A_LOST,
    (LegLost, Leg.B): Input.B_LOST,
    (MediaSilent, Leg.A): Input.A_SILENT,
    (MediaSilent, Leg.B): Input.B_SILENT,
    (DeadlinePassed, Deadline.RING_A): Input.RING_A_OVER,
    (DeadlinePassed, Deadline.RING_B): Input.RING_B_OVER,
    (DeadlinePassed, Deadline.MAX_DURATION): Input.MAX_DURATION_OVER,
    (DeadlinePassed, Deadline.EXTEND_RESERVATION): Input.EXTENSION_DUE,
    (DeadlinePassed, Deadline.BALANCE_END): Input.BALANCE_OVER,
    (DeadlinePassed, Deadline.FAILURE_TONE): Input.TONE_OVER,
    (DeadlinePassed, Deadline.ENDING): Input.ENDING_OVER,
    (ReservationExtended, None): Input.RESERVATION_EXTENDED,
    (ReservationRefused, None): Input.RESERVATION_REFUSED,
    (HangupRequested, None): Input.HANGUP_REQUESTED,
    (RecordingStopped, None): Input.RECORDING_STOPPED,
    (SystemStopping, None): Input.SYSTEM_STOPPING,
    (SystemFailed, None): Input.SYSTEM_FAILED,
}

TABLE: Final[Mapping[tuple[State, Input], tuple[Action, State]]] = {
    (State.ADMITTED, Input.STARTED): (actions.dial_a, State.DIALLING_A),
    (State.ADMITTED, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.ADMITTED, Input.SYSTEM_STOPPING): (actions.end_by_stop, State.ENDING),
    (State.ADMITTED, Input.SYSTEM_FAILED): (actions.end_by_failure, State.ENDING),
    (State.DIALLING_A, Input.A_RINGS): (actions.a_rings, State.RINGING_A),
    (State.DIALLING_A, Input.A_EARLY_MEDIA): (actions.a_rings, State.RINGING_A),
    (State.DIALLING_A, Input.A_ANSWERS): (actions.a_answers, State.DIALLING_B),
    (State.DIALLING_A, Input.A_FAILS): (actions.a_fails, State.ENDING),
    (State.DIALLING_A, Input.A_HANGS_UP): (actions.a_gives_up, State.ENDING),
    (State.DIALLING_A, Input.A_LOST): (actions.a_lost, State.ENDING),
    (State.DIALLING_A, Input.A_SILENT): (actions.ignore, State.DIALLING_A),
    (State.DIALLING_A, Input.RING_A_OVER): (actions.a_rang_out, State.ENDING),
    (State.DIALLING_A, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.DIALLING_A, Input.SYSTEM_STOPPING): (actions.end_by_stop, State.ENDING),
    (State.DIALLING_A, Input.SYSTEM_FAILED): (actions.end_by_failure, State.ENDING),
    (State.RINGING_A, Input.A_RINGS): (actions.ignore, State.RINGING_A),
    (State.RINGING_A, Input.A_EARLY_MEDIA): (actions.ignore, State.RINGING_A),
    (State.RINGING_A, Input.A_ANSWERS): (actions.a_answers, State.DIALLING_B),
    (State.RINGING_A, Input.A_FAILS): (actions.a_fails, State.ENDING),
    (State.RINGING_A, Input.A_HANGS_UP): (actions.a_gives_up, State.ENDING),
    (State.RINGING_A, Input.A_LOST): (actions.a_lost, State.ENDING),
    (State.RINGING_A, Input.A_SILENT): (actions.ignore, State.RINGING_A),
    (State.RINGING_A, Input.RING_A_OVER): (actions.a_rang_out, State.ENDING),
    (State.RINGING_A, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.RINGING_A, Input.SYSTEM_STOPPING): (actions.end_by_stop, State.ENDING),
    (State.RINGING_A, Input.SYSTEM_FAILED): (actions.end_by_failure, State.ENDING),
    (State.DIALLING_B, Input.A_RINGS): (actions.ignore, State.DIALLING_B),
    (State.DIALLING_B, Input.B_RINGS): (actions.b_rings, State.DIALLING_B),
    (State.DIALLING_B, Input.A_EARLY_MEDIA): (actions.ignore, State.DIALLING_B),
    (State.DIALLING_B, Input.B_EARLY_MEDIA): (actions.b_early_media, State.DIALLING_B),
    (State.DIALLING_B, Input.B_ANSWERS): (actions.b_answers, State.BRIDGED),
    (State.DIALLING_B, Input.B_FAILS): (actions.b_fails, State.TELLING_A),
    (State.DIALLING_B, Input.A_HANGS_UP): (actions.a_gives_up, State.ENDING),
    (State.DIALLING_B, Input.B_HANGS_UP): (actions.b_gives_up, State.TELLING_A),
    (State.DIALLING_B, Input.A_LOST): (actions.a_lost, State.ENDING),
    (State.DIALLING_B, Input.B_LOST): (actions.b_lost, State.TELLING_A),
    (State.DIALLING_B, Input.A_SILENT): (actions.end_by_silence, State.ENDING),
    (State.DIALLING_B, Input.B_SILENT): (actions.end_by_silence, State.ENDING),
    (State.DIALLING_B, Input.RING_A_OVER): (actions.ignore, State.DIALLING_B),
    (State.DIALLING_B, Input.RING_B_OVER): (actions.b_rang_out, State.TELLING_A),
    (State.DIALLING_B, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.DIALLING_B, Input.SYSTEM_STOPPING): (actions.end_by_stop, State.ENDING),
    (State.DIALLING_B, Input.SYSTEM_FAILED): (actions.end_by_failure, State.ENDING),
    (State.BRIDGED, Input.A_RINGS): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.B_RINGS): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.A_EARLY_MEDIA): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.B_EARLY_MEDIA): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.A_HANGS_UP): (actions.hung_up, State.ENDING),
    (State.BRIDGED, Input.B_HANGS_UP): (actions.hung_up, State.ENDING),
    (State.BRIDGED, Input.A_LOST): (actions.a_lost, State.ENDING),
    (State.BRIDGED, Input.B_LOST): (actions.b_lost_in_talk, State.ENDING),
    (State.BRIDGED, Input.A_SILENT): (actions.end_by_silence, State.ENDING),
    (State.BRIDGED, Input.B_SILENT): (actions.end_by_silence, State.ENDING),
    (State.BRIDGED, Input.RING_A_OVER): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.RING_B_OVER): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.MAX_DURATION_OVER): (actions.end_of_duration, State.ENDING),
    (State.BRIDGED, Input.EXTENSION_DUE): (actions.extend, State.BRIDGED),
    (State.BRIDGED, Input.BALANCE_OVER): (actions.end_of_balance, State.ENDING),
    (State.BRIDGED, Input.RESERVATION_EXTENDED): (actions.extended, State.BRIDGED),
    (State.BRIDGED, Input.RESERVATION_REFUSED): (actions.warn, State.BRIDGED),
    (State.BRIDGED, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.BRIDGED, Input.RECORDING_STOPPED): (actions.ignore, State.BRIDGED),
    (State.BRIDGED, Input.SYSTEM_STOPPING): (actions.end_by_stop, State.ENDING),
    (State.BRIDGED, Input.SYSTEM_FAILED): (actions.end_by_failure, State.ENDING),
    (State.TELLING_A, Input.A_RINGS): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.B_RINGS): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.A_EARLY_MEDIA): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.B_EARLY_MEDIA): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.B_ANSWERS): (actions.late_answer, State.TELLING_A),
    (State.TELLING_A, Input.B_FAILS): (actions.late_failure, State.TELLING_A),
    (State.TELLING_A, Input.A_HANGS_UP): (actions.end_told, State.ENDING),
    (State.TELLING_A, Input.B_HANGS_UP): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.A_LOST): (actions.end_told_lost, State.ENDING),
    (State.TELLING_A, Input.B_LOST): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.A_SILENT): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.B_SILENT): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.RING_A_OVER): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.RING_B_OVER): (actions.ignore, State.TELLING_A),
    (State.TELLING_A, Input.TONE_OVER): (actions.end_told, State.ENDING),
    (State.TELLING_A, Input.HANGUP_REQUESTED): (actions.end_by_client, State.ENDING),
    (State.TELLING_A, Input.SYSTEM_STOPPING): (actions.end_told, State.ENDING),
    (State.TELLING_A, Input.SYSTEM_FAILED): (actions.end_told, State.ENDING),
    (State.ENDING, Input.STARTED): (actions.ignore, State.ENDING),
    (State.ENDING, Input.A_RINGS): (actions.ignore, State.ENDING),
    (State.ENDING, Input.B_RINGS): (actions.ignore, State.ENDING),
    (State.ENDING, Input.A_EARLY_MEDIA): (actions.ignore, State.ENDING),
    (State.ENDING, Input.B_EARLY_MEDIA): (actions.ignore, State.ENDING),
    (State.ENDING, Input.A_ANSWERS): (actions.late_answer, State.ENDING),
    (State.ENDING, Input.B_ANSWERS): (actions.late_answer, State.ENDING),
    (State.ENDING, Input.A_FAILS): (actions.late_failure, State.ENDING),
    (State.ENDING, Input.B_FAILS): (actions.late_failure, State.ENDING),
    (State.ENDING, Input.A_HANGS_UP): (actions.ignore, State.ENDING),
    (State.ENDING, Input.B_HANGS_UP): (actions.ignore, State.ENDING),
    (State.ENDING, Input.A_LOST): (actions.ignore, State.ENDING),
    (State.ENDING, Input.B_LOST): (actions.ignore, State.ENDING),
    (State.ENDING, Input.A_SILENT): (actions.ignore, State.ENDING),
    (State.ENDING, Input.B_SILENT): (actions.ignore, State.ENDING),
    (State.ENDING, Input.RING_A_OVER): (actions.ignore, State.ENDING),
    (State.ENDING, Input.RING_B_OVER): (actions.ignore, State.ENDING),
    (State.ENDING, Input.MAX_DURATION_OVER): (actions.ignore, State.ENDING),
    (State.ENDING, Input.EXTENSION_DUE): (actions.ignore, State.ENDING),
    (State.ENDING, Input.BALANCE_OVER): (actions.ignore, State.ENDING),
    (State.ENDING, Input.TONE_OVER): (actions.ignore, State.ENDING),
    (State.ENDING, Input.ENDING_OVER): (actions.settle, State.ENDED),
    (State.ENDING, Input.RESERVATION_EXTENDED): (actions.ignore, State.ENDING),
    (State.ENDING, Input.RESERVATION_REFUSED): (actions.ignore, State.ENDING),
    (State.ENDING, Input.HANGUP_REQUESTED): (actions.ignore, State.ENDING),
    (State.ENDING, Input.RECORDING_STOPPED): (actions.settle, State.ENDED),
    (State.ENDING, Input.SYSTEM_STOPPING): (actions.ignore, State.ENDING),
    (State.ENDING, Input.SYSTEM_FAILED): (actions.ignore, State.ENDING),
    (State.ENDED, Input.STARTED): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_RINGS): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_RINGS): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_EARLY_MEDIA): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_EARLY_MEDIA): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_ANSWERS): (actions.late_answer, State.ENDED),
    (State.ENDED, Input.B_ANSWERS): (actions.late_answer, State.ENDED),
    (State.ENDED, Input.A_FAILS): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_FAILS): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_HANGS_UP): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_HANGS_UP): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_LOST): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_LOST): (actions.ignore, State.ENDED),
    (State.ENDED, Input.A_SILENT): (actions.ignore, State.ENDED),
    (State.ENDED, Input.B_SILENT): (actions.ignore, State.ENDED),
    (State.ENDED, Input.RING_A_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.RING_B_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.MAX_DURATION_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.EXTENSION_DUE): (actions.ignore, State.ENDED),
    (State.ENDED, Input.BALANCE_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.TONE_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.ENDING_OVER): (actions.ignore, State.ENDED),
    (State.ENDED, Input.RESERVATION_EXTENDED): (actions.ignore, State.ENDED),
    (State.ENDED, Input.RESERVATION_REFUSED): (actions.ignore, State.ENDED),
    (State.ENDED, Input.HANGUP_REQUESTED): (actions.ignore, State.ENDED),
    (State.ENDED, Input.RECORDING_STOPPED): (actions.ignore, State.ENDED),
    (State.ENDED, Input.SYSTEM_STOPPING): (actions.ignore, State.ENDED),
    (State.ENDED, Input.SYSTEM_FAILED): (actions.ignore, State.ENDED),
}

# What cannot come in a state: the switch would have to be at fault. Ignored and counted.
IMPOSSIBLE: Final[Mapping[State, frozenset[Input]]] = {
    State.ADMITTED: frozenset(
        {
            Input.A_RINGS,
            Input.B_RINGS,
            Input.A_EARLY_MEDIA,
            Input.B_EARLY_MEDIA,
            Input.A_ANSWERS,
            Input.B_ANSWERS,
            Input.A_FAILS,
            Input.B_FAILS,
            Input.A_HANGS_UP,
            Input.B_HANGS_UP,
            Input.A_LOST,
            Input.B_LOST,
            Input.A_SILENT,
            Input.B_SILENT,
            Input.RING_A_OVER,
            Input.RING_B_OVER,
            Input.MAX_DURATION_OVER,
            Input.EXTENSION_DUE,
            Input.BALANCE_OVER,
            Input.TONE_OVER,
            Input.ENDING_OVER,
            Input.RESERVATION_EXTENDED,
            Input.RESERVATION_REFUSED,
            Input.RECORDING_STOPPED,
        }
    ),
    State.DIALLING_A: frozenset(
        {
            Input.STARTED,
            Input.B_RINGS,
            Input.B_EARLY_MEDIA,
            Input.B_ANSWERS,
            Input.B_FAILS,
            Input.B_HANGS_UP,
            Input.B_LOST,
            Input.B_SILENT,
            Input.RING_B_OVER,
            Input.MAX_DURATION_OVER,
            Input.EXTENSION_DUE,
            Input.BALANCE_OVER,
            Input.TONE_OVER,
            Input.ENDING_OVER,
            Input.RESERVATION_EXTENDED,
            Input.RESERVATION_REFUSED,
            Input.RECORDING_STOPPED,
        }
    ),
    State.RINGING_A: frozenset(
        {
            Input.STARTED,
            Input.B_RINGS,
            Input.B_EARLY_MEDIA,
            Input.B_ANSWERS,
            Input.B_FAILS,
            Input.B_HANGS_UP,
            Input.B_LOST,
            Input.B_SILENT,
            Input.RING_B_OVER,
            Input.MAX_DURATION_OVER,
            Input.EXTENSION_DUE,
            Input.BALANCE_OVER,
            Input.TONE_OVER,
            Input.ENDING_OVER,
            Input.RESERVATION_EXTENDED,
            Input.RESERVATION_REFUSED,
            Input.RECORDING_STOPPED,
        }
    ),
    State.DIALLING_B: frozenset(
        {
            Input.STARTED,
            Input.A_ANSWERS,
            Input.A_FAILS,
            Input.MAX_DURATION_OVER,
            Input.EXTENSION_DUE,
            Input.BALANCE_OVER,
            Input.TONE_OVER,
            Input.ENDING_OVER,
            Input.RESERVATION_EXTENDED,
            Input.RESERVATION_REFUSED,
            Input.RECORDING_STOPPED,
        }
    ),
    State.BRIDGED: frozenset(
        {
            Input.STARTED,
            Input.A_ANSWERS,
            Input.B_ANSWERS,
            Input.A_FAILS,
            Input.B_FAILS,
            Input.TONE_OVER,
            Input.ENDING_OVER,
        }
    ),
    State.TELLING_A: frozenset(
        {
            Input.STARTED,
            Input.A_ANSWERS,
            Input.A_FAILS,
            Input.MAX_DURATION_OVER,
            Input.EXTENSION_DUE,
            Input.BALANCE_OVER,
            Input.ENDING_OVER,
            Input.RESERVATION_EXTENDED,
            Input.RESERVATION_REFUSED,
            Input.RECORDING_STOPPED,
        }
    ),
    State.ENDING: frozenset({}),
    State.ENDED: frozenset({}),
}

# The deadlines that live in a state: leaving it, those of them that do not live in the next one fall away.
LIVE_DEADLINES: Final[Mapping[State, frozenset[Deadline]]] = {
    State.ADMITTED: frozenset(),
    State.DIALLING_A: frozenset({Deadline.RING_A}),
    State.RINGING_A: frozenset({Deadline.RING_A}),
    State.DIALLING_B: frozenset({Deadline.RING_B}),
    State.BRIDGED: frozenset({Deadline.MAX_DURATION, Deadline.EXTEND_RESERVATION, Deadline.BALANCE_END}),
    State.TELLING_A: frozenset({Deadline.FAILURE_TONE}),
    State.ENDING: frozenset({Deadline.ENDING}),
    State.ENDED: frozenset(),
}

# The published word while the call lives; how it ended decides it from ENDING on.
STATUS_WORDS: Final[Mapping[State, CallStatus]] = {
    State.ADMITTED: CallStatus.INITIATED,
    State.DIALLING_A: CallStatus.INITIATED,
    State.RINGING_A: CallStatus.RINGING,
    State.DIALLING_B: CallStatus.ANSWERED,
    State.BRIDGED: CallStatus.IN_PROGRESS,
    State.TELLING_A: CallStatus.ANSWERED,
}


def input_of(event: CallEvent) -> Input:
    """The table's key for an event."""
    about: Leg | Deadline | None = None
    if isinstance(event, DeadlinePassed):
        about = event.deadline
    elif isinstance(event, (LegRinging, LegEarlyMedia, LegAnswered, LegFailed, LegHungUp, LegLost, MediaSilent)):
        about = event.leg
    return INPUTS[(type(event), about)]


class CallMachine:
    """Decides one call. Pure: it is told what happened and when, and says what is to be done, in order.

    `record` is always the call as it now stands; from the first effect of the end on it is the CDR, to which only
    the media statistics and the recording's path are still added. `impossible_inputs` counts what came though it
    cannot; such an input changes nothing.
    """

    __slots__ = ("_call", "_deadlines", "impossible_inputs", "state")

    def __init__(self, record: CallRecord) -> None:
        self.state = State.ADMITTED
        self.impossible_inputs = 0
        self._call = Progress(record)
        self._deadlines: set[Deadline] = set()

    @property
    def record(self) -> CallRecord:
        """The call as it now stands."""
        return self._call.record

    def handle(self, event: CallEvent, wall_ms: int, now: float) -> tuple[Effect, ...]:
        """What to do about an event. `wall_ms` is UTC in Unix milliseconds, `now` monotonic seconds. Never raises."""
        key = input_of(event)
        row = TABLE.get((self.state, key))
        if row is None:
            self.impossible_inputs += 1
            return ()
        action, following = row
        if isinstance(event, DeadlinePassed):
            self._deadlines.discard(event.deadline)
        call = self._call
        call.at(wall_ms, now)
        effects = action(call, event)
        self._note_deadlines(effects)
        if following is self.state:
            return effects
        return effects + self._enter(following)

    def note_recording(self, path: str) -> None:
        """The recording runs, at `path` relative to the recordings folder."""
        self._call.change(recording_path=path)

    def note_media(self, leg: Leg, packets_lost: int | None, jitter_ms: float | None, mos: float | None) -> None:
        """A closed media leg's statistics."""
        self._call.change_leg(leg, packets_lost=packets_lost, jitter_ms=jitter_ms, mos=mos)

    def note_sequence(self, sequence: int) -> None:
        """The number of the webhook event just written."""
        self._call.change(sequence=sequence)

    def note_trunk(self, leg: Leg, trunk: str) -> None:
        """The trunk a leg is dialled by."""
        self._call.change_leg(leg, trunk=trunk)

    def _enter(self, state: State) -> tuple[Effect, ...]:
        self.state = state
        if state in STATUS_WORDS and STATUS_WORDS[state] is not self.record.status:
            self._call.change(status=STATUS_WORDS[state])
        fallen = self._deadlines - LIVE_DEADLINES[state]
        self._deadlines -= fallen
        return tuple(ClearDeadline(deadline) for deadline in Deadline if deadline in fallen) if fallen else ()

    def _note_deadlines(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SetDeadline):
                self._deadlines.add(effect.deadline)
            elif isinstance(effect, ClearDeadline):
                self._deadlines.discard(effect.deadline)
