"""Periods as a browser gives them: days in India, both included, made into the API's moments."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

from control_api.errors import ErrorReply
from control_api.portal.rest import Refused

_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def given(query: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Those of the filters that are filled in."""
    return {name: text for name in names if (text := query.get(name, "").strip())}


def period(wanted: Mapping[str, str]) -> dict[str, str]:
    """`first_day` and `last_day` as the API's `start_date` and `end_date`, where it counts both in. Raises Refused."""
    return _moments(wanted, _day, "00:00:00", "23:59:59")


def period_between(wanted: Mapping[str, str]) -> dict[str, str]:
    """The same where the API counts neither in: the seconds before the first day and after the last. Raises Refused."""
    # What lies within a second is taken for the whole of it: the end is before the next day's first.
    return _moments(wanted, _day_before, "23:59:59", "23:59:59.999")


def _moments(
    wanted: Mapping[str, str], first: Callable[[Mapping[str, str], str], str], begins: str, ends: str
) -> dict[str, str]:
    moments: dict[str, str] = {}
    if "first_day" in wanted:
        moments["start_date"] = f"{first(wanted, 'first_day')}T{begins}+05:30"
    if "last_day" in wanted:
        moments["end_date"] = f"{_day(wanted, 'last_day')}T{ends}+05:30"
    return moments


def _day(wanted: Mapping[str, str], name: str) -> str:
    if len(wanted[name]) != 10:
        raise _no_day(name)
    return wanted[name]


def _day_before(wanted: Mapping[str, str], name: str) -> str:
    if not _DAY.fullmatch(wanted[name]):
        raise _no_day(name)
    try:
        return (date.fromisoformat(wanted[name]) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        raise _no_day(name) from None


def _no_day(name: str) -> Refused:
    return Refused(ErrorReply(400, "invalid_request", "Please give a day such as 2025-01-31.", name))
