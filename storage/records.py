"""Frozen rows as the rest of the product sees them. `*_at` is UTC in Unix milliseconds; money is integer paise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from storage.billing_records import WALLET_SUBJECT, WalletEvent

# The masked number of every test call and of no other: no trunk may declare it.
TEST_NUMBER: Final = "910000000000"
TEST_KEY_PREFIX: Final = "vp_test_"


class CallStatus(StrEnum):
    """The published status words of a call."""

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no-answer"


TERMINAL_STATUSES: Final = frozenset({CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.NO_ANSWER})


class WebhookEvent(StrEnum):
    """The webhook events: eight of calls, one of the wallet."""

    INITIATED = "call.initiated"
    RINGING = "call.ringing"
    ANSWERED = "call.answered"
    BRIDGED = "call.bridged"
    COMPLETED = "call.completed"
    FAILED = "call.failed"
    NO_ANSWER = "call.no-answer"
    RECORDING_READY = "recording.ready"
    WALLET_LOW = "wallet.low"


class Scope(StrEnum):
    """What an API key may do."""

    CALLS_WRITE = "calls:write"
    CALLS_READ = "calls:read"
    RECORDINGS_READ = "recordings:read"
    RECORDINGS_WRITE = "recordings:write"
    BILLING_READ = "billing:read"
    PROMPTS_READ = "prompts:read"
    PROMPTS_WRITE = "prompts:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    STREAMS_WRITE = "streams:write"
    SUPERVISE = "supervise"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"


# What a key may do that is made without naming scopes: nothing about the account itself, and nobody hears live calls.
USUAL_SCOPES: Final = frozenset(Scope) - {
    Scope.ACCOUNT_READ,
    Scope.ACCOUNT_WRITE,
    Scope.STREAMS_WRITE,
    Scope.SUPERVISE,
}
# What a test key may do; without naming scopes it has those of them that are usual.
TEST_SCOPES: Final = frozenset({Scope.CALLS_WRITE, Scope.CALLS_READ, Scope.RECORDINGS_READ, Scope.STREAMS_WRITE})


@dataclass(frozen=True, slots=True)
class Tariff:
    """What masked minutes cost: the rate is for both legs together."""

    rate_paise_per_minute: int = 150
    pulse_s: int = 60
    gst_percent: int = 18


@dataclass(frozen=True, slots=True)
class Organisation:
    """A customer of the operator: owner of keys, wallet, endpoints and calls.

    `rate_limit_per_minute` holds for each of its keys that has none of its own; None: as configured. So many days its
    recordings are kept: 0 for ever; None: as configured. While `suspended_at` is set it places no calls; it has at most
    `max_concurrent_calls` at once, None: no limit of its own. It is told when its balance falls below
    `low_balance_paise`, None: never. Its invoices say `address`.
    """

    org_id: str
    name: str
    created_at: int
    tariff: Tariff = Tariff()
    gstin: str | None = None
    state: str | None = None
    rate_limit_per_minute: int | None = None
    retention_days: int | None = None
    suspended_at: int | None = None
    max_concurrent_calls: int | None = None
    low_balance_paise: int | None = None
    address: str | None = None


class Consent(StrEnum):
    """Who is told that a call is recorded."""

    BOTH = "both"
    A = "a"
    B = "b"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """What is to be heard, by the names of prompts. None: not said here; "": nothing, or the product's own tone."""

    wait: str | None = None
    whisper_a: str | None = None
    whisper_b: str | None = None
    consent: Consent | None = None
    consent_notice: str | None = None
    balance_warning: str | None = None


NOTHING_CHOSEN: Final = PromptChoice()


@dataclass(frozen=True, slots=True)
class StoredPrompt:
    """A prompt that an organisation has uploaded: its sound is a file of samples at 8 kHz, named after its SHA-256."""

    org_id: str
    name: str
    content_sha256: str
    duration_ms: int
    created_at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored: the SHA-256 of the whole key, and the first 11 characters for display."""

    key_id: str
    org_id: str
    name: str
    key_sha256: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    allowed_networks: tuple[str, ...] = ()
    rate_limit_per_minute: int | None = None

    @property
    def test(self) -> bool:
        """Whether all it can do is place test calls and look at them."""
        return self.prefix.startswith(TEST_KEY_PREFIX)


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where an organisation's events go. `secrets` are newest first; two of them while one is being rotated."""

    webhook_id: str
    org_id: str
    url: str
    secrets: tuple[str, ...]
    events: frozenset[WebhookEvent]
    created_at: int
    disabled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Wallet:
    """An organisation's money. `available` = balance - reserved and is never negative."""

    org_id: str
    balance_paise: int
    reserved_paise: int

    @property
    def available_paise(self) -> int:
        """What a new reservation may take."""
        return self.balance_paise - self.reserved_paise


