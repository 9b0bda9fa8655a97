"""The tones and announcements a leg can be made to hear, by name, encoded once."""

from collections.abc import Iterable

from media.packet_path.interface import PlaybackPlan
from media.prompts.bundled import PROMPTS, load
from media.tones import CADENCES, Tone, prepare, silence


class Player:
    """Everything ready to be sent. Ringback gives way to relayed audio; what has an end replaces it."""

    def __init__(self, prompts: Iterable[Tone] = ()) -> None:
        """`prompts` take the place of the tones that they are called like."""
        tones = (*(prepare(cadence) for cadence in CADENCES), silence(), *(load(name) for name in PROMPTS), *prompts)
        self._plans = {tone.name: PlaybackPlan(tone, overrides=not tone.endless) for tone in tones}

    def plan(self, tone: str) -> PlaybackPlan:
        """How to play a tone; ValueError for an unknown name."""
        plan = self._plans.get(tone)
        if plan is None:
            raise ValueError(f"no tone is called {tone!r}; there are: {', '.join(self._plans)}")
        return plan
