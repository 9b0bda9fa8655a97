"""What operators do: organisations, their terms and money, people, and the audit log of everything."""

from collections.abc import AsyncIterator

import pytest

from b2bua.call.errors import OrganisationSuspended
from storage.person_records import Role
from tests.support.api_world import ORG, OTHER_ORG, ApiWorld, api_world
from tests.support.signed_in import PASSWORD, SignedIn, add_person, sign_in, somebody

ORGANISATIONS = "/v1/admin/organisations"
PEOPLE = "/v1/admin/people"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def boss(world: ApiWorld) -> SignedIn:
    return await somebody(world, None, operator=True)


async def test_an_organisation_is_created_and_changed(boss: SignedIn) -> None:
    body = {"name": "Shop", "tariff": {"rate": 2.25}, "numbers": ["917969002802"], "max_concurrent_calls": 5}
    made = await boss.send("POST", ORGANISATIONS, json=body)
    assert made.status == 201
    org = made.json["data"]
    assert org["tariff"] == {"rate": 2.25, "pulse_sec": 60, "gst_percent": 18}
    assert (org["numbers"], org["max_concurrent_calls"], org["balance"]) == (["917969002802"], 5, 0)
    path = f"{ORGANISATIONS}/{org['org_id']}"
    changed = await boss.send("PATCH", path, json={"tariff": {"pulse_sec": 30}, "retention_days": 7, "gstin": None})
    assert changed.json["data"]["tariff"] == {"rate": 2.25, "pulse_sec": 30, "gst_percent": 18}
    assert (changed.json["data"]["name"], changed.json["data"]["retention_days"]) == ("Shop", 7)
    cleared = await boss.send("PATCH", path, json={"numbers": [], "max_concurrent_calls": None})
    assert (cleared.json["data"]["numbers"], cleared.json["data"]["max_concurrent_calls"]) == ([], None)
    assert (await boss.send("GET", path)).json["data"] == cleared.json["data"]
    listed = await boss.send("GET", ORGANISATIONS, params={"per_page": "2", "page": "2"})
    assert [row["name"] for row in listed.json["data"]] == ["Shop"]
    assert listed.json["meta"]["total"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "tariff": {"rate": -1}}, "tariff.rate"),
        ({"name": "x", "tariff": {"rate": 1.555}}, "tariff.rate"),
        ({"name": "x", "tariff": {"pulse_sec": 0}}, "tariff.pulse_sec"),
        ({"name": "x", "gstin": "nonsense"}, "gstin"),
        ({"name": "x", "gstin": 27}, "gstin"),
        ({"name": "x", "gstin": "27AAPFU0939F1ZW"}, "gstin"),
        ({"name": "x", "state": "Bombay"}, "state"),
        ({"name": "x", "gstin": "27AAPFU0939F1ZV", "state": "Kerala"}, "state"),
        ({"name": "x", "numbers": ["12"]}, "numbers"),
        ({"name": "x", "max_concurrent_calls": 0}, "max_concurrent_calls"),
        ({"name": "x", "retention_days": -1}, "retention_days"),
    ],
)
async def test_an_organisation_that_cannot_be(boss: SignedIn, body: object, field: str) -> None:
    reply = await boss.send("POST", ORGANISATIONS, json=body)
    assert (reply.status, reply.json["error"]["field"]) == (400, field)


async def test_gstin_and_state_of_an_organisation_agree(boss: SignedIn) -> None:
    made = await boss.send("POST", ORGANISATIONS, json={"name": "Shop", "gstin": "27aapfu0939f1zv"})
    assert made.json["data"]["gstin"] == "27AAPFU0939F1ZV"
    path = f"{ORGANISATIONS}/{made.json['data']['org_id']}"
    for body, field, words in (
        ({"state": "Kerala"}, "state", "The GSTIN is one of Maharashtra, the state is Kerala."),
        ({"gstin": "27AAPFU0939F1ZX"}, "gstin", "The check digit of the GSTIN is wrong"),
    ):
        refused = await boss.send("PATCH", path, json=body)
        assert (refused.status, refused.json["error"]["field"]) == (400, field)
        assert refused.json["error"]["message"].startswith(words)
    kept = await boss.send("PATCH", path, json={"state": "Maharashtra", "name": "Store"})
    assert (kept.json["data"]["state"], kept.json["data"]["gstin"]) == ("Maharashtra", "27AAPFU0939F1ZV")
    moved = await boss.send("PATCH", path, json={"state": "Kerala", "gstin": None})
    assert (moved.json["data"]["state"], moved.json["data"]["gstin"]) == ("Kerala", None)
    disagreeing = await boss.send("PATCH", path, json={"gstin": "27AAPFU0939F1ZV"})
    assert (disagreeing.status, disagreeing.json["error"]["field"]) == (400, "gstin")


async def test_a_wallet_is_credited_once_for_a_reference(boss: SignedIn, world: ApiWorld) -> None:
    path = f"{ORGANISATIONS}/{OTHER_ORG}/credit"
    for amount, reference, status in ((10.5, "a", 201), (10.5, "a", 201), (11, "a", 409), (0.01, "b", 201)):
        reply = await boss.send("POST", path, json={"rupees": amount, "reference": reference})
        assert reply.status == status
    assert reply.json["data"]["balance"] == 10.51
    for wrong in (0, -1, 0.001, 1e9, "5"):
        assert (await boss.send("POST", path, json={"rupees": wrong, "reference": "c"})).status == 400
    entries, _ = await world.store.read(lambda reader: reader.audit(OTHER_ORG, 1, 10))
    assert [(entry.action, entry.change["paise"]) for entry in entries] == [
        ("wallet.credit", 1),
        ("wallet.credit", 1050),
    ]


