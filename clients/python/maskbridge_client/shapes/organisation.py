"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `change` is what is new, without secrets."""

    entry_id: int
    """The entry's number"""
    at: datetime
    """When it happened"""
    actor_kind: str
    """Who did it: a person, a key, a command, the service"""
    actor_id: str
    """The id of who did it"""
    actor: str
    """The name of who did it, as it was then"""
    address: str
    """The network address it came from"""
    org_id: str | None
    """The organisation's id"""
    action: str
    """What was done, such as `key.create`"""
    object_id: str
    """The id of what it was done to"""
    change: dict[str, Any]
    """What became different, without secrets"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation with its terms and limits."""

    org_id: str
    """The organisation's id"""
    name: str
    """The name"""
    created_at: datetime
    """When it was made"""
    tariff: Tariff
    """What calls cost"""
    gstin: str | None
    """The GST number, of 15 characters"""
    state: str | None
    """The state in India"""
    address: str | None
    """As invoices say it"""
    rate_limit_per_minute: int | None
    """For each key without its own; null: as configured"""
    retention_days: int | None
    """0: for ever; null: as configured"""
    max_concurrent_calls: int | None
    """null: no limit of its own"""
    low_balance: float | None
    """Below it `wallet.low` is told, in rupees; null: never"""
    suspended_at: datetime | None
    """Since then it places no calls"""
    numbers: list[str]
    """The only masked numbers it shows; none: all that trunks declare"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What masked minutes cost."""

    rate: float
    """Rupees a minute, for both legs together"""
    pulse_sec: int
    """Seconds up to whose multiple a call is charged"""
    gst_percent: int
    """The rate of tax"""
