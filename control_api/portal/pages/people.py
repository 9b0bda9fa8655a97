"""The people of an organisation: invited, given roles, removed."""

from typing import Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right
from storage.person_records import Role

_PATH: Final = "/portal/people"
_ROLES: Final = tuple((role.value, role.value) for role in Role)


async def list_people(page: Page) -> web.Response:
    """Everybody with a role, and the form that invites."""
    return page.render("people.html", people=await _people(page), roles=_ROLES)


async def invite(page: Page) -> web.Response:
    """Make a link for somebody, shown this once."""
    try:
        made = await page.rest.post("/v1/account/people", email=page.given("email") or "", role=page.given("role"))
    except Refused as refused:
        return page.again("people.html", refused.reply, people=await _people(page), roles=_ROLES)
    return page.render("people_invited.html", 201, invitation=made.data)


async def change_role(page: Page) -> web.Response:
    """Give somebody another role."""
    await page.rest.call("PATCH", f"/v1/account/people/{page.part('person_id')}", body={"role": page.given("role")})
    return page.redirect(_PATH, "role-changed")


async def remove(page: Page) -> web.Response:
    """Take somebody's role."""
    await page.rest.call("DELETE", f"/v1/account/people/{page.part('person_id')}")
    return page.redirect(_PATH, "person-removed")


async def _people(page: Page) -> object:
    return (await page.rest.get("/v1/account/people")).data


PAGES: Final = (
    PageRoute("GET", _PATH, list_people, Right.PEOPLE_READ),
    PageRoute("POST", _PATH, invite, Right.PEOPLE_WRITE),
    PageRoute("POST", _PATH + "/{person_id}/role", change_role, Right.PEOPLE_WRITE),
    PageRoute("POST", _PATH + "/{person_id}/remove", remove, Right.PEOPLE_WRITE),
)