async def test_an_organisation_is_suspended_and_resumed(boss: SignedIn, world: ApiWorld) -> None:
    path = f"{ORGANISATIONS}/{ORG}"
    first = (await boss.send("POST", path + "/suspend")).json["data"]["suspended_at"]
    world.clock.advance(60)
    assert (await boss.send("POST", path + "/suspend")).json["data"]["suspended_at"] == first
    world.switch.refuse_with = OrganisationSuspended()
    refused = await world.post()
    assert (refused.status, refused.json["error"]["code"]) == (403, "forbidden")
    assert (await world.get("/v1/masking/stats")).status == 200
    assert (await boss.send("POST", path + "/resume")).json["data"]["suspended_at"] is None
    entries, _ = await world.store.read(lambda reader: reader.audit(ORG, 1, 10))
    assert [entry.action for entry in entries] == ["organisation.resume", "organisation.suspend"]


async def test_what_is_not_there(boss: SignedIn, world: ApiWorld) -> None:
    for method, end, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/suspend", None),
        ("POST", "/resume", None),
        ("POST", "/credit", {"rupees": 1, "reference": "x"}),
    ):
        assert (await boss.send(method, f"{ORGANISATIONS}/nowhere{end}", json=body)).status == 404
    assert (await boss.send("PATCH", f"{PEOPLE}/nobody", json={"disabled": True})).status == 404
    assert (await boss.send("DELETE", f"{PEOPLE}/nobody")).status == 404
    invitation = {"email": "x@shop.example", "org_id": "nowhere", "role": "owner"}
    assert (await boss.send("POST", PEOPLE, json=invitation)).status == 404
    assert [entry.action for entry in (await world.store.read(lambda reader: reader.audit(None, 1, 10)))[0]] == [
        "session.open"
    ]


async def test_people_are_invited_changed_and_erased(boss: SignedIn, world: ApiWorld) -> None:
    for body, status in (
        ({"email": "new@shop.example"}, 400),
        ({"email": "new@shop.example", "role": "owner"}, 400),
        ({"email": "new@shop.example", "org_id": ORG, "role": "owner", "operator": True}, 201),
    ):
        link = await boss.send("POST", PEOPLE, json=body)
        assert link.status == status
    accepted = {"token": link.json["data"]["token"], "name": "New", "password": PASSWORD}
    assert (await world.send("POST", "/v1/account/invitations/accept", key=None, json=accepted)).status == 200
    new = await sign_in(world, "new@shop.example")
    assert "operate" in (await new.send("GET", "/v1/account/me")).json["data"]["rights"]
    assert (await boss.send("DELETE", f"{PEOPLE}/{new.person_id}")).status == 409  # the only owner
    changed = await boss.send("PATCH", f"{PEOPLE}/{new.person_id}", json={"operator": False, "disabled": True})
    assert (changed.json["data"]["operator"], changed.json["data"]["disabled_at"] is None) == (False, False)
    assert (await new.send("GET", "/v1/account/me")).status == 401
    back = await boss.send("PATCH", f"{PEOPLE}/{new.person_id}", json={"disabled": False})
    assert back.json["data"]["disabled_at"] is None
    await add_person(world, "other@shop.example", Role.OWNER)
    assert (await boss.send("DELETE", f"{PEOPLE}/{new.person_id}")).status == 200
    listed = (await boss.send("GET", PEOPLE)).json["data"]
    assert f"{new.person_id}@removed.invalid" in {row["email"] for row in listed}
    assert "new@shop.example" not in str(listed)


async def test_an_operator_stays(boss: SignedIn) -> None:
    path = f"{PEOPLE}/{boss.person_id}"
    for body in ({"operator": False}, {"disabled": True}):
        assert (await boss.send("PATCH", path, json=body)).status == 409
    assert (await boss.send("DELETE", path)).status == 409


async def test_everything_is_in_the_operators_log(boss: SignedIn, world: ApiWorld) -> None:
    owner = await somebody(world, Role.OWNER)
    await owner.send("POST", "/v1/account/keys", json={"name": "x"})
    rows = (await boss.send("GET", "/v1/admin/audit")).json["data"]
    assert [(row["action"], row["org_id"]) for row in rows] == [
        ("key.create", ORG),
        ("session.open", ORG),
        ("session.open", None),
    ]


async def test_numbers_and_how_busy_they_are(boss: SignedIn, world: ApiWorld) -> None:
    await world.place()
    rows = (await boss.send("GET", "/v1/admin/numbers")).json["data"]
    assert rows == [{"number": "917969002802", "live_calls": 1, "pairs": 0}]


async def test_the_trunks_as_they_are(boss: SignedIn) -> None:
    (trunk,) = (await boss.send("GET", "/v1/admin/trunks")).json["data"]
    assert (trunk["name"], trunk["up"], trunk["live_calls"]) == ("carrier", True, 2)
    assert (trunk["max_calls"], trunk["cps"]) == (None, None)  # 0 in the configuration: no cap
    assert (trunk["failed"], trunk["failures"][0]) == (3, {"cause": "503", "count": 2})
