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
    whisper_a: str | None
    whisper_b: str | None
    consent: Consent | None
    consent_notice: str | None
    balance_warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that was uploaded."""

    name: str
    duration_sec: float
    created_at: datetime
