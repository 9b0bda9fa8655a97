"""How many a second are taken: what is above is turned away before it costs anything."""


class TokenBucket:
    """`rate_per_s` on the average, `burst` at once. `now`: monotonic seconds."""

    __slots__ = ("_at", "_burst", "_left", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: int, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._left = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more is taken."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate_per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
