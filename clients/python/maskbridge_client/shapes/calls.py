"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from maskbridge_client.wire import UNSET, Unset

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

Tracks: TypeAlias = Literal["a", "b", "both"]
"""Whose audio is streamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One thing that happened in a call."""

    at: datetime
    """When it happened"""
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
    """sip: direction (sent or received, by the service), cseq, call_id (without a host), reason, body (its type),
    again (a repeated message). webhook: webhook_id, attempt, delivered, http_status, error, duration_ms.
    Numbers are shortened everywhere, and a digit is told without which it was.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvents:
    """All that happened in a call, oldest first."""

    call_sid: str
    """The call's id"""
    events: list[CallEvent]
    """What happened, in order"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The status representation of a call; what is not known yet is null."""

    id: str
    """The call's id, as `call_sid`"""
    call_sid: str
    """The call's id"""
    caller_number: str
    """The masked number; the caller's where the operator has it so"""
    target_number: str
    """Party A; B where the operator has it so"""
    masked_number: str
    """The number that both parties see"""
    party_a: str
    """Who is called first"""
    party_b: str
    """Who is called when A has answered"""
    direction: str
    """click_to_call or inbound"""
    test: bool
    """Between simulated parties, free, in no other call's totals"""
    status: CallStatus
    """Where it stands"""
    created_at: datetime
    """When it was made"""
    started_at: datetime | None
    """A's phone was dialled"""
    a_answered_at: datetime | None
    """When A answered"""
    answered_at: datetime | None
    """Both are connected"""
    ended_at: datetime | None
    """When it ended"""
    duration_sec: int | None
    """Seconds from the connection of both to the end"""
    bill_duration_sec: int | None
    """Seconds that are charged: the duration rounded up to the pulse"""
    price: float | None
    """Rupees"""
    hangup_cause: HangupCause | None
    """Why it ended"""
    hangup_party: HangupParty | None
    """Who ended it"""
    recording_url: str | None
    """Where the recording is stored; null: there is none"""
    reference: str | None
    """Your own reference, in every reply and webhook about it"""
    legs: list[Leg]
    """What happened to either party"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingCall:
    """A call that is being ended."""

    call_sid: str
    """The call's id"""
    id: str
    """The call's id, as `call_sid`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One party's side of a call."""

    leg: Literal["a", "b"]
    """Which party: `a` or `b`"""
    status: str
    """Where it stands"""
    ringing_at: datetime | None
    """When the phone began to ring"""
    answered_at: datetime | None
    """When it was answered"""
    ended_at: datetime | None
    """When it ended"""
    sip_status: int | None
    """The final SIP response of the leg"""
    hangup_cause: str | None
    """Why it ended"""
    codec: str | None
    """The codec of the leg, as negotiated"""
    packets_lost: int | None
    """RTP packets of this party that were lost on the way here; null: none has come"""
    jitter_ms: float | None
    """Jitter of what was received from this party, in milliseconds (RFC 3550); null: nothing was"""
    mos: float | None
    """An estimate of how well this party was heard, 1.0 to 4.5; null: it was not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """A call that has just been accepted."""

    call_sid: str
    """The call's id"""
    id: str
    """The call's id, as `call_sid`"""
    status: Literal["initiated"]
    """Where it stands"""
    party_a: str
    """Who is called first"""
    party_b: str
    """Who is called when A has answered"""
    masked_number: str
    """The number that both parties see"""
    reference: str | None = None
    """Your own reference, in every reply and webhook about it"""
    test: Literal[True] | None = None
    """Only where it is a test call"""


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
class StreamBody:
    """Where a call's audio is streamed, once both parties are connected: to one of your stream endpoints, or to
    another path at its scheme, host and port. What is left out is as that endpoint has it, or as your oldest
    one.
    """

    url: str | Unset | None = UNSET
    """The address"""
    rate: Literal[8000, 16000] | Unset | None = UNSET
    """Samples a second"""
    tracks: Tracks | Unset | None = UNSET
    """Whose audio"""
