"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from maskbridge_client.shapes.calls import (
    Tracks,
)

StopReason: TypeAlias = Literal["call_ended", "stopped", "closed_by_server", "unreachable", "shutdown"]
"""Why a stream has ended."""

StreamState: TypeAlias = Literal["connecting", "streaming", "reconnecting", "stopped"]
"""How a stream does."""


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
