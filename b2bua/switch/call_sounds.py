"""The prompts of each call, ready to be played: chosen for it, else by its organisation, else the operator's."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from b2bua.call.errors import InvalidPrompts
from b2bua.call.prompting import LONGEST_S, DuePrompts, Prompt, due_prompts
from b2bua.switch.prompt_shelf import USES, OwnPrompts, PromptShelf, length_s, too_long
from media.errors import PromptUnusable
from media.prompts.bundled import RECORDING_CONSENT
from media.tones import Tone
from storage.records import NOTHING_CHOSEN, Consent, PromptChoice

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallSounds:
    """What one call has to play, by what it is for; where there is none it is left out, or the product's own tone.
    `consent`: who is told that the call is recorded."""

    sounds: Mapping[Prompt, Tone] = field(default_factory=dict)
    consent: Consent = Consent.NONE

    def due(self, *, recorded: bool) -> DuePrompts:
        """What is to be heard before the bridge."""
        lengths_s = {prompt: length_s(tone) for prompt, tone in self.sounds.items()}
        return due_prompts(lengths_s, self.consent, recorded=recorded)

    def without_whispers(self) -> "CallSounds":
        """The same for a call that is none between masked parties."""
        whispers = (Prompt.WHISPER_A, Prompt.WHISPER_B)
        return CallSounds({use: tone for use, tone in self.sounds.items() if use not in whispers}, self.consent)


class CallPrompts:
    """Gives calls their prompts."""

    def __init__(self, shelf: PromptShelf, operator: CallSounds | None = None) -> None:
        """`operator`: what a call has for which nothing is chosen."""
        self._shelf = shelf
        self._operator = operator or CallSounds()
        self.nobodys = self._operator.without_whispers()

    async def for_call(self, org_id: str, choice: PromptChoice = NOTHING_CHOSEN) -> CallSounds:
        """The prompts of an organisation's call. Raises `InvalidPrompts` for what was chosen for the call itself."""
        own = await self._shelf.own(org_id)
        if choice == own.choice == NOTHING_CHOSEN:
            return self._operator
        sounds = dict(self._operator.sounds)
        for use in USES:
            name: str | None = getattr(choice, use.value)
            tone = await (self._standing(own, use, org_id) if name is None else self._wanted(own, use, name))
            if tone is not None:
                sounds[use] = tone
            elif (getattr(own.choice, use.value) if name is None else name) == "":
                sounds.pop(use, None)
        if Prompt.CONSENT_NOTICE not in sounds:  # whoever is to be told of the recording is told
            sounds[Prompt.CONSENT_NOTICE] = await self._shelf.tone(OwnPrompts(), RECORDING_CONSENT)
        consents = (choice.consent, own.choice.consent, self._operator.consent)
        return CallSounds(sounds, next(consent for consent in consents if consent is not None))

    async def _wanted(self, own: OwnPrompts, use: Prompt, name: str) -> Tone | None:
        """What was chosen for the call."""
        where = f"prompts.{use.value}"
        try:
            tone = await self._shelf.tone(own, name, endless=use is Prompt.WAIT) if name else None
        except KeyError:
            raise InvalidPrompts("There is no prompt of this name.", where) from None
        except PromptUnusable as error:
            LOG.error("the prompt %s cannot be played: %s", name, error)
            raise InvalidPrompts("This prompt cannot be played. Please upload it again.", where) from error
        if tone is not None and length_s(tone) > LONGEST_S[use]:
            raise InvalidPrompts(too_long(use), where)
        return tone

    async def _standing(self, own: OwnPrompts, use: Prompt, org_id: str) -> Tone | None:
        """What the organisation has chosen; None also where that cannot be played, for which no call is refused."""
        name: str | None = getattr(own.choice, use.value)
        try:
            return await self._shelf.tone(own, name, endless=use is Prompt.WAIT) if name else None
        except (KeyError, PromptUnusable) as error:
            LOG.error("organisation %s: its %s, %s, cannot be played: %s", org_id, use.value, name, error)
            return None
