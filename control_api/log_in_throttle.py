"""How often a password may be tried: by account and by address, in bounded tables. Time is an argument."""

from dataclasses import dataclass
from math import ceil
from typing import Final

ACCOUNT_TRIES: Final = 10
ACCOUNT_REFILL_S: Final = 90.0
ADDRESS_TRIES: Final = 30
ADDRESS_REFILL_S: Final = 20.0
# Links to a new password: each is a mail.
RESETS_OF_ACCOUNT: Final = (3, 1_200.0)
RESETS_OF_ADDRESS: Final = (10, 360.0)
MAX_ROWS: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tries: float
    filled_at: float


class TryBuckets:
    """A number of tries for each name, refilled one by one. The table holds `max_rows`, the quietest go."""

    __slots__ = ("_buckets", "_max_rows", "_refill_s", "_tries")

    def __init__(self, tries: int, refill_s: float, max_rows: int = MAX_ROWS) -> None:
        self._tries = tries
        self._refill_s = refill_s
        self._max_rows = max_rows
        self._buckets: dict[str, _Bucket] = {}  # the quietest name first

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, name: str, now: float) -> float:
        """Seconds until this name has a try; 0: it has one."""
        missing = 1 - self._now(name, now).tries
        return 0.0 if missing <= 1e-9 else missing * self._refill_s

    def take(self, name: str, now: float) -> None:
        """Use a try up."""
        bucket = self._now(name, now)
        bucket.tries = max(0.0, bucket.tries - 1)

    def give_back(self, name: str, now: float) -> None:
        """Undo a `take` that was none of somebody guessing."""
        bucket = self._now(name, now)
        bucket.tries = min(float(self._tries), bucket.tries + 1)

    def _now(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.pop(name, None)
        if bucket is None:
            if len(self._buckets) >= self._max_rows:
                del self._buckets[next(iter(self._buckets))]
            bucket = _Bucket(float(self._tries), now)
        self._buckets[name] = bucket
        bucket.tries = min(float(self._tries), bucket.tries + max(0.0, now - bucket.filled_at) / self._refill_s)
        bucket.filled_at = now
        return bucket


class LogInThrottle:
    """Tries at a password: `ACCOUNT_TRIES` for an account whether it exists or not, `ADDRESS_TRIES` for an address; or
    other numbers of something else."""

    __slots__ = ("_accounts", "_addresses")

    def __init__(
        self,
        max_rows: int = MAX_ROWS,
        account: tuple[int, float] = (ACCOUNT_TRIES, ACCOUNT_REFILL_S),
        address: tuple[int, float] = (ADDRESS_TRIES, ADDRESS_REFILL_S),
    ) -> None:
        """Of each: how many at once, and seconds until there is one more."""
        self._accounts = TryBuckets(*account, max_rows)
        self._addresses = TryBuckets(*address, max_rows)

    def take(self, account: str, address: str, now: float) -> int:
        """Use up a try of both; or the whole seconds to wait, and nothing is used up. Taken before it is looked at."""
        wait_s = max(self._accounts.wait_s(account, now), self._addresses.wait_s(address, now))
        if wait_s > 0:
            return max(1, ceil(wait_s - 1e-6))
        self._accounts.take(account, now)
        self._addresses.take(address, now)
        return 0

    def give_back(self, account: str, address: str, now: float) -> None:
        """The password was right: the try does not count."""
        self._accounts.give_back(account, now)
        self._addresses.give_back(address, now)


def reset_throttle() -> LogInThrottle:
    """How often a new password may be asked for."""
    return LogInThrottle(account=RESETS_OF_ACCOUNT, address=RESETS_OF_ADDRESS)
