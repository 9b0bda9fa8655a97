"""Recordings whose time is over are purged, and the files of purged ones are looked for until they are gone."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from b2bua.clock import Clock
from b2bua.switch.recordings_at_rest import RecordingsAtRest
from storage.errors import StorageError
from storage.records import PurgedBy, Recording
from storage.store import Store
from storage.units import Reader, UnitOfWork

LOG: Final = logging.getLogger(__name__)

TURN_S: Final = 60.0
BUSY_TURN_S: Final = 2.0  # where a turn found as many as it takes: there are more
TURN_LIMIT: Final = 200  # recordings purged, and recordings whose files are looked for, in one turn


class Retention:
    """Works through what is due, a bounded number at a turn, one after the other: calls come first."""

    def __init__(
        self,
        store: Store,
        at_rest: RecordingsAtRest,
        clock: Clock,
        default_days: int,
        is_exporting: Callable[[str], bool],
    ) -> None:
        """`default_days` for organisations without a term of their own, 0 for ever. `is_exporting` tells whether an MP3
        of this call may still come to be."""
        self._store = store
        self._at_rest = at_rest
        self._clock = clock
        self._default_days = default_days
        self._is_exporting = is_exporting
        self._looked_at = ""
        self.purged = 0
        self.gone = 0

    async def run(self) -> None:
        """Turn after turn, until cancelled."""
        while True:
            more = False
            try:
                more = await self.turn()
            except StorageError as error:
                LOG.warning("recordings whose time is over cannot be looked up: %s", error)
            await asyncio.sleep(BUSY_TURN_S if more else TURN_S)

    async def turn(self) -> bool:
        """Purge what is overdue and delete what is left of purged ones; whether there may be more. StorageError."""
        now = self._clock.wall_ms()
        overdue = await self._store.read(partial(_overdue, now, self._default_days))
        for recording in overdue:
            self.purged += await self._at_rest.purge(recording, PurgedBy.RETENTION)
        left = await self._store.read(partial(_with_files_left, self._looked_at))
        gone = self.gone
        for recording in left:
            await self._look_for(recording)
        # Those that stay keep no others from their turn: the next one begins behind them, and then from the first.
        self._looked_at = left[-1].call_id if len(left) == TURN_LIMIT else ""
        return len(overdue) == TURN_LIMIT or (len(left) == TURN_LIMIT and self.gone > gone)

    async def _look_for(self, recording: Recording) -> None:
        # Asked first: an MP3 that is being made comes into its place at any moment until then, and never after it.
        no_more_to_come = not self._is_exporting(recording.call_id)
        if await self._at_rest.delete_files(recording) and no_more_to_come:
            await self._store.run(partial(_gone, recording.call_id))
            self.gone += 1

    def figures(self) -> Mapping[str, float]:
        """Totals since the start, as /metrics names them."""
        return {
            "recordings_purged_total": self.purged,
            "recordings_erased_total": self._at_rest.erased,
            "recordings_deleted_total": self.gone,
            "recording_deletions_failed_total": self._at_rest.deletion_failures,
        }


def _overdue(now: int, default_days: int, reader: Reader) -> list[Recording]:
    return reader.recordings_overdue(now, default_days, TURN_LIMIT)


def _with_files_left(after: str, reader: Reader) -> list[Recording]:
    return reader.recordings_with_files_left(after, TURN_LIMIT)


def _gone(call_id: str, unit: UnitOfWork) -> None:
    unit.recordings.files_gone(call_id)
