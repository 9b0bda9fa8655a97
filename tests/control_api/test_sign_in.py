"""Signing in and out: cookies, CSRF, expiry, throttling, passwords, the second factor."""

from collections.abc import AsyncIterator
from hashlib import sha256
from http.cookies import SimpleCookie

import pyotp
import pytest

from control_api.log_in_throttle import ACCOUNT_TRIES, ADDRESS_TRIES
from storage.person_records import Role
from tests.support.api_world import KEY, ORG, OTHER_ORG, ApiReply, ApiWorld, api_world
from tests.support.signed_in import PASSWORD, SESSIONS, SignedIn, add_person, sign_in, somebody

ME = "/v1/account/me"
TOTP = "/v1/account/totp"
ASHA = "asha@shop.example"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def tried(world: ApiWorld, email: str = ASHA, password: str = PASSWORD, **body: object) -> ApiReply:
    return await world.send("POST", SESSIONS, key=None, json={"email": email, "password": password, **body})


async def test_who_signs_in_gets_a_session_that_scripts_cannot_read(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    reply = await tried(world, " Asha@Shop.Example ")
    assert reply.status == 201
    (cookie,) = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        "maskbridge_session",
        True,
        "Lax",
        "/",
    )
    assert not cookie["secure"]
    data = reply.json["data"]
    assert (data["org_id"], data["role"]) == (ORG, "owner")
    assert data["organisations"] == [{"org_id": ORG, "name": ORG, "role": "owner"}]
    asha = await sign_in(world, ASHA)
    again = await asha.send("GET", ME)
    assert again.json["data"]["person"]["email"] == ASHA
    assert again.json["data"]["csrf_token"] == asha.csrf_token
    assert "X-CSRF-Token" not in again.headers


async def test_of_a_session_only_the_hash_is_stored(world: ApiWorld) -> None:
    asha = await somebody(world, Role.OWNER)
    token = asha.cookie.partition("=")[2]
    (stored,) = await world.store.run(lambda unit: unit.sessions.live(asha.person_id, 0))
    assert stored.session_sha256 == sha256(token.encode()).hexdigest()
    assert token not in repr(stored)


async def test_over_https_the_cookie_is_for_https_and_this_host_alone() -> None:
    async with api_world(public_url="https://calls.example") as world:
        await add_person(world, ASHA, Role.OWNER)
        (cookie,) = SimpleCookie((await tried(world)).headers["Set-Cookie"]).values()
        assert (cookie.key, cookie["secure"], cookie["path"], cookie["domain"]) == (
            "__Host-maskbridge",
            True,
            "/",
            "",
        )


@pytest.mark.parametrize("email", [ASHA, "nobody@shop.example", "not an address"])
async def test_a_wrong_password_and_an_unknown_address_are_told_alike(world: ApiWorld, email: str) -> None:
    await add_person(world, ASHA, Role.OWNER)
    reply = await tried(world, email, "wrong")
    assert (reply.status, reply.json) == (
        401,
        {"error": {"code": "unauthorized", "message": "The mail address, the password or the code is wrong."}},
    )
    assert "Set-Cookie" not in reply.headers


