"""What every page passes: who asks, the form's token, refusals, static files."""

import re
from collections.abc import AsyncIterator

import pytest

from control_api.portal.mount import PAGES
from control_api.portal.rest import Rest
from control_api.rights import NOBODYS_RIGHTS, ROLE_RIGHTS
from storage.person_records import Role
from tests.support.api_world import ORG, OTHER_ORG, ApiWorld, api_world
from tests.support.page_visitor import PageVisitor
from tests.support.signed_in import PASSWORD, add_person, sign_in

SIGNED_IN_PAGES = [route for route in PAGES if route.right is not None]
NAMES = re.compile(r"\{[a-z_]+\}")


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def visitor_of(world: ApiWorld, role: Role | None) -> PageVisitor:
    email = f"{role or 'nobody'}@shop.example"
    await add_person(world, email, role)
    visitor = PageVisitor(world)
    await visitor.sign_in(email)
    return visitor


async def test_strangers_are_sent_to_the_sign_in(world: ApiWorld) -> None:
    visitor = PageVisitor(world)
    for route in SIGNED_IN_PAGES:
        path = NAMES.sub("x", route.path)
        shown = await (visitor.get(path) if route.method == "GET" else visitor.post(path, {}))
        assert (shown.status, shown.location.partition("?")[0]) == (303, "/portal/sign-in"), route


@pytest.mark.parametrize("role", [*Role, None])
async def test_a_role_sees_what_it_may_and_nothing_else(world: ApiWorld, role: Role | None) -> None:
    visitor = await visitor_of(world, role)
    rights = NOBODYS_RIGHTS if role is None else ROLE_RIGHTS[role]
    shown = set((await visitor.get("/portal")).links())
    for route in SIGNED_IN_PAGES:
        if route.method != "GET":
            continue
        status = (await visitor.get(NAMES.sub("x", route.path))).status
        assert (status == 403) == (route.right not in rights), (route.path, status)
        assert status in (200, 403, 404), (route.path, status)
    for path in shown:
        assert (await visitor.get(path)).status == 200, path


async def test_a_form_without_its_token_changes_nothing(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    other = await sign_in(world, "owner@shop.example")
    for route in SIGNED_IN_PAGES:
        if route.method != "POST":
            continue
        path = NAMES.sub("x", route.path)
        tokens: tuple[dict[str, str], ...] = ({}, {"csrf_token": ""}, {"csrf_token": other.csrf_token})
        for token in tokens:
            refused = await (visitor.upload(path, token, b"x") if route.upload else visitor.post(path, token))
            assert refused.status == 403, (path, token)
            assert "not valid any more" in refused.text
    assert (await visitor.get("/portal")).status == 200


async def test_a_right_token_given_twice_or_from_elsewhere_is_refused(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    token = (await visitor.get("/portal")).fields("/portal/sign-out")["csrf_token"]
    assert (await visitor.post("/portal/sign-out", {"csrf_token": [token, token]})).status == 403
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert (await visitor.post("/portal/sign-out", {"csrf_token": token}, **elsewhere)).status == 403
    here = {"Origin": "http://calls.example", "Sec-Fetch-Site": "same-origin"}
    assert (await visitor.post("/portal/sign-out", {"csrf_token": token}, **here)).status == 303


async def test_a_form_that_is_none_is_refused(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    assert (await visitor.post("/portal/sign-out", {}, Content_Type="application/json")).status == 415
    assert (await visitor.post("/portal/sign-out", {"a": "x" * 100_000})).status == 413
    assert (await visitor.post("/portal/sign-out", {"a": ["x"] * 501})).status == 400
    assert (await visitor.post("/portal/sign-out", {"a": b"\xff"})).status == 400


async def test_what_is_not_there_is_a_page_too(world: ApiWorld) -> None:
    visitor = PageVisitor(world)
    missing = await visitor.get("/portal/nothing")
    assert (missing.status, "There is no page at this address." in missing.text) == (404, True)
    assert (await visitor.get("/portal/sign-out")).status == 405
    signed_in = await visitor_of(world, Role.VIEWER)
    assert "Sign out" in (await signed_in.get("/portal/nothing")).text
    part = await signed_in.get("/portal/keys", HX_Request="true")
    assert (part.status, "<html" in part.text) == (403, False)
    reply = await world.get("/nothing")
    assert reply.json["error"]["code"] == "not_found"


async def test_static_files_are_kept_for_good_under_their_digest(world: ApiWorld) -> None:
    visitor = PageVisitor(world)
    page = await visitor.get("/portal/sign-in")
    found = set(re.findall(r'(?:href|src)="(/portal/static/[^"]+)"', page.text))
    assert {path.rpartition(".")[2] for path in found} == {"css", "js", "svg"}
    for path in found:
        shown = await visitor.get(path)
        assert (shown.status, shown.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
        stale = re.sub(r"/static/[0-9a-f]+/", "/static/0123456789abcdef/", path)
        assert (await visitor.get(stale)).status == 404


async def test_a_crash_is_told_without_its_cause(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    monkeypatch.setattr(Rest, "get", None)
    crashed = await visitor.get("/portal")
    assert crashed.status == 500
    assert "Something went wrong on our side." in crashed.text


async def test_a_flash_is_one_of_our_sentences(world: ApiWorld) -> None:
    visitor = PageVisitor(world)
    visitor.cookies["portal_flash"] = "<b>given</b>"
    assert "given" not in (await visitor.get("/portal/sign-in")).text


async def test_a_form_changes_only_the_organisation_that_it_was_opened_in(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    await world.store.run(lambda unit: unit.people.set_member(OTHER_ORG, "id-owner", Role.OWNER, 1_001))
    opened = {path: await visitor.get(path) for path in ("/portal/keys/new", "/portal/settings", "/portal/prompts")}
    away = await visitor.submit("/portal", "/portal/look-at", org_id=OTHER_ORG)  # as in another tab
    assert away.location == "/portal"
    form = opened["/portal/keys/new"].fields("/portal/keys/new")
    assert form["opened_at"] == ORG
    refused = await visitor.post("/portal/keys/new", form | {"name": "the shop"})
    assert (refused.status, "another organisation" in refused.text) == (403, True)
    form = opened["/portal/settings"].fields("/portal/settings")
    assert (await visitor.post("/portal/settings", form | {"retention_days": "1"})).status == 403
    form = opened["/portal/prompts"].fields("/portal/prompts")
    assert (await visitor.upload("/portal/prompts", form | {"name": "hello"}, b"x")).status == 403
    assert "the shop" not in (await visitor.get("/portal/keys")).text
    back = await visitor.submit("/portal", "/portal/look-at", org_id=ORG)
    assert back.location == "/portal"
    made = await visitor.post("/portal/keys/new", opened["/portal/keys/new"].fields("/portal/keys/new"))
    assert made.status != 403


async def test_ones_own_sign_in_is_changed_wherever_one_looks(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    await world.store.run(lambda unit: unit.people.set_member(OTHER_ORG, "id-owner", Role.OWNER, 1_001))
    opened = await visitor.get("/portal/me")
    await visitor.submit("/portal", "/portal/look-at", org_id=OTHER_ORG)
    passwords = {"current_password": PASSWORD, "new_password": f"{PASSWORD} staple"}
    changed = await visitor.post("/portal/me/password", opened.fields("/portal/me/password") | passwords)
    assert (changed.status, changed.location) == (303, "/portal/me")
    assert (await visitor.post("/portal/sign-out", opened.fields("/portal/sign-out"))).status == 303