@dataclass(frozen=True)
class LegRecord:
    """One party's side of a call, as reported. `status`: idle, dialling, ringing, answered, ended or failed."""

    leg: str
    status: str = "idle"
    trunk: str | None = None
    ringing_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    sip_status: int | None = None
    hangup_cause: str | None = None
    codec: str | None = None
    packets_lost: int | None = None
    jitter_ms: float | None = None
    mos: float | None = None


@dataclass(frozen=True)
class CallRecord:
    """A call as stored and reported: the live row while it lives, the CDR once its status is terminal.

    `sequence` is the number of the last webhook event written for it; `recording_path` is relative to the
    recordings folder (YYYY/MM/DD/xxxxxxxx.wav).
    """

    call_id: str
    org_id: str
    party_a: str
    party_b: str
    masked_number: str
    direction: str
    status: CallStatus
    created_at: int
    tariff: Tariff = Tariff()
    reference: str | None = None
    record: bool = True
    ring_timeout_s: int = 45
    max_duration_s: int | None = None
    started_at: int | None = None
    a_answered_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    duration_s: int | None = None
    bill_duration_s: int | None = None
    price_paise: int | None = None
    hangup_cause: str | None = None
    hangup_party: str | None = None
    recording_path: str | None = None
    sequence: int = 0
    legs: tuple[LegRecord, LegRecord] = (LegRecord("a"), LegRecord("b"))

    @property
    def test(self) -> bool:
        """Whether it is a test call, between simulated parties: free, and in no total of other calls."""
        return self.masked_number == TEST_NUMBER


R = TypeVar("R", CallRecord, LegRecord)


def changed(record: R, /, **changes: Any) -> R:
    """The record with these fields changed, as `dataclasses.replace` gives it; TypeError for a field there is not.

    A call's record is copied at each step of the call, and a copy of its dictionary is made many times faster than a
    record field by field: that is why the two classes have no slots.
    """
    fields = record.__dict__ | changes
    if len(fields) != len(record.__dict__):
        raise TypeError(f"not all of these are fields of {type(record).__name__}: {', '.join(changes)}")
    copied = object.__new__(type(record))
    object.__setattr__(copied, "__dict__", fields)
    return copied


class PurgedBy(StrEnum):
    """Who had a recording purged: its time was over, its organisation asked over the API, the operator did."""

    RETENTION = "retention"
    CLIENT = "client"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class RecordedParty:
    """What became of one party's audio. `silent_ms`: nothing came for so long; `gaps`: how often it broke off and went
    on; `gap_frames` of 20 ms and `discarded_packets` came and are not in the file; `drift_ppm`: how much faster its
    clock is than ours, None where that is not known."""

    silent_ms: int
    gaps: int
    gap_frames: int
    discarded_packets: int
    drift_ppm: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What is known of a recording beside its audio: both parties, A first (none after a crash), pauses in milliseconds
    from its beginning, and whether the disk ended it before the call did."""

    parties: tuple[RecordedParty, ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class RecordingFiles:
    """Sizes and SHA-256 (hexadecimal) of a recording's files as they are in plain, sealed or not."""

    wav_bytes: int
    wav_sha256: str
    mp3_bytes: int
    mp3_sha256: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording. `mp3_path` is relative to the recordings folder, None until it is made.

    `sealed_key` is the key of its files under a master key; None: they are plain, or it is purged. `files_left`: it is
    purged, and its files may still be there. Purged by nobody is one that the disk refused.
    """

    call_id: str
    org_id: str
    wav_path: str
    mp3_path: str | None
    duration_ms: int
    gap_frames: int
    created_at: int
    purged_at: int | None = None
    sealed_key: str | None = field(default=None, repr=False)
    purged_by: PurgedBy | None = None
    files_left: bool = False
    facts: RecordingFacts = RecordingFacts()
    files: RecordingFiles | None = None


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A fact to be told: the call as it was at that moment, numbered 1, 2, 3 ... per call."""

    event_id: str
    org_id: str
    call_id: str
    sequence: int
    event: WebhookEvent
    created_at: int
    call: CallRecord


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `attempt` counts from 1 and is the one about to be made."""

    delivery_id: int
    endpoint: WebhookEndpoint
    event: OutboxEvent | WalletEvent
    attempt: int


@dataclass(frozen=True, slots=True)
class EndpointReply:
    """What an endpoint answered: some of its headers, and the beginning of its body; `is_cut`: there was more."""

    headers: Mapping[str, str]
    body: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What came of an attempt. `next_attempt_at` None ends it: delivered, or else dead-lettered."""

    delivery_id: int
    attempt: int
    attempted_at: int
    delivered: bool
    next_attempt_at: int | None
    http_status: int | None = None
    error: str | None = None
    duration_ms: int = 0
    disable_endpoint: bool = False
    reply: EndpointReply | None = None