async def test_an_unknown_address_costs_a_hash_too(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    checked: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return verify(self, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    await tried(world, "nobody@shop.example")
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$")


async def test_who_is_disabled_or_has_no_password_cannot_sign_in(world: ApiWorld) -> None:
    asha = await add_person(world, ASHA, Role.OWNER)
    signed_in = await sign_in(world, ASHA)
    await world.store.run(lambda unit: unit.people.disable(asha.person_id, 5))
    assert (await tried(world)).status == 401
    assert (await signed_in.send("GET", ME)).status == 401


async def test_tries_at_an_account_run_out_and_come_back(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    statuses = [(await tried(world, password="wrong")).status for _ in range(ACCOUNT_TRIES)]
    assert statuses == [401] * ACCOUNT_TRIES
    limited = await tried(world)
    assert (limited.status, limited.headers["Retry-After"]) == (429, "90")
    assert (await tried(world, "ravi@shop.example", "wrong")).status == 401
    world.clock.advance(90)
    assert (await tried(world)).status == 201
    assert (await tried(world)).status == 201  # who knows the password uses no tries up


async def test_tries_from_an_address_run_out_whatever_the_account(world: ApiWorld) -> None:
    statuses = [(await tried(world, f"x{n}@shop.example", "wrong")).status for n in range(ADDRESS_TRIES + 1)]
    assert statuses == [401] * ADDRESS_TRIES + [429]


async def test_a_session_ends_when_idle_and_at_its_end(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    asha = await sign_in(world, ASHA)
    world.clock.advance(3_599)
    assert (await asha.send("GET", ME)).status == 200
    world.clock.advance(3_599)
    assert (await asha.send("GET", ME)).status == 200  # the look before was noted
    world.clock.advance(3_600)
    refused = await asha.send("GET", ME)
    assert (refused.status, refused.json["error"]["message"]) == (401, "Please sign in.")
    busy = await sign_in(world, ASHA)
    for _ in range(12):
        world.clock.advance(3_500)
        assert (await busy.send("GET", ME)).status == 200
    world.clock.advance(1_200)
    assert (await busy.send("GET", ME)).status == 401


async def test_signing_out_ends_this_session_or_all(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    first, second, third = [await sign_in(world, ASHA) for _ in range(3)]
    gone = await first.send("DELETE", SESSIONS + "/current")
    assert gone.status == 200
    (cookie,) = SimpleCookie(gone.headers["Set-Cookie"]).values()
    assert (cookie.value, cookie["max-age"]) == ("", "0")
    assert [(await one.send("GET", ME)).status for one in (first, second, third)] == [401, 200, 200]
    assert (await second.send("DELETE", SESSIONS)).status == 200
    assert [(await one.send("GET", ME)).status for one in (second, third)] == [401, 401]


@pytest.mark.parametrize("token", ["", "0" * 64, None])
async def test_nothing_is_changed_without_the_sessions_own_csrf_token(world: ApiWorld, token: str | None) -> None:
    asha = await somebody(world, Role.OWNER)
    headers = {"Cookie": asha.cookie} | ({} if token is None else {"X-CSRF-Token": token})
    reply = await world.send("POST", "/v1/account/keys", key=None, headers=headers, json={"name": "x"})
    assert (reply.status, reply.json["error"]["field"]) == (403, "X-CSRF-Token")
    assert len(await world.store.read(lambda reader: reader.keys(ORG))) == 1
    looked = await world.send("GET", "/v1/account/keys", key=None, headers={"Cookie": asha.cookie})
    assert looked.status == 200


async def test_another_sessions_csrf_token_is_none(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    first, second = await sign_in(world, ASHA), await sign_in(world, ASHA)
    mixed = SignedIn(world, first.person_id, first.cookie, second.csrf_token)
    assert (await mixed.send("DELETE", SESSIONS + "/current")).status == 403


@pytest.mark.parametrize("token", ["x", "0" * 64, "0" * 65, "é" * 64, ""])
async def test_a_cookie_that_is_no_session(world: ApiWorld, token: str) -> None:
    reply = await world.send("GET", ME, key=None, headers={"Cookie": f"maskbridge_session={token}"})
    assert reply.status == 401


async def test_a_key_goes_before_a_cookie(world: ApiWorld) -> None:
    asha = await somebody(world, Role.VIEWER)
    reply = await world.send("GET", "/v1/masking/billing", key=KEY, headers={"Cookie": asha.cookie})
    assert reply.status == 200
    refused = await world.send("GET", ME, key=KEY)
    assert (refused.status, refused.json["error"]["message"]) == (403, "No API key may do this: please sign in.")


async def test_looking_at_another_organisation(world: ApiWorld) -> None:
    asha = await somebody(world, Role.OWNER)
    await world.store.run(lambda unit: unit.people.set_member(OTHER_ORG, asha.person_id, Role.VIEWER, 2_000))
    for org_id, status in ((OTHER_ORG, 200), ("org-three", 404)):
        assert (await asha.send("PATCH", SESSIONS + "/current", json={"org_id": org_id})).status == status
    assert (await asha.send("GET", ME)).json["data"]["role"] == "viewer"
    assert (await asha.send("GET", "/v1/account/keys")).status == 403
    await world.store.run(lambda unit: unit.people.remove_member(OTHER_ORG, asha.person_id))
    me = (await asha.send("GET", ME)).json["data"]
    assert (me["org_id"], me["role"], me["rights"]) == (None, None, ["own sign-in"])
    assert (await asha.send("GET", "/v1/account/organisation")).status == 403


async def test_an_organisation_can_be_wanted_at_the_log_in(world: ApiWorld) -> None:
    asha = await add_person(world, ASHA, Role.OWNER)
    await world.store.run(lambda unit: unit.people.set_member(OTHER_ORG, asha.person_id, Role.VIEWER, 2_000))
    assert (await tried(world, org_id=OTHER_ORG)).json["data"]["role"] == "viewer"
    assert (await tried(world, org_id="org-three")).status == 404


async def test_an_operator_looks_at_any_organisation(world: ApiWorld) -> None:
    boss = await somebody(world, None, operator=True)
    me = (await boss.send("GET", ME)).json["data"]
    assert (me["org_id"], me["rights"]) == (None, ["operate", "own sign-in"])
    assert (await boss.send("GET", "/v1/account/organisation")).status == 403
    assert (await boss.send("PATCH", SESSIONS + "/current", json={"org_id": "nowhere"})).status == 404
    assert (await boss.send("PATCH", SESSIONS + "/current", json={"org_id": ORG})).status == 200
    assert (await boss.send("GET", "/v1/account/organisation")).json["data"]["org_id"] == ORG


async def test_a_new_password_ends_the_other_sessions(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    here, elsewhere = await sign_in(world, ASHA), await sign_in(world, ASHA)
    path = "/v1/account/password"
    new = "another good password"
    wrong = await here.send("POST", path, json={"current_password": "wrong", "new_password": new})
    assert (wrong.status, wrong.json["error"]["field"]) == (403, "current_password")
    short = await here.send("POST", path, json={"current_password": PASSWORD, "new_password": "short"})
    assert (short.status, short.json["error"]["field"]) == (400, "new_password")
    assert (await here.send("POST", path, json={"current_password": PASSWORD, "new_password": new})).status == 200
    assert (await here.send("GET", ME)).status == 200
    assert (await elsewhere.send("GET", ME)).status == 401
    assert (await tried(world)).status == 401
    assert (await tried(world, password=new)).status == 201


async def test_a_second_factor_from_enrolment_to_its_end(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    asha = await sign_in(world, ASHA)
    assert (await asha.send("POST", TOTP, json={"password": "wrong"})).status == 403
    assert (await asha.send("POST", TOTP + "/confirm", json={"code": "123456"})).status == 409
    enrolled = await asha.send("POST", TOTP, json={"password": PASSWORD})
    secret = enrolled.json["data"]["secret"]
    assert enrolled.json["data"]["uri"].startswith("otpauth://totp/maskbridge:asha%40shop.example?secret=" + secret)
    stored = await world.store.read(lambda reader: reader.person_by_email(ASHA))
    assert stored is not None
    assert stored.totp_sealed is not None
    assert secret not in stored.totp_sealed
    factor = pyotp.TOTP(secret)

    def code(steps: int = 0) -> str:
        return factor.at(world.clock.wall_ms() // 1000 + 30 * steps)

    assert (await tried(world)).status == 201  # not confirmed: not asked for
    assert (await asha.send("POST", TOTP + "/confirm", json={"code": code(5)})).status == 400
    assert (await asha.send("POST", TOTP + "/confirm", json={"code": code()})).status == 200
    assert (await asha.send("POST", TOTP, json={"password": PASSWORD})).status == 409
    asked = await tried(world)
    assert (asked.status, asked.json["error"]["code"], asked.json["error"]["field"]) == (
        401,
        "totp_required",
        "totp_code",
    )
    assert (await tried(world, totp_code=code())).status == 401  # the code that confirmed it counts no more
    world.clock.advance(30)
    assert (await tried(world, totp_code=code(-2))).status == 401
    assert (await tried(world, totp_code=code())).status == 201
    assert (await tried(world, totp_code=code())).status == 401
    assert (await tried(world, totp_code=code(1))).status == 201
    assert (await tried(world, password="wrong", totp_code=code(2))).status == 401
    assert (await asha.send("POST", TOTP + "/disable", json={"password": PASSWORD})).status == 200
    assert (await tried(world)).status == 201


async def test_codes_are_not_guessed_without_end(world: ApiWorld) -> None:
    await add_person(world, ASHA, Role.OWNER)
    asha = await sign_in(world, ASHA)
    secret = (await asha.send("POST", TOTP, json={"password": PASSWORD})).json["data"]["secret"]
    now_s = world.clock.wall_ms() // 1000
    await asha.send("POST", TOTP + "/confirm", json={"code": pyotp.TOTP(secret).at(now_s)})
    for _ in range(ACCOUNT_TRIES + 5):
        assert (await tried(world)).status == 401  # asking for the code uses no tries up
    right = {pyotp.TOTP(secret).at(now_s + 30 * step) for step in (-1, 0, 1)}
    wrong = next(f"{number:06d}" for number in range(10) if f"{number:06d}" not in right)
    statuses = [(await tried(world, totp_code=wrong)).status for _ in range(ACCOUNT_TRIES + 1)]
    assert statuses == [401] * ACCOUNT_TRIES + [429]


async def test_changes_are_in_the_audit_log_without_secrets(world: ApiWorld) -> None:
    asha = await somebody(world, Role.OWNER)
    await asha.send("POST", TOTP, json={"password": PASSWORD})
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    await asha.send("POST", "/v1/account/password", json=body)
    reply = await asha.send("GET", "/v1/account/audit")
    rows = reply.json["data"]
    assert [row["action"] for row in rows] == ["person.password", "session.open"]
    assert {(row["actor"], row["actor_kind"], row["address"], row["org_id"]) for row in rows} == {
        ("owner@shop.example", "person", "127.0.0.1", ORG)
    }
    assert PASSWORD.encode() not in reply.body
    assert b"argon2" not in reply.body
