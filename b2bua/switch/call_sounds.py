"""The prompts of each call, ready to be played: those chosen for it, and where nothing is chosen the operator's."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Final

from b2bua.call.errors import InvalidPrompts
from b2bua.call.prompting import LONGEST_S, DuePrompts, Prompt, due_prompts
from media.codecs.table import CLOCK_RATE_HZ
from media.prompts.bundled import PROMPTS
from media.prompts.loading import BUNDLED, load_prompt
from media.tones import Tone
from storage.records import NOTHING_CHOSEN, Consent, PromptChoice

_CACHED: Final = 16
_NAMED: Final = tuple(Prompt(each.name) for each in fields(PromptChoice) if each.name != "consent")


@dataclass(frozen=True, slots=True)
class CallSounds:
    """What one call has to play, by what it is for; where there is none it is left out, or the product's own tone.
    `consent`: who is told that the call is recorded."""

    sounds: Mapping[Prompt, Tone] = field(default_factory=dict)
    consent: Consent = Consent.NONE

    def due(self, *, recorded: bool) -> DuePrompts:
        """What is to be heard before the bridge."""
        return due_prompts(
            {prompt: length_s(tone) for prompt, tone in self.sounds.items()}, self.consent, recorded=recorded
        )

    def without_whispers(self) -> "CallSounds":
        """The same for a call that is none between masked parties."""
        whispers = (Prompt.WHISPER_A, Prompt.WHISPER_B)
        return CallSounds({use: tone for use, tone in self.sounds.items() if use not in whispers}, self.consent)


class CallPrompts:
    """Gives calls their prompts. A name stands for the prompt of that name that comes with the product."""

    def __init__(self, operator: CallSounds | None = None) -> None:
        """`operator`: what a call has for which nothing is chosen."""
        self.operator = operator or CallSounds()
        self.routed = self.operator.without_whispers()

    async def for_call(self, choice: PromptChoice) -> CallSounds:
        """The prompts of a call with a choice of its own. Raises `InvalidPrompts`."""
        if choice == NOTHING_CHOSEN:
            return self.operator
        sounds = dict(self.operator.sounds)
        for use in _NAMED:
            name: str | None = getattr(choice, use.value)
            if name == "":
                sounds.pop(use, None)
            elif name is not None:
                sounds[use] = await self._named(use, name)
        return CallSounds(sounds, self.operator.consent if choice.consent is None else choice.consent)

    async def _named(self, use: Prompt, name: str) -> Tone:
        where = f"prompts.{use.value}"
        if name not in PROMPTS:
            raise InvalidPrompts("There is no prompt of this name.", where)
        tone = await asyncio.to_thread(_bundled, name)
        if length_s(tone) > LONGEST_S[use]:
            raise InvalidPrompts(f"This prompt is longer than the {LONGEST_S[use]:g} s that it may last there.", where)
        return replace(tone, endless=use is Prompt.WAIT)


def length_s(tone: Tone) -> float:
    """Seconds of one pass."""
    return tone.samples / CLOCK_RATE_HZ


@lru_cache(maxsize=_CACHED)
def _bundled(name: str) -> Tone:
    return load_prompt(name, BUNDLED + name, endless=False)
