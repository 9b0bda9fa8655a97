"""What follows an attempt to deliver: done, again later, or given up."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

DELAYS_S: Final = (5, 30, 120, 600, 1800, 7200, 21_600)
MOST_ATTEMPTS: Final = len(DELAYS_S) + 1
JITTER: Final = 0.1  # of a delay, added
LONGEST_RETRY_AFTER_S: Final = 3600

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Verdict:
    """`next_attempt_at` in Unix milliseconds; None with `delivered` False is a dead letter."""

    delivered: bool
    next_attempt_at: int | None = None
    disable_endpoint: bool = False


def judge(
    attempt: int, http_status: int | None, now_ms: int, jitter: float, retry_after_s: float | None = None
) -> Verdict:
    """What follows attempt number `attempt` (from 1), ended at `now_ms` with this status; None: no response.

    `jitter` of 0..1 spreads the retries. A receiver's Retry-After may put the next one off, by an hour at most.
    """
    if http_status is not None and 200 <= http_status < 300:
        return Verdict(delivered=True)
    if http_status == GONE:
        return Verdict(delivered=False, disable_endpoint=True)
    if attempt >= MOST_ATTEMPTS:
        return Verdict(delivered=False)
    delay_s = DELAYS_S[max(attempt, 1) - 1] * (1 + JITTER * jitter)
    if retry_after_s is not None:
        delay_s = max(delay_s, min(retry_after_s, LONGEST_RETRY_AFTER_S))
    return Verdict(delivered=False, next_attempt_at=now_ms + round(delay_s * 1000))


def parse_retry_after(value: str | None, now_ms: int) -> float | None:
    """Seconds from now that a Retry-After field asks for (RFC 9110 section 10.2.3); None where it says nothing."""
    if value is None or len(value) > 40:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter of a number with too many digits
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, until.timestamp() - now_ms / 1000)
