"""Statements drawn as PDF: long ones in a process of their own, few at a time, and those of closed months kept."""

import asyncio
import os
import signal
import threading
from collections import OrderedDict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Final

from b2bua.billing.statements import Statement
from control_api.errors import NotReady

WAITING_MAX: Final = 8  # under way or waiting; beyond that whoever asks is to ask again
LINES_HERE: Final = 100  # a line takes a millisecond: so many are drawn on a thread, more would be heard by calls
KEPT_MAX: Final = 64
KEPT_BYTES_MAX: Final = 2**24  # of all that is kept; the statement that was asked for longest ago goes first

# Whose, which month, and what of the organisation stands on it. The ledger of a closed month never changes.
_Key = tuple[str, str, str, str | None]


class StatementPrinter:
    """Draws them. The process is begun with the first long statement, and stays."""

    def __init__(self) -> None:
        """To be closed."""
        self._pool: ProcessPoolExecutor | None = None
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._waiting = 0

    async def pdf(self, org_id: str, statement: Statement) -> bytes:
        """A statement of an organisation. NotReady: too many wait, or the process has ended."""
        key = (org_id, statement.month, statement.customer, statement.gstin)
        kept = self._kept.get(key) if statement.complete else None
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        if self._waiting >= WAITING_MAX:
            raise NotReady("Too many statements are being drawn.", retry_after_s=5)
        self._waiting += 1
        try:
            content = await self._drawn(statement)
        finally:
            self._waiting -= 1
        if statement.complete:
            self._keep(key, content)
        return content

    def close(self) -> None:
        """End the process; what is under way there is given up."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _drawn(self, statement: Statement) -> bytes:
        is_long = len(statement.lines) > LINES_HERE
        if is_long and self._pool is None:
            # Spawned: a fork of a process with threads may stand still.
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin)
        pool = self._pool if is_long else None
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _draw, statement)
        except BrokenProcessPool:
            if self._pool is pool:
                self.close()
            raise NotReady("The statement could not be drawn now.", retry_after_s=1) from None

    def _keep(self, key: _Key, content: bytes) -> None:
        self._kept[key] = content
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_MAX or sum(map(len, self._kept.values())) > KEPT_BYTES_MAX:
            self._kept.popitem(last=False)


def _begin() -> None:
    """What a terminal sends is for the service, which ends this process in its turn, or by being killed itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_service, daemon=True).start()


def _end_with_service() -> None:
    # The pool's queue never ends by itself: this process has its other end too.
    service = parent_process()
    if service is not None:
        service.join()
        os._exit(1)


def _draw(statement: Statement) -> bytes:
    # What draws takes half a second to load, which no start of a server is to wait for.
    from b2bua.billing.statement_pdf import to_pdf

    return to_pdf(statement)
