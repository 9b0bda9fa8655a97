"""RFC 3339 timestamps at the edge: UTC to the second with a `Z` going out, any offset coming in."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

# RFC 3339 section 5.6 date-time. A `+` of the offset that a client forgot to percent-encode in a query arrives as a
# space, so a space stands for it.
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([-+ ])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def render_timestamp(at_ms: int) -> str:
    """Unix milliseconds as `2025-01-31T23:59:59Z`, fraction of the second cut off. What lies past 9999 is its end."""
    return datetime.fromtimestamp(min(at_ms, LAST_MS) // 1000, UTC).isoformat()[:19] + "Z"


def optional_timestamp(at_ms: int | None) -> str | None:
    """`render_timestamp`, with None staying None."""
    return None if at_ms is None else render_timestamp(at_ms)


def parse_timestamp(text: str) -> int:
    """An RFC 3339 date-time as Unix milliseconds. Raises ValueError.

    A finer fraction is cut off, but what lies after a second's beginning stays after it: dates are compared as they are
    shown, to the second.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time")
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = timedelta()
    if sign is not None:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError("not an offset")
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        if sign == "-":
            offset = -offset
    leap_second = second == 60  # the 61st second of a minute is the first of the next on Unix's clock
    local = datetime(year, month, day, hour, minute, 59 if leap_second else second, tzinfo=timezone(offset))
    fraction = (fraction or "").rstrip("0")
    milliseconds = max(int(fraction[:3].ljust(3, "0")), 1 if fraction else 0)
    at_ms = (local - _EPOCH) // timedelta(seconds=1) * 1000 + (1000 if leap_second else milliseconds)
    if not FIRST_MS <= at_ms <= LAST_MS:
        raise ValueError("no time of the years 1 to 9999")  # an offset may lead out of them
    return at_ms
