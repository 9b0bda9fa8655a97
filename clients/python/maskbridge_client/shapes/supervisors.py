"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["listen", "whisper_a", "whisper_b", "barge"]
"""Whom a supervisor speaks to: nobody, one party without the other, or both."""

SupervisorState: TypeAlias = Literal["connecting", "connected", "reconnecting"]
"""How a supervisor's browser does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The same; where ICE was restarted with the SDP answer for its browser."""

    supervisor_id: str
    """The supervisor's id, for this call"""
    mode: Mode
    """Who hears the supervisor"""
    state: SupervisorState
    """Where it stands"""
    joined_at: datetime
    """When the supervisor was connected"""
    sdp: str | None = None
    """An SDP description, as the browser or the service made it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """As RTCPeerConnection takes it; without credentials for STUN."""

    urls: list[str]
    """The server's addresses"""
    username: str | None = None
    """The user name for the server"""
    credential: str | None = None
    """The password for the server"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServers:
    """Where a supervisor's browser finds candidates; credentials end after a while."""

    ice_servers: list[IceServer]
    """STUN and TURN servers for the page, as RTCPeerConnection takes them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The same with the SDP answer for its browser."""

    supervisor_id: str
    """The supervisor's id, for this call"""
    mode: Mode
    """Who hears the supervisor"""
    state: SupervisorState
    """Where it stands"""
    joined_at: datetime
    """When the supervisor was connected"""
    sdp: str
    """An SDP description, as the browser or the service made it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Who takes part in a call beside its parties."""

    supervisor_id: str
    """The supervisor's id, for this call"""
    mode: Mode
    """Who hears the supervisor"""
    state: SupervisorState
    """Where it stands"""
    joined_at: datetime
    """When the supervisor was connected"""
