"""Which of a party's key presses count: some phones tell of one press in two ways, and it is one press all the same."""

from collections.abc import Sequence
from typing import Final

from b2bua.call.events import DigitPressed, DigitWay

HELD_MAX: Final = 32  # presses that wait to be told from repetitions; more are dropped
HOLD_S: Final = 0.5  # beyond its own length, how long a press waits for the same one as an event
LONGEST_S: Final = 8.0  # a press that is sent on is heard for no longer, whatever its INFO says
# Beyond its own length, how long the other party's line may take to give a press's tone back.
ECHO_S: Final = 1.0
PAUSE_S: Final = 0.06  # between two presses that are sent one behind the other


class Presses:
    """The key presses of one leg. The first way that is known to carry them is taken, the others are passed over.

    A leg that has agreed to telephone-event and yet sends INFO may send both: its INFOs are held until an event comes,
    which they then only repeat, or until none has come in time. From then on its INFOs count at once. Tones in the
    audio are held in the same way for either, and each anew: they may be a voice that sounds like a key. Events have
    been relayed whatever was taken before, so the first of them is what counts from then on. Once the leg has moved,
    to another device perhaps, all of it is found out anew.
    """

    __slots__ = ("_down", "_held", "_held_before", "_sounding", "_way")

    def __init__(self) -> None:
        self._way: DigitWay | None = None
        self._held: list[DigitPressed] = []
        self._held_before = 0  # how many of them are of before the leg's newest move
        self._down = False  # a key's event has begun and has not been told of as over
        self._sounding: list[tuple[str, float]] = []  # keys that the other party hears, and until when

    def pressed(self, press: DigitPressed, now: float) -> bool:
        """Whether a press counts now. It is heard then, as one in the audio; an INFO that waits or repeats is not."""
        counts = self.take(press)
        if counts or press.way is not DigitWay.INFO:
            self.sounds(press, now)
        return counts

    def released(self, now: float) -> tuple[DigitPressed, ...]:
        """The held presses that count after all. Those of INFO are heard from now on."""
        released = self.release()
        for press in released:
            if press.way is DigitWay.INFO:
                self.sounds(press, now)
        return released

    def sounds(self, press: DigitPressed, now: float) -> None:
        """The other party hears this press, behind those that it has not heard to the end."""
        self._sounding = [(digit, until) for digit, until in self._sounding if until + ECHO_S > now][-HELD_MAX:]
        begins = max([now, *(until + PAUSE_S for _, until in self._sounding)])
        self._sounding.append((press.digit, begins + _length_s(press)))

    def comes_back(self, press: DigitPressed, now: float) -> bool:
        """Whether this press of the other party's may be nothing but one of ours that its line gives back."""
        return press.way is DigitWay.TONE and any(
            press.digit == digit and now < until + ECHO_S for digit, until in self._sounding
        )

    @property
    def held(self) -> Sequence[DigitPressed]:
        """Presses that wait for `release`, or for what shows them to be repetitions."""
        return self._held

    def begins(self) -> None:
        """An event has begun: what is held repeats it, unless another device has told of that."""
        self._down = True
        self._settle(DigitWay.EVENT)

    def moved(self) -> None:
        """The leg has moved. What is held still counts in its time, and says nothing of what comes now."""
        self._way = None
        self._held_before = len(self._held)

    def take(self, press: DigitPressed) -> bool:
        """Whether a press counts now; one that may be a repetition is held."""
        if press.way is DigitWay.EVENT:
            if not self._down:
                self._settle(DigitWay.EVENT)
            self._down = False
            return True
        if self._way is DigitWay.EVENT and not press.events_agreed:
            self._way = None  # the session has changed: its events cannot come any more
        if self._way is None and _may_repeat(press):
            if len(self._held) < HELD_MAX:
                self._held.append(press)
            return False
        if self._way is None:
            self._settle(press.way)
        return press.way is self._way

    def release(self) -> tuple[DigitPressed, ...]:
        """Nothing better has come: the held presses count, in their order; tones only where there was no INFO."""
        told = tuple(press for press in self._held if press.way is DigitWay.INFO)
        released = told or tuple(self._held)
        if any(press.way is DigitWay.INFO for press in self._held[self._held_before :]):
            self._way = DigitWay.INFO
        self._held.clear()
        self._held_before = 0
        return released

    def _settle(self, way: DigitWay) -> None:
        """This way counts: what is held since the leg's newest move only repeats it."""
        self._way = way
        del self._held[self._held_before :]


def hold_s(press: DigitPressed) -> float:
    """How long a press that is held waits for what shows it to be a repetition."""
    return _length_s(press) + HOLD_S


def _length_s(press: DigitPressed) -> float:
    """That of an event or a tone was measured; an INFO's is only what the peer says: up to a quarter of an hour."""
    told = press.duration_ms / 1000
    return min(told, LONGEST_S) if press.way is DigitWay.INFO else told


def _may_repeat(press: DigitPressed) -> bool:
    return press.way is DigitWay.TONE or (press.way is DigitWay.INFO and press.events_agreed)
