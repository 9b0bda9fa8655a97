"""Periods as a browser gives them: days in India, both included, made into the API's moments."""

from collections.abc import Mapping

from control_api.errors import ErrorReply
from control_api.portal.rest import Refused


def given(query: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Those of the filters that are filled in."""
    return {name: text for name in names if (text := query.get(name, "").strip())}


def period(wanted: Mapping[str, str]) -> dict[str, str]:
    """`first_day` and `last_day` as the API's `start_date` and `end_date`. Raises Refused."""
    moments: dict[str, str] = {}
    if "first_day" in wanted:
        moments["start_date"] = f"{_day(wanted, 'first_day')}T00:00:00+05:30"
    if "last_day" in wanted:
        moments["end_date"] = f"{_day(wanted, 'last_day')}T23:59:59+05:30"
    return moments


def _day(wanted: Mapping[str, str], name: str) -> str:
    if len(wanted[name]) != 10:
        raise Refused(ErrorReply(400, "invalid_request", "Please give a day such as 2025-01-31.", name))
    return wanted[name]
