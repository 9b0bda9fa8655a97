"""The overview and the pages about keys."""

from collections.abc import AsyncIterator

import pytest

from storage.person_records import Role
from tests.support.api_world import OTHER_ORG, ApiWorld, an_api_key, api_world
from tests.support.page_visitor import PageVisitor, Shown
from tests.support.signed_in import add_person

NEW = "/portal/keys/new"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def owner(world: ApiWorld) -> PageVisitor:
    await add_person(world, "asha@shop.example", Role.OWNER)
    visitor = PageVisitor(world)
    await visitor.sign_in("asha@shop.example")
    return visitor


def secret_of(shown: Shown) -> str:
    found = shown.tree().find(".//input[@id='secret']")
    assert found is not None
    return str(found.get("value"))


async def test_the_overview_tells_of_today_and_of_what_is_up(world: ApiWorld, owner: PageVisitor) -> None:
    await world.finish(await world.place())
    live = await world.place(reference="<order> & 7")
    shown = await owner.get("/portal")
    assert "₹3.00" in shown.text
    assert "100 %" in shown.text
    assert "₹500.00" in shown.text
    assert "&lt;order&gt; &amp; 7" in shown.text
    part = await owner.get("/portal/overview/live", HX_Request="true")
    assert "9876543210" in part.text
    await world.finish(live)
    assert "No call is up." in (await owner.get("/portal/overview/live", HX_Request="true")).text


async def test_the_overview_plots_hours_or_days(world: ApiWorld, owner: PageVisitor) -> None:
    await world.finish(await world.place(), started_at=world.clock.wall_ms() - 2 * 86_400_000)
    by_hour = await owner.get("/portal")
    assert [len(by_hour.tree().findall(f".//figure//*[@class='{look}']")) for look in ("bar", "dot")] == [1, 0]
    by_day = await owner.get("/portal/overview/plots?by=day", HX_Request="true")
    assert [len(by_day.tree().findall(f".//figure//*[@class='{look}']")) for look in ("bar", "dot")] == [3, 1]
    assert len(by_day.tree().findall(".//tbody/tr")) == 30
    assert "/v1/masking/stats/series/csv?by=day" in by_day.text


async def test_live_calls_are_asked_for_at_once(world: ApiWorld, owner: PageVisitor) -> None:
    over, live = await world.place(), await world.place()
    await world.finish(over)
    shown = await owner.get("/portal/overview/live", HX_Request="true")
    assert (live in shown.text, over in shown.text) == (True, False)


async def test_yesterdays_calls_are_not_todays(world: ApiWorld, owner: PageVisitor) -> None:
    await world.finish(await world.place())
    world.clock.advance(24 * 3600 - 40_000)
    shown = await owner.get("/portal/overview/live")
    assert "₹3.00" not in shown.text


async def test_who_may_not_see_money_sees_none(world: ApiWorld) -> None:
    await add_person(world, "ravi@shop.example", Role.VIEWER)
    visitor = PageVisitor(world)
    await visitor.sign_in("ravi@shop.example")
    shown = await visitor.get("/portal")
    assert (shown.status, "Balance" in shown.text, "API keys" in shown.text) == (200, False, False)


async def test_a_key_is_made_shown_once_and_works(world: ApiWorld, owner: PageVisitor) -> None:
    made = await owner.submit(
        NEW,
        NEW,
        name="shop",
        scopes=["calls:read", "calls:write"],
        allowed_networks="127.0.0.0/8, 192.0.2.1",
        expires_on="2031-12-31",
        rate_limit_per_minute="60",
    )
    assert made.status == 201
    key = secret_of(made)
    assert (await world.send("GET", "/v1/masking/stats", key=key)).status == 200
    assert (await world.send("GET", "/v1/account/keys", key=key)).status == 403
    listed = await owner.get("/portal/keys")
    assert key not in listed.text
    assert "127.0.0.0/8" in listed.text
    assert "31 Dec 2031, 23:59" in listed.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "name must be"),
        ({"name": "x", "allowed_networks": "nowhere"}, "allowed_networks must be"),
        ({"name": "x", "expires_on": "2020-01-01"}, "expires_at must lie in the future"),
        ({"name": "x", "expires_on": "soon"}, "expires_at must be"),
        ({"name": "x", "rate_limit_per_minute": "many"}, "rate_limit_per_minute must be"),
        ({"name": "x", "rate_limit_per_minute": "900000"}, "rate_limit_per_minute must be at most"),
    ],
)
async def test_what_is_wrong_with_a_key_stands_beside_its_field(
    owner: PageVisitor, changes: dict[str, str], said: str
) -> None:
    refused = await owner.submit(NEW, NEW, **changes)
    assert refused.status == 400
    assert said in refused.text
    assert refused.fields(NEW)["name"] == changes["name"]


async def test_a_key_is_replaced_and_revoked(world: ApiWorld, owner: PageVisitor) -> None:
    old = secret_of(await owner.submit(NEW, NEW, name="shop"))
    keys = (await world.get("/v1/account/keys")).json["data"]
    path = f"/portal/keys/{next(one['key_id'] for one in keys if one['name'] == 'shop')}"
    replaced = await owner.submit("/portal/keys", f"{path}/rotate", grace_hours="0")
    new = secret_of(replaced)
    assert (await world.send("GET", "/v1/masking/stats", key=new)).status == 200
    assert (await world.send("GET", "/v1/masking/stats", key=old)).status == 401
    assert (await owner.submit("/portal/keys", f"/portal/keys/{_newest(keys, await _ids(world))}/revoke")).status == 303
    assert "The key is revoked." in (await owner.get("/portal/keys")).text
    world.clock.advance(60)
    assert (await world.send("GET", "/v1/masking/stats", key=new)).status == 401


async def _ids(world: ApiWorld) -> list[str]:
    return [one["key_id"] for one in (await world.get("/v1/account/keys")).json["data"]]


def _newest(before: list[dict[str, str]], ids: list[str]) -> str:
    return next(one for one in ids if one not in {key["key_id"] for key in before})


async def test_another_organisations_key_is_not_there(world: ApiWorld, owner: PageVisitor) -> None:
    theirs = an_api_key("vp_" + "c" * 64, OTHER_ORG)
    await world.store.run(lambda unit: unit.accounts.add_key(theirs))
    token = (await owner.get("/portal/keys")).fields("/portal/sign-out")["csrf_token"]
    for deed in ("rotate", "revoke"):
        refused = await owner.post(f"/portal/keys/{theirs.key_id}/{deed}", {"csrf_token": token})
        assert (refused.status, "No such key." in refused.text) == (404, True)
    assert theirs.key_id not in (await owner.get("/portal/keys")).text


async def test_a_developer_gives_no_scope_beyond_their_own(world: ApiWorld) -> None:
    await add_person(world, "ravi@shop.example", Role.DEVELOPER)
    visitor = PageVisitor(world)
    await visitor.sign_in("ravi@shop.example")
    form = await visitor.get(NEW)
    assert "billing:read" not in form.text
    given = form.fields(NEW) | {"name": "x", "scopes": "billing:read"}
    assert (await visitor.post(NEW, given)).status == 403
