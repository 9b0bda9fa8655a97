"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["owner", "developer", "finance", "viewer"]
"""What a person is in an organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody with a role in the organisation."""

    person_id: str
    """The person's id"""
    email: str
    """The mail address"""
    name: str
    """The name"""
    role: Role
    """What the person is in the organisation"""
    totp: bool
    """Whether there is a second factor"""
    since: datetime
    """Since when"""
    disabled_at: datetime | None
    """When it was disabled; null: it is not"""
