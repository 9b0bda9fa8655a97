"""Agents over the API: made, changed, deleted, given tokens; and what an agent's own token is good for."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from storage.agent_records import MAX_AGENTS, MAX_LIVE_TOKENS, Agent, AgentState
from storage.person_records import Role
from tests.support.api_agents import AGENTS, add_agent, agent_token, new_token
from tests.support.api_world import ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.signed_in import add_person, sign_in

ME = "/v1/agent/me"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def test_an_agent_is_made_changed_and_deleted(world: ApiWorld) -> None:
    made = await world.send("POST", AGENTS, json={"name": "asha.k", "display_name": "Asha"})
    assert made.status == 201
    assert made.json["data"] == {
        "name": "asha.k",
        "party": "agent:asha.k",
        "display_name": "Asha",
        "state": "available",
        "presence": None,
        "person_id": None,
        "created_at": "2025-01-01T12:00:00Z",
    }
    await add_agent(world, "ravi")
    listed = (await world.get(AGENTS)).json["data"]
    assert [(agent["name"], agent["display_name"]) for agent in listed] == [("asha.k", "Asha"), ("ravi", "ravi")]
    changed = await world.send("PATCH", f"{AGENTS}/asha.k", json={"state": "away"})
    assert changed.json["data"] == made.json["data"] | {"state": "away"}
    assert (await world.get(f"{AGENTS}/asha.k")).json["data"] == changed.json["data"]
    assert (await world.send("DELETE", f"{AGENTS}/asha.k")).status == 204
    assert (await world.get(f"{AGENTS}/asha.k")).status == 404
    actions = [entry["action"] for entry in (await world.get("/v1/account/audit")).json["data"]]
    assert actions == ["agent.delete", "agent.change", "agent.create", "agent.create"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Asha"}, "name"),
        ({"name": "-a"}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": "asha\n"}, "name"),
        ({"name": "a:b"}, "name"),
        ({}, "name"),
        ({"name": "a", "display_name": " "}, "display_name"),
        ({"name": "a", "state": "gone"}, "state"),
        ({"name": "a", "person_id": "nobody"}, "person_id"),
    ],
)
async def test_what_is_no_agent_is_refused(world: ApiWorld, body: dict[str, Any], field: str) -> None:
    reply = await world.send("POST", AGENTS, json=body)
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["field"]) == (400, "invalid_request", field)


async def test_a_name_is_there_once_and_an_organisation_has_so_many(world: ApiWorld) -> None:
    await add_agent(world, "asha")
    assert (await world.send("POST", AGENTS, json={"name": "asha"})).status == 409

    def fill(unit: Any) -> None:
        for number in range(MAX_AGENTS - 1):
            unit.agents.add(Agent(ORG, f"a{number}", "", AgentState.AWAY, 1))

    await world.store.run(fill)
    assert (await world.send("POST", AGENTS, json={"name": "one-more"})).status == 409


async def test_another_organisation_sees_none_of_them(world: ApiWorld) -> None:
    await add_agent(world, "asha")
    assert (await world.get(AGENTS, key=OTHER_KEY)).json["data"] == []
    for method, path in (("GET", ""), ("DELETE", ""), ("DELETE", "/tokens")):
        assert (await world.send(method, f"{AGENTS}/asha{path}", key=OTHER_KEY)).status == 404
    assert (await world.send("PATCH", f"{AGENTS}/asha", key=OTHER_KEY, json={"state": "away"})).status == 404
    assert (await world.send("POST", f"{AGENTS}/asha/tokens", key=OTHER_KEY)).status == 404


async def test_a_token_is_the_agent_until_it_ends(world: ApiWorld) -> None:
    await add_agent(world, "asha")
    token = await new_token(world, "asha", life_sec=60)
    assert token["expires_at"] == "2025-01-01T12:01:00Z"
    assert (await world.get(ME, key=token["token"])).json["data"]["party"] == "agent:asha"
    said = await world.send("PUT", "/v1/agent/state", key=token["token"], json={"state": "away"})
    assert said.json["data"]["state"] == "away"
    assert (await world.get(f"{AGENTS}/asha")).json["data"]["state"] == "away"
    world.clock.advance(59.0)
    assert (await world.get(ME, key=token["token"])).status == 200
    world.clock.advance(1.0)
    assert (await world.get(ME, key=token["token"])).status == 401


@pytest.mark.parametrize("life_sec", [59, 43_201, "60", 60.5])
async def test_a_token_lives_a_minute_at_least_and_half_a_day_at_most(world: ApiWorld, life_sec: object) -> None:
    await add_agent(world, "asha")
    reply = await world.send("POST", f"{AGENTS}/asha/tokens", json={"life_sec": life_sec})
    assert (reply.status, reply.json["error"]["field"]) == (400, "life_sec")


async def test_tokens_are_revoked_one_by_one_or_together_and_go_with_their_agent(world: ApiWorld) -> None:
    await add_agent(world, "asha")
    first, second, third = [await new_token(world, "asha") for _ in range(3)]
    assert (await world.send("DELETE", f"{AGENTS}/asha/tokens/{first['token_id']}")).status == 204
    assert (await world.send("DELETE", f"{AGENTS}/asha/tokens/{first['token_id']}")).status == 404
    assert [(await world.get(ME, key=each["token"])).status for each in (first, second)] == [401, 200]
    assert (await world.send("DELETE", f"{AGENTS}/asha/tokens")).status == 204
    assert [(await world.get(ME, key=each["token"])).status for each in (second, third)] == [401, 401]
    last = await new_token(world, "asha")
    assert (await world.send("DELETE", f"{AGENTS}/asha")).status == 204
    assert (await world.get(ME, key=last["token"])).status == 401


async def test_of_too_many_tokens_the_oldest_ends(world: ApiWorld) -> None:
    await add_agent(world, "asha")
    tokens = []
    for _ in range(MAX_LIVE_TOKENS + 1):
        tokens.append((await new_token(world, "asha"))["token"])
        world.clock.advance(1.0)
    statuses = [(await world.get(ME, key=token)).status for token in tokens]
    assert statuses == [401] + [200] * MAX_LIVE_TOKENS


async def test_the_session_of_a_linked_person_is_the_agents_too(world: ApiWorld) -> None:
    person = await add_person(world, "asha@shop.example", Role.VIEWER)
    browser = await sign_in(world, "asha@shop.example")
    assert (await browser.send("GET", ME)).status == 403
    await add_agent(world, "asha", person_id=person.person_id)
    assert (await browser.send("GET", ME)).json["data"]["name"] == "asha"
    assert (await browser.send("PUT", "/v1/agent/state", json={"state": "away"})).status == 200
    other = await world.send("POST", AGENTS, json={"name": "again", "person_id": person.person_id})
    assert (other.status, other.json["error"]["field"]) == (409, "person_id")
    await world.send("PATCH", f"{AGENTS}/asha", json={"person_id": None})
    assert (await browser.send("GET", ME)).status == 403


@pytest.mark.parametrize("token", ["at_", "at_" + "0" * 64, "at_" + "g" * 64, "vp_at_" + "0" * 64])
async def test_what_is_no_token_is_nobody(world: ApiWorld, token: str) -> None:
    await agent_token(world, "asha")
    assert (await world.get(ME, key=token)).status == 401
