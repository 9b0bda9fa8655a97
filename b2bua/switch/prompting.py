"""What each party of a call hears between B's answer and the bridge: its prompts in order, then its waiting."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from b2bua.call.effects import Tone
from b2bua.call.model import Leg
from b2bua.call.prompting import Prompt
from media.engine import MediaEngine
from media.tones import Tone as Sound

SILENCE: Final = "silence"


class Prompting:
    """Plays to both parties at once. Everything it plays keeps the other party's audio out, early media as well."""

    def __init__(self, media: MediaEngine, names: Mapping[Leg, str], sounds: Mapping[Prompt, Sound]) -> None:
        """`names`: of the legs' media; `sounds`: the call's prompts."""
        self._media = media
        self._names = names
        self._sounds = sounds
        self._left: dict[Leg, deque[Prompt]] = {}
        self._hearing: set[Leg] = set()

    def begin(self, a: tuple[Prompt, ...], b: tuple[Prompt, ...]) -> None:
        """Let A and B hear their prompts from now."""
        self._left = {Leg.A: deque(a), Leg.B: deque(b)}
        self._hearing = {leg for leg, prompts in self._left.items() if prompts}
        for leg in Leg:
            self._next(leg)

    @property
    def hearing(self) -> bool:
        """Whether somebody has not heard everything yet."""
        return bool(self._hearing)

    def finished(self, leg: Leg) -> bool:
        """What was played to a leg is over. Whether both have now heard everything, which is told once."""
        if leg not in self._hearing:
            return False
        if not self._left[leg]:
            self._hearing.discard(leg)
        if self._hearing:
            self._next(leg)
        return not self._hearing

    def _next(self, leg: Leg) -> None:
        name, left = self._names[leg], self._left[leg]
        if left:
            self._media.play_prompt(name, self._sounds[left.popleft()])
        elif leg is Leg.B:
            self._media.play(name, SILENCE, alone=True)
        elif Prompt.WAIT in self._sounds:
            self._media.play_prompt(name, self._sounds[Prompt.WAIT])
        else:
            self._media.play(name, Tone.RINGBACK.value, alone=True)
