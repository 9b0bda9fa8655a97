"""What can happen to a call: the inputs of the `CallMachine`, frozen."""

from dataclasses import dataclass
from enum import StrEnum

from b2bua.call.model import Leg


class Deadline(StrEnum):
    """A call's own limits. Setting one again replaces it."""

    RING_A = "ring_a"
    RING_B = "ring_b"
    MAX_DURATION = "max_duration"
    EXTEND_RESERVATION = "extend_reservation"
    EXTENSION_ANSWER = "extension_answer"
    BALANCE_END = "balance_end"
    FAILURE_TONE = "failure_tone"
    ENDING = "ending"
    DIGITS_A = "digits_a"
    DIGITS_B = "digits_b"
    PROMPTS = "prompts"


class DigitWay(StrEnum):
    """How a key press reached us."""

    EVENT = "event"  # telephone-event (RFC 4733); the packet path has passed it on
    INFO = "info"  # SIP INFO
    TONE = "tone"  # its tones in the audio, which has been passed on


class FailureKind(StrEnum):
    """How dialling a leg failed."""

    RESPONSE = "response"  # a final response of 300-699 in `sip_status`
    NO_RESPONSE = "no_response"  # nothing came back in time
    TRANSPORT = "transport"  # sockets, DNS
    MEDIA = "media"  # the peer's SDP is unusable, or none came
    CAPACITY = "capacity"  # no media port left on our side


@dataclass(frozen=True, slots=True)
class Started:
    """The call is admitted; dial A."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A's own INVITE is admitted, and waits for its answer; dial B."""


@dataclass(frozen=True, slots=True)
class LegProgressed:
    """A provisional response of 101-199 of this leg that is none of 180-189, without usable SDP."""

    leg: Leg
    sip_status: int


@dataclass(frozen=True, slots=True)
class LegRinging:
    """A provisional response of 180-189 of this leg, without usable SDP."""

    leg: Leg
    sip_status: int


@dataclass(frozen=True, slots=True)
class LegEarlyMedia:
    """A provisional response with usable SDP of this leg: its early media can be heard once it flows."""

    leg: Leg
    sip_status: int


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A 2xx with usable SDP; it has been acknowledged. `codec` is the name of what was negotiated."""

    leg: Leg
    sip_status: int
    codec: str


@dataclass(frozen=True, slots=True)
class LegAnsweredAhead(LegAnswered):
    """Likewise of B, while the 200 for an A who has called us would have to wait for its PRACK (RFC 3262 section 3)."""


@dataclass(frozen=True, slots=True)
class AnswerSent:
    """The 200 for A, which had to wait, has gone out."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """Dialling ended without a dialog. `rang`: a 18x had come before.

    `reason`: what may be told to the other leg of the response's Reason (RFC 3326), as a whole header value. `why`:
    what was wrong with an answer that could not be used, for the trace.
    """

    leg: Leg
    kind: FailureKind
    sip_status: int | None = None
    rang: bool = False
    reason: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class LegHungUp:
    """The party's BYE or CANCEL came in (already answered). `elsewhere`: its CANCEL says that another place has
    answered."""

    leg: Leg
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class LegLost:
    """The dialog died without a BYE from the party: 408 or 481 to our request, no ACK, the transport."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class MediaSilent:
    """Nothing was received from the leg for its timeout."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class LegMoved:
    """The leg's party has named another address for its media: it has perhaps gone to another device."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class DigitBegun:
    """The leg's party holds a key down, and its telephone-event is on its way: `DigitPressed` follows."""

    leg: Leg
    digit: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A key press of the leg's party is over. `events_agreed`: the leg takes telephone-event."""

    leg: Leg
    digit: str
    duration_ms: int
    way: DigitWay
    events_agreed: bool = True


@dataclass(frozen=True, slots=True)
class PromptsHeard:
    """Both parties have heard all that was to be heard before the bridge."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """A deadline set by `SetDeadline` has come."""

    deadline: Deadline


@dataclass(frozen=True, slots=True)
class ReservationExtended:
    """So many more pulses are reserved: all that were asked for, or as many as the balance had."""

    pulses: int


@dataclass(frozen=True, slots=True)
class ReservationRefused:
    """The available balance does not cover one more pulse."""


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """The API asks for the end of the call."""


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """The recording is closed, or there was none."""


@dataclass(frozen=True, slots=True)
class SystemFailed:
    """An effect could not be carried out: a defect or an overload on our side."""


@dataclass(frozen=True, slots=True)
class SystemStopping:
    """The process will not wait for the call any longer."""


CallEvent = (
    Started
    | Arrived
    | LegProgressed
    | LegRinging
    | LegEarlyMedia
    | LegAnswered
    | LegAnsweredAhead
    | AnswerSent
    | LegFailed
    | LegHungUp
    | LegLost
    | MediaSilent
    | LegMoved
    | DigitBegun
    | DigitPressed
    | PromptsHeard
    | DeadlinePassed
    | ReservationExtended
    | ReservationRefused
    | HangupRequested
    | RecordingStopped
    | SystemFailed
    | SystemStopping
)
