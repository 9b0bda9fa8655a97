"""What a delivery was and what was answered, and test events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from control_api.webhooks.signing import verify_body_v2
from control_api.webhooks.trials import AT_ONCE
from storage.records import DeliveryOutcome, EndpointReply, OutboxEvent, Scope, WebhookEvent
from storage.store import Store
from tests.support.api_world import KEY, ORG, OTHER_KEY, ApiWorld, api_world

HOOKS = "/v1/account/webhooks"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def delivered(
    world: ApiWorld, event: WebhookEvent = WebhookEvent.RECORDING_READY, answer: str = "no such page"
) -> int:
    """A delivery that was refused once and is tried again: its number."""
    await world.send("POST", HOOKS, json={"url": "https://shop.example/hooks"})
    record = await world.finish(await world.place())

    def work(unit: Any) -> int:
        unit.outbox.add(OutboxEvent("event-1", ORG, record.call_id, 1, event, world.clock.wall_ms(), record))
        (delivery,) = unit.outbox.claim_due(world.clock.wall_ms(), 1)
        reply = EndpointReply({"Server": "nginx"}, answer, is_cut=True)
        unit.outbox.finish(DeliveryOutcome(delivery.delivery_id, 1, 1_000, False, 2_000, 404, None, 31, reply=reply))
        return int(delivery.delivery_id)

    return await world.store.run(work)


async def test_a_delivery_with_what_was_sent_and_answered(world: ApiWorld) -> None:
    number = await delivered(world)
    shown = (await world.get(f"/v1/account/deliveries/{number}")).json["data"]
    assert (shown["event"], shown["state"]) == ("recording.ready", "ready")
    body = json.loads(shown["request_body"])
    assert (body["event_id"], body["data"]["party_a"]) == ("event-1", "9876543210")
    assert "download_url" not in body["data"]
    (attempt,) = shown["attempt_log"]
    assert attempt["reply"] == {"headers": {"Server": "nginx"}, "body": "no such page", "cut": True}
    assert (attempt["duration_ms"], attempt["http_status"]) == (31, 404)
    assert attempt["request_headers"]["X-Edesy-Attempt"] == "1"


async def test_numbers_are_for_those_alone_who_may_read_calls(world: ApiWorld) -> None:
    number = await delivered(world, answer='unknown: {"party_a": "9876543210"}')
    key = await world.add_key("7", scopes=frozenset({Scope.ACCOUNT_READ}))
    reply = await world.send("GET", f"/v1/account/deliveries/{number}", key=key)
    assert reply.json["data"]["request_body"] is None
    assert b"9876543210" not in reply.body


@pytest.mark.parametrize(
    ("scopes", "events", "status"),
    [
        ((), None, 403),
        ((), ["call.completed", "wallet.low"], 403),
        ((), ["wallet.low"], 201),
        ((Scope.CALLS_READ,), None, 403),
        ((Scope.CALLS_READ,), ["recording.ready"], 403),
        ((Scope.CALLS_READ,), ["call.completed", "wallet.low"], 201),
        ((Scope.RECORDINGS_READ,), ["recording.ready"], 403),
        ((Scope.CALLS_READ, Scope.RECORDINGS_READ), None, 201),
    ],
)
async def test_nobody_has_more_told_than_they_may_read(
    world: ApiWorld, scopes: tuple[Scope, ...], events: list[str] | None, status: int
) -> None:
    key = await world.add_key("7", scopes=frozenset({Scope.ACCOUNT_WRITE, *scopes}))
    wanted = {"url": "https://elsewhere.example/hooks"} | ({} if events is None else {"events": events})
    reply = await world.send("POST", HOOKS, key=key, json=wanted)
    assert reply.status == status
    if status == 403:
        assert (reply.json["error"]["code"], reply.json["error"]["field"]) == ("forbidden", "events")
        assert (await world.get(HOOKS)).json["data"] == []
    quiet = (await world.send("POST", HOOKS, json={"url": "https://a.example", "events": ["wallet.low"]})).json["data"]
    wanted["events"] = events or [event.value for event in WebhookEvent]
    changed = await world.send("PATCH", f"{HOOKS}/{quiet['webhook_id']}", key=key, json=wanted)
    assert changed.status == (403 if status == 403 else 200)


@pytest.mark.parametrize("wanted", [{"url": "https://elsewhere.example"}, {"events": ["wallet.low"]}])
async def test_what_is_told_of_calls_goes_nowhere_else_for_who_may_not_read_them(
    world: ApiWorld, wanted: dict[str, Any]
) -> None:
    made = (await world.send("POST", HOOKS, json={"url": "https://shop.example/hooks"})).json["data"]
    path = f"{HOOKS}/{made['webhook_id']}"
    for scopes in ({Scope.ACCOUNT_WRITE}, {Scope.ACCOUNT_WRITE, Scope.CALLS_READ}):
        key = await world.add_key(str(len(scopes)), scopes=frozenset(scopes))
        assert (await world.send("PATCH", path, key=key, json=wanted)).status == 403
        assert (await world.send("PATCH", path, key=key, json={})).status == 200
    (kept,) = (await world.get(HOOKS)).json["data"]
    assert (kept["url"], len(kept["events"])) == ("https://shop.example/hooks", len(WebhookEvent))


@pytest.mark.parametrize(
    ("event", "scopes", "status"),
    [
        (WebhookEvent.COMPLETED, (), 403),
        (WebhookEvent.COMPLETED, (Scope.CALLS_READ,), 200),
        (WebhookEvent.RECORDING_READY, (Scope.CALLS_READ,), 403),
        (WebhookEvent.RECORDING_READY, (Scope.CALLS_READ, Scope.RECORDINGS_READ), 200),
    ],
)
async def test_what_was_told_of_calls_before_goes_nowhere_else_for_who_may_not_read_them(
    world: ApiWorld, event: WebhookEvent, scopes: tuple[Scope, ...], status: int
) -> None:
    """It still waits to be sent, and all of it may be sent once more."""
    await delivered(world, event)
    (made,) = (await world.get(HOOKS)).json["data"]
    path = f"{HOOKS}/{made['webhook_id']}"
    assert (await world.send("PATCH", path, json={"events": ["wallet.low"]})).status == 200
    key = await world.add_key("7", scopes=frozenset({Scope.ACCOUNT_WRITE, *scopes}))
    assert (await world.send("PATCH", path, key=key, json={"events": ["wallet.low"]})).status == 200
    moved = await world.send("PATCH", path, key=key, json={"url": "https://elsewhere.example/hooks"})
    assert moved.status == status


async def test_all_that_an_endpoint_was_told_is_looked_at_where_nothing_that_is_written_waits_for_it(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be millions, and a call cannot begin before it is written down."""
    await delivered(world, WebhookEvent.COMPLETED)
    (made,) = (await world.get(HOOKS)).json["data"]
    path = f"{HOOKS}/{made['webhook_id']}"
    assert (await world.send("PATCH", path, json={"events": ["wallet.low"]})).status == 200
    key = await world.add_key("7", scopes=frozenset({Scope.ACCOUNT_WRITE}))
    elsewhere = {"url": "https://elsewhere.example/hooks"}
    with monkeypatch.context() as patched:
        patched.delattr(Store, "run")
        assert (await world.send("PATCH", path, key=key, json=elsewhere)).status == 403
    (kept,) = (await world.get(HOOKS)).json["data"]
    assert kept["url"] == "https://shop.example/hooks"
    assert (await world.send("PATCH", path, key=OTHER_KEY, json=elsewhere)).status == 404


