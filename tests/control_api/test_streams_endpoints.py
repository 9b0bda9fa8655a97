"""Streams over the API: endpoints with their secret, streams of live calls, where they may go, and who may."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from b2bua.switch.trace_steps import BRIDGED, CLOSED, Told
from control_api.routes.streams import MAX_ENDPOINTS
from storage.records import Scope
from tests.support.api_world import BODY, CALLS, ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.kept_line import HeardCalls, KeptDialler, settle

ENDPOINTS = "/v1/account/stream-endpoints"
URL = "wss://speech.shop.example/calls"


@pytest.fixture
async def dialler() -> KeptDialler:
    return KeptDialler()


@pytest.fixture
async def world(dialler: KeptDialler) -> AsyncIterator[ApiWorld]:
    async with api_world(dialler=dialler) as started:
        yield started


async def add(world: ApiWorld, **fields: object) -> dict[str, Any]:
    reply = await world.send("POST", ENDPOINTS, json={"url": URL, **fields})
    assert reply.status == 201, reply.body
    added: dict[str, Any] = reply.json["data"]
    return added


async def test_an_endpoint_shows_its_secret_once_and_can_be_removed(world: ApiWorld) -> None:
    added = await add(world, rate=16_000, tracks="a")
    assert added["secret"].startswith("strsec_")
    (listed,) = (await world.get(ENDPOINTS)).json["data"]
    assert listed == {name: value for name, value in added.items() if name != "secret"}
    assert (await world.get(ENDPOINTS, key=OTHER_KEY)).json["data"] == []
    path = f"{ENDPOINTS}/{added['endpoint_id']}"
    assert (await world.send("DELETE", path, key=OTHER_KEY)).status == 404
    assert (await world.send("DELETE", path)).status == 204
    assert (await world.send("DELETE", path)).status == 404
    actions = [entry["action"] for entry in (await world.get("/v1/account/audit")).json["data"]]
    assert actions[:2] == ["stream_endpoint.remove", "stream_endpoint.add"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "https://speech.shop.example/"}, "url"),
        ({"url": "wss://"}, "url"),
        ({"url": "wss://speech.shop.example/a b"}, "url"),
        ({"url": 7}, "url"),
        ({"rate": 44_100}, "rate"),
        ({"tracks": "c"}, "tracks"),
        ({"every_call": "yes"}, "every_call"),
    ],
)
async def test_an_endpoint_that_cannot_be_is_refused(world: ApiWorld, fields: dict[str, object], field: str) -> None:
    reply = await world.send("POST", ENDPOINTS, json={"url": URL, **fields})
    assert (reply.status, reply.json["error"]["field"]) == (400, field)


async def test_an_organisation_has_so_many_endpoints(world: ApiWorld) -> None:
    for _ in range(MAX_ENDPOINTS):
        await add(world)
    assert (await world.send("POST", ENDPOINTS, json={"url": URL})).status == 409


async def test_a_live_call_is_streamed_looked_at_and_stopped(world: ApiWorld, dialler: KeptDialler) -> None:
    endpoint = await add(world, rate=16_000)
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/streams"
    started = await world.send("POST", path, json={"tracks": "b"})
    assert started.status == 201
    assert {name: started.json["data"][name] for name in ("url", "rate", "tracks", "endpoint_id")} == {
        "url": URL,
        "rate": 16_000,
        "tracks": "b",
        "endpoint_id": endpoint["endpoint_id"],
    }
    await settle()
    world.switch.heard[call_id].say(3)
    await settle()
    (shown,) = (await world.get(path)).json["data"]
    assert (shown["state"], shown["frames_sent"], shown["connections"]) == ("streaming", 3, 1)
    assert dialler.dialled == [(URL, shown["stream_id"], endpoint["secret"])]
    stopped = await world.send("DELETE", f"{path}/{shown['stream_id']}")
    assert stopped.json["data"]["reason"] == "stopped"
    await settle()
    assert (await world.get(path)).json["data"][0]["state"] == "stopped"
    assert dialler.lines[0].of("stop")[0]["reason"] == "stopped"
    assert (await world.send("DELETE", f"{path}/none")).status == 404
    actions = [entry["action"] for entry in (await world.get("/v1/account/audit")).json["data"]]
    assert actions[:2] == ["stream.stop", "stream.start"]


async def test_a_call_goes_only_to_where_an_endpoint_is(world: ApiWorld) -> None:
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/streams"
    assert (await world.send("POST", path)).status == 400
    await add(world)
    for url in (
        "wss://speech.shop.example:8443/calls",
        "ws://speech.shop.example/calls",
        "wss://other.example/calls",
        "wss://speech.shop.example@other.example/calls",
        "nonsense",
    ):
        refused = await world.send("POST", path, json={"url": url})
        assert (refused.status, refused.json["error"]["field"]) == (400, "url"), url
        refused = await world.post({**BODY, "stream": {"url": url}})
        assert (refused.status, refused.json["error"]["field"]) == (400, "stream.url"), url
    assert (await world.send("POST", path, json={"url": "wss://speech.shop.example/another"})).status == 201


async def test_a_call_has_two_streams_at_once(world: ApiWorld) -> None:
    await add(world)
    path = f"{CALLS}/{await world.place()}/streams"
    first = await world.send("POST", path)
    assert (await world.send("POST", path)).status == 201
    assert (await world.send("POST", path)).status == 409
    await world.send("DELETE", f"{path}/{first.json['data']['stream_id']}")
    assert (await world.send("POST", path)).status == 201


async def test_calls_that_cannot_be_heard_are_refused(world: ApiWorld) -> None:
    await add(world)
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/streams"
    assert (await world.send("POST", path, key=OTHER_KEY, json={})).status == 400  # it has no endpoint
    world.switch.heard[call_id] = HeardCalls(call_id, ORG, connected=False)
    assert (await world.send("POST", path)).status == 409
    assert world.streams.of(call_id) == ()
    await world.finish(call_id)
    assert (await world.send("POST", path)).status == 409
    assert (await world.get(path)).status == 409


async def test_a_placed_call_takes_its_wish_along(world: ApiWorld) -> None:
    endpoint = await add(world)
    await world.place(stream={"rate": 16_000, "tracks": "a"})
    wish = world.switch.commands[-1].stream
    assert wish is not None
    assert (wish.endpoint_id, wish.url, wish.rate_hz, wish.tracks) == (endpoint["endpoint_id"], URL, 16_000, "a")
    await world.place()
    assert world.switch.commands[-1].stream is None


async def test_the_first_reply_stands_though_the_endpoint_has_gone_since(world: ApiWorld) -> None:
    endpoint = await add(world)
    body, headers = {**BODY, "stream": {}}, {"Idempotency-Key": "order-7"}
    first = await world.post(body, headers=headers)
    assert first.status == 201
    assert (await world.send("DELETE", f"{ENDPOINTS}/{endpoint['endpoint_id']}")).status == 204
    assert (await world.post(body, headers=headers)).json == first.json
    assert (await world.post(body, headers={"Idempotency-Key": "order-8"})).status == 400


async def test_to_have_a_call_streamed_takes_the_scope(world: ApiWorld) -> None:
    await add(world)
    key = await world.add_key("a", scopes=frozenset({Scope.CALLS_WRITE}))
    assert (await world.post({**BODY, "stream": {}}, key=key)).status == 403
    assert (await world.post(BODY, key=key)).status == 201


async def test_having_every_call_streamed_takes_the_scope_too(world: ApiWorld) -> None:
    key = await world.add_key("a", scopes=frozenset({Scope.ACCOUNT_WRITE}))
    refused = await world.send("POST", ENDPOINTS, key=key, json={"url": URL, "every_call": True})
    assert (refused.status, refused.json["error"]["code"]) == (403, "forbidden")
    assert (await world.get(ENDPOINTS)).json["data"] == []
    assert (await world.send("POST", ENDPOINTS, key=key, json={"url": URL})).status == 201
    both = await world.add_key("b", scopes=frozenset({Scope.ACCOUNT_WRITE, Scope.STREAMS_WRITE}))
    assert (await world.send("POST", ENDPOINTS, key=both, json={"url": URL, "every_call": True})).status == 201


async def test_every_call_of_an_organisation_is_streamed_where_it_wants_that(
    world: ApiWorld, dialler: KeptDialler
) -> None:
    bridged = Told("media", None, BRIDGED, {})
    call = HeardCalls("call-1", ORG)
    world.streams.told(call, bridged)
    await settle()
    assert world.streams.of("call-1") == ()
    endpoint = await add(world, every_call=True)
    world.streams.told(call, bridged)
    while not dialler.lines:  # the store answers from its thread
        await settle(1)
    await settle()
    (stream,) = world.streams.of("call-1")
    assert stream.plan.endpoint_id == endpoint["endpoint_id"]
    assert [mark["name"] for mark in dialler.lines[0].of("mark")] == ["bridged"]
    call.say(5)
    await settle()
    world.streams.told(call, Told("media", "a", CLOSED, {}))
    await stream.ended()
    await settle()
    assert dialler.lines[0].of("stop")[0]["reason"] == "call_ended"
    assert world.streams.of("call-1") == ()
    figures = world.streams.counters()
    assert (figures["streams_live"], figures["stream_frames_sent_total"]) == (0, 5)
    metrics = (await world.get("/metrics", key=None)).body.decode()
    assert "maskbridge_stream_frames_sent_total 5.0" in metrics
