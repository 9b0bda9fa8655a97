"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

AgentState: TypeAlias = Literal["available", "away"]
"""Whether an agent wants calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentToken:
    """A token, shown this once."""

    token: str
    token_id: str
    agent: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent. `party` is what it is called by, as `party_a` or `party_b` of a call."""

    name: str
    party: str
    display_name: str
    state: AgentState
    person_id: str | None
    created_at: datetime