@pytest.mark.parametrize(("event", "shown"), [(WebhookEvent.RECORDING_READY, False), (WebhookEvent.COMPLETED, True)])
async def test_what_may_repeat_a_recordings_address_is_for_those_who_may_read_recordings(
    world: ApiWorld, event: WebhookEvent, shown: bool
) -> None:
    echo = '{"download_url": "http://calls.example/v1/public/recordings/masking/x.mp3?expires=1&signature=ab"}'
    number = await delivered(world, event, echo)
    key = await world.add_key("7", scopes=frozenset({Scope.ACCOUNT_READ, Scope.CALLS_READ}))
    reply = (await world.send("GET", f"/v1/account/deliveries/{number}", key=key)).json["data"]
    assert json.loads(reply["request_body"])["event_id"] == "event-1"
    (attempt,) = reply["attempt_log"]
    assert (attempt["http_status"], attempt["reply"] is not None) == (404, shown)


async def test_anothers_delivery_is_not_there(world: ApiWorld) -> None:
    number = await delivered(world)
    for key, path in ((OTHER_KEY, number), (KEY, number + 1), (KEY, "x"), (KEY, "9" * 19)):
        assert (await world.send("GET", f"/v1/account/deliveries/{path}", key=key)).status == 404


class Endpoint:
    """An endpoint that answers with a status, once it may."""

    def __init__(self) -> None:
        self.status = 200
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard: list[tuple[str, bytes]] = []

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers["X-Edesy-Signature-V2"], await request.read()))
        await self.may_answer.wait()
        return web.Response(status=self.status, text="heard")


