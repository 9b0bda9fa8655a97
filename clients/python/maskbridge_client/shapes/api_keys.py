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
    """The key's id"""
    name: str
    """The name"""
    prefix: str
    """The first 11 characters of the key, to tell it by"""
    scopes: list[Scope]
    """What it may do"""
    created_at: datetime
    """When it was made"""
    expires_at: datetime | None
    """When it ends by itself; null: never"""
    revoked_at: datetime | None
    """When it was revoked; null: it is not"""
    last_used_at: datetime | None
    """When it was last used, within a minute"""
    allowed_networks: list[str]
    """Addresses and networks it may be used from; empty: any"""
    rate_limit_per_minute: int | None
    """Requests a minute; null: the usual limit"""
    test: bool
    """For test calls alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A new API key. `key` is shown this once."""

    key_id: str
    """The key's id"""
    name: str
    """The name"""
    prefix: str
    """The first 11 characters of the key, to tell it by"""
    scopes: list[Scope]
    """What it may do"""
    created_at: datetime
    """When it was made"""
    expires_at: datetime | None
    """When it ends by itself; null: never"""
    revoked_at: datetime | None
    """When it was revoked; null: it is not"""
    last_used_at: datetime | None
    """When it was last used, within a minute"""
    allowed_networks: list[str]
    """Addresses and networks it may be used from; empty: any"""
    rate_limit_per_minute: int | None
    """Requests a minute; null: the usual limit"""
    test: bool
    """For test calls alone"""
    key: str
    """The whole key, this once"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedKey:
    """A new API key in place of another, which works until its end."""

    key_id: str
    """The key's id"""
    name: str
    """The name"""
    prefix: str
    """The first 11 characters of the key, to tell it by"""
    scopes: list[Scope]
    """What it may do"""
    created_at: datetime
    """When it was made"""
    expires_at: datetime | None
    """When it ends by itself; null: never"""
    revoked_at: datetime | None
    """When it was revoked; null: it is not"""
    last_used_at: datetime | None
    """When it was last used, within a minute"""
    allowed_networks: list[str]
    """Addresses and networks it may be used from; empty: any"""
    rate_limit_per_minute: int | None
    """Requests a minute; null: the usual limit"""
    test: bool
    """For test calls alone"""
    key: str
    """The whole key, this once"""
    replaces: str
    """The id of the key that it replaces"""
    old_key_ends_at: datetime
    """When the replaced key ends"""
