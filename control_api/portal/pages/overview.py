"""The first page: today in numbers, and the calls that are up now."""

from typing import Any, Final

from aiohttp import web

from control_api.portal.formats import start_of_day
from control_api.portal.frame import HOME, Page, PageRoute
from control_api.rights import Right
from storage.records import WebhookEvent

# In the order in which a call goes through them.
LIVE_STATUSES: Final = ("in-progress", "answered", "ringing", "initiated")
SHOWN_AT_ONCE: Final = 50
# What changes the page: of the events of calls all that tell of another state.
EVENTS: Final = (
    WebhookEvent.INITIATED,
    WebhookEvent.RINGING,
    WebhookEvent.ANSWERED,
    WebhookEvent.BRIDGED,
    WebhookEvent.COMPLETED,
    WebhookEvent.FAILED,
    WebhookEvent.NO_ANSWER,
)


async def show(page: Page) -> web.Response:
    """Today, and what is up now. Who looks at no organisation is told how to come to one."""
    if not page.may(Right.CALLS_READ):
        return page.render("nowhere.html")
    return page.render("overview.html", today=await _today(page), live=await _live(page), events=EVENTS)


async def show_live(page: Page) -> web.Response:
    """The part of it that updates by itself."""
    return page.render("overview_live.html", today=await _today(page), live=await _live(page))


async def _today(page: Page) -> dict[str, Any]:
    """Totals since midnight in India, and the money left for whoever may see it."""
    since = start_of_day(page.site.clock.wall_ms())
    stats: dict[str, Any] = (await page.rest.get("/v1/masking/stats", start_date=since)).data
    money = (await page.rest.get("/v1/masking/billing")).data if page.may(Right.BILLING_READ) else None
    return stats | {"since": since, "money": money, "ended": stats["answered_calls"] + stats["failed_calls"]}


async def _live(page: Page) -> dict[str, Any]:
    """How many calls are up, and the newest of each state; test calls, which the totals leave out, come last."""
    calls: list[Any] = []
    total = 0
    for test in ("false", "true"):
        for status in LIVE_STATUSES:
            wanted: dict[str, str | int] = {"status": status, "test": test, "per_page": SHOWN_AT_ONCE}
            answer = await page.rest.get("/v1/masking/call-logs", **wanted)
            calls += answer.data
            total += answer.meta["total"]
    return {"total": total, "calls": calls[:SHOWN_AT_ONCE]}


PAGES: Final = (
    PageRoute("GET", HOME, show, Right.OWN_SIGN_IN),
    PageRoute("GET", "/portal/overview/live", show_live, Right.CALLS_READ),
)
