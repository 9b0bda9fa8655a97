"""What waits for one who listens: a queue with a limit, which ends where the listener falls behind."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final, Generic, TypeVar

Event = TypeVar("Event")

TOO_SLOW: Final = "too_slow"


class Backlog(Generic[Event]):
    """At most `limit` events wait. `end`: why no more will come, None while more may."""

    def __init__(self, limit: int) -> None:
        self.end: str | None = None
        self._limit = limit
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()

    def give(self, event: Event) -> None:
        """Put an event into the queue; where that is full, it ends."""
        if self.end is None and len(self._events) >= self._limit:
            self.finish(TOO_SLOW)
        elif self.end is None:
            self._events.append(event)
            self._news.set()

    def finish(self, reason: str) -> None:
        """End it once what waits has been taken; the first reason stands."""
        self.end = self.end or reason
        self._news.set()

    async def take(self, patience_s: float) -> list[Event]:
        """What has come, waited for so long; empty when nothing has, or when it ends."""
        if not self._events and self.end is None:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
        events = list(self._events)
        self._events.clear()
        return events
