"""Things that happened, in order, which can be waited for."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Journal(Generic[T]):
    """An append-only list with waiting: who waits for an entry gets it, be it there already or yet to come."""

    def __init__(self, on_entry: Callable[[T], None] | None = None) -> None:
        self.entries: list[T] = []
        self._on_entry = on_entry
        self._waiting: list[tuple[Callable[[T], bool], asyncio.Future[T]]] = []

    def add(self, entry: T) -> None:
        """Append, tell the listener, wake who waited for it."""
        self.entries.append(entry)
        if self._on_entry is not None:
            self._on_entry(entry)
        for matches, future in self._waiting:
            if not future.done() and matches(entry):
                future.set_result(entry)

    def find(self, matches: Callable[[T], bool], since: int = 0) -> T | None:
        """The first matching entry from index `since` on."""
        return next((entry for entry in self.entries[since:] if matches(entry)), None)

    async def wait_for(self, matches: Callable[[T], bool], timeout_s: float, since: int = 0) -> T | None:
        """The first matching entry from index `since` on; None when there is none after `timeout_s`."""
        found = self.find(matches, since)
        if found is not None:
            return found
        waiting = (matches, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return await asyncio.wait_for(waiting[1], timeout_s)
        except TimeoutError:
            return None
        finally:
            self._waiting.remove(waiting)
