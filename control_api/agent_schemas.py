"""What goes over the wire about agents, both ways."""

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, Strict

from b2bua.call.agent_calls import (
    AgentCallEnded,
    AgentConnected,
    AgentDisconnected,
    AgentEvent,
    AgentPresence,
    AgentRinging,
    AgentStateChanged,
    AgentStopped,
    IceServerTold,
)
from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from storage.agent_records import Agent, AgentState, AgentToken

AGENT_NAME: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
LONGEST_DISPLAY_NAME: Final = 200
SHORTEST_LIFE_S: Final = 60
LONGEST_LIFE_S: Final = 12 * 3600
USUAL_LIFE_S: Final = 3600


def display_name_of(text: str) -> str:
    """A name as people read it: one line, not empty. Raises ValueError."""
    name = text.strip()
    if not name.isprintable() or not 0 < len(name) <= LONGEST_DISPLAY_NAME:
        raise ValueError("not a name")
    return name


DisplayName = Annotated[str, Strict(), AfterValidator(display_name_of), Field(max_length=LONGEST_DISPLAY_NAME)]
PersonId = Annotated[str, Strict(), Field(min_length=1, max_length=64)]
AGENT_REQUIREMENTS: Final = {
    "name": "1 to 64 lower-case letters, digits, dots, hyphens and underscores, the first a letter or digit",
    "display_name": f"a printable string of 1 to {LONGEST_DISPLAY_NAME} characters",
    "state": "one of " + ", ".join(AgentState),
    "person_id": "the id of somebody with a role in the organisation, or null",
    "party_b": "a 10-digit Indian mobile number, or agent: and the name of another agent",
    "reference": "a string of at most 128 printable characters",
    "max_duration_sec": "an integer from 10 to 7200",
    "ring_timeout_sec": "an integer from 5 to 120",
    "digits": "1 to 32 of 0123456789*#ABCD",
    "life_sec": f"an integer from {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}",
}


class CreateAgentBody(Wire):
    """A new agent. Without a `display_name` the name is shown."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "asha", "display_name": "Asha", "state": "available"}]}
    )

    name: Annotated[str, Strict(), Field(pattern=f"^{AGENT_NAME}$", max_length=64)]
    display_name: DisplayName | None = None
    state: AgentState = AgentState.AVAILABLE
    person_id: PersonId | None = Field(default=None, description="Whose session is this agent's too")


class ChangeAgentBody(Wire):
    """What of an agent changes; what is left out stays. `person_id` null: nobody's session is this agent's."""

    display_name: DisplayName | None = None
    state: AgentState | None = None
    person_id: PersonId | None = None


class AgentTokenBody(Wire):
    """How long a token is good."""

    life_sec: Annotated[int, Strict(), Field(ge=SHORTEST_LIFE_S, le=LONGEST_LIFE_S)] = USUAL_LIFE_S


class AgentStateBody(Wire):
    """Whether the agent wants calls."""

    state: AgentState


class AgentCallBody(Wire):
    """A masked call of the agent's to somebody: the agent's pages ring first, then `party_b` is called."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"party_b": "9876543210", "reference": "order-1042"}]})

    party_b: Annotated[str, Strict(), Field(min_length=1, max_length=320)]
    reference: Annotated[str, Strict(), Field(max_length=128)] | None = None
    max_duration_sec: Annotated[int, Strict(), Field(ge=10, le=7200)] | None = None
    ring_timeout_sec: Annotated[int, Strict(), Field(ge=5, le=120)] | None = None


class DigitsBody(Wire):
    """Keys to be pressed, one after the other."""

    digits: Annotated[str, Strict(), Field(pattern="^[0-9*#A-D]{1,32}$")]


