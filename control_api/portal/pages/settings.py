"""An organisation's settings: its terms as they are, and how long recordings are kept."""

import re
from typing import Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_PATH: Final = "/portal/settings"
_TEMPLATE: Final = "settings.html"
_RUPEES: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)  # what else is given the API refuses as it stands


async def show(page: Page) -> web.Response:
    """Its terms, limits and numbers."""
    return page.render(_TEMPLATE, organisation=await _organisation(page))


async def change(page: Page) -> web.Response:
    """Keep recordings for another time; nothing given: as the operator has it."""
    days = page.given("retention_days")
    wanted = int(days) if days is not None and days.isascii() and days.isdecimal() and len(days) < 9 else days
    try:
        await page.rest.call("PATCH", "/v1/account/organisation", body={"retention_days": wanted})
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, organisation=await _organisation(page))
    return page.redirect(_PATH, "settings-kept")


async def change_registration(page: Page) -> web.Response:
    """Have invoices written to another GSTIN, state and address; nothing given: none."""
    body = {"gstin": page.given("gstin"), "state": page.given("state"), "address": page.given("address")}
    try:
        await page.rest.call("PATCH", "/v1/account/organisation", body=body)
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, organisation=await _organisation(page))
    return page.redirect(_PATH, "settings-kept")


async def change_alert(page: Page) -> web.Response:
    """Be told below another balance; nothing given: never."""
    text = page.given("low_balance")
    plain = None if text is None else pasted.amount(text)
    wanted = float(plain) if plain is not None and _RUPEES.fullmatch(plain) else text
    try:
        await page.rest.call("PATCH", "/v1/account/organisation", body={"low_balance": wanted})
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, organisation=await _organisation(page))
    return page.redirect(_PATH, "settings-kept")


async def _organisation(page: Page) -> object:
    return (await page.rest.get("/v1/account/organisation")).data


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.ORGANISATION_READ),
    PageRoute("POST", _PATH, change, Right.ORGANISATION_WRITE),
    PageRoute("POST", _PATH + "/registration", change_registration, Right.ORGANISATION_WRITE),
    PageRoute("POST", _PATH + "/low-balance", change_alert, Right.ORGANISATION_WRITE),
)
