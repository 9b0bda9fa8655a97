"""The first page: today in numbers, the calls that are up now, and plots of the last hours or days."""

from typing import Any, Final

from aiohttp import web

from control_api.portal.formats import start_of_day
from control_api.portal.frame import HOME, Page, PageRoute
from control_api.portal.plots import plots_of, step_name, totals_of
from control_api.rights import Right
from storage.records import WebhookEvent

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
    return page.render(
        "overview.html",
        today=await _today(page),
        live=await _live(page),
        events=EVENTS,
        **await _plotted(page),
    )


async def show_live(page: Page) -> web.Response:
    """The part of it that updates by itself."""
    return page.render("overview_live.html", today=await _today(page), live=await _live(page))


async def show_plots(page: Page) -> web.Response:
    """The plots alone."""
    return page.render("overview_plots.html", **await _plotted(page))


async def _plotted(page: Page) -> dict[str, Any]:
    """What the plots show: the last hours, or the last days where those are asked for."""
    by = "day" if page.request.query.get("by") == "day" else "hour"
    steps = (await page.rest.get("/v1/masking/stats/series", by=by)).data["steps"]
    named = [(step_name(by, step), step) for step in steps]
    return {"by": by, "plots": plots_of(by, steps), "steps": named, "sums": totals_of(steps)}


async def _today(page: Page) -> dict[str, Any]:
    """Totals since midnight in India, and the money left for whoever may see it."""
    since = start_of_day(page.site.clock.wall_ms())
    stats: dict[str, Any] = (await page.rest.get("/v1/masking/stats", start_date=since)).data
    money = (await page.rest.get("/v1/masking/billing")).data if page.may(Right.BILLING_READ) else None
    return stats | {"since": since, "money": money, "ended": stats["answered_calls"] + stats["failed_calls"]}


async def _live(page: Page) -> dict[str, Any]:
    """How many calls are up, and the newest of them; test calls, which the totals leave out, come last."""
    calls: list[Any] = []
    total = 0
    for test in ("false", "true"):
        answer = await page.rest.get("/v1/masking/call-logs", live="true", test=test, per_page=SHOWN_AT_ONCE)
        calls += answer.data
        total += answer.meta["total"]
    return {"total": total, "calls": calls[:SHOWN_AT_ONCE]}


PAGES: Final = (
    PageRoute("GET", HOME, show, Right.OWN_SIGN_IN),
    PageRoute("GET", "/portal/overview/live", show_live, Right.CALLS_READ),
    PageRoute("GET", "/portal/overview/plots", show_plots, Right.CALLS_READ),
)
