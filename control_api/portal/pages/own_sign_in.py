"""One's own sign-in: the password, the second factor, all sessions."""

from typing import Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_PATH: Final = "/portal/me"
_TEMPLATE: Final = "own_sign_in.html"


async def show(page: Page) -> web.Response:
    """The forms for it."""
    return page.render(_TEMPLATE)


async def change_password(page: Page) -> web.Response:
    """Set another password."""
    try:
        await page.rest.post(
            "/v1/account/password",
            current_password=page.form.get("current_password", ""),
            new_password=page.form.get("new_password", ""),
        )
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply)
    return page.redirect(_PATH, "password-changed")


async def enrol_factor(page: Page) -> web.Response:
    """Make a secret for an authenticator: shown this once, to be confirmed by a code."""
    try:
        factor = await page.rest.post("/v1/account/totp", password=page.form.get("password", ""))
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply)
    return page.render("own_factor.html", 201, factor=factor.data)


async def confirm_factor(page: Page) -> web.Response:
    """Show that the authenticator has it."""
    try:
        await page.rest.post("/v1/account/totp/confirm", code=pasted.code(page.form.get("code", "")))
    except Refused as refused:
        return page.again("own_factor.html", refused.reply, factor=None)
    return page.redirect(_PATH, "factor-on")


async def disable_factor(page: Page) -> web.Response:
    """Take the second factor away."""
    try:
        await page.rest.post("/v1/account/totp/disable", password=page.form.get("password", ""))
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply)
    return page.redirect(_PATH, "factor-off")


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.OWN_SIGN_IN),
    PageRoute("POST", f"{_PATH}/password", change_password, Right.OWN_SIGN_IN, anywhere=True),
    PageRoute("POST", f"{_PATH}/factor", enrol_factor, Right.OWN_SIGN_IN, anywhere=True),
    PageRoute("POST", f"{_PATH}/factor/confirm", confirm_factor, Right.OWN_SIGN_IN, anywhere=True),
    PageRoute("POST", f"{_PATH}/factor/disable", disable_factor, Right.OWN_SIGN_IN, anywhere=True),
)
