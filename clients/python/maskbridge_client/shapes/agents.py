"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

AgentPresence: TypeAlias = Literal["offline", "away", "available", "ringing", "busy"]
"""How an agent does at this moment."""

AgentState: TypeAlias = Literal["available", "away"]
"""Whether an agent wants calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentToken:
    """A token, shown this once."""

    token: str
    """The whole token, this once"""
    token_id: str
    """The token's id"""
    agent: str
    """The agent's name"""
    expires_at: datetime
    """When it ends by itself; null: never"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent. `party` is what it is called by, as `party_a` or `party_b` of a call."""

    name: str
    """The name"""
    party: str
    """How to name it as a party: `agent:NAME`"""
    display_name: str
    """The name that people see"""
    state: AgentState
    """Whether the agent wants calls"""
    presence: AgentPresence | None
    """How the agent does now; null: no browsers are met here"""
    person_id: str | None
    """The person's id"""
    created_at: datetime
    """When it was made"""