@dataclass(frozen=True, slots=True)
class IdempotentReply:
    """A 201 already given for an Idempotency-Key: enough to give it again, to the byte."""

    org_id: str
    idempotency_key: str
    body_sha256: str
    call_id: str
    request_id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls of an organisation: all conditions hold together; dates are on `started_at`, exclusive.

    `test`: test calls alone, or none of them; None: both. `live`: those alone that are not over.
    """

    status: CallStatus | None = None
    started_after: int | None = None
    started_before: int | None = None
    reference: str | None = None
    party: str | None = None
    test: bool | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class CallStats:
    """Totals of an organisation over a period. Live calls count in `total_calls` only."""

    total_sessions: int
    active_sessions: int
    total_mappings: int
    total_calls: int
    billed_s: int
    cost_paise: int
    answered_calls: int
    failed_calls: int


@dataclass(frozen=True, slots=True)
class MaskingSession:
    """The standing association of two parties behind one masked number: `party_low` < `party_high` as text."""

    org_id: str
    party_low: str
    party_high: str
    number: str
    trunk: str
    created_at: int
    last_used_at: int

    def other(self, party: str) -> str:
        """The party at the other end."""
        return self.party_high if party == self.party_low else self.party_low


@dataclass(frozen=True, slots=True)
class NumberUse:
    """How busy a masked number is: calls alive on it now, and pairs standing behind it."""

    number: str
    live_calls: int
    pairs: int


@dataclass(frozen=True, slots=True)
class TrunkSighting:
    """How the running server last saw a trunk. `round_trip_ms` is that of its last answered OPTIONS.

    `open_destinations` of its `destinations` take calls; `waiting` INVITEs wait for their turn; `placed` were sent and
    `failed` since the server started.
    """

    name: str
    up: bool
    reason: str
    live_calls: int
    round_trip_ms: float | None
    last_options_at: int | None
    last_options_status: int | None
    seen_at: int
    destinations: int = 0
    open_destinations: int = 0
    waiting: int = 0
    placed: int = 0
    failed: int = 0


class DeliveryState(StrEnum):
    """Where a delivery stands. Of one call's deliveries to one endpoint at most one is ready or leased."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One POST that was made, as logged. `reply` is read where one delivery is looked at, and never in lists."""

    attempt: int
    attempted_at: int
    delivered: bool
    http_status: int | None
    error: str | None
    duration_ms: int
    reply: EndpointReply | None = None


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """One event's way to one endpoint, with every attempt made. `due_at` None once it has ended."""

    delivery_id: int
    webhook_id: str
    event_id: str
    event: WebhookEvent
    call_id: str
    sequence: int
    created_at: int
    state: DeliveryState
    due_at: int | None
    attempts: tuple[DeliveryAttempt, ...]

    @property
    def call_sid(self) -> str | None:
        """The call that the event is about; None: it is about a wallet."""
        return None if self.call_id.startswith(WALLET_SUBJECT) else self.call_id


class TraceStep(NamedTuple):
    """One thing that happened in a call, at Unix millisecond `at`. A tuple, because there are dozens of each call.

    `kind`: `sip` (a message; `name` is its method, or status and phrase), `state` (`name` is the webhook's word),
    `media`, `trunk` (`name` is the one tried) or `webhook`. `leg`: `a`, `b`, or None for the call as a whole.
    `details`: what else is known of it, JSON values by name.
    """

    at: int
    kind: str
    leg: str | None
    name: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TracePart:
    """Steps of a call that are written down together: its 1st, 2nd, 3rd ... part. `org_id` "": nobody's call."""

    call_id: str
    part: int
    org_id: str
    written_at: int
    steps: tuple[TraceStep, ...]
