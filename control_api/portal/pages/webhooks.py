"""Webhook endpoints: added, signed with another secret, switched off and on; what was sent to them, and sent again."""

from typing import Any, Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right
from storage.records import WebhookEvent

_PATH: Final = "/portal/webhooks"
_EVENTS: Final = tuple(event.value for event in WebhookEvent)


async def list_endpoints(page: Page) -> web.Response:
    """All endpoints, and the form for another."""
    return page.render("webhooks.html", **await _listed(page))


async def add(page: Page) -> web.Response:
    """Add one, and show its secret this once."""
    body = {"url": page.form.get("url", "").strip(), "events": page.form.getall("events", [])}
    try:
        added = await page.rest.call("POST", "/v1/account/webhooks", body=body)
    except Refused as refused:
        return page.again("webhooks.html", refused.reply, **await _listed(page))
    return page.render("webhooks_secret.html", 201, endpoint=added.data)


async def rotate(page: Page) -> web.Response:
    """Sign with another secret too, shown this once."""
    rotated = await page.rest.call("POST", f"{_own(page)}/rotate", body={})
    return page.render("webhooks_secret.html", 201, endpoint=rotated.data)


async def finish(page: Page) -> web.Response:
    """Sign with the newest secret alone."""
    await page.rest.call("POST", f"{_own(page)}/rotate", body={"finish": True})
    return page.redirect(_PATH, "webhook-finished")


async def disable(page: Page) -> web.Response:
    """Send nothing more there."""
    await page.rest.call("POST", f"{_own(page)}/disable")
    return page.redirect(_PATH, "webhook-disabled")


async def enable(page: Page) -> web.Response:
    """Send there again."""
    await page.rest.call("POST", f"{_own(page)}/enable")
    return page.redirect(_PATH, "webhook-enabled")


async def list_deliveries(page: Page) -> web.Response:
    """What was sent to an endpoint, newest first."""
    found = await page.rest.get(f"{_own(page)}/deliveries", page=page.asked_page())
    endpoints = (await page.rest.get("/v1/account/webhooks")).data
    webhook_id = page.request.match_info["webhook_id"]
    endpoint = next(one for one in endpoints if one["webhook_id"] == webhook_id)
    return page.render("webhooks_deliveries.html", endpoint=endpoint, deliveries=found.data)


async def replay(page: Page) -> web.Response:
    """Send an event once more."""
    await page.rest.call("POST", f"/v1/account/deliveries/{page.part('delivery_id')}/replay")
    return page.redirect(f"{_PATH}/{page.part('webhook_id')}/deliveries", "webhook-replayed")


async def _listed(page: Page) -> dict[str, Any]:
    return {"endpoints": (await page.rest.get("/v1/account/webhooks")).data, "events": _EVENTS}


def _own(page: Page) -> str:
    return f"/v1/account/webhooks/{page.part('webhook_id')}"


PAGES: Final = (
    PageRoute("GET", _PATH, list_endpoints, Right.WEBHOOKS_READ),
    PageRoute("POST", _PATH, add, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/rotate", rotate, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/finish", finish, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/disable", disable, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/enable", enable, Right.WEBHOOKS_WRITE),
    PageRoute("GET", _PATH + "/{webhook_id}/deliveries", list_deliveries, Right.WEBHOOKS_READ),
    PageRoute("POST", _PATH + "/{webhook_id}/deliveries/{delivery_id}/replay", replay, Right.WEBHOOKS_WRITE),
)
