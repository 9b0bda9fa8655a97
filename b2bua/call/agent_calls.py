"""What an agent's browsers are told. Of the other party there is nothing in it to tell."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from storage.agent_records import AgentState

StopReason = Literal["answered_elsewhere", "cancelled", "declined", "failed"]
EndReason = Literal["hung_up", "other_party", "connection_lost", "agent_removed"]


class AgentPresence(StrEnum):
    """How an agent does at this moment."""

    OFFLINE = "offline"  # no page of the agent's is open
    AWAY = "away"
    AVAILABLE = "available"
    RINGING = "ringing"
    BUSY = "busy"  # in a call, or a browser is about to be


@dataclass(frozen=True, slots=True)
class AgentRinging:
    """A call wants to be answered. `direction`: outgoing where the agent is party A, who is called first."""

    call_id: str
    masked_number: str
    direction: Literal["incoming", "outgoing"]
    reference: str | None


@dataclass(frozen=True, slots=True)
class AgentStopped:
    """A call needs no answer any more. `media_id`: of the browser that answers it, to which this is no news."""

    call_id: str
    reason: StopReason
    media_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentConnected:
    """A browser of the agent is connected to a call, under this `media_id`. Told again when it is so anew."""

    call_id: str
    media_id: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class AgentDisconnected:
    """The browser of a call is gone: the call waits `for_s` seconds for it, or for another."""

    call_id: str
    media_id: str
    for_s: int


@dataclass(frozen=True, slots=True)
class AgentCallEnded:
    """A call that was answered is over for the agent."""

    call_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class AgentStateChanged:
    """Whether the agent wants calls, as it is from now."""

    state: AgentState


AgentEvent = AgentRinging | AgentStopped | AgentConnected | AgentDisconnected | AgentCallEnded | AgentStateChanged


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """What a browser's offer is answered with: an SDP, the name of the media session, and its ICE session's."""

    sdp: str
    media_id: str
    etag: str


@dataclass(frozen=True, slots=True)
class IceServerTold:
    """A STUN or TURN server as a browser is told of it; the credentials are empty for STUN."""

    url: str
    username: str = ""
    credential: str = field(default="", repr=False)
