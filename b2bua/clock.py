"""The only reader of time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that never jumps for deadlines, one that people read for records."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; its zero means nothing. The event loop's own clock."""
        ...

    def wall_ms(self) -> int:
        """UTC as Unix milliseconds."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """UTC as Unix milliseconds."""
        return time.time_ns() // 1_000_000
