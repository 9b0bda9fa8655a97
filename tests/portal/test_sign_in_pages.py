"""Who comes in by the pages, and who does not."""

import pytest

from control_api.portal.door import CONTENT_SECURITY_POLICY
from storage.person_records import Role
from tests.support.api_world import ApiWorld
from tests.support.portal_browser import SIGN_IN, Browser, browser_of
from tests.support.signed_in import PASSWORD, add_person, somebody


async def test_a_page_leads_to_the_sign_in_and_back(world: ApiWorld) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    browser = Browser(world)
    asked = await browser.get("/portal/keys")
    assert asked.path == SIGN_IN
    shown = await browser.send(asked, SIGN_IN, email="asha@shop.example", password=PASSWORD)
    assert (shown.status, shown.path) == (200, "/portal/keys")


async def test_a_wrong_password_is_refused_and_not_put_back_into_the_page(world: ApiWorld) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    shown = await Browser(world).sign_in("asha@shop.example", "not the password")
    assert shown.status == 401
    assert "not the password" not in shown.text
    assert shown.form(SIGN_IN)["email"] == "asha@shop.example"


@pytest.mark.parametrize("way_on", ["https://bad.example", "//bad.example", "/portal/../../x\\y", "/v1/account/me"])
async def test_no_sign_in_leads_to_another_place(world: ApiWorld, way_on: str) -> None:
    await add_person(world, "asha@shop.example", Role.OWNER)
    browser = Browser(world)
    page = await browser.get(SIGN_IN)
    shown = await browser.send(page, SIGN_IN, email="asha@shop.example", password=PASSWORD, next=way_on)
    assert shown.path == "/portal"


async def test_signing_out_ends_the_session(world: ApiWorld) -> None:
    browser = await browser_of(world, Role.VIEWER)
    kept = dict(browser.cookies)
    out = await browser.send(await browser.get("/portal"), "/portal/sign-out")
    assert out.path == SIGN_IN
    assert "signed out" in out.text
    browser.cookies.update(kept)
    assert (await browser.get("/portal")).path == SIGN_IN


async def test_a_form_of_another_site_or_session_changes_nothing(world: ApiWorld) -> None:
    browser = await browser_of(world, Role.OWNER)
    page = await browser.get("/portal/keys/new")
    form = page.form("/portal/keys/new") | {"name": "shop"}
    for fields, headers in (
        (form | {"csrf_token": "guessed"}, {}),
        ({name: value for name, value in form.items() if name != "csrf_token"}, {}),
        (form, {"Origin": "https://bad.example"}),
        (form, {"Origin": "null"}),
        (form, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert (await browser.post("/portal/keys/new", fields, **headers)).status == 403
    assert "shop" not in (await browser.get("/portal/keys")).text
    assert (await browser.post("/portal/keys/new", form)).status == 201


async def test_a_key_is_shown_once_and_revoked(world: ApiWorld) -> None:
    browser = await browser_of(world, Role.DEVELOPER)
    page = await browser.get("/portal/keys/new")
    made = await browser.send(page, "/portal/keys/new", [("scopes", "calls:read")], name="<b>shop</b>")
    key = next(one.get("value", "") for one in made.tree().iter("input") if one.get("id") == "secret")
    assert key.startswith("vp_")
    assert (await world.get("/v1/masking/call-logs", key=key)).status == 200
    listed = await browser.get("/portal/keys")
    assert key not in listed.text
    assert "&lt;b&gt;shop" in listed.text
    revoke = next(form.get("action", "") for form in listed.forms() if form.get("action", "").endswith("/revoke"))
    assert "revoked" in (await browser.send(listed, revoke)).text


async def test_an_invitation_is_taken_up_through_its_page(world: ApiWorld) -> None:
    owner = await somebody(world, Role.OWNER)
    invited = await owner.send("POST", "/v1/account/people", json={"email": "new@shop.example", "role": "viewer"})
    link = invited.json["data"]["url"].removeprefix("http://calls.example")
    browser = Browser(world)
    page = await browser.get(link)
    assert "viewer" in page.text
    taken = await browser.send(page, link, name="Newcomer", password=PASSWORD)
    assert taken.path == SIGN_IN
    assert (await browser.send(taken, SIGN_IN, email="new@shop.example", password=PASSWORD)).path == "/portal"
    assert (await browser.get(link)).status == 404


@pytest.mark.parametrize(
    "path", ["/portal/sign-in", "/portal/nothing", "/portal/static/x/y.css", "/portal/invitations/x"]
)
async def test_every_page_has_the_policy_and_is_html(world: ApiWorld, path: str) -> None:
    shown = await Browser(world).get(path)
    assert shown.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert shown.headers["Cache-Control"] == "no-store"
    shown.tree()


async def test_static_files_are_kept_by_browsers(world: ApiWorld) -> None:
    page = await Browser(world).get(SIGN_IN)
    sheet = next(link.get("href", "") for link in page.tree().iter("link") if link.get("rel") == "stylesheet")
    found = await world.client.get(sheet)
    assert found.status == 200
    assert "immutable" in found.headers["Cache-Control"]
    assert found.content_type == "text/css"
