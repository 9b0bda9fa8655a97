"""Webhook endpoints: added, signed with another secret, switched off and on; what was sent to them, and sent again."""

import json
from typing import Any, Final

from aiohttp import web

from control_api.errors import NotFound
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


async def ask_change(page: Page) -> web.Response:
    """The form for another address and other events."""
    await page.rest.get(f"{_own(page)}/deliveries")
    return page.render("webhooks_change.html", endpoint=await _endpoint(page), events=_EVENTS)


async def change(page: Page) -> web.Response:
    """Send there, and these events, from now on."""
    body = {"url": page.form.get("url", "").strip(), "events": page.form.getall("events", [])}
    try:
        await page.rest.call("PATCH", _own(page), body=body)
    except Refused as refused:
        if refused.reply.status == 404:
            raise
        return page.again("webhooks_change.html", refused.reply, endpoint=await _endpoint(page), events=_EVENTS)
    return page.redirect(_PATH, "webhook-changed")


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
    return page.render("webhooks_deliveries.html", endpoint=await _endpoint(page), deliveries=found.data)


async def show_delivery(page: Page) -> web.Response:
    """One event's way there: what was sent, and what was answered each time."""
    found = (await page.rest.get(f"/v1/account/deliveries/{page.part('delivery_id')}")).data
    if found["webhook_id"] != page.request.match_info["webhook_id"]:
        raise NotFound("No such delivery.")
    endpoint = await _endpoint(page)
    return page.render("webhooks_delivery.html", endpoint=endpoint, one=found, body=_indented(found["request_body"]))


async def try_out(page: Page) -> web.Response:
    """Send a test event, and show what came of it."""
    trial = (await page.rest.call("POST", f"{_own(page)}/test")).data
    body = _indented(trial["request_body"])
    return page.render("webhooks_trial.html", endpoint=await _endpoint(page), trial=trial, body=body)


async def replay(page: Page) -> web.Response:
    """Send an event once more."""
    await page.rest.call("POST", f"/v1/account/deliveries/{page.part('delivery_id')}/replay")
    return page.redirect(f"{_PATH}/{page.part('webhook_id')}/deliveries", "webhook-replayed")


async def _listed(page: Page) -> dict[str, Any]:
    return {"endpoints": (await page.rest.get("/v1/account/webhooks")).data, "events": _EVENTS}


async def _endpoint(page: Page) -> Any:
    """The one in the path, which the API has been asked about."""
    endpoints = (await page.rest.get("/v1/account/webhooks")).data
    webhook_id = page.request.match_info["webhook_id"]
    return next(one for one in endpoints if one["webhook_id"] == webhook_id)


def _indented(body: str | None) -> str | None:
    """JSON as people read it."""
    return None if body is None else json.dumps(json.loads(body), indent=2, ensure_ascii=False)


def _own(page: Page) -> str:
    return f"/v1/account/webhooks/{page.part('webhook_id')}"


PAGES: Final = (
    PageRoute("GET", _PATH, list_endpoints, Right.WEBHOOKS_READ),
    PageRoute("POST", _PATH, add, Right.WEBHOOKS_WRITE),
    PageRoute("GET", _PATH + "/{webhook_id}/change", ask_change, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/change", change, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/rotate", rotate, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/finish", finish, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/disable", disable, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/enable", enable, Right.WEBHOOKS_WRITE),
    PageRoute("POST", _PATH + "/{webhook_id}/test", try_out, Right.WEBHOOKS_WRITE),
    PageRoute("GET", _PATH + "/{webhook_id}/deliveries", list_deliveries, Right.WEBHOOKS_READ),
    PageRoute("GET", _PATH + "/{webhook_id}/deliveries/{delivery_id}", show_delivery, Right.WEBHOOKS_READ),
    PageRoute("POST", _PATH + "/{webhook_id}/deliveries/{delivery_id}/replay", replay, Right.WEBHOOKS_WRITE),
)
