"""Looks now and then whether what is written goes where the next start looks for it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from b2bua.clock import Clock
from b2bua.switch.journal import Journal
from storage.errors import StorageError
from storage.store import Store

LOG: Final = logging.getLogger(__name__)

EVERY_S: Final = 5.0
TOLD_EVERY_S: Final = 60.0


class DatabaseWatch:
    """Has new calls refused while a file of the database is not where it was opened: a crash would lose their money,
    and a command run beside the server could damage the rest. Calls that are live go on."""

    def __init__(self, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._astray = 0
        self._told_at: dict[str, float] = {}  # each trouble that there is, and when it was told last

    async def run(self) -> None:
        """Turn after turn, until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Look once."""
        try:
            astray = await self._store.astray()
        except OSError as error:
            if self._to_be_told("look"):
                LOG.warning("whether the database is where it was cannot be told now: %s", error)
            return
        self._told_at.pop("look", None)
        self._astray = len(astray)
        self._journal.leads_nowhere = bool(astray)
        if astray:
            await self._rescue()
            self._tell(", ".join(map(str, astray)))
        elif self._told_at.pop("astray", None) is not None:
            self._told_at.pop("rescue", None)
            LOG.warning("the files of the database are where they were again: calls are taken")

    async def _rescue(self) -> None:
        """Also what has come since the last turn: the log alone may be lost, and then this is all that is left."""
        try:
            await self._store.write_back()
        except (StorageError, OSError) as error:
            if self._to_be_told("rescue"):
                LOG.error("what was written last cannot be brought into the database file now: %s", error)
        else:
            self._told_at.pop("rescue", None)

    def _to_be_told(self, trouble: str) -> bool:
        """Whether a trouble is new, or was told of long ago."""
        now = self._clock.monotonic()
        told_at = self._told_at.get(trouble)
        if told_at is not None and now - told_at < TOLD_EVERY_S:
            return False
        self._told_at[trouble] = now
        return True

    def _tell(self, files: str) -> None:
        if self._to_be_told("astray"):
            LOG.critical(
                "deleted, moved or replaced under the running server: %s. What it writes would not be found after a"
                " crash: it takes no new calls. Put the file back, or stop the server and start it again",
                files,
            )

    def figures(self) -> Mapping[str, float]:
        """As /metrics names it."""
        return {"database_files_astray": self._astray}