@pytest.fixture
async def served() -> AsyncIterator[tuple[Endpoint, str]]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/hooks", endpoint.hear)
    async with TestServer(app) as server:
        yield endpoint, str(server.make_url("/hooks"))


@pytest.mark.sockets
async def test_a_test_event_is_signed_and_its_answer_is_told(world: ApiWorld, served: tuple[Endpoint, str]) -> None:
    endpoint, url = served
    added = (await world.send("POST", HOOKS, json={"url": url})).json["data"]
    own = f"{HOOKS}/{added['webhook_id']}"
    await world.send("POST", f"{own}/disable")
    for status in (200, 503):
        endpoint.status = status
        told = (await world.send("POST", f"{own}/test")).json["data"]
        assert (told["http_status"], told["delivered"], told["reply"]["body"]) == (status, status == 200, "heard")
        header, body = endpoint.heard[-1]
        assert told["request_body"].encode() == body
        assert told["request_headers"]["X-Edesy-Signature-V2"] == header
        assert verify_body_v2(body, header, added["secret"], world.clock.wall_ms() / 1000)
        assert json.loads(body)["event"] == "webhook.test"
    assert (await world.get(f"{own}/deliveries")).json["data"] == []
    assert (await world.send("POST", f"{own}/test", key=OTHER_KEY)).status == 404
    actions = [row["action"] for row in (await world.get("/v1/account/audit?action=webhook.test")).json["data"]]
    assert actions == ["webhook.test", "webhook.test"]


@pytest.mark.sockets
async def test_few_test_events_at_once(world: ApiWorld, served: tuple[Endpoint, str]) -> None:
    endpoint, url = served
    added = (await world.send("POST", HOOKS, json={"url": url})).json["data"]
    endpoint.may_answer.clear()
    sending = [
        asyncio.ensure_future(world.send("POST", f"{HOOKS}/{added['webhook_id']}/test")) for _ in range(AT_ONCE + 1)
    ]
    done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status for task in done] == [503]
    endpoint.may_answer.set()
    assert sorted(reply.status for reply in await asyncio.gather(*sending)) == [200] * AT_ONCE + [503]


@pytest.mark.sockets
async def test_an_endpoint_that_is_away_is_told_as_such(world: ApiWorld) -> None:
    added = (await world.send("POST", HOOKS, json={"url": "http://127.0.0.1:1/hooks"})).json["data"]
    told = (await world.send("POST", f"{HOOKS}/{added['webhook_id']}/test")).json["data"]
    assert (told["http_status"], told["delivered"], told["reply"]) == (None, False, None)
    assert told["error"]
