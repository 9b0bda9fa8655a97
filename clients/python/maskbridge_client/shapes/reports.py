"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Step: TypeAlias = Literal["hour", "day"]
"""How long the steps are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """The organisation's money, in rupees with two decimals."""

    balance: float
    currency: Literal["INR"]
    reserved: float
    available: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Calls through time, oldest step first; a call counts in the step that its `started_at` lies in."""

    by: Step
    time_zone: str
    """Whose hours and days they are"""
    steps: list[StepView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Totals of a period. Live calls count in `total_calls` only."""

    total_sessions: int
    active_sessions: int
    total_mappings: int
    total_calls: int
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""
    answered_calls: int
    failed_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """An hour or a day. Live calls count in `total_calls` only."""

    start: datetime
    total_calls: int
    answered_calls: int
    failed_calls: int
    answer_ratio: float | None
    """Answered of those that are over, 0 to 1; null where none is"""
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""
