"""Taking an invitation up: the page that its link leads to."""

from typing import Final

from aiohttp import web

from control_api.portal.frame import SIGN_IN, Page, PageRoute
from control_api.portal.rest import Refused

_TEMPLATE: Final = "invitation.html"


async def show_invitation(page: Page) -> web.Response:
    """To what one is invited, and the form for it."""
    return page.render(_TEMPLATE, invitation=await _invitation(page))


async def accept(page: Page) -> web.Response:
    """Take it up."""
    invitation = await _invitation(page)
    try:
        await page.rest.post(
            "/v1/account/invitations/accept",
            token=page.request.match_info["token"],
            name=page.given("name"),
            password=page.form.get("password", ""),
        )
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, invitation=invitation)
    return page.redirect(SIGN_IN, "joined")


async def _invitation(page: Page) -> object:
    return (await page.rest.post("/v1/account/invitations/show", token=page.request.match_info["token"])).data


PAGES: Final = (
    PageRoute("GET", "/portal/invitations/{token}", show_invitation),
    PageRoute("POST", "/portal/invitations/{token}", accept),
)
