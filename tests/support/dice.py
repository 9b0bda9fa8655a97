"""Many numbers that look random and are the same on every run: for networks of hundreds of thousands of packets."""

from typing import Final

_MULTIPLIER: Final = 6364136223846793005
_INCREMENT: Final = 1442695040888963407
_MASK: Final = (1 << 64) - 1


class Dice:
    """A linear congruential generator of 64 bits."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK
        for _ in range(8):
            self.fraction()

    def fraction(self) -> float:
        """A number of 0 <= x < 1."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state / (1 << 64)

    def within(self, low: float, high: float) -> float:
        """A number between two."""
        return low + (high - low) * self.fraction()

    def below(self, limit: int) -> int:
        """An integer of 0 .. limit - 1."""
        return int(self.fraction() * limit)
