"""What an agent's page does over the API: it is rung, answers as WHIP has it, and acts on its own calls alone."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from b2bua.call.agent_calls import (
    AgentCallEnded,
    AgentConnected,
    AgentDisconnected,
    AgentRinging,
    AgentStopped,
)
from b2bua.call.errors import (
    AgentCallConflict,
    AgentCallNotFound,
    BrowserOfferRefused,
    CapacityExhausted,
    IceSessionGone,
)
from control_api.agent_schemas import USUAL_LIFE_S
from control_api.event_streams import HEARTBEAT_S
from storage.agent_records import AgentState
from storage.person_records import Role
from tests.support.api_agents import AGENTS, agent_token, new_token
from tests.support.api_world import ORG, ApiWorld, api_world
from tests.support.fake_line import FakeLine
from tests.support.signed_in import somebody

CALL = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"
CALLS = f"/v1/agent/calls/{CALL}"
MEDIA = f"{CALLS}/media"
KEY = (ORG, "asha")
OFFER = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
PAGE = "https://desk.example"


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


@pytest.fixture
async def world(line: FakeLine) -> AsyncIterator[ApiWorld]:
    async with api_world(agents=line, cors_origins=(PAGE,)) as started:
        started.key = await agent_token(started, "asha")
        yield started


async def send(world: ApiWorld, method: str, path: str, **options: Any) -> Any:
    return await world.send(method, path, key=world.key, **options)


async def test_an_agent_learns_where_its_browser_finds_candidates(world: ApiWorld) -> None:
    me = (await send(world, "GET", "/v1/agent/me")).json["data"]
    assert (me["state"], me["presence"]) == ("available", "ringing")
    assert [agent["presence"] for agent in (await world.get(AGENTS)).json["data"]] == ["ringing"]
    assert me["ice_servers"] == [
        {"urls": ["stun:stun.example"]},
        {"urls": ["turn:turn.example"], "username": "9:asha", "credential": "secret"},
    ]


async def test_an_offer_is_answered_as_whip_has_it(world: ApiWorld, line: FakeLine) -> None:
    reply = await send(
        world, "POST", f"{MEDIA}?page=page-7&media=m-1", data="an offer", headers=OFFER | {"Origin": PAGE}
    )
    assert (reply.status, reply.body) == (201, b"an answer")
    assert reply.headers["Content-Type"] == "application/sdp"
    assert (reply.headers["Location"], reply.headers["ETag"]) == (MEDIA, '"ice-1"')
    assert reply.headers["X-Media-Id"] == "media-1"
    assert {"Location", "ETag", "Link", "X-Media-Id"} <= set(reply.headers["Access-Control-Expose-Headers"].split(", "))
    assert line.asked == [("answer", "asha", CALL, "an offer", "page-7", "m-1")]
    assert reply.headers.getall("Link") == [
        '<stun:stun.example>; rel="ice-server"',
        '<turn:turn.example>; rel="ice-server"; username="9:asha"; credential="secret"; credential-type="password"',
    ]


async def test_options_tells_what_whip_clients_may_send(world: ApiWorld) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for headers, status in (({}, 200), ({"Origin": PAGE}, 200), ({"Origin": PAGE, **asked}, 204)):
        reply = await world.send("OPTIONS", MEDIA, key=None, headers=headers)
        assert (reply.status, reply.body) == (status, b"")
        assert reply.headers["Accept-Post"] == OFFER["Content-Type"]
        assert reply.headers["Accept-Patch"] == FRAGMENT["Content-Type"]
        assert reply.headers["Allow"] == "DELETE, PATCH, POST, OPTIONS"
        assert "Link" not in reply.headers  # credentials are for who may take the call
        assert reply.headers.get("Access-Control-Allow-Origin") == headers.get("Origin")
    assert reply.headers["Access-Control-Allow-Methods"] == "DELETE, PATCH, POST"
    stranger = await world.send("OPTIONS", MEDIA, key=None, headers={"Origin": "https://else.example", **asked})
    assert stranger.status == 200
    assert not [name for name in stranger.headers if name.startswith("Access-Control")]


async def test_methods_that_whip_keeps_for_later_are_405(world: ApiWorld) -> None:
    for method in ("GET", "HEAD", "PUT"):
        reply = await send(world, method, MEDIA)
        assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, OPTIONS, PATCH, POST")


async def test_candidates_trickle_under_the_etag_and_a_star_restarts(world: ApiWorld, line: FakeLine) -> None:
    reply = await send(world, "PATCH", MEDIA, data="more", headers=FRAGMENT | {"If-Match": '"ice-1"'})
    assert reply.status == 204
    reply = await send(world, "PATCH", MEDIA, data="anew", headers=FRAGMENT | {"If-Match": "*"})
    assert (reply.status, reply.body, reply.headers["ETag"]) == (200, b"a fragment", '"ice-2"')
    assert reply.headers["Content-Type"] == FRAGMENT["Content-Type"]
    assert line.asked == [("trickle", "asha", CALL, "more", '"ice-1"'), ("restart", "asha", CALL, "anew")]
    line.refuse_with = IceSessionGone()
    reply = await send(world, "PATCH", MEDIA, data="late", headers=FRAGMENT | {"If-Match": '"ice-1"'})
    assert (reply.status, reply.json["error"]["code"]) == (412, "precondition_failed")
    reply = await send(world, "PATCH", MEDIA, data="what", headers=FRAGMENT)
    assert (reply.status, reply.json["error"]["code"]) == (428, "precondition_required")
    reply = await send(world, "PATCH", MEDIA, data="an offer", headers=OFFER | {"If-Match": '"ice-1"'})
    assert (reply.status, reply.headers["Accept-Patch"]) == (415, FRAGMENT["Content-Type"])
    line.asked.clear()
    reply = await send(world, "PATCH", MEDIA, data="anew", headers=FRAGMENT | {"If-Match": '"*"'})
    assert (reply.status, line.asked) == (200, [("restart", "asha", CALL, "anew")])


async def test_the_end_asks_for_no_ice_session(world: ApiWorld, line: FakeLine) -> None:
    reply = await send(world, "DELETE", MEDIA, headers={"If-Match": '"of another one"'})
    assert (reply.status, line.asked) == (204, [("hang_up", "asha", CALL)])


async def test_what_an_agent_does_with_a_call(world: ApiWorld, line: FakeLine) -> None:
    for path in ("/decline", "/hold", "/resume"):
        assert (await send(world, "POST", CALLS + path)).status == 204
    assert (await send(world, "POST", f"{CALLS}/digits", json={"digits": "12*#"})).status == 204
    assert (await send(world, "DELETE", MEDIA)).status == 204
    assert [words[0] for words in line.asked] == ["decline", "hold", "resume", "press", "hang_up"]
    assert all(words[1:3] == ("asha", CALL) for words in line.asked)
    for digits in ("", "x", "1" * 33, 7):
        reply = await send(world, "POST", f"{CALLS}/digits", json={"digits": digits})
        assert (reply.status, reply.json["error"]["field"]) == (400, "digits")


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (AgentCallNotFound(), 404),
        (AgentCallConflict("Another browser answers this call."), 409),
        (BrowserOfferRefused("no audio in it"), 400),
        (CapacityExhausted("No browser can be connected now."), 503),
    ],
)
async def test_what_the_line_refuses_is_told(world: ApiWorld, line: FakeLine, refusal: Exception, status: int) -> None:
    line.refuse_with = refusal
    assert (await send(world, "POST", MEDIA, data="an offer", headers=OFFER)).status == status


async def test_what_is_no_sdp_is_no_offer(world: ApiWorld, line: FakeLine) -> None:
    assert (await send(world, "POST", MEDIA, json={})).status == 415
    assert (await send(world, "POST", MEDIA, data=b"\xff", headers=OFFER)).status == 400
    assert (await send(world, "POST", MEDIA, data="x" * 70_000, headers=OFFER)).status == 413
    assert line.asked == []


async def test_an_agent_calls_somebody(world: ApiWorld, line: FakeLine) -> None:
    wanted = {"party_b": "9876543210", "reference": "order-1", "ring_timeout_sec": 20}
    reply = await send(world, "POST", "/v1/agent/calls", json=wanted | {"party_a": "9123456789", "test": True})
    assert reply.status == 201
    [command] = world.switch.commands
    assert (command.party_a, command.party_b, command.org_id, command.test) == ("agent:asha", "9876543210", ORG, False)
    assert (command.reference, command.ring_timeout_s) == ("order-1", 20)
    assert line.asked == [("expects", "asha", reply.json["data"]["call_sid"])]
    assert (await send(world, "POST", "/v1/agent/calls", json={})).json["error"]["field"] == "party_b"


async def test_a_page_is_told_what_happens_and_lets_go_when_its_token_ends(world: ApiWorld, line: FakeLine) -> None:
    headers = {"Authorization": f"Bearer {world.key}"}
    async with world.client.get("/v1/agent/events", headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert await frame(stream) == ("page", {"page": "page-1"})
        line.pages.tell(KEY, AgentRinging(CALL, "917969002802", "incoming", "order-1"))
        assert await frame(stream) == (
            "ringing",
            {"call_sid": CALL, "masked_number": "917969002802", "direction": "incoming", "reference": "order-1"},
        )
        for event, name in (
            (AgentStopped(CALL, "answered_elsewhere", "m"), "stopped"),
            (AgentConnected(CALL, "m"), "connected"),
            (AgentDisconnected(CALL, "m", 30), "disconnected"),
            (AgentCallEnded(CALL, "other_party"), "ended"),
        ):
            line.pages.tell(KEY, event)
            assert (await frame(stream))[0] == name
        assert (await send(world, "PUT", "/v1/agent/state", json={"state": "away"})).status == 200
        assert await frame(stream) == ("state", {"state": "away"})
        assert not line.pages.wants_calls(KEY)
        assert (await world.send("PATCH", f"{AGENTS}/asha", json={"state": "available"})).status == 200
        assert await frame(stream) == ("state", {"state": "available"})
        assert (await world.send("DELETE", f"{AGENTS}/asha")).status == 204
        assert await frame(stream) == ("end", {"reason": "unauthorized"})
        assert (await stream.content.read()).strip() == b""


async def test_a_page_hears_nothing_more_once_its_token_has_ended(world: ApiWorld, line: FakeLine) -> None:
    ended = {"Authorization": f"Bearer {world.key}"}
    async with world.client.get("/v1/agent/events", headers=ended) as stream:
        assert await frame(stream) == ("page", {"page": "page-1"})
        world.clock.advance(USUAL_LIFE_S)
        line.pages.tell(KEY, AgentRinging(CALL, "917969002802", "incoming", "order-1"))
        assert await frame(stream) == ("end", {"reason": "unauthorized"})
        assert (await stream.content.read()).strip() == b""
    for method, path in (("GET", "/v1/agent/events"), ("POST", MEDIA), ("PATCH", MEDIA), ("DELETE", MEDIA)):
        reply = await send(world, method, path)
        assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized")
        assert "has ended" in reply.json["error"]["message"]
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert line.asked == []
    world.key = (await new_token(world, "asha"))["token"]
    assert (await send(world, "DELETE", MEDIA)).status == 204


async def test_a_page_that_falls_behind_is_let_go(line: FakeLine, world: ApiWorld) -> None:
    agent = await world.store.read(lambda reader: reader.agent(ORG, "asha"))
    page = line.listen(agent, lambda: True)
    for _ in range(101):
        line.pages.tell(KEY, AgentRinging(CALL, "917969002802", "incoming", None))
    assert (page.end, len(await page.take(0))) == ("too_slow", 100)


async def test_dead_pages_make_room_and_a_sixth_live_one_is_refused(line: FakeLine, world: ApiWorld) -> None:
    agent = await world.store.read(lambda reader: reader.agent(ORG, "asha"))
    alive = [True] * 5
    for number in range(5):
        line.pages.join(agent, str(number), partial(alive.__getitem__, number))
    with pytest.raises(AgentCallConflict):
        line.listen(agent, lambda: True)
    alive[3] = False
    line.listen(agent, lambda: True)
    assert line.counters() == {"agent_pages": 5, "agents_present": 1}


async def test_where_no_browsers_are_answered_it_is_said() -> None:
    async with api_world() as world:
        token = await agent_token(world, "asha")
        assert (await world.get("/v1/agent/events", key=token)).status == 404
        assert (await world.get("/v1/agent/me", key=token)).json["data"]["ice_servers"] == []
        reply = await world.send("PUT", "/v1/agent/state", key=token, json={"state": AgentState.AWAY})
        assert reply.status == 200


async def frame(stream: Any) -> tuple[str, Any]:
    """The next event of a stream."""
    name = ""
    while True:
        line = (await stream.content.readline()).decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))


async def test_a_page_hears_nothing_more_once_its_person_is_another_agent(world: ApiWorld, line: FakeLine) -> None:
    ravi = await somebody(world, Role.VIEWER)
    linked = await world.send("PATCH", f"{AGENTS}/asha", json={"person_id": ravi.person_id})
    assert linked.status == 200
    async with world.client.get("/v1/agent/events", headers={"Cookie": ravi.cookie}) as stream:
        assert await frame(stream) == ("page", {"page": "page-1"})
        for name, person_id in (("asha", None), ("ravi", ravi.person_id)):
            await world.send("POST", AGENTS, json={"name": name})
            assert (await world.send("PATCH", f"{AGENTS}/{name}", json={"person_id": person_id})).status == 200
        world.clock.advance(HEARTBEAT_S)
        line.pages.tell(KEY, AgentRinging(CALL, "917969002802", "incoming", "order-1"))
        assert await frame(stream) == ("end", {"reason": "unauthorized"})
        assert (await stream.content.read()).strip() == b""
