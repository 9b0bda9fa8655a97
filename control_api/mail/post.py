"""Letters on their way out: a bounded number, each tried again for a while, then given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from control_api.mail.letters import Letter
from storage.errors import StorageError

LOG: Final = logging.getLogger(__name__)

WAITING_MAX: Final = 1_000  # letters and works; beyond that they are dropped, with a line in the log
AT_ONCE: Final = 2
PAUSES_S: Final = (0.0, 10.0, 60.0, 300.0, 1_800.0)

# Writes letters once it is its turn, out of sight of whoever asked for them.
Writing = Callable[[], Awaitable[Sequence[Letter]]]


class LetterRefused(Exception):
    """The mail server will never take it; the text has no mail address."""


class CarrierAway(Exception):
    """The mail server cannot be reached, or does not take it now; the text has no mail address."""


class Carrier(Protocol):
    """Hands letters to a mail server."""

    async def carry(self, letter: Letter) -> None:
        """Hand one over. LetterRefused, CarrierAway."""
        ...


class Post:
    """What is to be sent while this process runs; letters that wait at its end are lost, with a line in the log."""

    def __init__(self, carrier: Carrier, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """To be closed. `pause` waits for so many seconds."""
        self._carrier = carrier
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()
        self._counter = asyncio.Semaphore(AT_ONCE)
        self._sent = self._given_up = self._dropped = 0

    def send(self, letter: Letter) -> bool:
        """Take a letter; False where too many wait."""
        return self._begin(lambda: self._deliver(letter), letter.kind)

    def write(self, writing: Writing, kind: str) -> bool:
        """Take letters that are still to be written; False where too many wait."""
        return self._begin(lambda: self._write(writing, kind), kind)

    def counters(self) -> Mapping[str, float]:
        """Totals since the start, and how many wait, as /metrics names them."""
        return {
            "mail_sent_total": self._sent,
            "mail_given_up_total": self._given_up,
            "mail_dropped_total": self._dropped,
            "mail_waiting": len(self._tasks),
        }

    async def settled(self) -> None:
        """Wait until nothing waits."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Give up what waits."""
        waiting = list(self._tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if waiting:
            LOG.warning("%d letters were not sent: the server stops", len(waiting))

    def _begin(self, work: Callable[[], Awaitable[None]], kind: str) -> bool:
        if len(self._tasks) >= WAITING_MAX:
            self._dropped += 1
            LOG.error("a letter was dropped (%s): too many wait", kind)
            return False
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a letter could not be sent", exc_info=error)

    async def _write(self, writing: Writing, kind: str) -> None:
        try:
            letters = await writing()
        except StorageError as error:
            self._given_up += 1
            LOG.error("a letter could not be written (%s): %s", kind, error)
            return
        for letter in letters:
            await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        reason = ""
        for pause_s in PAUSES_S:
            if pause_s:
                await self._pause(pause_s)
            try:
                async with self._counter:
                    await self._carrier.carry(letter)
            except LetterRefused as error:
                reason = str(error)
                break
            except CarrierAway as error:
                reason = str(error)
            else:
                self._sent += 1
                return
        self._given_up += 1
        LOG.error("a letter was given up (%s): %s", letter.kind, reason)
