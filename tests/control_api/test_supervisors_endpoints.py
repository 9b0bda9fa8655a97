"""Supervisors over the API: joining, changing, leaving; who may; what is written into the audit log."""

from collections.abc import AsyncIterator

import pytest

from b2bua.switch.supervisors import LOOK_EVERY_S
from media.errors import UnusableBrowserOffer
from storage.person_records import Role
from storage.records import Scope
from tests.support.api_world import CALLS, KEY, ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.kept_gateway import OFFER, KeptGateway
from tests.support.kept_line import settle
from tests.support.signed_in import somebody


@pytest.fixture
async def gateway() -> KeptGateway:
    return KeptGateway()


@pytest.fixture
async def world(gateway: KeptGateway) -> AsyncIterator[ApiWorld]:
    async with api_world(gateway=gateway) as started:
        yield started


async def test_a_supervisor_joins_speaks_and_leaves(world: ApiWorld, gateway: KeptGateway) -> None:
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/supervisors"
    joined = await world.send("POST", path, json={"sdp": OFFER, "mode": "whisper_b"})
    assert joined.status == 201
    assert joined.json["data"]["sdp"] == "the answer"
    supervisor_id = joined.json["data"]["supervisor_id"]
    (listed,) = (await world.get(path)).json["data"]
    assert (listed["mode"], listed["state"]) == ("whisper_b", "connecting")
    mine = f"{path}/{supervisor_id}"
    changed = await world.send("PATCH", mine, json={"mode": "barge", "candidates": "a=candidate:1 1 udp"})
    assert changed.json["data"]["mode"] == "barge"
    assert world.switch.heard[call_id].seats[0].mode == "barge"
    assert gateway.fragments == ["a=candidate:1 1 udp"]
    assert changed.json["data"]["sdp"] is None
    restarted = await world.send("PATCH", mine, json={"sdp": OFFER})
    assert restarted.json["data"]["sdp"] == OFFER
    gateway.refuse_with = UnusableBrowserOffer("it is of another certificate")
    refused = await world.send("PATCH", mine, json={"sdp": OFFER})
    assert (refused.status, refused.json["error"]["field"]) == (400, "sdp")
    assert (await world.send("DELETE", mine)).status == 204
    assert (await world.send("DELETE", mine)).status == 404
    assert (await world.send("PATCH", mine, json={"mode": "listen"})).status == 404
    await settle()
    assert gateway.closed == [f"supervisor/{supervisor_id}"]
    entries = (await world.get("/v1/account/audit")).json["data"]
    assert [entry["action"] for entry in entries[:3]] == ["supervisor.leave", "supervisor.mode", "supervisor.join"]
    assert {entry["object_id"] for entry in entries[:3]} == {call_id}


async def test_a_supervisors_browser_is_told_of_turn_servers_with_credentials_of_its_own(world: ApiWorld) -> None:
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/supervisors/ice-servers"
    assert (await world.get(path)).json["data"]["ice_servers"] == [
        {"urls": ["stun:stun.example"]},
        {"urls": ["turn:turn.example"], "username": "1764158400:supervisor", "credential": "a credential"},
    ]
    assert (await world.send("GET", path, key=OTHER_KEY)).status == 404
    await world.finish(call_id)
    assert (await world.get(path)).status == 409


async def test_the_turn_servers_are_read_and_no_supervisor(world: ApiWorld) -> None:
    path = f"{CALLS}/{await world.place()}/supervisors"
    for method in ("PATCH", "DELETE", "PUT"):
        refused = await world.send(method, f"{path}/ice-servers", json={"mode": "barge"})
        assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
    for name in ("ice-servers2", "ice"):
        assert (await world.send("DELETE", f"{path}/{name}")).status == 404
    assert (await world.get(f"{path}/x")).headers["Allow"] == "DELETE, PATCH"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "sdp"),
        ({"sdp": ""}, "sdp"),
        ({"sdp": "x" * 30_001}, "sdp"),
        ({"sdp": "no offer"}, "sdp"),
        ({"sdp": OFFER, "mode": "shout"}, "mode"),
    ],
)
async def test_an_offer_that_cannot_be_used_is_refused(world: ApiWorld, body: dict[str, str], field: str) -> None:
    path = f"{CALLS}/{await world.place()}/supervisors"
    refused = await world.send("POST", path, json=body)
    assert (refused.status, refused.json["error"]["field"]) == (400, field)
    assert (await world.get(path)).json["data"] == []


async def test_only_who_may_supervises_and_only_own_calls(world: ApiWorld) -> None:
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/supervisors"
    usual = await world.add_key("a", scopes=frozenset(Scope) - {Scope.SUPERVISE})
    assert (await world.send("POST", path, json={"sdp": OFFER}, key=usual)).status == 403
    assert (await world.send("POST", path, json={"sdp": OFFER}, key=OTHER_KEY)).status == 404
    await world.finish(call_id)
    assert (await world.send("POST", path, json={"sdp": OFFER})).status == 409


async def test_a_supervisor_is_parted_from_the_call_once_its_key_is_revoked(
    world: ApiWorld, gateway: KeptGateway
) -> None:
    path = f"{CALLS}/{await world.place()}/supervisors"
    key = await world.add_key("a", scopes=frozenset({Scope.SUPERVISE}))
    for each in (key, KEY):
        assert (await world.send("POST", path, json={"sdp": OFFER}, key=each)).status == 201
    world.clock.advance(LOOK_EVERY_S)
    await world.store.read(lambda _reader: None)
    await settle()
    assert len((await world.get(path)).json["data"]) == 2
    keys = await world.store.read(lambda reader: reader.keys(ORG))
    await world.store.run(lambda unit: unit.accounts.revoke_key(keys[-1].key_id, world.clock.wall_ms()))
    assert len(await _left_after_a_look(world, path)) == 1
    assert len(gateway.closed) == 1


async def test_a_supervisor_is_parted_from_the_call_with_its_role_or_session(world: ApiWorld) -> None:
    path = f"{CALLS}/{await world.place()}/supervisors"
    demoted, gone = await somebody(world, Role.OWNER), await somebody(world, Role.OWNER, operator=True)
    for each in (demoted, gone):
        joined = await each.send("POST", path, json={"sdp": OFFER})
        assert (joined.status, joined.json["data"]["mode"]) == (201, "listen")
    await world.store.run(lambda unit: unit.people.set_member(ORG, demoted.person_id, Role.VIEWER, 0))
    assert len(await _left_after_a_look(world, path)) == 1
    assert (await gone.send("DELETE", "/v1/account/sessions/current")).status == 200
    assert await _left_after_a_look(world, path) == []


async def _left_after_a_look(world: ApiWorld, path: str) -> list[object]:
    """Who takes part once it has been looked up whether they may."""
    world.clock.advance(LOOK_EVERY_S)
    for _ in range(4):  # what is read there is read in its turn
        await world.store.read(lambda _reader: None)
        await settle()
    left: list[object] = (await world.get(path)).json["data"]
    return left


async def test_where_no_browsers_are_met_there_are_no_supervisors() -> None:
    async with api_world() as world:
        path = f"{CALLS}/{await world.place()}/supervisors"
        assert (await world.send("POST", path, json={"sdp": OFFER})).status == 404
        assert (await world.get(path)).status == 404
