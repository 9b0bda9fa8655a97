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
    """The stream endpoint's id"""
    url: str
    """The address"""
    rate: Literal[8000, 16000]
    """Samples a second: 8000 or 16000"""
    tracks: Tracks
    """Which parties are streamed"""
    every_call: bool
    """Whether every call is streamed there"""
    created_at: datetime
    """When it was made"""
    secret: str
    """The secret, this once"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEndpoint:
    """A WebSocket server that calls may be streamed to."""

    endpoint_id: str
    """The stream endpoint's id"""
    url: str
    """The address"""
    rate: Literal[8000, 16000]
    """Samples a second: 8000 or 16000"""
    tracks: Tracks
    """Which parties are streamed"""
    every_call: bool
    """Whether every call is streamed there"""
    created_at: datetime
    """When it was made"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of a call, as it is now."""

    stream_id: str
    """The stream's id"""
    endpoint_id: str
    """The stream endpoint's id"""
    url: str
    """The address"""
    rate: Literal[8000, 16000]
    """Samples a second: 8000 or 16000"""
    tracks: Tracks
    """Which parties are streamed"""
    state: StreamState
    """Where it stands"""
    reason: StopReason | None
    """Why it has ended; null while it has not"""
    connections: int
    """How often the stream's server was called"""
    frames_sent: int
    """Of 20 ms each"""
    frames_dropped: int
    """Left out whole: the server was not there, or did not keep up"""
    started_at: datetime
    """When it began"""
