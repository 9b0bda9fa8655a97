"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

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
class Replay:
    """An event that is sent once more."""

    delivery_id: int
    replays: int


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
class Webhook:
    """Where events are sent."""

    webhook_id: str
    url: str
    events: list[WebhookEvent]
    secrets: int
    """2 while one is being replaced"""
    created_at: datetime
    disabled_at: datetime | None
