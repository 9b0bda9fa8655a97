"""Letters on their way out: a bounded number, each tried again for a while, then given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from control_api.mail.letters import Letter
from control_api.mail.shelf import LetterShelf, keep
from storage.errors import StorageError
from storage.units import UnitOfWork

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
    """What is to be sent. What waits at the end of this process is taken up by the next one from the shelf; what is not
    on it is lost, with a line in the log."""

    def __init__(
        self,
        carrier: Carrier,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shelf: LetterShelf | None = None,
    ) -> None:
        """To be closed. `pause` waits for so many seconds."""
        self._carrier = carrier
        self._pause = pause
        self._shelf = shelf
        self._of_this_run: set[str] = set()  # letters written down, until those of an earlier run are taken up
        self._took_up = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._counter = asyncio.Semaphore(AT_ONCE)
        self._sent = self._given_up = self._dropped = 0

    def token(self, letter_id: str) -> tuple[str, str] | None:
        """A fresh token for a letter and the same one sealed; None where a letter with a token cannot be kept."""
        return None if self._shelf is None else self._shelf.token(letter_id)

    def keep(self, unit: UnitOfWork, letter: Letter, token: str | None = None, sealed: str | None = None) -> None:
        """Write a letter down in the unit of work that makes it, where it can be; to be sent once that is done."""
        if self._shelf is not None:
            if not self._took_up:
                self._of_this_run.add(letter.letter_id)
            keep(unit, letter, token, sealed)

    async def take_up(self, now_ms: int) -> None:
        """Send what an earlier run left, each from its first attempt."""
        if self._shelf is None:
            return
        try:
            letters, dropped = await self._shelf.waiting(now_ms, self._of_this_run)
        except StorageError as error:
            LOG.error("letters of an earlier run cannot be taken up: %s", error)
            return
        finally:
            self._took_up = True
            self._of_this_run.clear()
        self._given_up += dropped
        if dropped:
            LOG.error("%d letters of an earlier run were given up: too old, or of a key that has gone", dropped)
        for letter in letters:
            self.send(letter)

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
            LOG.warning("%d letters were not sent: the server stops; those that are kept go out later", len(waiting))

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
                await self._done(letter)
                return
        self._given_up += 1
        LOG.error("a letter was given up (%s): %s", letter.kind, reason)
        await self._done(letter)

    async def _done(self, letter: Letter) -> None:
        if self._shelf is None:
            return
        try:
            await self._shelf.drop(letter.letter_id)
        except StorageError as error:
            LOG.error("a letter stays written down, and may be sent once more (%s): %s", letter.kind, error)
