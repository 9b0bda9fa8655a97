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
    at: datetime
    actor_kind: str
    actor_id: str
    actor: str
    address: str
    org_id: str | None
    action: str
    object_id: str
    change: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation with its terms and limits."""

    org_id: str
    name: str
    created_at: datetime
    tariff: Tariff
    gstin: str | None
    state: str | None
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
    gst_percent: int
