"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from maskbridge_client.wire import UNSET, Unset

AgentState: TypeAlias = Literal["available", "away"]
"""Whether an agent wants calls."""

CallStatus: TypeAlias = Literal["initiated", "ringing", "answered", "in-progress", "completed", "failed", "no-answer"]
"""The published status words of a call."""

Consent: TypeAlias = Literal["both", "a", "b", "none"]
"""Who is told that a call is recorded."""

HangupCause: TypeAlias = Literal[
    "normal",
    "busy",
    "no_answer",
    "rejected",
    "unreachable",
    "invalid_number",
    "b_busy",
    "b_no_answer",
    "b_rejected",
    "b_unreachable",
    "a_hangup_before_bridge",
    "max_duration",
    "balance_exhausted",
    "media_timeout",
    "api_hangup",
    "network_error",
    "system_restart",
]
"""Why a call ended, as published."""

HangupParty: TypeAlias = Literal["a", "b", "system"]
"""Who ended a call."""

LineKind: TypeAlias = Literal["topup", "credit", "refund", "debit", "calls"]
"""What a line of a statement is about."""

Mode: TypeAlias = Literal["listen", "whisper_a", "whisper_b", "barge"]
"""Whom a supervisor speaks to: nobody, one party without the other, or both."""

Role: TypeAlias = Literal["owner", "developer", "finance", "viewer"]
"""What a person is in an organisation."""

Scope: TypeAlias = Literal[
    "calls:write",
    "calls:read",
    "recordings:read",
    "recordings:write",
    "billing:read",
    "prompts:read",
    "prompts:write",
    "agents:read",
    "agents:write",
    "streams:write",
    "supervise",
    "account:read",
    "account:write",
]
"""What an API key may do."""

Step: TypeAlias = Literal["hour", "day"]
"""How long the steps are."""

StopReason: TypeAlias = Literal["call_ended", "stopped", "closed_by_server", "unreachable", "shutdown"]
"""Why a stream has ended."""

StreamState: TypeAlias = Literal["connecting", "streaming", "reconnecting", "stopped"]
"""How a stream does."""

SupervisorState: TypeAlias = Literal["connecting", "connected", "reconnecting"]
"""How a supervisor's browser does."""

Tracks: TypeAlias = Literal["a", "b", "both"]
"""Whose audio is streamed."""

