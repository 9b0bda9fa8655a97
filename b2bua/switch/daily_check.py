"""Once a day everything about money is compared, and what does not agree is told."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from b2bua.clock import Clock
from storage.errors import StorageError
from storage.store import Store

LOG: Final = logging.getLogger(__name__)

FIRST_AFTER_S: Final = 60.0  # a start has enough to do
EVERY_S: Final = 86_400.0
AGAIN_AFTER_S: Final = 600.0  # where it could not be done
TOLD_MAX: Final = 20  # so many lines in the log; `maskbridge ledger check` shows them all


class DailyCheck:
    """Compares, and keeps the result for /metrics."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found = 0
        self._failed = 0
        self._checked_at_ms = 0
        self._took_s = 0.0

    async def run(self) -> None:
        """Day after day, until cancelled."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            done = await self.turn()
            await asyncio.sleep(EVERY_S if done else AGAIN_AFTER_S)

    async def turn(self) -> bool:
        """Compare everything once; False where the database could not be read."""
        began, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        try:
            found = await self._store.read_apart(lambda reader: reader.discrepancies(now_ms))
        except StorageError as error:
            self._failed += 1
            LOG.warning("what is about money could not be compared: %s", error)
            return False
        self._found, self._checked_at_ms = len(found), now_ms
        self._took_s = self._clock.monotonic() - began
        for one in found[:TOLD_MAX]:
            LOG.error(
                "money does not agree: %s of %s %s: expected %s, found %s",
                one.kind,
                one.org_id or "all",
                one.subject,
                one.expected,
                one.found,
            )
        if len(found) > TOLD_MAX:
            LOG.error("money does not agree: %d more, which `maskbridge ledger check` shows", len(found) - TOLD_MAX)
        return True

    def figures(self) -> Mapping[str, float]:
        """The last result, as /metrics names it; before the first it was made at 0."""
        return {
            "ledger_discrepancies": self._found,
            "ledger_checked_at_seconds": self._checked_at_ms / 1000,
            "ledger_check_took_seconds": self._took_s,
            "ledger_checks_failed_total": self._failed,
        }
