"""Parts of a file over HTTP: `Range` with one range, and `If-Range` (RFC 9110 sections 13.1.5 and 14)."""

import re
from dataclasses import dataclass
from typing import Final

from control_api.errors import RangeNotSatisfiable

_ONE_RANGE: Final = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `end` of a file, both included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start + 1


def wanted_range(range_header: str | None, length: int) -> ByteRange | None:
    """The part of a file of `length` bytes that is asked for; None is the whole.

    What is no valid single byte range (several ranges, other units, nonsense) is ignored, as section 14.2 allows.
    Raises RangeNotSatisfiable when no byte of a valid range exists.
    """
    match = None if range_header is None else _ONE_RANGE.fullmatch(range_header)
    if match is None:
        return None
    first, last = match.groups()
    if first == "":
        return None if last == "" else _suffix(int(last), length)
    start = int(first)
    if last != "" and int(last) < start:
        return None
    if start >= length:
        raise RangeNotSatisfiable(length)
    return ByteRange(start, length - 1 if last == "" else min(int(last), length - 1))


def _suffix(wanted: int, length: int) -> ByteRange:
    if wanted == 0 or length == 0:
        raise RangeNotSatisfiable(length)
    return ByteRange(max(0, length - wanted), length - 1)


def range_still_holds(if_range: str | None, etag: str, last_modified: str) -> bool:
    """Whether `Range` may be obeyed: no `If-Range`, or it names exactly the file as it is now (strong comparison)."""
    return if_range is None or if_range.strip() in (etag, last_modified)


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the client's copy is the file as it is now (section 13.1.2, weak comparison)."""
    if if_none_match is None:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return etag in candidates or "*" in candidates
