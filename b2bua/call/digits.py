"""Which of a party's key presses count: some phones tell of one press in two ways, and it is one press all the same."""

from collections.abc import Sequence
from typing import Final

from b2bua.call.events import DigitPressed, DigitWay

HELD_MAX: Final = 32  # presses that wait to be told from repetitions; more are dropped
HOLD_S: Final = 0.5  # beyond its own length, how long a press waits for the same one as an event


class Presses:
    """The key presses of one leg. The first way that is known to carry them is taken, the others are passed over.

    A leg that has agreed to telephone-event and yet sends INFO may send both: its INFOs are held until an event comes,
    which they then only repeat, or until none has come in time. From then on its INFOs count at once.
    """

    __slots__ = ("_held", "_way")

    def __init__(self) -> None:
        self._way: DigitWay | None = None
        self._held: list[DigitPressed] = []

    @property
    def held(self) -> Sequence[DigitPressed]:
        """Presses that wait for `release`, or for an event that shows them to be repetitions."""
        return self._held

    def take(self, press: DigitPressed) -> bool:
        """Whether a press counts now; one that may be a repetition is held."""
        if self._way is DigitWay.EVENT and press.way is DigitWay.INFO and not press.events_agreed:
            self._way = None  # the session has changed: its events cannot come any more
        if self._way is None and press.way is DigitWay.INFO and press.events_agreed:
            if len(self._held) < HELD_MAX:
                self._held.append(press)
            return False
        if self._way is None:
            self._way = press.way
            self._held.clear()
        return press.way is self._way

    def release(self) -> tuple[DigitPressed, ...]:
        """No event has come: the held presses count, in their order."""
        released = tuple(self._held)
        self._held.clear()
        self._way = DigitWay.INFO
        return released
