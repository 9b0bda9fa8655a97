"""An organisation's webhook endpoints, their secrets and what was sent to them."""

from dataclasses import replace
from functools import partial
from typing import Final

from control_api.account_bodies import AddWebhookBody, ChangeWebhookBody, RotateWebhookBody
from control_api.account_schemas import delivery_representation, webhook_representation
from control_api.auditing import audit_entry
from control_api.delivery_schemas import detail_representation, trial_representation
from control_api.errors import Conflict, Forbidden, NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import body_of, optional_body_of, page_of, reply_of, written
from control_api.webhooks.payloads import render_body, render_wallet_body
from storage.billing_records import WalletEvent
from storage.records import OutboxEvent, WebhookEndpoint, WebhookEvent
from storage.units import Reader, UnitOfWork

MAX_ENDPOINTS: Final = 50
_TELLING: Final = {
    Right.CALLS_READ: frozenset(WebhookEvent) - {WebhookEvent.WALLET_LOW},
    Right.RECORDINGS_READ: frozenset({WebhookEvent.RECORDING_READY}),
}
_NO_ENDPOINT: Final = "No such webhook endpoint."
_NO_SUCH_DELIVERY: Final = "No such delivery."
_NO_DELIVERY: Final = "No such delivery, or its endpoint is disabled."


async def list_endpoints(api: Api, exchange: Exchange) -> Reply:
    """All endpoints, disabled ones too, oldest first."""
    org_id = exchange.org_id
    endpoints = await api.store.read(lambda reader: reader.endpoints(org_id))
    return reply_of([webhook_representation(endpoint) for endpoint in endpoints])


async def add_endpoint(api: Api, exchange: Exchange) -> Reply:
    """A new endpoint; the only reply that ever shows its secret."""
    wanted = await body_of(api, exchange, AddWebhookBody)
    events = frozenset(WebhookEvent if wanted.events is None else wanted.events)
    _check_may_be_told(exchange, events)
    secret = _secret(api)
    endpoint = WebhookEndpoint(api.tokens.uuid(), exchange.org_id, wanted.url, (secret,), events, api.clock.wall_ms())
    change = {"url": wanted.url, "events": sorted(events)}
    entry = audit_entry(api, exchange, "webhook.add", endpoint.webhook_id, change)

    def work(unit: UnitOfWork) -> None:
        if len(unit.accounts.endpoints(endpoint.org_id)) >= MAX_ENDPOINTS:
            raise Conflict(f"An organisation has at most {MAX_ENDPOINTS} webhook endpoints.")
        unit.accounts.add_endpoint(endpoint)
        unit.audit.add(entry)

    await written(api, work, _NO_ENDPOINT)
    return reply_of(webhook_representation(endpoint) | {"secret": secret}, 201)


async def change_endpoint(api: Api, exchange: Exchange) -> Reply:
    """Another address, other events."""
    wanted = await body_of(api, exchange, ChangeWebhookBody)
    change = wanted.model_dump(exclude_none=True)
    if wanted.url is not None:
        await _check_may_be_moved(api, exchange)

    def work(unit: UnitOfWork) -> WebhookEndpoint:
        endpoint = _own(unit, exchange)
        if not change:
            return endpoint
        events = endpoint.events if wanted.events is None else frozenset(wanted.events)
        # What it was told of may still wait to be sent, and goes to the new address then.
        _check_may_be_told(exchange, events | endpoint.events)
        endpoint = replace(endpoint, url=wanted.url or endpoint.url, events=events)
        unit.accounts.change_endpoint(endpoint)
        unit.audit.add(audit_entry(api, exchange, "webhook.change", endpoint.webhook_id, change))
        return endpoint

    return reply_of(webhook_representation(await written(api, work, _NO_ENDPOINT)))


