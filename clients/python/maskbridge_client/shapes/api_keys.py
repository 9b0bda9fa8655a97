"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Scope: TypeAlias = Literal[
    "calls:write",
    "calls:read",
    "recordings:read",
    "recordings:write",
    "billing:read",
    "prompts:read",
    "prompts:write",
    "agents:read",
    "agents:write",
    "streams:write",
    "supervise",
    "account:read",
    "account:write",
]
"""What an API key may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Done; there is nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key, without the key itself."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A new API key. `key` is shown this once."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedKey:
    """A new API key in place of another, which works until its end."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool
    """For test calls alone"""
    key: str
    replaces: str
    old_key_ends_at: datetime
