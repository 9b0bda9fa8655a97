"""What every request meets: keys, limits, request ids, methods, CORS, crashes."""

import logging
from collections.abc import AsyncIterator

import pytest

from storage.records import Scope
from tests.support.api_world import BODY, CALLS, KEY, ORG, ApiWorld, api_world

BILLING = "/v1/masking/billing"
SCOPED = [
    ("POST", CALLS, Scope.CALLS_WRITE),
    ("GET", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d", Scope.CALLS_READ),
    ("POST", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/hangup", Scope.CALLS_WRITE),
    ("GET", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/recording", Scope.RECORDINGS_READ),
    ("DELETE", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/recording", Scope.RECORDINGS_WRITE),
    ("POST", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/recording/pause", Scope.CALLS_WRITE),
    ("POST", f"{CALLS}/3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d/recording/resume", Scope.CALLS_WRITE),
    ("GET", "/v1/masking/call-logs", Scope.CALLS_READ),
    ("GET", "/v1/masking/stats", Scope.CALLS_READ),
    ("GET", BILLING, Scope.BILLING_READ),
]


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.mark.parametrize(("method", "path", "scope"), SCOPED)
async def test_every_endpoint_wants_a_key(world: ApiWorld, method: str, path: str, scope: Scope) -> None:
    reply = await world.send(method, path, key=None, data=b"x")
    assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        "Bearer vp_" + "0" * 64,
        f"Bearer {KEY}0",
        f"Bearer {KEY[:-1]}",
        "Bearer " + KEY.upper(),
        f"Bearer {KEY} x",
        "Bearer vp_" + "\xe9" * 64,
    ],
)
async def test_a_key_that_is_none_is_401(world: ApiWorld, authorization: str) -> None:
    reply = await world.get(BILLING, headers={"Authorization": authorization}, key=None)
    assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized")
    assert "RateLimit-Limit" not in reply.headers


async def test_the_scheme_is_case_insensitive(world: ApiWorld) -> None:
    assert (await world.get(BILLING, headers={"Authorization": f"bearer {KEY}"}, key=None)).status == 200


async def test_expired_and_revoked_keys_are_401(world: ApiWorld) -> None:
    now = world.clock.wall_ms()
    expired = await world.add_key("1", expires_at=now)
    lasting = await world.add_key("2", expires_at=now + 10_000, revoked_at=now + 5_000)
    assert (await world.get(BILLING, key=expired)).status == 401
    assert (await world.get(BILLING, key=lasting)).status == 200
    world.clock.advance(5)
    assert (await world.get(BILLING, key=lasting)).status == 401


async def test_revoking_works_at_once(world: ApiWorld) -> None:
    key = await world.add_key("3")
    assert (await world.get(BILLING, key=key)).status == 200
    [stored] = [one for one in await world.store.read(lambda reader: reader.keys(ORG)) if one.prefix == key[:11]]
    await world.store.run(lambda unit: unit.accounts.revoke_key(stored.key_id, world.clock.wall_ms()))
    world.clock.advance(0.25)
    assert (await world.get(BILLING, key=key)).status == 401


async def test_the_use_of_a_key_is_noted_once_a_minute(world: ApiWorld) -> None:
    async def last_used_at() -> int | None:
        [stored] = [one for one in await world.store.read(lambda reader: reader.keys(ORG)) if one.prefix == KEY[:11]]
        return stored.last_used_at

    first = world.clock.wall_ms()
    await world.get(BILLING)
    assert await last_used_at() == first
    world.clock.advance(59)
    await world.get(BILLING)
    assert await last_used_at() == first
    world.clock.advance(1)
    await world.get(BILLING)
    assert await last_used_at() == first + 60_000


@pytest.mark.parametrize(("method", "path", "scope"), SCOPED)
async def test_a_key_without_the_scope_is_403(world: ApiWorld, method: str, path: str, scope: Scope) -> None:
    without = await world.add_key("4", scopes=frozenset(Scope) - {scope})
    reply = await world.send(method, path, key=without, json={})
    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden")
    only = await world.add_key("5", scopes=frozenset({scope}))
    assert (await world.send(method, path, key=only, json={})).status != 403


async def test_a_key_is_bound_to_its_networks() -> None:
    async with api_world(trusted_proxies=("127.0.0.0/8", "10.0.0.0/8")) as world:
        key = await world.add_key("6", allowed_networks=("203.0.113.0/24", "2001:db8::/32"))

        async def status(forwarded_for: str) -> int:
            return (await world.get(BILLING, key=key, headers={"X-Forwarded-For": forwarded_for})).status

        assert (await world.get(BILLING, key=key)).status == 403
        assert await status("203.0.113.9") == 200
        assert await status("203.0.113.9:4711, 10.1.2.3") == 200
        assert await status("[2001:db8::1]:443") == 200
        assert await status("::ffff:203.0.113.9") == 200
        assert await status("198.51.100.1") == 403
        assert await status("203.0.113.9, 198.51.100.1") == 403, "what a stranger says of others is not believed"
        assert await status("nonsense") == 403


async def test_forwarding_is_not_believed_of_strangers(world: ApiWorld) -> None:
    key = await world.add_key("7", allowed_networks=("203.0.113.0/24",))
    assert (await world.get(BILLING, key=key, headers={"X-Forwarded-For": "203.0.113.9"})).status == 403


async def test_the_rate_limit(world: ApiWorld) -> None:
    key = await world.add_key("8", rate_limit_per_minute=3)
    for remaining in ("2", "1", "0"):
        reply = await world.get(BILLING, key=key)
        assert (reply.status, reply.headers["RateLimit-Remaining"]) == (200, remaining)
        assert reply.headers["RateLimit-Limit"] == "3"
    refused = await world.get(BILLING, key=key)
    assert (refused.status, refused.json["error"]["code"]) == (429, "rate_limited")
    assert (refused.headers["Retry-After"], refused.headers["RateLimit-Remaining"]) == ("20", "0")
    assert refused.headers["RateLimit-Reset"] == "60"
    world.clock.advance(20)
    assert (await world.get(BILLING, key=key)).status == 200
    assert (await world.get(BILLING)).status == 200, "another key has its own bucket"


async def test_order_of_checks(world: ApiWorld) -> None:
    bad: dict[str, dict[str, object]] = {"json": {}}
    key = await world.add_key("9", rate_limit_per_minute=1, scopes=frozenset({Scope.CALLS_READ}))
    assert (await world.send("POST", CALLS, key=None, **bad)).status == 401
    assert (await world.send("POST", CALLS, key=key, **bad)).status == 403
    assert (await world.send("POST", CALLS, key=key, **bad)).status == 429


async def test_a_request_id_is_echoed_when_sane(world: ApiWorld) -> None:
    for given in ("abc-1.2_X", "x" * 64):
        reply = await world.get(BILLING, headers={"X-Request-Id": given})
        assert reply.headers["X-Request-Id"] == reply.json["meta"]["request_id"] == given
    for given in ("", "a b", "x" * 65, "caf\xe9", "a;b"):
        reply = await world.get(BILLING, headers={"X-Request-Id": given})
        assert reply.headers["X-Request-Id"] != given


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/masking/calls", "/v1/masking/calls/", "/v1/masking", "/%00", "//"])
async def test_an_unknown_path_is_404(world: ApiWorld, path: str) -> None:
    reply = await world.get(path)
    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", CALLS, "POST"),
        ("DELETE", CALLS, "POST"),
        ("OPTIONS", CALLS, "POST"),
        ("POST", BILLING, "GET, HEAD"),
        ("PROPFIND", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405(world: ApiWorld, method: str, path: str, allow: str) -> None:
    reply = await world.send(method, path, key=None)
    assert (reply.status, reply.json["error"]["code"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == allow


async def test_head_has_the_headers_and_no_body(world: ApiWorld) -> None:
    for path, status in ((BILLING, 200), ("/nowhere", 404), (CALLS, 405)):
        reply = await world.send("HEAD", path)
        assert (reply.status, reply.body) == (status, b"")
        assert int(reply.headers["Content-Length"]) > 0


async def test_a_crash_is_500_and_says_nothing(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.switch.refuse_with = RuntimeError("no row for 9876543210 in /srv/secret")
    with caplog.at_level(logging.DEBUG):
        reply = await world.post()
    assert reply.status == 500
    assert reply.json["error"] == {"code": "internal_error", "message": "Something went wrong on our side."}
    assert reply.headers["X-Request-Id"] in caplog.text
    assert "98******10" in caplog.text
    assert "9876543210" not in caplog.text
    assert "RuntimeError" in caplog.text


async def test_a_connection_error_inside_is_a_crash_too(world: ApiWorld) -> None:
    world.switch.refuse_with = ConnectionResetError("inside")
    assert (await world.post()).status == 500


async def test_no_reply_names_the_software_beneath(world: ApiWorld) -> None:
    for path in (BILLING, "/nowhere"):
        headers = (await world.get(path)).headers
        assert headers["Server"] == "maskbridge"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}


async def test_cors_is_off_by_default(world: ApiWorld) -> None:
    assert (await world.send("OPTIONS", CALLS, key=None, headers=PREFLIGHT)).status == 405
    reply = await world.get(BILLING, headers={"Origin": "https://app.example"})
    assert not [name for name in reply.headers if name.startswith("Access-Control")]


async def test_cors_for_a_listed_origin() -> None:
    async with api_world(cors_origins=("https://app.example",)) as world:
        reply = await world.send("OPTIONS", CALLS, key=None, headers=PREFLIGHT)
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert reply.headers["Access-Control-Allow-Methods"] == "POST"
        assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
        assert "Idempotency-Key" in reply.headers["Access-Control-Allow-Headers"]
        assert "Origin" in reply.headers["Vary"]
        actual = await world.send("POST", CALLS, json=BODY, headers={"Origin": "https://app.example"})
        assert actual.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "X-Request-Id" in actual.headers["Access-Control-Expose-Headers"]
        refused = await world.get(BILLING, headers={"Origin": "https://app.example"}, key=None)
        assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example"
        for origin in ("https://app.example.evil", "null", "http://app.example", ""):
            stranger = await world.send("OPTIONS", CALLS, key=None, headers={**PREFLIGHT, "Origin": origin})
            assert stranger.status == 405
            assert "Access-Control-Allow-Origin" not in stranger.headers
        plain = await world.send("OPTIONS", CALLS, key=None, headers={"Origin": "https://app.example"})
        assert plain.status == 405, "OPTIONS that is no preflight"
        nowhere = await world.send("OPTIONS", "/nowhere", key=None, headers=PREFLIGHT)
        assert nowhere.status == 404
