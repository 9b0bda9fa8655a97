"""What was told of calls, handed on to whoever listens at that moment.

The events table is the one source: as long as anybody listens, what is new in it is read once for all of them, in the
order it was committed. Nobody who listens can hold up a call, a webhook or another listener.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

from b2bua.switch.outage import Outage
from control_api.backlog import TOO_SLOW, Backlog
from control_api.errors import NotReady, RateLimited
from storage.errors import StorageError
from storage.records import OutboxEvent
from storage.store import Store

LOG: Final = logging.getLogger(__name__)

LISTENERS: Final = 1_000  # in all; one more is asked to come back
BACKLOG: Final = 1_000  # events that one listener may be behind; then it is let go
EVENTS_AT_ONCE: Final = 500
LOOK_AGAIN_S: Final = 0.25  # a commit is told of by `wake`; those that are not are found by then
RETRY_AFTER_S: Final = 5


class End(StrEnum):
    """Why a stream ends, as it is told in its last event."""

    SHUTDOWN = "shutdown"  # the server stops: connect again
    TOO_SLOW = TOO_SLOW  # the listener fell behind: connect again, with Last-Event-ID
    UNAUTHORIZED = "unauthorized"  # the key was revoked, or has expired
    CALL_OVER = "call_over"  # nothing more will be told of this call


class Listener(Backlog[OutboxEvent]):
    """One stream's place. `after` is the number of the last event before those that it gets."""

    def __init__(self, org_id: str, bucket: str, call_id: str | None, alive: Callable[[], bool], after: int) -> None:
        super().__init__(BACKLOG)
        self.org_id = org_id
        self.bucket = bucket
        self.call_id = call_id
        self.alive = alive
        self.after = after


class EventFeed:
    """Reads what is new and gives it to the listeners it is for. At most `per_key` streams for one key or person."""

    def __init__(self, store: Store, per_key: int) -> None:
        self._store = store
        self._per_key = per_key
        self._listeners: set[Listener] = set()
        self._by_key: Counter[str] = Counter()
        self._position = 0
        self._joining = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._outage = Outage()
        self.opened = 0
        self.let_go = 0

    def wake(self) -> None:
        """There may be something new: call it on the event loop after a commit. Cheap, whoever listens."""
        self._wanted.set()

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return {
            "event_streams": len(self._listeners),
            "event_streams_opened_total": self.opened,
            "event_streams_let_go_total": self.let_go,
        }

    async def join(self, org_id: str, bucket: str, alive: Callable[[], bool], call_id: str | None = None) -> Listener:
        """A place in the feed from now on; `alive` tells whether its connection still is. Give it back by `leave`.

        RateLimited: the key has as many streams as it may. NotReady: there are too many in all, or the server stops.
        """
        self._check_room(bucket)
        async with self._joining:
            if not self._listeners:
                self._position = await self._store.read(lambda reader: reader.last_told())
            self._check_room(bucket)
            listener = Listener(org_id, bucket, call_id, alive, self._position)
            self._listeners.add(listener)
        self._by_key[bucket] += 1
        self.opened += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="event feed")
        return listener

    def leave(self, listener: Listener) -> None:
        """Give the place back."""
        if listener in self._listeners:
            self._listeners.discard(listener)
            self._by_key[listener.bucket] -= 1
            if not self._by_key[listener.bucket]:
                del self._by_key[listener.bucket]
            self.let_go += listener.end == TOO_SLOW

    async def close(self) -> None:
        """End every stream."""
        self._closing = True
        for listener in self._listeners:
            listener.finish(End.SHUTDOWN)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _check_room(self, bucket: str) -> None:
        if self._by_key[bucket] >= self._per_key or len(self._listeners) >= LISTENERS:
            for listener in [each for each in self._listeners if not each.alive()]:
                self.leave(listener)
        if self._closing or len(self._listeners) >= LISTENERS:
            raise NotReady("No more streams can be opened now.", RETRY_AFTER_S)
        if self._by_key[bucket] >= self._per_key:
            raise RateLimited(RETRY_AFTER_S)

    async def _run(self) -> None:
        while self._listeners:
            self._wanted.clear()
            try:
                more = await self._turn()
            except StorageError as error:
                if self._outage.failed():
                    LOG.warning("what was told of calls cannot be read now: %s", error)
                more = False
            except Exception:  # a defect of ours: the streams that are open go on
                if self._outage.failed():
                    LOG.exception("what was told of calls could not be handed on")
                more = False
            else:
                self._outage.over()
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await self._wanted.wait()

    async def _turn(self) -> bool:
        """Hand on what is new; whether there may be more of it."""
        after = self._position
        told = await self._store.read(lambda reader: reader.told_after(after, EVENTS_AT_ONCE))
        for number, event in told:
            self._position = number
            for listener in self._listeners:
                if listener.org_id == event.org_id and listener.call_id in (None, event.call_id):
                    listener.give(event)
        return len(told) == EVENTS_AT_ONCE
