"""The call log: all calls, found by state, number, reference and day."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from control_api.errors import ErrorReply
from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.pages import days
from control_api.portal.rest import Answer, Refused
from control_api.rights import Right
from storage.records import CallStatus

_PATH: Final = "/portal/calls"
_TEMPLATE: Final = "call_log.html"
_FILTERS: Final = ("status", "party", "reference", "first_day", "last_day", "test")
_NOTHING: Final = Answer(200, [], {"total": 0, "page": 1, "total_pages": 0})


async def show(page: Page) -> web.Response:
    """A page of it, newest first. What cannot be asked for is said above the filters, which stay as they were given."""
    wanted = days.given(page.request.query, _FILTERS)
    conditions: dict[str, str] = {}
    try:
        conditions = _query(wanted)
        found, error = await page.rest.get("/v1/masking/call-logs", page=page.asked_page(), **conditions), None
    except Refused as refused:
        found, error = _NOTHING, refused.reply
    return _shown(page, wanted, conditions, found, error)


def _shown(
    page: Page, wanted: dict[str, str], conditions: dict[str, str], found: Answer, error: ErrorReply | None
) -> web.Response:
    address = f"{_PATH}?{urlencode([*wanted.items(), ('page', '')])}"
    return page.render(
        _TEMPLATE,
        200 if error is None else error.status,
        calls=found.data,
        meta=found.meta,
        wanted=dict.fromkeys(_FILTERS, "") | wanted,
        is_filtered=bool(wanted),
        statuses=[status.value for status in CallStatus],
        address=address,
        export="/v1/masking/call-logs/csv" + (f"?{urlencode(conditions)}" if conditions else ""),
        error=error,
    )


def _query(wanted: dict[str, str]) -> dict[str, str]:
    """The filters as the API has them: its dates are exclusive moments, here they are days in India, both included."""
    query: dict[str, str] = {name: wanted[name] for name in ("status", "party", "reference") if name in wanted}
    if "party" in query:
        query["party"] = pasted.number(query["party"])
    query |= days.period_between(wanted)
    if "test" in wanted:
        query["test"] = "true"
    return query


PAGES: Final = (PageRoute("GET", _PATH, show, Right.CALLS_READ),)
