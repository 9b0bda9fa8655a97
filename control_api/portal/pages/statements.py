"""What moved in the wallet: month by month as statements, and all of it as the ledger has it."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.pages import days
from control_api.portal.rest import Answer, Refused
from control_api.rights import Right

LINES_SHOWN: Final = 400  # of a statement; its files have them all
_DAYS: Final = ("first_day", "last_day")
_NOTHING: Final = Answer(200, [], {"total": 0, "page": 1, "total_pages": 0})


async def list_months(page: Page) -> web.Response:
    """The months that there are statements of, the last one first."""
    found = await page.rest.get("/v1/account/statements", page=page.asked_page())
    return page.render("statements.html", months=found.data, meta=found.meta)


async def show_month(page: Page) -> web.Response:
    """One of them."""
    statement = (await page.rest.get(f"/v1/account/statements/{page.part('month')}")).data
    lines = statement["lines"]
    left = max(len(lines) - LINES_SHOWN, 0)
    return page.render("statement.html", statement=statement, lines=lines[:LINES_SHOWN], left=left)


async def show_ledger(page: Page) -> web.Response:
    """Every movement, newest first. What cannot be asked for is said above the filters, which stay as given."""
    wanted = days.given(page.request.query, _DAYS)
    period: dict[str, str] = {}
    try:
        period = days.period(wanted)
        found, error = await page.rest.get("/v1/account/ledger", page=page.asked_page(), **period), None
    except Refused as refused:
        if refused.reply.status != 400:
            raise
        found, error = _NOTHING, refused.reply
    return page.render(
        "ledger.html",
        200 if error is None else error.status,
        transfers=found.data,
        meta=found.meta,
        wanted=dict.fromkeys(_DAYS, "") | wanted,
        is_filtered=bool(wanted),
        address=f"/portal/ledger?{urlencode([*wanted.items(), ('page', '')])}",
        export="/v1/account/ledger/csv" + (f"?{urlencode(period)}" if period else ""),
        error=error,
    )


PAGES: Final = (
    PageRoute("GET", "/portal/statements", list_months, Right.BILLING_READ),
    PageRoute("GET", "/portal/statements/{month}", show_month, Right.BILLING_READ),
    PageRoute("GET", "/portal/ledger", show_ledger, Right.BILLING_READ),
)
