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
class EndingCall:
    """A call that is being ended."""

    call_sid: str
    id: str


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
    rate: Literal[8000, 16000] | Unset | None = UNSET
    """Samples a second"""
    tracks: Tracks | Unset | None = UNSET
    """Whose audio"""
