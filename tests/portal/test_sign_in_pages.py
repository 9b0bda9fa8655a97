"""The pages before and around a session: sign-in with and without a code, sign-out, invitations, one's own sign-in."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pyotp
import pytest

from storage.person_records import Role
from tests.support.api_world import ApiWorld, api_world
from tests.support.page_visitor import FORM_TYPE, PageVisitor
from tests.support.signed_in import PASSWORD, add_person, somebody

NEW_PASSWORD = "another correct horse"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def owner(world: ApiWorld) -> PageVisitor:
    await add_person(world, "asha@shop.example", Role.OWNER)
    visitor = PageVisitor(world)
    assert (await visitor.sign_in("asha@shop.example")).status == 303
    return visitor


async def test_signing_in_leads_to_the_first_page_and_out_again(world: ApiWorld, owner: PageVisitor) -> None:
    assert "Overview" in (await owner.get("/portal")).text
    out = await owner.submit("/portal", "/portal/sign-out")
    assert (out.status, out.location) == (303, "/portal/sign-in")
    assert "You are signed out." in (await owner.get("/portal/sign-in")).text
    assert "You are signed out." not in (await owner.get("/portal/sign-in")).text
    again = await owner.get("/portal/keys?x=1")
    assert (again.status, again.location) == (303, "/portal/sign-in?next=/portal/keys?x%3D1")


async def test_a_wrong_password_says_so_and_is_not_put_back(world: ApiWorld) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    refused = await PageVisitor(world).sign_in("asha@shop.example", "a wrong password")
    assert refused.status == 401
    assert "The mail address, the password or the code is wrong." in refused.text
    assert "asha@shop.example" in refused.text
    assert "a wrong password" not in refused.text


async def test_after_too_many_tries_one_is_told_to_wait(world: ApiWorld) -> None:
    visitor = PageVisitor(world)
    for _ in range(10):
        assert (await visitor.sign_in("asha@shop.example", "no")).status == 401
    refused = await visitor.sign_in("asha@shop.example", "no")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/portal/keys", "/portal/keys"),
        ("/portal/keys?page=2", "/portal/keys?page=2"),
        ("https://elsewhere.example/", "/portal"),
        ("//elsewhere.example/portal/", "/portal"),
        ("/portalx", "/portal"),
        ("/portal/\\elsewhere", "/portal"),
        ("/portal/\r\nSet-Cookie: a=b", "/portal"),
        ("", "/portal"),
    ],
)
async def test_the_way_on_is_never_another_site(world: ApiWorld, wanted: str, leads_to: str) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    visitor = PageVisitor(world)
    given = {"email": "asha@shop.example", "password": PASSWORD, "next": wanted}
    assert (await visitor.post("/portal/sign-in", given)).location == leads_to


async def test_where_somebody_signs_in_from_is_what_the_proxy_says() -> None:
    """A proxy may add its X-Forwarded-For as a line of its own, after one that its client made up."""
    async with api_world(trusted_proxies=("127.0.0.0/8",)) as world:
        await add_person(world, "asha@shop.example", Role.OWNER)
        lines = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", "203.0.113.9"), ("Content-Type", FORM_TYPE)]
        body = urlencode({"email": "asha@shop.example", "password": PASSWORD})
        reply = await world.client.post("/portal/sign-in", headers=lines, data=body, allow_redirects=False)
        assert reply.status == 303
        changes, _ = await world.store.read(lambda reader: reader.audit(None, 1, 10))
        assert [(one.action, one.actor.address) for one in changes] == [("session.open", "203.0.113.9")]


async def test_whoever_is_signed_in_needs_no_sign_in(owner: PageVisitor) -> None:
    assert (await owner.get("/portal/sign-in?next=/portal/keys")).location == "/portal/keys"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_another_sites_form_signs_nobody_in(world: ApiWorld, headers: dict[str, str]) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    refused = await PageVisitor(world).post(
        "/portal/sign-in", {"email": "asha@shop.example", "password": PASSWORD}, **headers
    )
    assert (refused.status, refused.set_cookies) == (403, ())


async def test_a_code_is_taken_with_the_blank_that_authenticators_show(world: ApiWorld, owner: PageVisitor) -> None:
    begun = await owner.submit("/portal/me", "/portal/me/factor", password=PASSWORD)
    secret = begun.tree().find(".//input[@id='secret']")
    assert secret is not None
    factor = pyotp.TOTP(str(secret.get("value")))

    def shown() -> str:
        digits = factor.at(world.clock.wall_ms() // 1000)
        return f" {digits[:3]} {digits[3:]}"

    form = begun.fields("/portal/me/factor/confirm")
    assert (await owner.post("/portal/me/factor/confirm", form | {"code": shown()})).location == "/portal/me"
    other = PageVisitor(world)
    asked = await other.sign_in("asha@shop.example")
    world.clock.advance(60)
    for page, name in ((begun, "code"), (asked, "totp_code")):
        field = page.tree().find(f".//input[@id='{name}']")
        assert field is not None
        assert int(str(field.get("maxlength"))) >= len(shown())  # a browser cuts what is pasted
        assert re.fullmatch(field.get("pattern", ".*"), shown())
    given = asked.fields("/portal/sign-in") | {"password": PASSWORD, "totp_code": shown()}
    assert (await other.post("/portal/sign-in", given)).status == 303


async def test_a_second_factor_is_set_up_asked_for_and_taken_away(world: ApiWorld, owner: PageVisitor) -> None:
    begun = await owner.submit("/portal/me", "/portal/me/factor", password=PASSWORD)
    assert begun.status == 201
    secret = begun.tree().find(".//input[@id='secret']")
    assert secret is not None
    factor = pyotp.TOTP(str(secret.get("value")))
    assert "<svg" in begun.text
    token = begun.fields("/portal/me/factor/confirm")["csrf_token"]
    confirm = {"csrf_token": token, "code": "000000"}
    wrong = await owner.post("/portal/me/factor/confirm", confirm)
    assert wrong.status == 400
    assert "The code is wrong." in wrong.text
    assert str(secret.get("value")) not in wrong.text
    now_s = world.clock.wall_ms() // 1000
    done = await owner.post("/portal/me/factor/confirm", confirm | {"code": factor.at(now_s)})
    assert done.location == "/portal/me"
    assert "Your second factor is set" in (await owner.get("/portal/me")).text

    other = PageVisitor(world)
    asked = await other.sign_in("asha@shop.example")
    assert asked.status == 401
    assert 'name="totp_code"' in asked.text
    assert PASSWORD not in asked.text
    given = asked.fields("/portal/sign-in") | {"password": PASSWORD, "totp_code": "000000"}
    refused = await other.post("/portal/sign-in", given)
    assert refused.status == 401
    assert 'name="totp_code"' in refused.text
    world.clock.advance(60)
    right = factor.at(world.clock.wall_ms() // 1000)
    assert (await other.post("/portal/sign-in", given | {"totp_code": right})).status == 303

    off = await owner.submit("/portal/me", "/portal/me/factor/disable", password=PASSWORD)
    assert off.location == "/portal/me"
    assert (await PageVisitor(world).sign_in("asha@shop.example")).status == 303


async def test_a_script_that_asks_gets_the_part_and_the_way_on(world: ApiWorld) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    visitor = PageVisitor(world)
    given = {"email": "asha@shop.example", "password": "no", "next": "/portal/keys"}
    refused = await visitor.post("/portal/sign-in", given, HX_Request="true")
    assert refused.status == 401
    assert "<html" not in refused.text
    done = await visitor.post("/portal/sign-in", given | {"password": PASSWORD}, HX_Request="true")
    assert (done.status, done.headers["HX-Redirect"]) == (200, "/portal/keys")


async def test_a_new_password_ends_the_other_sessions(world: ApiWorld, owner: PageVisitor) -> None:
    other = PageVisitor(world)
    await other.sign_in("asha@shop.example")
    form = "/portal/me/password"
    refused = await owner.submit("/portal/me", form, current_password="no", new_password=NEW_PASSWORD)
    assert refused.status == 403
    assert "The password is wrong." in refused.text
    done = await owner.submit("/portal/me", form, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert done.location == "/portal/me"
    assert (await owner.get("/portal/me")).status == 200
    assert (await other.get("/portal/me")).location.startswith("/portal/sign-in")
    assert (await PageVisitor(world).sign_in("asha@shop.example", NEW_PASSWORD)).status == 303


async def test_signing_out_everywhere_ends_all_sessions(world: ApiWorld, owner: PageVisitor) -> None:
    other = PageVisitor(world)
    await other.sign_in("asha@shop.example")
    token = (await owner.get("/portal/me")).fields("/portal/sign-out")["csrf_token"]
    await owner.post("/portal/sign-out", {"csrf_token": token, "everywhere": "yes"})
    assert (await other.get("/portal")).status == 303


async def test_an_invitation_is_taken_up_once(world: ApiWorld) -> None:
    boss = await somebody(world, Role.OWNER)
    body = {"email": "ravi@shop.example", "role": "finance"}
    invited = await boss.send("POST", "/v1/account/people", json=body)
    path = f"/portal/invitations/{invited.json['data']['token']}"
    assert invited.json["data"]["url"] == f"http://calls.example{path}"
    visitor = PageVisitor(world)
    shown = await visitor.get(path)
    assert "finance" in shown.text
    assert "ravi@shop.example" in shown.text
    short = await visitor.submit(path, path, name="Ravi", password="short")
    assert short.status == 400
    assert "at least 12 characters" in short.text
    done = await visitor.submit(path, path, name="Ravi", password=NEW_PASSWORD)
    assert done.location == "/portal/sign-in"
    assert (await visitor.get(path)).status == 404
    assert (await visitor.sign_in("ravi@shop.example", NEW_PASSWORD)).status == 303
    assert "Ravi" in (await visitor.get("/portal")).text


async def test_who_is_known_takes_an_invitation_up_with_the_present_password(world: ApiWorld) -> None:
    boss = await somebody(world, Role.OWNER)
    await add_person(world, "ravi@shop.example")
    body = {"email": "ravi@shop.example", "role": "viewer"}
    token = (await boss.send("POST", "/v1/account/people", json=body)).json["data"]["token"]
    visitor, path = PageVisitor(world), f"/portal/invitations/{token}"
    assert 'name="name"' not in (await visitor.get(path)).text
    assert (await visitor.submit(path, path, password="no")).status == 403
    assert (await visitor.submit(path, path, password=PASSWORD)).status == 303


async def test_who_has_no_role_is_told_so_and_can_leave(world: ApiWorld) -> None:
    await add_person(world, "ravi@shop.example")
    visitor = PageVisitor(world)
    await visitor.sign_in("ravi@shop.example")
    assert "You have no role in any organisation." in (await visitor.get("/portal")).text
    assert (await visitor.submit("/portal", "/portal/sign-out")).status == 303
