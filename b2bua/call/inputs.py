"""What the call table is keyed by: a state, and an event with the leg or the deadline it is about."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from b2bua.call.events import (
    AnswerSent,
    Arrived,
    CallEvent,
    Deadline,
    DeadlinePassed,
    DigitBegun,
    DigitPressed,
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
from b2bua.call.model import Leg

ABOUT_A_LEG: Final = (
    LegProgressed,
    LegRinging,
    LegEarlyMedia,
    LegAnswered,
    LegFailed,
    LegHungUp,
    LegLost,
    MediaSilent,
    LegMoved,
    DigitBegun,
    DigitPressed,
)


class State(StrEnum):
    """Where a call stands."""

    ADMITTED = "admitted"
    DIALLING_A = "dialling_a"
    RINGING_A = "ringing_a"
    DIALLING_B = "dialling_b"  # A has answered and waits
    CONNECTING = "connecting"  # A has called us and waits unanswered, B is being dialled
    ALERTING = "alerting"  # likewise, and B rings
    ANSWERING = "answering"  # B has answered, and the 200 for A waits for A's PRACK
    PROMPTING = "prompting"  # both have answered, and hear what is to be heard before the bridge
    BRIDGED = "bridged"
    TELLING_A = "telling_a"  # B has failed and A hears a tone
    ENDING = "ending"  # all legs are down, the recording is being closed
    ENDED = "ended"  # settled


class Input(StrEnum):
    """An event with the leg or the deadline it is about: what the table is keyed by. The answer that is the last to be
    had, B's or the one that A gets, is two inputs, because it makes a bridge or, where prompts are due, none yet."""

    STARTED = "started"
    ARRIVED = "arrived"
    A_PROGRESSES = "a_progresses"
    B_PROGRESSES = "b_progresses"
    A_RINGS = "a_rings"
    B_RINGS = "b_rings"
    A_EARLY_MEDIA = "a_early_media"
    B_EARLY_MEDIA = "b_early_media"
    A_ANSWERS = "a_answers"
    B_ANSWERS = "b_answers"
    B_ANSWERS_TO_PROMPTS = "b_answers_to_prompts"
    B_ANSWERS_AHEAD = "b_answers_ahead"
    ANSWER_SENT = "answer_sent"
    ANSWER_SENT_TO_PROMPTS = "answer_sent_to_prompts"
    A_FAILS = "a_fails"
    B_FAILS = "b_fails"
    A_HANGS_UP = "a_hangs_up"
    B_HANGS_UP = "b_hangs_up"
    A_LOST = "a_lost"
    B_LOST = "b_lost"
    A_SILENT = "a_silent"
    B_SILENT = "b_silent"
    A_MOVES = "a_moves"
    B_MOVES = "b_moves"
    A_KEY_DOWN = "a_key_down"
    B_KEY_DOWN = "b_key_down"
    A_PRESSES = "a_presses"
    B_PRESSES = "b_presses"
    A_DIGITS_DUE = "a_digits_due"
    B_DIGITS_DUE = "b_digits_due"
    PROMPTS_HEARD = "prompts_heard"
    PROMPTS_OVER = "prompts_over"
    RING_A_OVER = "ring_a_over"
    RING_B_OVER = "ring_b_over"
    MAX_DURATION_OVER = "max_duration_over"
    EXTENSION_DUE = "extension_due"
    EXTENSION_UNANSWERED = "extension_unanswered"
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
    (Arrived, None): Input.ARRIVED,
    (LegProgressed, Leg.A): Input.A_PROGRESSES,
    (LegProgressed, Leg.B): Input.B_PROGRESSES,
    (LegRinging, Leg.A): Input.A_RINGS,
    (LegRinging, Leg.B): Input.B_RINGS,
    (LegEarlyMedia, Leg.A): Input.A_EARLY_MEDIA,
    (LegEarlyMedia, Leg.B): Input.B_EARLY_MEDIA,
    (LegAnswered, Leg.A): Input.A_ANSWERS,
    (LegAnswered, Leg.B): Input.B_ANSWERS,
    (LegAnsweredAhead, Leg.B): Input.B_ANSWERS_AHEAD,
    (AnswerSent, None): Input.ANSWER_SENT,
    (LegFailed, Leg.A): Input.A_FAILS,
    (LegFailed, Leg.B): Input.B_FAILS,
    (LegHungUp, Leg.A): Input.A_HANGS_UP,
    (LegHungUp, Leg.B): Input.B_HANGS_UP,
    (LegLost, Leg.A): Input.A_LOST,
    (LegLost, Leg.B): Input.B_LOST,
    (MediaSilent, Leg.A): Input.A_SILENT,
    (MediaSilent, Leg.B): Input.B_SILENT,
    (LegMoved, Leg.A): Input.A_MOVES,
    (LegMoved, Leg.B): Input.B_MOVES,
    (DigitBegun, Leg.A): Input.A_KEY_DOWN,
    (DigitBegun, Leg.B): Input.B_KEY_DOWN,
    (DigitPressed, Leg.A): Input.A_PRESSES,
    (DigitPressed, Leg.B): Input.B_PRESSES,
    (DeadlinePassed, Deadline.DIGITS_A): Input.A_DIGITS_DUE,
    (DeadlinePassed, Deadline.DIGITS_B): Input.B_DIGITS_DUE,
    (PromptsHeard, None): Input.PROMPTS_HEARD,
    (DeadlinePassed, Deadline.PROMPTS): Input.PROMPTS_OVER,
    (DeadlinePassed, Deadline.RING_A): Input.RING_A_OVER,
    (DeadlinePassed, Deadline.RING_B): Input.RING_B_OVER,
    (DeadlinePassed, Deadline.MAX_DURATION): Input.MAX_DURATION_OVER,
    (DeadlinePassed, Deadline.EXTEND_RESERVATION): Input.EXTENSION_DUE,
    (DeadlinePassed, Deadline.EXTENSION_ANSWER): Input.EXTENSION_UNANSWERED,
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


_TO_PROMPTS: Final = {
    Input.B_ANSWERS: Input.B_ANSWERS_TO_PROMPTS,
    Input.ANSWER_SENT: Input.ANSWER_SENT_TO_PROMPTS,
}


def input_of(event: CallEvent, *, prompts_due: bool = False) -> Input:
    """The table's key for an event of a call that has prompts to be heard before its bridge, or none."""
    about: Leg | Deadline | None = None
    if isinstance(event, DeadlinePassed):
        about = event.deadline
    elif isinstance(event, ABOUT_A_LEG):
        about = event.leg
    key = INPUTS[(type(event), about)]
    return _TO_PROMPTS.get(key, key) if prompts_due else key
