"""A new password for who has forgotten theirs, by a link that is sent."""

from typing import Final

from aiohttp import web

from control_api.mail.letters import RESET_PATH
from control_api.portal.frame import SIGN_IN, Page, PageRoute
from control_api.portal.rest import Refused

_ASK: Final = RESET_PATH.rstrip("/")


async def show_ask(page: Page) -> web.Response:
    """The form that asks for a link."""
    return page.render("reset_ask.html")


async def ask(page: Page) -> web.Response:
    """Send one, where there is somebody with this address; the answer is the same where not."""
    try:
        await page.rest.post("/v1/account/password-resets", email=page.given("email") or "")
    except Refused as refused:
        return page.again("reset_ask.html", refused.reply)
    return page.redirect(SIGN_IN, "reset-sent")


async def show_reset(page: Page) -> web.Response:
    """The page that the link leads to. Whether the link is good is told once it is used."""
    return page.render("reset.html")


async def reset(page: Page) -> web.Response:
    """Set the new password."""
    token, password = page.request.match_info["token"], page.form.get("password", "")
    try:
        await page.rest.post("/v1/account/password-resets/finish", token=token, password=password)
    except Refused as refused:
        return page.again("reset.html", refused.reply)
    return page.redirect(SIGN_IN, "reset-done")


PAGES: Final = (
    PageRoute("GET", _ASK, show_ask),
    PageRoute("POST", _ASK, ask),
    PageRoute("GET", RESET_PATH + "{token}", show_reset),
    PageRoute("POST", RESET_PATH + "{token}", reset),
)
