"""Counting and, at a limited rate, logging what comes from addresses that are no peer's."""

import logging
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.sip.routing import TransportAddress

LOG_INTERVAL_S: Final = 60.0
"""At most one line in this time."""

_LOGGER: Final = logging.getLogger(__name__)


class StrangerLog:
    """The first stranger is logged at once, those of the next minute in one line at its end. Nothing they sent is."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._alarm = Alarm(scheduler, self._report)
        self._newest: TransportAddress | None = None
        self._unreported = 0
        self.dropped = 0

    def dropped_one(self, source: TransportAddress) -> None:
        """A message or connection from `source` was dropped."""
        self.dropped += 1
        self._unreported += 1
        self._newest = source
        if self._alarm.when is None:
            self._report()

    def close(self) -> None:
        """Log no more."""
        self._alarm.clear()

    def _report(self) -> None:
        if self._unreported == 0:
            return
        # With separators: digits in a row are cut down as a telephone number's, and a flood has seven of them.
        count = f"{self._unreported:,}"
        _LOGGER.warning("dropped %s messages or connections from strangers, the newest from %s", count, self._newest)
        self._unreported = 0
        self._alarm.set(self._scheduler.time() + LOG_INTERVAL_S)
