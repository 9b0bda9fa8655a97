"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

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
class Attempt:
    """One POST that was made. The signatures' headers are not kept."""

    attempt: int
    """1, 2, 3 ..."""
    attempted_at: datetime
    """When it was begun"""
    duration_ms: int
    """Milliseconds until the answer, or until it was given up"""
    http_status: int | None
    """What was answered; null: nothing was"""
    error: str | None
    """Why nothing was answered"""
    request_headers: dict[str, Any]
    """Those of the request, without its signatures"""
    reply: EndpointReply | None
    """What was answered; null: nothing was, it was not kept, or without the right to read calls, of
    `recording.ready` also without that to read recordings
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetail:
    """A delivery with its event's body and every attempt."""

    delivery_id: int
    """The delivery's number"""
    event_id: str
    """The event's id, the same at each attempt"""
    event: WebhookEvent
    """Which event"""
    call_sid: str | None
    """null: it is about the wallet"""
    sequence: int
    """1, 2, 3 ... of the call"""
    state: str
    """Where it stands"""
    attempts: int
    """Attempts at delivering it, the newest last"""
    http_status: int | None
    """What the receiver answered to the last attempt"""
    error: str | None
    """Why the last attempt failed"""
    next_attempt_at: datetime | None
    """When it is attempted again; null: it has ended"""
    created_at: datetime
    """When it was made"""
    webhook_id: str
    """The endpoint"""
    request_body: str | None
    """The JSON that was sent, its `download_url` left out; null without the right to read calls"""
    attempt_log: list[Attempt]
    """Every attempt, the first one first"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to an endpoint."""

    delivery_id: int
    """The delivery's number"""
    event_id: str
    """The event's id, the same at each attempt"""
    event: WebhookEvent
    """Which event"""
    call_sid: str | None
    """null: it is about the wallet"""
    sequence: int
    """1, 2, 3 ... of the call"""
    state: str
    """Where it stands"""
    attempts: int
    """Attempts at delivering it, the newest last"""
    http_status: int | None
    """What the receiver answered to the last attempt"""
    error: str | None
    """Why the last attempt failed"""
    next_attempt_at: datetime | None
    """When it is attempted again; null: it has ended"""
    created_at: datetime
    """When it was made"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReply:
    """What an endpoint answered."""

    headers: dict[str, Any]
    """The first 24, without those that hold secrets"""
    body: str
    """The first 2048 bytes, as UTF-8"""
    cut: bool
    """Whether there was more of the body"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """An event that is sent once more."""

    delivery_id: int
    """The delivery's number"""
    replays: int
    """The delivery that is sent again"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretWebhook:
    """The same with its newest secret, which is shown this once; null where none is new."""

    webhook_id: str
    """The webhook endpoint's id"""
    url: str
    """The address"""
    events: list[WebhookEvent]
    """The events that are sent there"""
    secrets: int
    """2 while one is being replaced"""
    created_at: datetime
    """When it was made"""
    disabled_at: datetime | None
    """When it was disabled; null: it is not"""
    secret: str | None
    """The secret, this once"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A test event as it was sent, and what came of it."""

    event_id: str
    """The event's id"""
    delivered: bool
    """Whether the endpoint took it, with a 2xx"""
    http_status: int | None
    """What was answered; null: nothing was"""
    error: str | None
    """Why nothing was answered"""
    duration_ms: int
    """Milliseconds until the answer, or until it was given up"""
    request_headers: dict[str, Any]
    """Those of the request, its signatures among them"""
    request_body: str
    """The JSON that was sent, to the byte"""
    reply: EndpointReply | None
    """What was answered"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events are sent."""

    webhook_id: str
    """The webhook endpoint's id"""
    url: str
    """The address"""
    events: list[WebhookEvent]
    """The events that are sent there"""
    secrets: int
    """2 while one is being replaced"""
    created_at: datetime
    """When it was made"""
    disabled_at: datetime | None
    """When it was disabled; null: it is not"""
