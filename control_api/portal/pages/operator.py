"""For operators: all organisations and the way into each, numbers, trunks."""

from typing import Any, Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.rights import Right

_PATH: Final = "/portal/operator/organisations"


async def list_organisations(page: Page) -> web.Response:
    """A page of organisations with their money, oldest first."""
    found = await page.rest.get("/v1/admin/organisations", page=page.asked_page())
    return page.render("operator_organisations.html", organisations=found.data, meta=found.meta)


async def suspend(page: Page) -> web.Response:
    """Let it place no calls."""
    await page.rest.call("POST", f"/v1/admin/organisations/{page.part('org_id')}/suspend")
    return page.redirect(_PATH, "organisation-suspended")


async def resume(page: Page) -> web.Response:
    """Let it place calls again."""
    await page.rest.call("POST", f"/v1/admin/organisations/{page.part('org_id')}/resume")
    return page.redirect(_PATH, "organisation-resumed")


async def list_numbers(page: Page) -> web.Response:
    """Every masked number, and how busy it is."""
    return page.render("operator_numbers.html", numbers=(await page.rest.get("/v1/admin/numbers")).data)


async def show_trunks(page: Page) -> web.Response:
    """Every trunk as it is now."""
    return page.render("operator_trunks.html", trunks=await _trunks(page))


async def show_live_trunks(page: Page) -> web.Response:
    """The part of it that updates by itself."""
    return page.render("operator_trunks_live.html", trunks=await _trunks(page))


async def _trunks(page: Page) -> list[dict[str, Any]]:
    """The trunks, those that are down first; each cause with its share of what failed most."""
    trunks: list[dict[str, Any]] = (await page.rest.get("/v1/admin/trunks")).data
    for trunk in trunks:
        failures = sorted(trunk["failures"], key=lambda failure: -failure["count"])
        most = max((failure["count"] for failure in failures), default=0)
        trunk["shares"] = [failure | {"share": round(100 * failure["count"] / most, 1)} for failure in failures]
        trunk["load"] = (
            round(min(100 * trunk["live_calls"] / trunk["max_calls"], 100), 1) if trunk["max_calls"] else None
        )
    return sorted(trunks, key=lambda trunk: trunk["up"])


PAGES: Final = (
    PageRoute("GET", _PATH, list_organisations, Right.OPERATE),
    PageRoute("POST", _PATH + "/{org_id}/suspend", suspend, Right.OPERATE, anywhere=True),
    PageRoute("POST", _PATH + "/{org_id}/resume", resume, Right.OPERATE, anywhere=True),
    PageRoute("GET", "/portal/operator/numbers", list_numbers, Right.OPERATE),
    PageRoute("GET", "/portal/operator/trunks", show_trunks, Right.OPERATE),
    PageRoute("GET", "/portal/operator/trunks/live", show_live_trunks, Right.OPERATE),
)
