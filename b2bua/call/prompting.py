"""What the parties of a call hear besides each other: what was chosen for it, and what is due before the bridge."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from b2bua.call.model import Leg
from storage.records import Consent, PromptChoice


class Prompt(StrEnum):
    """What a prompt is for."""

    WAIT = "wait"  # to A while B is called, over and over
    WHISPER_A = "whisper_a"  # to A alone, between B's answer and the bridge
    WHISPER_B = "whisper_b"  # to B alone, likewise
    CONSENT_NOTICE = "consent_notice"  # that the call is recorded, likewise
    BALANCE_WARNING = "balance_warning"  # to both, before the balance is used up


# Seconds that a prompt may last; whoever is to talk waits meanwhile, and nobody hears the other during a warning.
LONGEST_S: Final[Mapping[Prompt, float]] = {
    Prompt.WAIT: 60.0,
    Prompt.WHISPER_A: 30.0,
    Prompt.WHISPER_B: 30.0,
    Prompt.CONSENT_NOTICE: 30.0,
    Prompt.BALANCE_WARNING: 10.0,
}

NOTICED: Final[Mapping[Consent, tuple[Leg, ...]]] = {
    Consent.BOTH: (Leg.A, Leg.B),
    Consent.A: (Leg.A,),
    Consent.B: (Leg.B,),
    Consent.NONE: (),
}


@dataclass(frozen=True, slots=True)
class DuePrompts:
    """What A and B hear between B's answer and the bridge, in order; `longest_s`: seconds until the last has heard
    all of it."""

    a: tuple[Prompt, ...] = ()
    b: tuple[Prompt, ...] = ()
    longest_s: float = 0.0

    def __bool__(self) -> bool:
        """Whether anything is due."""
        return bool(self.a or self.b)

    @property
    def notice(self) -> bool:
        """Whether somebody is told that the call is recorded."""
        return Prompt.CONSENT_NOTICE in (*self.a, *self.b)


NOTHING_DUE: Final = DuePrompts()


def due_prompts(lengths_s: Mapping[Prompt, float], consent: Consent, *, recorded: bool) -> DuePrompts:
    """What is due of the prompts that there are, by their lengths in seconds: the leg's whisper, then the notice, which
    only a call that is recorded has."""
    if not lengths_s:
        return NOTHING_DUE
    noticed = NOTICED[consent] if recorded and Prompt.CONSENT_NOTICE in lengths_s else ()
    heard: dict[Leg, tuple[Prompt, ...]] = {}
    for leg, whisper in ((Leg.A, Prompt.WHISPER_A), (Leg.B, Prompt.WHISPER_B)):
        whispered = (whisper,) if whisper in lengths_s else ()
        heard[leg] = (*whispered, Prompt.CONSENT_NOTICE) if leg in noticed else whispered
    longest_s = max(sum(lengths_s[prompt] for prompt in prompts) for prompts in heard.values())
    return DuePrompts(heard[Leg.A], heard[Leg.B], longest_s)


def chosen(*choices: PromptChoice) -> PromptChoice:
    """One choice of several, the first that says something counting for each."""
    values = {
        each.name: next((value for choice in choices if (value := getattr(choice, each.name)) is not None), None)
        for each in fields(PromptChoice)
    }
    return PromptChoice(**values)