async def rotate_secret(api: Api, exchange: Exchange) -> Reply:
    """Sign with another secret too; with `finish`, with the newest alone."""
    wanted = await optional_body_of(api, exchange, RotateWebhookBody)
    secret = None if wanted.finish else _secret(api)
    action = "webhook.rotate_finish" if wanted.finish else "webhook.rotate"

    def work(unit: UnitOfWork) -> WebhookEndpoint:
        endpoint = _own(unit, exchange)
        if secret is None:
            secrets = endpoint.secrets[:1]
        elif len(endpoint.secrets) > 1:
            raise Conflict("A rotation is under way already: end it with finish.")
        else:
            secrets = (secret, endpoint.secrets[0])
        unit.accounts.set_endpoint_secrets(endpoint.webhook_id, secrets)
        unit.audit.add(audit_entry(api, exchange, action, endpoint.webhook_id))
        return replace(endpoint, secrets=secrets)

    endpoint = await written(api, work, _NO_ENDPOINT)
    return reply_of(webhook_representation(endpoint) | {"secret": secret})


async def disable_endpoint(api: Api, exchange: Exchange) -> Reply:
    """Send nothing more there; what is under way is held."""
    now_ms = api.clock.wall_ms()

    def work(unit: UnitOfWork) -> WebhookEndpoint:
        endpoint = _own(unit, exchange)
        unit.accounts.disable_endpoint(endpoint.webhook_id, now_ms)
        unit.audit.add(audit_entry(api, exchange, "webhook.disable", endpoint.webhook_id))
        return unit.accounts.endpoint(endpoint.webhook_id)

    return reply_of(webhook_representation(await written(api, work, _NO_ENDPOINT)))


async def enable_endpoint(api: Api, exchange: Exchange) -> Reply:
    """Send there again, what was held first."""

    def work(unit: UnitOfWork) -> WebhookEndpoint:
        endpoint = _own(unit, exchange)
        unit.accounts.enable_endpoint(endpoint.webhook_id)
        unit.audit.add(audit_entry(api, exchange, "webhook.enable", endpoint.webhook_id))
        return unit.accounts.endpoint(endpoint.webhook_id)

    return reply_of(webhook_representation(await written(api, work, _NO_ENDPOINT)))


async def list_deliveries(api: Api, exchange: Exchange) -> Reply:
    """A page of what was sent to an endpoint, newest first; past the end it is empty."""
    wanted = page_of(exchange)
    org_id, webhook_id = exchange.org_id, exchange.request.match_info["webhook_id"]
    if await api.store.read(lambda reader: reader.endpoint(org_id, webhook_id)) is None:
        raise NotFound(_NO_ENDPOINT)
    logs = await api.store.read(lambda reader: reader.deliveries(org_id, webhook_id, wanted.page, wanted.page_size))
    return reply_of([delivery_representation(log) for log in logs])


async def show_delivery(api: Api, exchange: Exchange) -> Reply:
    """What was sent of one event, and what was answered to every attempt."""
    delivery_id, org_id = _delivery_id(exchange), exchange.org_id
    found = await api.store.read(lambda reader: reader.delivery(org_id, delivery_id))
    if found is None:
        raise NotFound(_NO_SUCH_DELIVERY)
    log, event = found
    # The right to look at webhooks is not the right to look at calls.
    rights = exchange.caller.rights
    shown = Right.CALLS_READ in rights
    # The address of a recording, which needs no key, was sent: a receiver may answer with it.
    replies = shown and (log.event is not WebhookEvent.RECORDING_READY or Right.RECORDINGS_READ in rights)
    return reply_of(detail_representation(log, _body_of(api, event) if shown else None, replies=replies))


def _body_of(api: Api, event: OutboxEvent | WalletEvent) -> str:
    """The body without the address of a recording, which is signed anew at each attempt, and not for whoever looks."""
    if isinstance(event, WalletEvent):
        return render_wallet_body(event).decode()
    return render_body(event, api.settings.log_number_style).decode()


async def try_out(api: Api, exchange: Exchange) -> Reply:
    """Send a test event now, also to an endpoint that is disabled."""
    if api.trials is None:
        raise NotFound("No webhooks are sent here.")
    event_id = api.tokens.uuid()
    entry = audit_entry(api, exchange, "webhook.test", exchange.request.match_info["webhook_id"])

    def work(unit: UnitOfWork) -> WebhookEndpoint:
        endpoint = _own(unit, exchange)
        unit.audit.add(entry)
        return endpoint

    endpoint = await written(api, work, _NO_ENDPOINT)
    return reply_of(trial_representation(event_id, await api.trials.send(endpoint, event_id)))


