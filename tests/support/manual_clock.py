"""A clock that moves only when a test moves it; it stands in for the event loop's scheduler and for both clocks."""

import heapq
from collections.abc import Callable
from itertools import count


class ManualHandle:
    """A callback scheduled on a `ManualClock`."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Withdraw it; harmless when it has already run."""
        self.callback = None


class ManualClock:
    """Satisfies `b2bua.alarm.Scheduler` and `b2bua.clock.Clock`; both clocks advance together, by `advance` alone."""

    def __init__(self, start_s: float = 1000.0, wall_ms: int = 1_700_000_000_000) -> None:
        self._now = start_s
        self._start_s = start_s
        self._start_wall_ms = wall_ms
        self._order = count()
        self._waiting: list[tuple[float, int, ManualHandle]] = []

    def time(self) -> float:
        """Monotonic seconds."""
        return self._now

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return self._now

    def wall_ms(self) -> int:
        """Unix milliseconds, moved by the same steps."""
        return self._start_wall_ms + round((self._now - self._start_s) * 1000)

    def step_wall(self, ms: int) -> None:
        """Set the wall clock forward, or back, as an operator or NTP may; the monotonic one knows nothing of it."""
        self._start_wall_ms += ms

    def call_at(self, when: float, callback: Callable[[], object], /) -> ManualHandle:
        """Run `callback` when the clock is moved to or past `when`."""
        handle = ManualHandle(when, callback)
        heapq.heappush(self._waiting, (when, next(self._order), handle))
        return handle

    def call_later(self, delay_s: float, callback: Callable[[], object], /) -> ManualHandle:
        """Run `callback` when the clock is moved `delay_s` on."""
        return self.call_at(self._now + delay_s, callback)

    def call_soon(self, callback: Callable[[], object], /) -> ManualHandle:
        """Run `callback` at the next `advance`, one of zero seconds included."""
        return self.call_at(self._now, callback)

    def advance(self, seconds: float) -> None:
        """Move the clock, running what falls due in order of time, what those callbacks schedule included."""
        self.advance_to(self._now + seconds)

    def advance_to(self, when: float) -> None:
        """Move the clock to monotonic second `when`, running what falls due on the way."""
        while self._waiting and self._waiting[0][0] <= when:
            due, _, handle = heapq.heappop(self._waiting)
            callback, handle.callback = handle.callback, None
            if callback is not None:
                self._now = max(self._now, due)
                callback()
        self._now = max(self._now, when)

    def next_due(self) -> float | None:
        """When the next callback is due, None when none is scheduled."""
        while self._waiting and self._waiting[0][2].callback is None:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None