class IceServerView(Wire):
    """As RTCPeerConnection takes it; without credentials for STUN."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class AgentView(Wire):
    """An agent. `party` is what it is called by, as `party_a` or `party_b` of a call."""

    name: str
    party: str
    display_name: str
    state: AgentState = Field(description="Whether the agent wants calls")
    presence: AgentPresence | None = Field(description="How the agent does now; null: no browsers are met here")
    person_id: str | None
    created_at: Timestamp


class OwnAgentView(AgentView):
    """The agent that asks, with the servers that its browser finds candidates by."""

    ice_servers: list[IceServerView]


class AgentTokenView(Wire):
    """A token, shown this once."""

    token: str
    token_id: str
    agent: str
    expires_at: Timestamp


AgentReply: Final = enveloped("AgentReply", AgentView)
AgentListReply: Final = enveloped("AgentListReply", list[AgentView])
OwnAgentReply: Final = enveloped("OwnAgentReply", OwnAgentView)
AgentTokenReply: Final = enveloped("AgentTokenReply", AgentTokenView)


def agent_representation(agent: Agent) -> dict[str, object]:
    """An agent as it is kept."""
    return {
        "name": agent.name,
        "party": f"agent:{agent.name}",
        "display_name": agent.display_name,
        "state": agent.state,
        "person_id": agent.person_id,
        "created_at": render_timestamp(agent.created_at),
    }


def present_agent_representation(agent: Agent, presence: AgentPresence | None) -> dict[str, object]:
    """An agent with how it does."""
    return agent_representation(agent) | {"presence": presence}


def own_agent_representation(
    agent: Agent, presence: AgentPresence | None, servers: Iterable[IceServerTold]
) -> dict[str, object]:
    """An agent as it sees itself."""
    told = [ice_server_representation(server) for server in servers]
    return present_agent_representation(agent, presence) | {"ice_servers": told}


def ice_server_representation(server: IceServerTold) -> dict[str, object]:
    """A server as RTCPeerConnection takes it."""
    told: dict[str, object] = {"urls": [server.url]}
    return told | {"username": server.username, "credential": server.credential} if server.username else told


def agent_event(event: AgentEvent) -> tuple[str, dict[str, object]]:
    """What a page is told, as the name and the data of a server-sent event. Nothing is in it of the other party."""
    match event:
        case AgentRinging():
            shown = {"call_sid": event.call_id, "masked_number": event.masked_number, "direction": event.direction}
            return "ringing", shown | {"reference": event.reference}
        case AgentStopped():
            return "stopped", {"call_sid": event.call_id, "reason": event.reason, "media_id": event.media_id}
        case AgentConnected():
            return "connected", {"call_sid": event.call_id, "media_id": event.media_id, "held": event.held}
        case AgentDisconnected():
            return "disconnected", {"call_sid": event.call_id, "media_id": event.media_id, "for_sec": event.for_s}
        case AgentCallEnded():
            return "ended", {"call_sid": event.call_id, "reason": event.reason}
        case AgentStateChanged():
            return "state", {"state": event.state}


def agent_token_representation(token: AgentToken, text: str) -> dict[str, object]:
    """A new token with its text."""
    return {
        "token": text,
        "token_id": token.token_id,
        "agent": token.agent,
        "expires_at": render_timestamp(token.expires_at),
    }


def agent_examples(at_ms: int) -> dict[str, object]:
    """Examples of replies by name."""
    agent = Agent("", "asha", "Asha", AgentState.AVAILABLE, at_ms)
    token = AgentToken("", "9b1c2d3e4f5a6b7c", "", "asha", at_ms, at_ms + USUAL_LIFE_S * 1000)
    return {
        "agent": present_agent_representation(agent, AgentPresence.OFFLINE),
        "agents": [present_agent_representation(agent, AgentPresence.BUSY)],
        "own_agent": own_agent_representation(
            agent,
            AgentPresence.AVAILABLE,
            (
                IceServerTold("stun:stun.example:3478"),
                IceServerTold("turn:turn.example:3478", "1735736400:asha", "u2l6Q3V5c2tJc0FuRXhhbXBsZT0="),
            ),
        ),
        "agent_token": agent_token_representation(token, "at_" + "0123456789abcdef" * 4),
    }
