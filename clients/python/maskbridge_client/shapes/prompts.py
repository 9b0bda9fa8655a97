"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from maskbridge_client.shapes.calls import (
    Consent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """What calls have that choose nothing themselves: null as the operator has it, "" nothing or the plain tone."""

    wait: str | None
    """The prompt for A while B is called; null: the operator's"""
    whisper_a: str | None
    """The prompt for A alone before they are connected; null: the operator's"""
    whisper_b: str | None
    """The prompt for B alone before they are connected; null: the operator's"""
    consent: Consent | None
    """Who is told that the call is recorded; null: the operator's choice"""
    consent_notice: str | None
    """The prompt that tells of the recording; null: the operator's"""
    balance_warning: str | None
    """The prompt for both when the balance runs out; null: the operator's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that was uploaded."""

    name: str
    """The name"""
    duration_sec: float
    """Length in seconds"""
    created_at: datetime
    """When it was made"""
