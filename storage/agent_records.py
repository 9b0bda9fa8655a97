"""Frozen rows about agents: people of an organisation who take calls in a browser."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_AGENTS: Final = 1_000  # of an organisation
MAX_LIVE_TOKENS: Final = 20  # of an agent; of more the oldest end


class AgentState(StrEnum):
    """Whether an agent wants calls."""

    AVAILABLE = "available"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of an organisation, named `agent:NAME` as a party of a call.

    `name` is `[a-z0-9][a-z0-9._-]{0,63}`. `person_id`: whose session is the agent's too; None: nobody's.
    """

    org_id: str
    name: str
    display_name: str
    state: AgentState
    created_at: int
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentToken:
    """What an agent's browser shows. Of the token only the SHA-256 is kept; `token_id` names it.

    It ends at `expires_at`, or when it is revoked.
    """

    token_sha256: str
    token_id: str
    org_id: str
    agent: str
    created_at: int
    expires_at: int
    revoked_at: int | None = None
