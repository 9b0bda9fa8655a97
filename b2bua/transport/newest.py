"""What came last of very many."""

from itertools import islice
from typing import Final

FORGOTTEN_AT_ONCE: Final = 8
"""This part of what is remembered, and one more."""


class Newest:
    """Numbers that were added, the newest of them up to `limit`; of one more the oldest are forgotten, an eighth at a
    time: to find the oldest one, a dictionary passes over all that have gone before it."""

    __slots__ = ("_known", "_limit")

    def __init__(self, limit: int) -> None:
        self._known: dict[int, None] = {}  # the newest last
        self._limit = limit

    def __contains__(self, number: int) -> bool:
        return number in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, number: int) -> None:
        """It is the newest from now on."""
        known = self._known
        known.pop(number, None)
        if len(known) >= self._limit:
            for oldest in tuple(islice(known, 1 + self._limit // FORGOTTEN_AT_ONCE)):
                del known[oldest]
        known[number] = None
