"""What calls write to the store: strictly in order, in waves, and again until it is written.

A call never waits for the database. What it wants written is queued here; everything waiting goes into one unit of
work, and the next wave starts when that one is durable. When the store cannot be written (full disk, lock), the same
wave is tried again until it can: facts are late then, never lost or out of order.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from b2bua.switch.outage import Outage
from storage.errors import StoreUnavailable
from storage.store import Store
from storage.units import UnitOfWork

LOG: Final = logging.getLogger(__name__)

WAVE_LIMIT: Final = 256
# What comes so close together shares a wave: nobody waits for it, and a commit has its price. Waves start on multiples
# of this on the loop's clock, as the webhook dispatcher's units do, so that both share one commit.
GATHER_S: Final = 0.02
BACKLOG_TO_REFUSE_CALLS: Final = 2_000  # entries; live calls can still add a few each, new ones are turned away
RETRY_FIRST_S: Final = 0.25
RETRY_LONGEST_S: Final = 5.0
TRIES_TO_BE_AWAY: Final = 5  # in vain, over 3.75 s at least; signs of life are to be written also where no calls come

Work = Callable[[UnitOfWork], object]
Done = Callable[[object], None]


class Journal:
    """An ordered, retrying writer in front of the store. `on_committed` is told after every durable wave."""

    def __init__(self, store: Store, on_committed: Callable[[], None]) -> None:
        self._store = store
        self._on_committed = on_committed
        self._waiting: deque[tuple[Work, Done | None]] = deque()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._outage = Outage()
        self.leads_nowhere = False  # what is written goes into files that the next start does not find
        self.retries = 0
        self.failed = 0

    @property
    def backlog(self) -> int:
        """Entries not yet durable."""
        return len(self._waiting)

    @property
    def overloaded(self) -> bool:
        """Whether so much waits that no new call should be taken on."""
        return len(self._waiting) >= BACKLOG_TO_REFUSE_CALLS or self.broken

    @property
    def broken(self) -> bool:
        """Whether writing has ended though nobody closed it, a defect of ours, or leads nowhere. What waits is not lost
        but late: the next start settles what it finds open."""
        return self.leads_nowhere or (self._task is not None and self._task.done() and not self._closing)

    @property
    def away(self) -> bool:
        """Whether nothing could be written for a while, and so no call be admitted."""
        return self._outage.failures >= TRIES_TO_BE_AWAY

    def add(self, work: Work, done: Done | None = None) -> None:
        """Queue `work`; `done` gets its result on the event loop once it is durable."""
        self._waiting.append((work, done))
        self._more.set()

    def start(self) -> None:
        """Begin writing."""
        self._task = asyncio.get_running_loop().create_task(self._write_waves(), name="journal")
        self._task.add_done_callback(_tell_of_end)

    async def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, at most `timeout_s` long, and stop."""
        self._closing = True
        self._more.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout_s)
            if not self._task.done():
                LOG.error("%d facts could not be written before the end", len(self._waiting))
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_waves(self) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._more.clear()
                await self._more.wait()
            if not self._closing and len(self._waiting) < WAVE_LIMIT:
                await asyncio.sleep(_until_turn(asyncio.get_running_loop().time()))
            wave = [self._waiting[i] for i in range(min(len(self._waiting), WAVE_LIMIT))]
            try:
                results = await self._write(wave)
            except StoreUnavailable as error:
                self.retries += 1
                if self._outage.failed():
                    LOG.error("the store cannot be written, trying again in %.2f s: %s", pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_LONGEST_S)
                continue
            pause_s = RETRY_FIRST_S
            self._written(wave, results)

    def _written(self, wave: list[tuple[Work, Done | None]], results: list[object]) -> None:
        if tries := self._outage.over():
            LOG.warning("the store is written again: after %d tries in vain", tries)
        for _ in wave:
            self._waiting.popleft()
        for (_, done), result in zip(wave, results, strict=True):
            if done is not None:
                _tell(done, result)
        self._on_committed()

    async def _write(self, wave: list[tuple[Work, Done | None]]) -> list[object]:
        """All of the wave as one unit of work; if an entry is at fault, each by itself: only that one is lost."""
        try:
            return await self._store.run(lambda unit: [work(unit) for work, _ in wave])
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever an entry raised, the others must still be written
            results: list[object] = []
            for work, _ in wave:
                results.append(await self._write_alone(work))
            return results

    async def _write_alone(self, work: Work) -> object:
        try:
            return await self._store.run(work)
        except StoreUnavailable:
            raise
        except Exception as error:
            self.failed += 1
            LOG.exception("a fact could not be written and is given up")
            return error


def _until_turn(now: float) -> float:
    """Seconds to the next multiple of `GATHER_S` on the loop's clock."""
    return GATHER_S - now % GATHER_S if GATHER_S > 0 else 0.0


def _tell(done: Done, result: object) -> None:
    """The fact is written: whatever its asker makes of it, those behind it must be written too."""
    try:
        done(result)
    except Exception:
        LOG.exception("what follows from a written fact failed")


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        LOG.critical("the journal has stopped: no fact is written any more", exc_info=task.exception())
