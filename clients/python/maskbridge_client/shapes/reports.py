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
    """Rupees in the wallet, reserved ones among them"""
    currency: Literal["INR"]
    """Always `INR`"""
    reserved: float
    """Rupees that live calls have reserved"""
    available: float
    """Rupees that can be spent: the balance less what is reserved"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Calls through time, oldest step first; a call counts in the step that its `started_at` lies in."""

    by: Step
    """How long a step is"""
    time_zone: str
    """Whose hours and days they are"""
    steps: list[StepView]
    """The steps, in order"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Totals of a period. Live calls count in `total_calls` only."""

    total_sessions: int
    """Pairs of parties that have a masked number"""
    active_sessions: int
    """Pairs that may still call each other back"""
    total_mappings: int
    """Pairs of a party and a masked number"""
    total_calls: int
    """Calls, live ones among them"""
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""
    answered_calls: int
    """Calls that were connected"""
    failed_calls: int
    """Calls that ended without being connected, unanswered ones among them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """An hour or a day. Live calls count in `total_calls` only."""

    start: datetime
    """When the step begins"""
    total_calls: int
    """Calls, live ones among them"""
    answered_calls: int
    """Calls that were connected"""
    failed_calls: int
    """Calls that ended without being connected, unanswered ones among them"""
    answer_ratio: float | None
    """Answered of those that are over, 0 to 1; null where none is"""
    total_minutes: float
    """Billed seconds / 60"""
    total_cost: float
    """Rupees"""
