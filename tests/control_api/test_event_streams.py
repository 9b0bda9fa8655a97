"""Server-sent events: who gets what, from where, and how a stream ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer

from control_api import event_feed, event_streams
from storage.person_records import Role
from storage.records import CallRecord, OutboxEvent, Scope, WebhookEvent, changed
from tests.support.api_world import CALLS, KEY, ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.signed_in import somebody

EVENTS = "/v1/masking/events"
COURSE = (WebhookEvent.INITIATED, WebhookEvent.RINGING, WebhookEvent.ANSWERED, WebhookEvent.BRIDGED)


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "LOOK_AGAIN_S", 0.01)


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world(streams_per_key=2) as started:
        yield started


class Reader:
    """Reads a stream event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, str]:
        """The fields of the next event; comments and `retry` are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while True:
                line = (await self.response.content.readline()).decode()
                assert line, "the stream broke off"
                if line == "\n" and fields:
                    return fields
                name, _, value = line.rstrip("\n").partition(": ")
                if name and name != "retry":
                    fields[name] = value

    async def names(self, count: int) -> list[str]:
        return [(await self.next())["event"] for _ in range(count)]

    async def pauses(self, count: int) -> None:
        """Wait for so many comments."""
        async with asyncio.timeout(10):
            while count:
                count -= (await self.response.content.readline()).startswith(b":")

    async def over(self) -> bool:
        async with asyncio.timeout(10):
            return await self.response.content.readline() == b""


async def listen(world: ApiWorld, path: str = EVENTS, key: str = KEY, **headers: str) -> Reader:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    wanted = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", **named}
    response = await world.client.get(path, headers=wanted)
    assert response.status == 200, await response.text()
    assert response.content_type == "text/event-stream"
    return Reader(response)


async def tell(world: ApiWorld, call_id: str, event: WebhookEvent, sequence: int, **changes: Any) -> str:
    record = await world.store.read(lambda reader: reader.any_call(call_id))
    assert record is not None
    told: CallRecord = changed(record, sequence=sequence, **changes)
    event_id = f"{call_id}/{sequence}"
    row = OutboxEvent(event_id, told.org_id, call_id, sequence, event, world.clock.wall_ms(), told)
    await world.store.run(lambda unit: unit.outbox.add(row))
    return event_id


async def course(world: ApiWorld, call_id: str) -> list[str]:
    return [await tell(world, call_id, event, number) for number, event in enumerate(COURSE, 1)]


async def test_what_is_told_of_calls_comes_in_order_with_the_webhooks_body(world: ApiWorld) -> None:
    reader = await listen(world)
    call_id = await world.place(reference="r-1")
    ids = await course(world, call_id)
    events = [await reader.next() for _ in COURSE]
    assert [event["event"] for event in events] == [event.value for event in COURSE]
    assert [event["id"] for event in events] == ids
    body = json.loads(events[1]["data"])
    assert (body["event"], body["call_sid"], body["sequence"]) == ("call.ringing", call_id, 2)
    assert body["data"]["reference"] == "r-1"


async def test_what_was_told_before_is_not_repeated(world: ApiWorld) -> None:
    call_id = await world.place()
    await tell(world, call_id, WebhookEvent.INITIATED, 1)
    reader = await listen(world)
    await tell(world, call_id, WebhookEvent.RINGING, 2)
    assert await reader.names(1) == ["call.ringing"]


async def test_last_event_id_goes_on_where_the_client_was(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "REPLAYED_AT_ONCE", 1)
    call_id = await world.place()
    ids = await course(world, call_id)
    reader = await listen(world, Last_Event_ID=ids[0])
    assert await reader.names(3) == ["call.ringing", "call.answered", "call.bridged"]
    await tell(world, call_id, WebhookEvent.COMPLETED, 5)
    assert await reader.names(1) == ["call.completed"]


@pytest.mark.parametrize("last", ["never-seen", "too old", "of another organisation"])
async def test_a_last_event_that_cannot_be_gone_on_from_is_told_as_a_gap(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    call_id = await world.place()
    ids = await course(world, call_id)
    key = KEY
    if last == "too old":
        last = ids[0]
        monkeypatch.setattr(event_streams, "REPLAY_WINDOW", 2)
    elif last == "of another organisation":
        last, key = ids[0], OTHER_KEY
    reader = await listen(world, key=key, Last_Event_ID=last)
    assert await reader.names(1) == ["gap"]


async def test_an_organisation_hears_nothing_of_another(world: ApiWorld) -> None:
    other = await listen(world, key=OTHER_KEY)
    mine = await listen(world)
    await course(world, await world.place())
    assert await mine.names(4) == [event.value for event in COURSE]
    reply = await world.post(key=OTHER_KEY)
    theirs = str(reply.json["data"]["call_sid"])
    await tell(world, theirs, WebhookEvent.INITIATED, 1)
    assert json.loads((await other.next())["data"])["call_sid"] == theirs


async def test_a_call_is_followed_from_its_first_event_to_its_last(world: ApiWorld) -> None:
    call_id, another = await world.place(), await world.place()
    await tell(world, call_id, WebhookEvent.INITIATED, 1)
    reader = await listen(world, f"{CALLS}/{call_id}/events")
    await tell(world, another, WebhookEvent.INITIATED, 1)
    await tell(world, call_id, WebhookEvent.RINGING, 2)
    await tell(world, call_id, WebhookEvent.FAILED, 3)
    assert await reader.names(3) == ["call.initiated", "call.ringing", "call.failed"]
    end = await reader.next()
    assert (end["event"], json.loads(end["data"])) == ("end", {"reason": "call_over"})
    assert await reader.over()


async def test_a_call_with_a_recording_is_over_when_that_is_ready(world: ApiWorld) -> None:
    call_id = await world.place()
    await tell(world, call_id, WebhookEvent.COMPLETED, 1, recording_path="2025/01/01/x.wav")
    reader = await listen(world, f"{CALLS}/{call_id}/events")
    assert await reader.names(1) == ["call.completed"]
    await tell(world, call_id, WebhookEvent.RECORDING_READY, 2, recording_path="2025/01/01/x.wav")
    ready = await reader.next()
    assert ready["event"] == "recording.ready"
    assert "download_url" in json.loads(ready["data"])["data"]
    assert await reader.names(1) == ["end"]


async def test_the_address_of_a_recording_is_for_those_who_may_read_recordings(world: ApiWorld) -> None:
    """The address needs no key: whoever has it has the recording."""
    key = await world.add_key("4", scopes=frozenset({Scope.CALLS_READ}))
    call_id = await world.place()
    await tell(world, call_id, WebhookEvent.COMPLETED, 1, recording_path="2025/01/01/x.wav")
    everything = await listen(world, key=key)
    one_call = await listen(world, f"{CALLS}/{call_id}/events", key=key)
    await tell(world, call_id, WebhookEvent.RECORDING_READY, 2, recording_path="2025/01/01/x.wav")
    assert await one_call.names(1) == ["call.completed"]
    for reader in (everything, one_call):
        ready = await reader.next()
        assert ready["event"] == "recording.ready"
        assert json.loads(ready["data"])["data"]["recording_url"] == "recordings/2025/01/01/x.wav"
        assert "download_url" not in ready["data"]


async def test_who_loses_the_right_to_recordings_while_listening_is_told_no_more_of_their_addresses(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_S", 0.01)
    owner = await somebody(world, Role.OWNER)
    reader = Reader(await world.client.get(EVENTS, headers={"Cookie": owner.cookie}))
    call_id = await world.place()
    await tell(world, call_id, WebhookEvent.INITIATED, 1)
    assert await reader.names(1) == ["call.initiated"]
    await world.store.run(lambda unit: unit.people.set_member(ORG, owner.person_id, Role.VIEWER, 2_000))
    await reader.pauses(2)  # the first may have been under way
    await tell(world, call_id, WebhookEvent.RECORDING_READY, 2, recording_path="2025/01/01/x.wav")
    assert "download_url" not in (await reader.next())["data"]


async def test_a_call_of_another_organisation_cannot_be_followed(world: ApiWorld) -> None:
    call_id = await world.place()
    headers = {"Accept": "text/event-stream"}
    reply = await world.get(f"{CALLS}/{call_id}/events", key=OTHER_KEY, headers=headers)
    assert reply.status == 404


async def test_a_key_has_so_many_streams_and_gets_the_place_of_one_that_is_gone(world: ApiWorld) -> None:
    first = await listen(world)
    await listen(world)
    refused = await world.get(EVENTS)
    assert (refused.status, refused.json["error"]["code"]) == (429, "rate_limited")
    await listen(world, key=OTHER_KEY)
    first.response.close()
    async with asyncio.timeout(10):
        while (response := await world.client.get(EVENTS, headers={"Authorization": f"Bearer {KEY}"})).status == 429:
            response.close()
    assert response.status == 200


async def test_a_reader_that_falls_behind_gets_what_waits_and_a_clear_end(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "BACKLOG", 2)
    reader = await listen(world)
    call_id = await world.place()
    record = await world.store.read(lambda found: found.any_call(call_id))
    assert record is not None
    told = [
        OutboxEvent(f"e{n}", ORG, call_id, n, event, 1, changed(record, sequence=n))
        for n, event in enumerate(COURSE, 1)
    ]
    await world.store.run(lambda unit: [unit.outbox.add(event) for event in told])
    assert await reader.names(2) == ["call.initiated", "call.ringing"]
    end = await reader.next()
    assert json.loads(end["data"]) == {"reason": "too_slow"}
    assert await reader.over()
    resumed = await listen(world, Last_Event_ID="e2")
    assert await resumed.names(2) == ["call.answered", "call.bridged"]


async def test_a_revoked_key_hears_nothing_more(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_S", 0.01)
    key = await world.add_key("7")
    found = (await world.store.read(lambda reader: reader.keys(ORG)))[-1]
    reader = await listen(world, key=key)
    assert await reader.response.content.readline() == b"retry: 3000\n"
    assert await reader.response.content.readline() == b"\n"
    assert await reader.response.content.readline() == b": heartbeat\n"
    await world.store.run(lambda unit: unit.accounts.revoke_key(found.key_id, 1))
    world.clock.advance_to(world.clock.time() + 1.0)  # a key is looked up again after a quarter of a second
    assert json.loads((await reader.next())["data"]) == {"reason": "unauthorized"}


async def test_a_revoked_key_hears_nothing_more_where_there_is_no_pause_between_events(world: ApiWorld) -> None:
    key = await world.add_key("7")
    found = (await world.store.read(lambda reader: reader.keys(ORG)))[-1]
    reader = await listen(world, key=key)
    call_id = await world.place()
    await tell(world, call_id, WebhookEvent.INITIATED, 1)
    assert await reader.names(1) == ["call.initiated"]
    await world.store.run(lambda unit: unit.accounts.revoke_key(found.key_id, 1))
    world.clock.advance(event_streams.HEARTBEAT_S)
    await tell(world, call_id, WebhookEvent.RINGING, 2)
    assert json.loads((await reader.next())["data"]) == {"reason": "unauthorized"}


async def test_streams_end_when_the_server_stops() -> None:
    async with api_world() as world:
        reader = await listen(world)
        assert isinstance(world.client.server, TestServer)
        closing = asyncio.ensure_future(world.client.server.app.shutdown())
        assert json.loads((await reader.next())["data"]) == {"reason": "shutdown"}
        await closing


async def test_head_opens_no_stream(world: ApiWorld) -> None:
    for _ in range(4):
        assert (await world.send("HEAD", EVENTS)).status == 200