WebhookEvent: TypeAlias = Literal[
    "call.initiated",
    "call.ringing",
    "call.answered",
    "call.bridged",
    "call.completed",
    "call.failed",
    "call.no-answer",
    "recording.ready",
    "wallet.low",
]
"""The webhook events: eight of calls, one of the wallet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentToken:
    """A token, shown this once."""

    token: str
    token_id: str
    agent: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent. `party` is what it is called by, as `party_a` or `party_b` of a call."""

    name: str
    party: str
    display_name: str
    state: AgentState
    person_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `change` is what is new, without secrets."""

    entry_id: int
    at: datetime
    actor_kind: str
    actor_id: str
    actor: str
    address: str
    org_id: str | None
    action: str
    object_id: str
    change: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """The organisation's money, in rupees with two decimals."""

    balance: float
    currency: Literal["INR"]
    reserved: float
    available: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One thing that happened in a call."""

    at: datetime
    at_ms: int
    """The same in Unix milliseconds"""
    kind: Literal["sip", "state", "media", "webhook"]
    """A SIP message of a leg, a step of the call, a fact of its media, or a webhook that was sent"""
    leg: Literal["a", "b"] | None
    """The leg it is of; null for the call as a whole"""
    name: str
    """sip: the method, or status and phrase; state: the webhook's event, or `leg.` and what it did; media:
    negotiated, latched, digit, tone, bridged ...; webhook: the event that was told
    """
    details: dict[str, Any]
    """sip: direction (sent or received, by the service), cseq, call_id, reason, body (its type), again (a repeated
    message). webhook: webhook_id, attempt, delivered, http_status, error, duration_ms. Numbers are shortened
    everywhere, and a digit is told without which it was.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvents:
    """All that happened in a call, oldest first."""

    call_sid: str
    events: list[CallEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The status representation of a call; what is not known yet is null."""

    id: str
    call_sid: str
    caller_number: str
    target_number: str
    masked_number: str
    party_a: str
    party_b: str
    direction: str
    """click_to_call or inbound"""
    test: bool
    """Between simulated parties, free, in no other call's totals"""
    status: CallStatus
    created_at: datetime
    started_at: datetime | None
    """A's phone was dialled"""
    a_answered_at: datetime | None
    answered_at: datetime | None
    """Both are connected"""
    ended_at: datetime | None
    duration_sec: int | None
    bill_duration_sec: int | None
    price: float | None
    """Rupees"""
    hangup_cause: HangupCause | None
    hangup_party: HangupParty | None
    recording_url: str | None
    reference: str | None
    legs: list[Leg]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The same; where ICE was restarted with the SDP answer for its browser."""

    supervisor_id: str
    mode: Mode
    state: SupervisorState
    joined_at: datetime
    sdp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to an endpoint."""

    delivery_id: int
    event_id: str
    event: WebhookEvent
    call_sid: str | None
    """null: it is about the wallet"""
    sequence: int
    state: str
    attempts: int
    http_status: int | None
    error: str | None
    next_attempt_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Done; there is nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingCall:
    """A call that is being ended."""

    call_sid: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the process lives, or takes calls."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A tax invoice or credit note; amounts in rupees with two decimals."""

    kind: str
    number: str
    date: str
    supplier: dict[str, Any]
    customer: dict[str, Any]
    description: str
    sac: str
    place_of_supply: str
    taxable_value: str
    gst_percent: int
    cgst: str
    sgst: str
    igst: str
    total: str
    total_in_words: str
    reverse_charge: bool
    reference: str
    against: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The same with the SDP answer for its browser."""

    supervisor_id: str
    mode: Mode
    state: SupervisorState
    joined_at: datetime
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key, without the key itself."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One party's side of a call."""

    leg: Literal["a", "b"]
    status: str
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    sip_status: int | None
    hangup_cause: str | None
    codec: str | None
    packets_lost: int | None
    jitter_ms: float | None
    mos: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody with a role in the organisation."""

    person_id: str
    email: str
    name: str
    role: Role
    totp: bool
    since: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A new API key. `key` is shown this once."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation with its terms and limits."""

    org_id: str
    name: str
    created_at: datetime
    tariff: Tariff
    gstin: str | None
    state: str | None
    rate_limit_per_minute: int | None
    """For each key without its own; null: as configured"""
    retention_days: int | None
    """0: for ever; null: as configured"""
    max_concurrent_calls: int | None
    """null: no limit of its own"""
    low_balance: float | None
    """Below it `wallet.low` is told, in rupees; null: never"""
    suspended_at: datetime | None
    """Since then it places no calls"""
    numbers: list[str]
    """The only masked numbers it shows; none: all that trunks declare"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch of a recording in which both channels are silent because it was paused; milliseconds from its
    start.
    """

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """A call that has just been accepted."""

    call_sid: str
    id: str
    status: Literal["initiated"]
    party_a: str
    party_b: str
    masked_number: str
    reference: str | None = None
    test: Literal[True] | None = None
    """Only where it is a test call"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """What calls have that choose nothing themselves: null as the operator has it, "" nothing or the plain tone."""

    wait: str | None
    whisper_a: str | None
    whisper_b: str | None
    consent: Consent | None
    consent_notice: str | None
    balance_warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that was uploaded."""

    name: str
    duration_sec: float
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptsBody:
    """What the parties of one call hear besides each other: names of prompts. What is left out is as your
    organisation or the operator has it; "" is nothing, or the plain tone.
    """

    wait: str | Unset | None = UNSET
    """To A while B is called, over and over; 60 s at most"""
    whisper_a: str | Unset | None = UNSET
    """To A alone when B has answered, before they are connected; 30 s at most"""
    whisper_b: str | Unset | None = UNSET
    """To B alone, likewise"""
    consent: Consent | Unset | None = UNSET
    """Who is told then that the call is recorded; nobody where it is not"""
    consent_notice: str | Unset | None = UNSET
    """What they are told; 30 s at most"""
    balance_warning: str | Unset | None = UNSET
    """To both when the balance runs out; 10 s at most"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedParty:
    """What became of one party's audio."""

    leg: Literal["a", "b"]
    channel: Literal["left", "right"]
    silent_ms: int | None
    """Nothing was received for so long; it is silence in the recording"""
    gaps: int | None
    """How often what was received broke off and went on later"""
    gap_frames: int | None
    """Frames of 20 ms that were received and could not be written"""
    discarded_packets: int | None
    """Packets that came too late or could not be decoded"""
    packets_lost: int | None
    """RTP packets that never came, over the whole leg (RFC 3550)"""
    drift_ppm: float | None
    """How much faster the party's clock is than ours; corrected"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPause:
    """Whether the recording of a live call is paused now."""

    call_sid: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where a recording can be fetched, for a while, without a key, and what is known of it. Sizes and digests are
    of the files in plain, whether they are `encrypted` at rest or not.
    """

    call_sid: str
    recording_url: str
    url: str
    expires_at: datetime
    expires_in: int
    format: Literal["mp3"]
    content_type: str
    duration_ms: int
    encrypted: bool
    size_bytes: int | None
    sha256: str | None
    wav_size_bytes: int | None
    wav_sha256: str | None
    gap_frames: int
    cut_short: bool
    """The disk ended the recording before the call did"""
    pauses: list[Pause]
    parties: list[RecordedParty]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; amounts in rupees. What follows `created_at` is null until the provider has paid it back."""

    refund_id: str
    topup_id: str
    status: str
    """`asked`: under way; `processed`; `failed`: nothing was paid back"""
    amount: float
    """What the wallet is debited"""
    gst: float
    total: float
    """What is paid back"""
    currency: str
    reference: str
    reason: str
    created_at: datetime
    provider_refund_id: str | None
    settled_at: datetime | None
    credit_note_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """An event that is sent once more."""

    delivery_id: int
    replays: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedKey:
    """A new API key in place of another, which works until its end."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""
    key: str
    replaces: str
    old_key_ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStreamEndpoint:
    """The same with its secret, which is shown this once."""

    endpoint_id: str
    url: str
    rate: Literal[8000, 16000]
    tracks: Tracks
    every_call: bool
    created_at: datetime
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretWebhook:
    """The same with its newest secret, which is shown this once; null where none is new."""

    webhook_id: str
    url: str
    events: list[WebhookEvent]
    secrets: int
    """2 while one is being replaced"""
    created_at: datetime
    disabled_at: datetime | None
    secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Calls through time, oldest step first; a call counts in the step that its `started_at` lies in."""

    by: Step
    time_zone: str
    """Whose hours and days they are"""
    steps: list[StepView]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A payment, a correction, or all charged calls of a day."""

    date: str
    kind: LineKind
    reference: str | None
    document: str | None
    """The number of the invoice or credit note"""
    calls: int | None
    amount: str
    balance: str
    """After it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementMonth:
    """A month that there is a statement of."""

    month: str
    complete: bool
    """Whether the month is over"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month of the wallet by Indian time; amounts in rupees with two decimals, what went out below 0."""

    month: str
    complete: bool
    customer: str
    gstin: str | None
    currency: str
    opening_balance: str
    topups: str
    credits: str
    refunds: str
    debits: str
    calls: str
    further: str
    """What moved beyond the first 10000 payments of a month"""
    closing_balance: str
    lines: list[StatementLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Totals of a period. Live calls count in `total_calls` only."""

    total_sessions: int
    active_sessions: int
    total_mappings: int
    total_calls: int
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""
    answered_calls: int
    failed_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """An hour or a day. Live calls count in `total_calls` only."""

    start: datetime
    total_calls: int
    answered_calls: int
    failed_calls: int
    answer_ratio: float | None
    """Answered of those that are over, 0 to 1; null where none is"""
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBody:
    """Where a call's audio is streamed, once both parties are connected: to one of your stream endpoints, or to
    another path at its scheme, host and port. What is left out is as that endpoint has it, or as your oldest
    one.
    """

    url: str | Unset | None = UNSET
    rate: Literal[8000, 16000] | Unset | None = UNSET
    """Samples a second"""
    tracks: Tracks | Unset | None = UNSET
    """Whose audio"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEndpoint:
    """A WebSocket server that calls may be streamed to."""

    endpoint_id: str
    url: str
    rate: Literal[8000, 16000]
    tracks: Tracks
    every_call: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of a call, as it is now."""

    stream_id: str
    endpoint_id: str
    url: str
    rate: Literal[8000, 16000]
    tracks: Tracks
    state: StreamState
    reason: StopReason | None
    """Why it has ended; null while it has not"""
    connections: int
    frames_sent: int
    """Of 20 ms each"""
    frames_dropped: int
    """Left out whole: the server was not there, or did not keep up"""
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Who takes part in a call beside its parties."""

    supervisor_id: str
    mode: Mode
    state: SupervisorState
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What masked minutes cost."""

    rate: float
    """Rupees a minute, for both legs together"""
    pulse_sec: int
    gst_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A payment; amounts in rupees. `paid_at` and what follows are null until it has been made."""

    topup_id: str
    amount: float
    """What the wallet gets"""
    gst: float
    total: float
    """What is paid"""
    currency: str
    order_id: str
    """The payment provider's"""
    created_at: datetime
    payment_id: str | None
    paid_at: datetime | None
    invoice_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A movement of the ledger; amounts in rupees with two decimals. `kind`: `credit` and `debit` change the
    balance; `reserve` and `extend` set money aside, `capture` takes the charge of a call and gives the rest
    back, `void` gives all back.
    """

    transfer_id: str
    at: datetime
    kind: str
    call_sid: str | None
    reference: str | None
    balance_change: str
    reserved_change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events are sent."""

    webhook_id: str
    url: str
    events: list[WebhookEvent]
    secrets: int
    """2 while one is being replaced"""
    created_at: datetime
    disabled_at: datetime | None
