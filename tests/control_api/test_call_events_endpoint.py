"""GET /v1/masking/calls/{call_sid}/events."""

from collections.abc import AsyncIterator

import pytest

from storage.records import Scope, TracePart, TraceStep
from tests.support.api_world import CALLS, ORG, OTHER_KEY, ApiWorld, api_world

AT = 1_735_732_800_040
STEPS = (
    TraceStep(AT, "trunk", "a", "carrier", {}),
    TraceStep(AT, "sip", "a", "INVITE", {"direction": "sent", "cseq": "1 INVITE", "peer": "udp:192.0.2.1:5060"}),
    TraceStep(AT + 5, "media", "a", "negotiated", {"codec": "PCMA"}),
)


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def traced(world: ApiWorld) -> str:
    call_id = await world.place()
    await world.store.run(lambda unit: unit.traces.add([TracePart(call_id, 1, ORG, AT, STEPS)]))
    return call_id


async def test_the_timeline_is_told_without_where_the_trunks_are(world: ApiWorld) -> None:
    call_id = await traced(world)
    reply = await world.get(f"{CALLS}/{call_id}/events")
    assert reply.status == 200
    assert reply.json["data"] == {
        "call_sid": call_id,
        "events": [
            {
                "at": "2025-01-01T12:00:00Z",
                "at_ms": AT,
                "kind": "sip",
                "leg": "a",
                "name": "INVITE",
                "details": {"direction": "sent", "cseq": "1 INVITE"},
            },
            {
                "at": "2025-01-01T12:00:00Z",
                "at_ms": AT + 5,
                "kind": "media",
                "leg": "a",
                "name": "negotiated",
                "details": {"codec": "PCMA"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("kept", "told"), [("8f3a-77@192.0.2.1", "8f3a-77"), ("8f3a@a@gw.carrier.example", "8f3a"), ("8f3a77", "8f3a77")]
)
async def test_nor_by_the_host_in_a_call_id_of_theirs(world: ApiWorld, kept: str, told: str) -> None:
    call_id = await world.place()
    step = TraceStep(AT, "sip", "a", "INVITE", {"direction": "received", "cseq": "1 INVITE", "call_id": kept})
    await world.store.run(lambda unit: unit.traces.add([TracePart(call_id, 1, ORG, AT, (step,))]))
    (event,) = (await world.get(f"{CALLS}/{call_id}/events")).json["data"]["events"]
    assert event["details"] == {"direction": "received", "cseq": "1 INVITE", "call_id": told}


async def test_a_call_without_steps_has_an_empty_timeline(world: ApiWorld) -> None:
    call_id = await world.place()
    assert (await world.get(f"{CALLS}/{call_id}/events")).json["data"]["events"] == []


async def test_another_organisations_call_is_not_found(world: ApiWorld) -> None:
    call_id = await traced(world)
    assert (await world.get(f"{CALLS}/{call_id}/events", key=OTHER_KEY)).status == 404
    assert (await world.get(f"{CALLS}/17/events")).status == 404


async def test_it_takes_the_scope_of_reading_calls(world: ApiWorld) -> None:
    call_id = await traced(world)
    key = await world.add_key("5", scopes=frozenset({Scope.CALLS_WRITE}))
    assert (await world.get(f"{CALLS}/{call_id}/events", key=key)).status == 403
