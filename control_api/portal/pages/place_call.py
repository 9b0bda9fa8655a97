"""Placing a call by hand."""

import re
from typing import Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_PATH: Final = "/portal/place-call"
_TEMPLATE: Final = "place_call.html"
_MINUTES: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


async def show(page: Page) -> web.Response:
    """The form; sent twice it places one call."""
    return page.render(_TEMPLATE, once=page.site.tokens.hex(32))


async def place(page: Page) -> web.Response:
    """Place the call, and show it."""
    body: dict[str, object] = {
        "party_a": pasted.number(page.form.get("party_a", "")),
        "party_b": pasted.number(page.form.get("party_b", "")),
        "record": page.given("record") is not None,
        "test": page.given("test") is not None,
    }
    reference, minutes = page.given("reference"), page.given("minutes")
    if reference is not None:
        body["reference"] = reference
    if minutes is not None:
        body["max_duration_sec"] = int(minutes) * 60 if _MINUTES.fullmatch(minutes) else minutes
    try:
        placed = await page.rest.call("POST", "/v1/masking/calls", body=body, idempotency_key=page.given("once"))
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, once=page.site.tokens.hex(32))
    return page.redirect(f"/portal/calls/{placed.data['call_sid']}")


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.CALLS_WRITE),
    PageRoute("POST", _PATH, place, Right.CALLS_WRITE),
)
