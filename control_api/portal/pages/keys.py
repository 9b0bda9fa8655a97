"""API keys: listed, created, replaced, revoked."""

from typing import Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right, scopes_within
from storage.records import TEST_SCOPES, USUAL_SCOPES

_PATH: Final = "/portal/keys"
_NEW: Final = "keys_new.html"


async def list_keys(page: Page) -> web.Response:
    """All keys, the newest first."""
    keys = (await page.rest.get("/v1/account/keys")).data
    return page.render("keys.html", keys=keys[::-1], now=page.site.clock.wall_ms())


async def show_form(page: Page) -> web.Response:
    """What a new key is to be like."""
    return page.render(_NEW, scopes=_scopes(page), usual=sorted(USUAL_SCOPES), test_scopes=sorted(TEST_SCOPES))


async def create(page: Page) -> web.Response:
    """Make it, and show it this once."""
    try:
        created = await page.rest.call("POST", "/v1/account/keys", body=_wanted(page))
    except Refused as refused:
        return page.again(
            _NEW,
            refused.reply,
            scopes=_scopes(page),
            usual=page.form.getall("scopes", []),
            test_scopes=sorted(TEST_SCOPES),
        )
    return page.render("keys_created.html", 201, key=created.data)


async def rotate(page: Page) -> web.Response:
    """Put another key in its place, and show that this once."""
    path = f"/v1/account/keys/{page.part('key_id')}/rotate"
    hours = page.given("grace_hours")
    replaced = await page.rest.call("POST", path, body={} if hours is None else {"grace_hours": _number(hours)})
    return page.render("keys_created.html", 201, key=replaced.data)


async def revoke(page: Page) -> web.Response:
    """End it."""
    await page.rest.call("DELETE", f"/v1/account/keys/{page.part('key_id')}")
    return page.redirect(_PATH, "key-revoked")


def _scopes(page: Page) -> list[str]:
    """The scopes that whoever is signed in can give."""
    rights = frozenset(Right(right) for right in page.me.rights) if page.me is not None else frozenset()
    return sorted(scopes_within(rights))


def _wanted(page: Page) -> dict[str, object]:
    """The body of the API's request; what is no number goes on as it is, to be refused in the API's words."""
    body: dict[str, object] = {"name": page.form.get("name", ""), "test": page.given("test") is not None}
    scopes = page.form.getall("scopes", [])
    if scopes:
        body["scopes"] = scopes
    networks = (page.given("allowed_networks") or "").replace(",", " ").split()
    if networks:
        body["allowed_networks"] = networks
    limit = page.given("rate_limit_per_minute")
    if limit is not None:
        body["rate_limit_per_minute"] = _number(limit)
    ends_on = page.given("expires_on")
    if ends_on is not None:
        body["expires_at"] = f"{ends_on}T23:59:59+05:30"
    return body


def _number(text: str) -> int | str:
    """A whole number, or the text, which the API refuses in its own words."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else text


PAGES: Final = (
    PageRoute("GET", _PATH, list_keys, Right.KEYS_READ),
    PageRoute("GET", f"{_PATH}/new", show_form, Right.KEYS_WRITE),
    PageRoute("POST", f"{_PATH}/new", create, Right.KEYS_WRITE),
    PageRoute("POST", _PATH + "/{key_id}/rotate", rotate, Right.KEYS_WRITE),
    PageRoute("POST", _PATH + "/{key_id}/revoke", revoke, Right.KEYS_WRITE),
)
