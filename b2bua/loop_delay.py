"""How late the event loop comes to what is due: whatever holds it up holds up every call's signalling."""

from collections.abc import Mapping
from typing import Final

from b2bua.alarm import Alarm, Scheduler

LOOK_S: Final = 0.1
WINDOW_S: Final = 5.0  # the worst is kept for this long, and at most twice as long


class LoopDelay:
    """Sets itself an alarm over and over, and keeps by how much it came too late."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._alarm = Alarm(scheduler, self._rang)
        self._due = 0.0
        self._worst_s = self._worst_before_s = 0.0
        self._window_ends = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._window_ends = self._scheduler.time() + WINDOW_S
        self._set()

    def stop(self) -> None:
        """Look no more."""
        self._alarm.clear()

    def figures(self) -> Mapping[str, float]:
        """The worst of the last five to ten seconds, in seconds, for /metrics."""
        return {"loop_delay_seconds": max(self._worst_s, self._worst_before_s)}

    def _set(self) -> None:
        self._due = self._scheduler.time() + LOOK_S
        self._alarm.set(self._due)

    def _rang(self) -> None:
        now = self._scheduler.time()
        if now >= self._window_ends:
            self._worst_before_s, self._worst_s = self._worst_s, 0.0
            self._window_ends = now + WINDOW_S
        self._worst_s = max(self._worst_s, now - self._due)
        self._set()
