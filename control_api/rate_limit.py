"""Requests a minute per API key: token buckets in a bounded table. Time is an argument."""

from dataclasses import dataclass
from math import ceil
from typing import Final

MAX_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request was granted: the numbers of the `RateLimit-*` headers. `reset_s`: until the bucket is full."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int


class _Bucket:
    __slots__ = ("refilled_at", "tokens")

    def __init__(self, tokens: float, refilled_at: float) -> None:
        self.tokens = tokens
        self.refilled_at = refilled_at


class RateLimiter:
    """A bucket for each key holds a minute's requests at most and is refilled evenly over a minute.

    The table holds `max_buckets`; at that limit the key that has been quiet for longest is forgotten, and would start
    with a full bucket again.
    """

    __slots__ = ("_buckets", "_limit_per_minute", "_max_buckets")

    def __init__(self, limit_per_minute: int, max_buckets: int = MAX_BUCKETS) -> None:
        self._limit_per_minute = limit_per_minute
        self._max_buckets = max_buckets
        self._buckets: dict[str, _Bucket] = {}  # the quietest key first

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float, limit_per_minute: int | None = None) -> Allowance:
        """Take one request from the key's bucket at monotonic second `now`; the key may have its own limit."""
        limit = self._limit_per_minute if limit_per_minute is None else limit_per_minute
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            if len(self._buckets) >= self._max_buckets:
                del self._buckets[next(iter(self._buckets))]
            bucket = _Bucket(float(limit), now)
        self._buckets[key] = bucket
        per_second = limit / 60
        elapsed_s = max(0.0, now - bucket.refilled_at)
        bucket.tokens = min(float(limit), bucket.tokens + elapsed_s * per_second)
        bucket.refilled_at = now
        # A hair's breadth of tolerance: a client that waits exactly as long as it was told must not fail to rounding.
        allowed = bucket.tokens >= 1 - 1e-9
        if allowed:
            bucket.tokens = max(0.0, bucket.tokens - 1)
        if per_second == 0:
            return Allowance(allowed, limit, 0, 60, 60)
        return Allowance(
            allowed=allowed,
            limit=limit,
            remaining=int(bucket.tokens + 1e-9),
            reset_s=ceil((limit - bucket.tokens) / per_second - 1e-6),
            retry_after_s=0 if allowed else max(1, ceil((1 - bucket.tokens) / per_second - 1e-6)),
        )