async def replay(api: Api, exchange: Exchange) -> Reply:
    """Send an event to its endpoint once more."""
    delivery_id, now_ms, org_id = _delivery_id(exchange), api.clock.wall_ms(), exchange.org_id
    entry = audit_entry(api, exchange, "webhook.replay", str(delivery_id))

    def work(unit: UnitOfWork) -> int:
        new_id = unit.outbox.replay(delivery_id, now_ms, org_id=org_id)
        unit.audit.add(entry)
        return new_id

    new_id = await written(api, work, _NO_DELIVERY)
    return reply_of({"delivery_id": new_id, "replays": delivery_id}, 201)


def _delivery_id(exchange: Exchange) -> int:
    """The number in the path. Raises NotFound."""
    text = exchange.request.match_info["delivery_id"]
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise NotFound(_NO_SUCH_DELIVERY)
    return int(text)


def _own(unit: UnitOfWork, exchange: Exchange) -> WebhookEndpoint:
    """The endpoint in the path, of this organisation. Raises NotFound, or UnknownRecord, for any other."""
    endpoint = unit.accounts.endpoint(exchange.request.match_info["webhook_id"])
    if endpoint.org_id != exchange.org_id:
        raise NotFound(_NO_ENDPOINT)
    return endpoint


def _check_may_be_told(exchange: Exchange, events: frozenset[WebhookEvent]) -> None:
    """The right to change webhooks is not the right to look at calls, which their bodies show. Raises Forbidden."""
    rights = exchange.caller.rights
    if Right.CALLS_READ not in rights and events != {WebhookEvent.WALLET_LOW}:
        raise Forbidden("To have calls told takes the scope calls:read.", "events")
    if Right.RECORDINGS_READ not in rights and WebhookEvent.RECORDING_READY in events:
        raise Forbidden("To have recordings told takes the scope recordings:read.", "events")


async def _check_may_be_moved(api: Api, exchange: Exchange) -> None:
    """What waits for an endpoint, and what may be sent there once more, may be of events that it had before those that
    it has. Raises Forbidden."""
    org_id, webhook_id = exchange.org_id, exchange.request.match_info["webhook_id"]
    for right, events in _TELLING.items():
        if right not in exchange.caller.rights:
            look = partial(Reader.was_told, org_id=org_id, webhook_id=webhook_id, events=events)
            # Where it was told of none, all its deliveries are looked at, for which nothing is to wait.
            with api.downloads.place():
                was_told = await api.store.read_apart(look)
            if was_told:
                _check_may_be_told(exchange, events)


def _secret(api: Api) -> str:
    return f"whsec_{api.tokens.hex(64)}"


ROUTES: Final = (
    Route("GET", "/v1/account/webhooks", list_endpoints, right=Right.WEBHOOKS_READ),
    Route("POST", "/v1/account/webhooks", add_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("PATCH", "/v1/account/webhooks/{webhook_id}", change_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("POST", "/v1/account/webhooks/{webhook_id}/rotate", rotate_secret, right=Right.WEBHOOKS_WRITE),
    Route("POST", "/v1/account/webhooks/{webhook_id}/disable", disable_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("POST", "/v1/account/webhooks/{webhook_id}/enable", enable_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("GET", "/v1/account/webhooks/{webhook_id}/deliveries", list_deliveries, right=Right.WEBHOOKS_READ),
    Route("POST", "/v1/account/webhooks/{webhook_id}/test", try_out, right=Right.WEBHOOKS_WRITE),
    Route("GET", "/v1/account/deliveries/{delivery_id}", show_delivery, right=Right.WEBHOOKS_READ),
    Route("POST", "/v1/account/deliveries/{delivery_id}/replay", replay, right=Right.WEBHOOKS_WRITE),
)
