"""What a call wants done: an operator's verbs, frozen. The switch carries them out in the order given."""

from dataclasses import dataclass
from enum import StrEnum

from b2bua.call.events import Deadline
from b2bua.call.model import HangupCause, Leg
from b2bua.call.prompting import Prompt
from storage.records import CallStatus, WebhookEvent


class Tone(StrEnum):
    """What a party can be made to hear. Only `RINGBACK` has no end of its own."""

    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    UNREACHABLE = "unreachable"
    BALANCE_WARNING = "balance_warning"


@dataclass(frozen=True, slots=True)
class FinalResponse:
    """A final failure: its status of 400-699, and its Reason (RFC 3326) as a whole header value, None for none."""

    sip_status: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Dial:
    """Send the INVITE of this leg."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """Send A, which called us, a provisional response of this status; `with_media`: with our SDP."""

    sip_status: int
    with_media: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer A, which called us, with 200."""


@dataclass(frozen=True, slots=True)
class PlayTone:
    """Let a connected leg hear a tone; it replaces the tone being played. A balance warning is mixed in by replacing
    relayed audio for its length."""

    leg: Leg
    tone: Tone


@dataclass(frozen=True, slots=True)
class RelayEarlyMedia:
    """Let A hear B's early media as soon as its first packet comes; until then A keeps its tone."""


@dataclass(frozen=True, slots=True)
class PlayPrompts:
    """Let each party hear its prompts, one after the other, and nothing of the other party; answered by `PromptsHeard`.

    Whoever is through first, or has none, waits: A with what it heard until now, B with silence.
    """

    a: tuple[Prompt, ...]
    b: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Bridge:
    """Join both media legs; tones stop."""


@dataclass(frozen=True, slots=True)
class SendDigit:
    """Send a connected leg a key press of the other party, in place of the audio for its length.

    `was_heard`: it was in the audio, which that leg has heard; it is sent as an event, to a leg that takes events.
    """

    leg: Leg
    digit: str
    duration_ms: int
    was_heard: bool = False


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record both legs from now."""


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Close the recording, if one runs; always answered by `RecordingStopped`."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the leg in whatever state it is (CANCEL, BYE, or a final response); harmless when it is already down.

    `final`: the final response of a leg that called us and is not answered yet; None: by the cause. `q850`: what its
    Reason says in place of the cause's own; None: that. `elsewhere`: its Reason says that another place has answered.
    """

    leg: Leg
    cause: HangupCause
    final: FinalResponse | None = None
    q850: int | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Collect both media legs' statistics into the record and free their ports."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Store the call as it now is, together with this webhook event, in one unit of work.

    `status`: the call's at that step, where the next one comes in the same moment; None: as it is.
    """

    event: WebhookEvent
    status: CallStatus | None = None


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """Bring `DeadlinePassed` after so many seconds."""

    deadline: Deadline
    after_s: float


@dataclass(frozen=True, slots=True)
class ClearDeadline:
    """Forget a deadline; harmless when it is not set."""

    deadline: Deadline


@dataclass(frozen=True, slots=True)
class ExtendReservation:
    """Reserve `pulses` more than `reserved_pulses`, or as many of them as the balance has.

    Answered by `ReservationExtended` or `ReservationRefused`; not at all while the store gives no answer.
    """

    reserved_pulses: int
    pulses: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Capture the charge, void the rest, write the CDR and its terminal webhook event, remove the live row: once."""

    event: WebhookEvent


Effect = (
    Dial
    | ReportProgress
    | Answer
    | PlayTone
    | RelayEarlyMedia
    | PlayPrompts
    | Bridge
    | SendDigit
    | StartRecording
    | StopRecording
    | HangUp
    | CloseMedia
    | Notify
    | SetDeadline
    | ClearDeadline
    | ExtendReservation
    | Settle
)
