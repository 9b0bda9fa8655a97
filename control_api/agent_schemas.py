"""What goes over the wire about agents, both ways."""

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, Strict

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


class AgentView(Wire):
    """An agent. `party` is what it is called by, as `party_a` or `party_b` of a call."""

    name: str
    party: str
    display_name: str
    state: AgentState
    person_id: str | None
    created_at: Timestamp


class AgentTokenView(Wire):
    """A token, shown this once."""

    token: str
    token_id: str
    agent: str
    expires_at: Timestamp


AgentReply: Final = enveloped("AgentReply", AgentView)
AgentListReply: Final = enveloped("AgentListReply", list[AgentView])
AgentTokenReply: Final = enveloped("AgentTokenReply", AgentTokenView)


def agent_representation(agent: Agent) -> dict[str, object]:
    """An agent, as its organisation and the agent itself see it."""
    return {
        "name": agent.name,
        "party": f"agent:{agent.name}",
        "display_name": agent.display_name,
        "state": agent.state,
        "person_id": agent.person_id,
        "created_at": render_timestamp(agent.created_at),
    }


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
        "agent": agent_representation(agent),
        "agents": [agent_representation(agent)],
        "agent_token": agent_token_representation(token, "at_" + "0123456789abcdef" * 4),
    }
