"""For operators: all organisations, and the way into each."""

from typing import Final

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


PAGES: Final = (
    PageRoute("GET", _PATH, list_organisations, Right.OPERATE),
    PageRoute("POST", _PATH + "/{org_id}/suspend", suspend, Right.OPERATE),
    PageRoute("POST", _PATH + "/{org_id}/resume", resume, Right.OPERATE),
    PageRoute("GET", "/portal/operator/numbers", list_numbers, Right.OPERATE),
)
