"""The words of a call: parties, legs, causes, commands."""

from dataclasses import dataclass
from enum import StrEnum

from storage.records import NOTHING_CHOSEN, CallRecord, PromptChoice
from storage.streams import Tracks


class Leg(StrEnum):
    """One party's side of a call."""

    A = "a"
    B = "b"

    @property
    def other(self) -> "Leg":
        """The opposite side."""
        return Leg.B if self is Leg.A else Leg.A


class HangupCause(StrEnum):
    """Why a call ended, as published."""

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    B_BUSY = "b_busy"
    B_NO_ANSWER = "b_no_answer"
    B_REJECTED = "b_rejected"
    B_UNREACHABLE = "b_unreachable"
    A_HANGUP_BEFORE_BRIDGE = "a_hangup_before_bridge"
    MAX_DURATION = "max_duration"
    BALANCE_EXHAUSTED = "balance_exhausted"
    MEDIA_TIMEOUT = "media_timeout"
    API_HANGUP = "api_hangup"
    NETWORK_ERROR = "network_error"
    SYSTEM_RESTART = "system_restart"


class HangupParty(StrEnum):
    """Who ended a call."""

    A = "a"
    B = "b"
    SYSTEM = "system"


class LiveRecording(StrEnum):
    """Whether what the parties of a live call say is recorded, or streamed, at this moment."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class StreamWish:
    """Where the audio of a call is to be streamed once it is bridged: a URL of an endpoint of the organisation's,
    8000 or 16000 samples a second, and whose audio."""

    endpoint_id: str
    url: str
    rate_hz: int
    tracks: Tracks


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """The command to place a masked call, as a client gave it: parties not yet normalised.

    `max_duration_s` 10..7200 counted from the bridge; `ring_timeout_s` 5..120 for each leg, None: as configured;
    `record` None: as configured. `prompts`: their names, and who is told of the recording. `stream` None: as the
    organisation has it. `idempotency_key` with `body_sha256` and `request_id` makes it repeatable. `test`: between
    simulated parties, for nothing.
    """

    org_id: str
    party_a: str
    party_b: str
    max_duration_s: int | None = None
    ring_timeout_s: int | None = None
    record: bool | None = None
    prompts: PromptChoice = NOTHING_CHOSEN
    stream: StreamWish | None = None
    reference: str | None = None
    request_id: str = ""
    idempotency_key: str | None = None
    body_sha256: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class TrunkState:
    """A trunk as an operator sees it.

    `open_destinations` of its `destinations` take calls now; `waiting` INVITEs wait for their turn in the call rate.
    Since the start: `placed` INVITEs were sent; `failures` by what they failed of (the class of the response, 503 by
    itself, or the kind of failure); `failovers`: failures that another attempt followed.
    """

    name: str
    uri: str
    up: bool
    reason: str
    live_calls: int
    max_calls: int
    cps: int
    last_options_at: int | None
    last_options_status: int | None
    round_trip_ms: float | None
    destinations: int = 0
    open_destinations: int = 0
    waiting: int = 0
    placed: int = 0
    failovers: int = 0
    failures: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """The reply to `PlaceCall`. `replayed`: an earlier one under the same Idempotency-Key, with its request id."""

    record: CallRecord
    request_id: str
    replayed: bool = False
