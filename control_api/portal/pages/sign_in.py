"""Signing in and out, and which organisation is looked at."""

from typing import Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import HOME, SIGN_IN, Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_CODE_WANTED: Final = "totp_required"


async def show_sign_in(page: Page) -> web.Response:
    """The form; whoever is signed in already goes on."""
    way_on = way_on_of(page.request.query.get("next"))
    try:
        await page.rest.get("/v1/account/me")
    except Refused:
        return page.render("sign_in.html", next=way_on, code_wanted=False)
    return page.redirect(way_on)


async def sign_in(page: Page) -> web.Response:
    """Open a session. Where a code is wanted too, the form asks for it."""
    way_on = way_on_of(page.given("next"))
    try:
        opened = await page.rest.post(
            "/v1/account/sessions",
            email=page.given("email") or "",
            password=page.form.get("password", ""),
            totp_code=pasted.code(page.form.get("totp_code", "")) or None,
        )
    except Refused as refused:
        template = "sign_in_form.html" if page.wants_part else "sign_in.html"
        code_wanted = refused.reply.code == _CODE_WANTED or page.given("totp_code") is not None
        return page.again(template, refused.reply, next=way_on, code_wanted=code_wanted)
    response = page.redirect(way_on)
    for line in opened.cookies:
        response.headers.add("Set-Cookie", line)
    return response


async def sign_out(page: Page) -> web.Response:
    """End this session, or all of them."""
    everywhere = page.given("everywhere") is not None
    ended = await page.rest.call("DELETE", "/v1/account/sessions" + ("" if everywhere else "/current"))
    response = page.redirect(SIGN_IN, "signed-out")
    for line in ended.cookies:
        response.headers.add("Set-Cookie", line)
    return response


async def look_at(page: Page) -> web.Response:
    """Look at another organisation."""
    await page.rest.call("PATCH", "/v1/account/sessions/current", body={"org_id": page.given("org_id") or ""})
    return page.redirect(HOME)


def way_on_of(wanted: str | None) -> str:
    """A page of the portal to go on to, never another site's."""
    own = wanted is not None and (wanted == HOME or wanted.startswith((f"{HOME}/", f"{HOME}?")))
    if wanted is None or not own or not wanted.isprintable() or "\\" in wanted:
        return HOME
    return wanted


PAGES: Final = (
    PageRoute("GET", SIGN_IN, show_sign_in),
    PageRoute("POST", SIGN_IN, sign_in),
    PageRoute("POST", "/portal/sign-out", sign_out, Right.OWN_SIGN_IN, anywhere=True),
    PageRoute("POST", "/portal/look-at", look_at, Right.OWN_SIGN_IN, anywhere=True),
)
