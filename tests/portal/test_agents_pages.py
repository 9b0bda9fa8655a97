"""The page about agents: made, linked, given tokens, deleted; and who sees the softphone."""

from collections.abc import AsyncIterator

import pytest

from storage.person_records import Role
from tests.support.api_world import ApiWorld, api_world
from tests.support.page_visitor import PageVisitor
from tests.support.signed_in import add_person

PATH = "/portal/agents"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def owner(world: ApiWorld) -> PageVisitor:
    return await visitor_of(world, Role.OWNER)


async def visitor_of(world: ApiWorld, role: Role) -> PageVisitor:
    await add_person(world, f"{role}@shop.example", role)
    visitor = PageVisitor(world)
    await visitor.sign_in(f"{role}@shop.example")
    return visitor


async def test_an_agent_is_made_changed_and_deleted(owner: PageVisitor) -> None:
    assert "There is no agent yet." in (await owner.get(PATH)).text
    assert (await owner.submit(PATH, PATH, name="asha", display_name="Asha <B>")).status == 303
    shown = await owner.get(PATH)
    assert "The agent is there." in shown.text
    assert "agent:asha" in shown.text
    assert "Asha &lt;B&gt;" in shown.text
    assert (await owner.submit(PATH, f"{PATH}/asha/change", display_name="Asha B", state="away")).status == 303
    form = (await owner.get(PATH)).fields(f"{PATH}/asha/change")
    assert (form["display_name"], form["state"], form["person_id"]) == ("Asha B", "away", "")
    assert (await owner.submit(PATH, f"{PATH}/asha/delete")).status == 303
    assert "agent:asha" not in (await owner.get(PATH)).text


async def test_a_name_that_is_none_stands_beside_its_field(owner: PageVisitor) -> None:
    refused = await owner.submit(PATH, PATH, name="Asha B")
    assert (refused.status, "name must be 1 to 64 lower-case" in refused.text) == (400, True)
    assert refused.fields(PATH)["name"] == "Asha B"


async def test_a_token_is_shown_once_works_and_is_revoked(world: ApiWorld, owner: PageVisitor) -> None:
    await owner.submit(PATH, PATH, name="asha")
    made = await owner.submit(PATH, f"{PATH}/asha/token", life_sec="28800")
    secret = made.tree().find(".//input[@id='secret']")
    assert made.status == 201
    assert secret is not None
    token = str(secret.get("value"))
    own = await world.send("GET", "/v1/agent/me", key=token)
    assert (own.status, own.json["data"]["name"]) == (200, "asha")
    assert token not in (await owner.get(PATH)).text
    assert (await owner.submit(PATH, f"{PATH}/asha/revoke-tokens")).status == 303
    assert (await world.send("GET", "/v1/agent/me", key=token)).status == 401


async def test_whoever_may_only_look_has_no_forms(world: ApiWorld, owner: PageVisitor) -> None:
    await owner.submit(PATH, PATH, name="asha")
    shown = await (await visitor_of(world, Role.VIEWER)).get(PATH)
    assert (shown.status, "agent:asha" in shown.text, f"{PATH}/asha/" in shown.text) == (200, True, False)


async def test_whoever_is_linked_to_an_agent_has_a_softphone(owner: PageVisitor) -> None:
    assert (await owner.get("/portal/softphone")).status == 403
    assert "/portal/softphone" not in (await owner.get("/portal")).links()
    await owner.submit(PATH, PATH, name="asha", display_name="Asha", person_id="id-owner")
    shown = await owner.get("/portal/softphone")
    assert (shown.status, "You are Asha." in shown.text) == (200, True)
    assert "/portal/softphone" in (await owner.get("/portal")).links()
    assert (await owner.submit(PATH, f"{PATH}/asha/change", person_id="")).status == 303
    assert (await owner.get("/portal/softphone")).status == 403
