"""What may happen a thousand times a second, told in the log now and then."""

from collections.abc import Hashable
from typing import Final

INTERVAL_S: Final = 1.0


class Seldom:
    """Things of one kind each: the first is told at once, the next after `INTERVAL_S` with how many were not. Whoever
    uses it has few kinds: each is remembered."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Hashable, tuple[float, int]] = {}  # when the next is told, and how many were not

    def untold(self, kind: Hashable, now: float) -> int | None:
        """One more: how many before it were not told where it is to be told itself, else None. `now`: in seconds of a
        clock that never goes back."""
        due, left_out = self._kinds.get(kind, (now, 0))
        if now < due:
            self._kinds[kind] = (due, left_out + 1)
            return None
        self._kinds[kind] = (now + INTERVAL_S, 0)
        return left_out
