"""Every error of the contract is reached, and nothing a client sends makes a 500."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from b2bua.call.errors import BalanceInsufficient, CallError, CapacityExhausted, IceSessionGone, InvalidParties
from control_api.errors import ERRORS, error_reply
from storage.errors import StorageError, StoreUnavailable
from storage.records import Scope
from tests.support.api_agents import agent_token
from tests.support.api_world import BODY, CALLS, ApiWorld, api_world
from tests.support.fake_line import FakeLine
from tests.support.signed_in import PASSWORD, SESSIONS, add_person

BILLING = "/v1/masking/billing"
MEDIA = "/v1/agent/calls/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/media"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    (tmp_path / "a.mp3").write_bytes(b"mp3")
    line = FakeLine()
    line.refuse_with = IceSessionGone()
    async with api_world(tmp_path, agents=line) as started:
        yield started


async def test_every_error_of_the_contract_is_reached(world: ApiWorld) -> None:
    for refusal in (InvalidParties("same"), BalanceInsufficient(), CapacityExhausted("none"), RuntimeError("crash")):
        world.switch.refuse_with = refusal
        await world.post()
    world.switch.refuse_with = None
    await world.post({})
    await world.get(BILLING, key=None)
    await world.send("POST", CALLS, data=b" " * 70_000, headers={"Content-Type": "application/json"})
    await world.send("POST", CALLS, data=b"x", headers={"Content-Type": "text/plain"})
    await world.send("PUT", CALLS)
    await world.get("/nowhere")
    await world.get(BILLING, key=await world.add_key("1", scopes=frozenset({Scope.CALLS_READ})))
    call_id = await world.place()
    await world.finish(call_id)
    await world.send("POST", f"{CALLS}/{call_id}/hangup")
    await world.record(call_id, "a.mp3")
    url = URL((await world.get(f"{CALLS}/{call_id}/recording")).json["data"]["url"]).path_qs
    await world.get(url, key=None, headers={"Range": "bytes=3-"})
    world.clock.advance(3_600)
    await world.get(url, key=None)
    limited = await world.add_key("2", rate_limit_per_minute=1)
    await world.get(BILLING, key=limited)
    await world.get(BILLING, key=limited)
    asha = await add_person(world, "asha@shop.example")
    await world.store.run(lambda unit: unit.people.set_totp(asha.person_id, "v1.sealed"))
    await world.store.run(lambda unit: unit.people.confirm_totp(asha.person_id, 1))
    await world.send("POST", SESSIONS, key=None, json={"email": asha.email, "password": PASSWORD})
    await _whip_is_refused(world, await agent_token(world, "asha"))
    assert world.seen == {*ERRORS.values(), (500, "internal_error")}


async def _whip_is_refused(world: ApiWorld, token: str) -> None:
    """RFC 9725 section 4.3: candidates without the ICE session's ETag, and with an earlier one's."""
    headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
    await world.send("PATCH", MEDIA, key=token, data="", headers=headers)
    await world.send("PATCH", MEDIA, key=token, data="", headers=headers | {"If-Match": '"earlier"'})


@pytest.mark.parametrize("kind", CallError.__subclasses__())
def test_every_refusal_of_the_switch_has_its_status(kind: type[CallError]) -> None:
    assert kind in ERRORS


def test_what_is_not_in_the_table_is_a_crash() -> None:
    assert error_reply(StorageError("x")) is None
    assert error_reply(KeyError("x")) is None

    class Fuller(StoreUnavailable):
        pass

    reply = error_reply(Fuller("the disk at /var is full"))
    assert reply is not None
    assert (reply.status, reply.message) == (503, "The service is busy. Please try again.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("party_a", "party_b", "max_duration_sec", "reference", "record", "ring_timeout_sec", "more")
BODIES = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=7).map(lambda changes: {**BODY, **changes}) | JSON
PATIENT = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def _post_all(bodies: list[bytes]) -> None:
    async with api_world() as world:
        for raw in bodies:
            reply = await world.send("POST", CALLS, data=raw, headers={"Content-Type": "application/json"})
            assert reply.status in (201, 400), (raw, reply.body)
            if reply.status == 400:
                assert set(reply.json) == {"error"}


@PATIENT
@given(st.lists(BODIES.map(lambda body: json.dumps(body).encode()), min_size=20, max_size=40))
def test_no_body_makes_a_500(bodies: list[bytes]) -> None:
    asyncio.run(_post_all(bodies))


@PATIENT
@given(st.lists(st.binary(max_size=100), min_size=5, max_size=20))
def test_no_bytes_make_a_500(bodies: list[bytes]) -> None:
    asyncio.run(_post_all(bodies))


async def _get_all(queries: list[dict[str, str]]) -> None:
    async with api_world() as world:
        for query in queries:
            for path in ("/v1/masking/call-logs", "/v1/masking/stats"):
                reply = await world.get(path, params=query)
                assert reply.status in (200, 400), (query, reply.body)


PARAMETERS = ("page", "per_page", "status", "start_date", "end_date", "reference", "party", "more")
TEXTS = (
    st.text(max_size=30)
    | st.integers().map(str)
    | st.sampled_from(["completed", "9876543210", "2025-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9" * 18])
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
)


@PATIENT
@given(st.lists(st.dictionaries(st.sampled_from(PARAMETERS), TEXTS, max_size=4), min_size=5, max_size=10))
def test_no_query_makes_a_500(queries: list[dict[str, str]]) -> None:
    asyncio.run(_get_all(queries))


async def test_a_header_of_any_bytes_makes_no_500(world: ApiWorld) -> None:
    for junk in ("\x80\xff", "'", '"', "; drop", "a" * 4_000, "%00", "\t"):
        for name in ("X-Request-Id", "Idempotency-Key", "Origin", "X-Forwarded-For", "Accept", "If-Range", "Range"):
            reply = await world.send(
                "POST",
                CALLS,
                data=json.dumps(BODY).encode(),
                headers={
                    "Content-Type": "application/json",
                    name: junk,
                },
            )
            assert reply.status in (201, 400), (name, junk)
