"""Keys, people, webhook endpoints, the organisation and its audit log, as a portal or a key changes them."""

from collections.abc import AsyncIterator

import pytest

from control_api.keys import MAX_LIVE_KEYS
from control_api.routes import people
from storage.person_records import Role
from storage.records import USUAL_SCOPES, Scope
from tests.support.api_world import KEY, ORG, OTHER_KEY, OTHER_ORG, ApiReply, ApiWorld, an_api_key, api_world
from tests.support.signed_in import PASSWORD, SESSIONS, SignedIn, add_person, sign_in, somebody

KEYS = "/v1/account/keys"
HOOKS = "/v1/account/webhooks"
PEOPLE = "/v1/account/people"
ACCEPT = "/v1/account/invitations/accept"
BILLING = "/v1/masking/billing"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def owner(world: ApiWorld) -> SignedIn:
    return await somebody(world, Role.OWNER)


async def changes(world: ApiWorld) -> list[tuple[str, str]]:
    entries, _ = await world.store.read(lambda reader: reader.audit(ORG, 1, 100))
    return [(entry.action, entry.object_id) for entry in reversed(entries) if entry.action != "session.open"]


async def test_a_key_is_created_used_and_revoked(world: ApiWorld, owner: SignedIn) -> None:
    made = await owner.send("POST", KEYS, json={"name": "  shop  ", "allowed_networks": ["127.0.0.1", "10.1.2.3/8"]})
    assert made.status == 201
    key = made.json["data"]
    assert (key["name"], key["prefix"], key["allowed_networks"]) == (
        "shop",
        key["key"][:11],
        ["127.0.0.1/32", "10.0.0.0/8"],
    )
    assert set(key["scopes"]) == set(USUAL_SCOPES)
    assert (await world.get(BILLING, key=key["key"])).status == 200
    listed = (await owner.send("GET", KEYS)).json["data"]
    assert [row["key_id"] for row in listed][-1] == key["key_id"]
    assert all("key" not in row for row in listed)
    assert listed[-1]["last_used_at"] is not None
    for _ in range(2):
        assert (await owner.send("DELETE", f"{KEYS}/{key['key_id']}")).status == 200
    world.clock.advance(1)
    assert (await world.get(BILLING, key=key["key"])).status == 401
    assert await changes(world) == [("key.create", key["key_id"]), ("key.revoke", key["key_id"])]


async def test_a_key_expires(world: ApiWorld, owner: SignedIn) -> None:
    made = await owner.send("POST", KEYS, json={"name": "x", "expires_at": "2025-01-01T13:00:00Z"})
    key = made.json["data"]["key"]
    assert (await world.get(BILLING, key=key)).status == 200
    world.clock.advance(3_600)
    assert (await world.get(BILLING, key=key)).status == 401
    assert (await (await sign_in(world, "owner@shop.example")).send("DELETE", f"{KEYS}/nothing")).status == 404


async def test_a_key_is_replaced_with_a_grace(world: ApiWorld, owner: SignedIn) -> None:
    old = (await owner.send("POST", KEYS, json={"name": "x", "scopes": ["billing:read"]})).json["data"]
    new = (await owner.send("POST", f"{KEYS}/{old['key_id']}/rotate", json={"grace_hours": 0.5})).json["data"]
    assert (new["scopes"], new["name"], new["replaces"], new["old_key_ends_at"]) == (
        ["billing:read"],
        "x",
        old["key_id"],
        "2025-01-01T12:30:00Z",
    )
    assert [(await world.get(BILLING, key=key["key"])).status for key in (old, new)] == [200, 200]
    world.clock.advance(1_800)
    assert [(await world.get(BILLING, key=key["key"])).status for key in (old, new)] == [401, 200]
    assert (await owner.send("POST", f"{KEYS}/{old['key_id']}/rotate")).status == 409
    again = await owner.send("POST", f"{KEYS}/{new['key_id']}/rotate")
    assert again.json["data"]["old_key_ends_at"] == "2025-01-02T12:30:00Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "expires_at": "2024-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"name": "x", "expires_at": 10**30}, "expires_at"),
        ({"name": "x", "expires_at": 1_767_225_600_000}, "expires_at"),
        ({"name": "x", "allowed_networks": ["10.0.0.0/33"]}, "allowed_networks"),
        ({"name": "x", "allowed_networks": ["fe80::1%eth0"]}, "allowed_networks"),
        ({"name": "x", "allowed_networks": ["fe80::1%\ud800"]}, "allowed_networks"),
        ({"name": "x", "rate_limit_per_minute": 0}, "rate_limit_per_minute"),
        ({"name": "x", "rate_limit_per_minute": 10_001}, "rate_limit_per_minute"),
    ],
)
async def test_a_key_that_cannot_be(world: ApiWorld, owner: SignedIn, body: object, field: str) -> None:
    reply = await owner.send("POST", KEYS, json=body)
    assert (reply.status, reply.json["error"]["field"]) == (400, field)
    assert len(await world.store.read(lambda reader: reader.keys(ORG))) == 1


@pytest.mark.parametrize(("name", "told"), [("allowed_network", "allowed_network"), ("x" * 65, None)])
async def test_a_mistyped_restriction_makes_no_key(
    world: ApiWorld, owner: SignedIn, name: str, told: str | None
) -> None:
    reply = await owner.send("POST", KEYS, json={"name": "office", name: ["10.0.0.0/8"]})
    assert (reply.status, reply.json["error"]["code"], reply.json["error"].get("field")) == (
        400,
        "invalid_request",
        told,
    )
    assert "office" not in [key["name"] for key in (await owner.send("GET", KEYS)).json["data"]]


async def test_no_key_can_do_more_than_who_makes_it(world: ApiWorld) -> None:
    developer = await somebody(world, Role.DEVELOPER)
    given = (await developer.send("POST", KEYS, json={"name": "x"})).json["data"]["scopes"]
    calls = ["calls:read", "calls:write", "prompts:read", "prompts:write", "recordings:read"]
    assert given == ["agents:read", "agents:write", *calls]
    for scope in (Scope.BILLING_READ, Scope.RECORDINGS_WRITE, Scope.ACCOUNT_WRITE):
        reply = await developer.send("POST", KEYS, json={"name": "x", "scopes": [scope]})
        assert (reply.status, reply.json["error"]["field"]) == (403, "scopes")
    whole = await world.store.read(lambda reader: reader.keys(ORG))
    assert (await developer.send("POST", f"{KEYS}/{whole[0].key_id}/rotate")).status == 403


async def test_a_key_makes_keys_within_its_own_bounds(world: ApiWorld) -> None:
    ends_at = world.clock.wall_ms() + 3_600_000
    maker = await world.add_key(
        "a",
        scopes=frozenset({Scope.ACCOUNT_WRITE, Scope.CALLS_READ}),
        allowed_networks=("127.0.0.0/8",),
        expires_at=ends_at,
    )

    async def made(**changes: object) -> ApiReply:
        good = {
            "name": "x",
            "scopes": ["calls:read"],
            "allowed_networks": ["127.0.0.1"],
            "expires_at": "2025-01-01T13:00:00Z",
        }
        return await world.send("POST", KEYS, key=maker, json=good | changes)

    assert (await made()).status == 201
    for changed, field in (
        ({"scopes": ["calls:write"]}, "scopes"),
        ({"scopes": ["account:read"]}, "scopes"),
        ({"allowed_networks": []}, "allowed_networks"),
        ({"allowed_networks": ["10.0.0.1"]}, "allowed_networks"),
        ({"allowed_networks": ["::/0"]}, "allowed_networks"),
        ({"expires_at": "2025-01-01T13:00:01Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
    ):
        reply = await made(**changed)
        assert (reply.status, reply.json["error"]["field"]) == (403, field)


async def test_a_key_of_before_that_names_a_zone_can_be_used_and_made_anew(world: ApiWorld, owner: SignedIn) -> None:
    """A network with a zone was taken once, and compared without it; a reply of 500 would leave its holder outside."""
    bounds = ("127.0.0.0/8", "fe80::1%eth0/128", "fe80::%eth0/64")
    key = await world.add_key("b", scopes=frozenset({Scope.ACCOUNT_WRITE, Scope.CALLS_READ}), allowed_networks=bounds)
    narrower = {"name": "x", "scopes": ["calls:read"], "allowed_networks": ["fe80::2"]}
    assert (await world.send("POST", KEYS, key=key, json=narrower)).status == 201
    (kept,) = [
        each for each in await world.store.read(lambda reader: reader.keys(ORG)) if each.allowed_networks == bounds
    ]
    assert (await owner.send("POST", f"{KEYS}/{kept.key_id}/rotate")).status == 201


async def test_a_key_of_another_organisation_is_not_there(world: ApiWorld, owner: SignedIn) -> None:
    (other,) = await world.store.read(lambda reader: reader.keys(OTHER_ORG))
    assert (await owner.send("DELETE", f"{KEYS}/{other.key_id}")).status == 404
    assert (await owner.send("POST", f"{KEYS}/{other.key_id}/rotate")).status == 404
    assert (await world.get(BILLING, key=OTHER_KEY)).status == 200


async def test_there_is_an_end_to_keys(world: ApiWorld, owner: SignedIn) -> None:
    def fill(unit: object) -> None:
        for number in range(MAX_LIVE_KEYS - 1):
            unit.accounts.add_key(an_api_key(f"key {number}", ORG))  # type: ignore[attr-defined]

    await world.store.run(fill)
    assert (await owner.send("POST", KEYS, json={"name": "x"})).status == 409
    (first, second, *_) = await world.store.read(lambda reader: reader.keys(ORG))
    rotate = f"{KEYS}/{second.key_id}/rotate"
    assert (await owner.send("POST", rotate, json={"grace_hours": 1})).status == 409
    assert (await owner.send("POST", rotate, json={"grace_hours": 0})).status == 201
    await owner.send("DELETE", f"{KEYS}/{first.key_id}")
    assert (await owner.send("POST", KEYS, json={"name": "x"})).status == 201


async def test_somebody_new_is_invited_and_joins(world: ApiWorld, owner: SignedIn) -> None:
    made = await owner.send("POST", PEOPLE, json={"email": "Ravi@Shop.example", "role": "finance"})
    link = made.json["data"]
    assert link["url"] == f"http://calls.example/portal/invitations/{link['token']}"
    body = {"token": link["token"], "password": PASSWORD}
    for wrong, status in (
        (body | {"token": "x"}, 404),
        (body, 400),
        (body | {"name": "Ravi", "password": "short"}, 400),
        (body | {"name": "Ravi"}, 200),
        (body | {"name": "Ravi"}, 404),
    ):
        assert (await world.send("POST", ACCEPT, key=None, json=wrong)).status == status
    ravi = await sign_in(world, "ravi@shop.example")
    people = (await owner.send("GET", PEOPLE)).json["data"]
    assert [(one["email"], one["role"], one["name"]) for one in people] == [
        ("owner@shop.example", "owner", "owner"),
        ("ravi@shop.example", "finance", "Ravi"),
    ]
    assert await changes(world) == [("person.invite", ""), ("person.join", ravi.person_id)]
    assert (await owner.send("POST", PEOPLE, json={"email": "ravi@shop.example", "role": "owner"})).status == 409


async def test_who_is_known_joins_with_the_present_password(world: ApiWorld, owner: SignedIn) -> None:
    ravi = await add_person(world, "ravi@shop.example", Role.VIEWER, org_id=OTHER_ORG)
    link = (await owner.send("POST", PEOPLE, json={"email": ravi.email, "role": "developer"})).json["data"]
    stolen = {"token": link["token"], "password": "a password of my own", "name": "Thief"}
    assert (await world.send("POST", ACCEPT, key=None, json=stolen)).status == 403
    assert (await world.send("POST", ACCEPT, key=None, json=stolen | {"password": PASSWORD})).status == 200
    me = (await (await sign_in(world, ravi.email)).send("GET", "/v1/account/me")).json["data"]
    assert {place["org_id"] for place in me["organisations"]} == {ORG, OTHER_ORG}
    assert me["person"]["name"] == "ravi"


async def test_an_invitation_lapses(world: ApiWorld, owner: SignedIn) -> None:
    link = (await owner.send("POST", PEOPLE, json={"email": "ravi@shop.example", "role": "viewer"})).json["data"]
    world.clock.advance(7 * 86_400)
    late = {"token": link["token"], "password": PASSWORD, "name": "Ravi"}
    assert (await world.send("POST", ACCEPT, key=None, json=late)).status == 404


async def test_roles_change_and_an_owner_stays(world: ApiWorld, owner: SignedIn) -> None:
    ravi = await add_person(world, "ravi@shop.example", Role.VIEWER)
    assert (await owner.send("PATCH", f"{PEOPLE}/{owner.person_id}", json={"role": "viewer"})).status == 409
    assert (await owner.send("DELETE", f"{PEOPLE}/{owner.person_id}")).status == 409
    changed = await owner.send("PATCH", f"{PEOPLE}/{ravi.person_id}", json={"role": "owner"})
    assert changed.json["data"]["role"] == "owner"
    assert (await owner.send("PATCH", f"{PEOPLE}/{ravi.person_id}", json={"role": "king"})).status == 400
    assert (await owner.send("PATCH", f"{PEOPLE}/nobody", json={"role": "owner"})).status == 404
    assert (await owner.send("DELETE", f"{PEOPLE}/{owner.person_id}")).status == 200
    assert (await owner.send("GET", PEOPLE)).status == 403  # at once
    other = await sign_in(world, ravi.email)
    assert (await other.send("DELETE", f"{PEOPLE}/{owner.person_id}")).status == 404


async def test_webhook_endpoints_from_first_to_last(world: ApiWorld, owner: SignedIn) -> None:
    for url in ("ftp://x.example", "x", "http://", "http://a b"):
        assert (await owner.send("POST", HOOKS, json={"url": url})).status == 400
    body = {"url": "https://shop.example/calls", "events": ["call.completed"]}
    made = (await owner.send("POST", HOOKS, json=body)).json["data"]
    path = f"{HOOKS}/{made['webhook_id']}"
    assert (await owner.send("GET", HOOKS)).json["data"][0]["events"] == ["call.completed"]
    flaws: tuple[dict[str, object], ...] = ({"url": "ftp://x.example"}, {"events": []}, {"events": ["call.eaten"]})
    for flaw in flaws:
        assert (await owner.send("PATCH", path, json=flaw)).status == 400
    other = (await owner.send("PATCH", path, json={"events": ["wallet.low", "call.failed"]})).json["data"]
    assert (other["url"], other["events"]) == ("https://shop.example/calls", ["call.failed", "wallet.low"])
    await owner.send("PATCH", path, json={"url": "https://shop.example/else"})
    assert (await owner.send("PATCH", path, json={})).json["data"] == other | {"url": "https://shop.example/else"}
    assert (await owner.send("GET", HOOKS)).json["data"] == [other | {"url": "https://shop.example/else"}]
    rotated = (await owner.send("POST", path + "/rotate")).json["data"]
    assert rotated["secrets"] == 2
    assert rotated["secret"] != made["secret"]
    assert (await owner.send("POST", path + "/rotate")).status == 409
    finished = (await owner.send("POST", path + "/rotate", json={"finish": True})).json["data"]
    assert (finished["secrets"], finished["secret"]) == (1, None)
    stored = await world.store.read(lambda reader: reader.endpoints(ORG))
    assert stored[0].secrets == (rotated["secret"],)
    assert (await owner.send("POST", path + "/disable")).json["data"]["disabled_at"] is not None
    assert (await owner.send("POST", path + "/enable")).json["data"]["disabled_at"] is None
    assert (await owner.send("GET", path + "/deliveries")).json["data"] == []
    assert [action for action, _ in await changes(world)] == [
        "webhook.add",
        "webhook.change",
        "webhook.change",
        "webhook.rotate",
        "webhook.rotate_finish",
        "webhook.disable",
        "webhook.enable",
    ]
    entries, _ = await world.store.read(lambda reader: reader.audit(ORG, 1, 100))
    assert not any("whsec" in str(entry) for entry in entries)


async def test_an_endpoint_of_another_organisation_is_not_there(world: ApiWorld, owner: SignedIn) -> None:
    made = (await owner.send("POST", HOOKS, json={"url": "https://shop.example/"})).json["data"]
    path = f"{HOOKS}/{made['webhook_id']}"
    for method, end in (("POST", "/rotate"), ("POST", "/disable"), ("POST", "/enable"), ("GET", "/deliveries")):
        assert (await world.send(method, path + end, key=OTHER_KEY)).status == 404
    assert (await world.send("PATCH", path, key=OTHER_KEY, json={"url": "https://other.example/"})).status == 404
    assert (await owner.send("GET", HOOKS)).json["data"][0]["url"] == "https://shop.example/"


async def test_an_event_is_sent_once_more(world: ApiWorld, owner: SignedIn) -> None:
    from storage.records import OutboxEvent, WebhookEvent

    made = (await owner.send("POST", HOOKS, json={"url": "https://shop.example/"})).json["data"]
    call_id = await world.place()
    call = await world.store.read(lambda reader: reader.call(ORG, call_id))
    assert call is not None
    event = OutboxEvent("event-1", ORG, call_id, 1, WebhookEvent.INITIATED, 5, call)
    await world.store.run(lambda unit: unit.outbox.add(event))
    (row,) = (await owner.send("GET", f"{HOOKS}/{made['webhook_id']}/deliveries")).json["data"]
    path = f"/v1/account/deliveries/{row['delivery_id']}/replay"
    assert (await world.send("POST", path, key=OTHER_KEY)).status == 404
    again = await owner.send("POST", path)
    assert (again.status, again.json["data"]["replays"]) == (201, row["delivery_id"])
    for wrong in ("x", "9" * 30, "999"):
        assert (await owner.send("POST", f"/v1/account/deliveries/{wrong}/replay")).status == 404


async def test_the_organisation_and_its_term(world: ApiWorld, owner: SignedIn) -> None:
    path = "/v1/account/organisation"
    shown = (await owner.send("GET", path)).json["data"]
    assert (shown["org_id"], shown["tariff"], shown["retention_days"]) == (
        ORG,
        {"rate": 1.5, "pulse_sec": 60, "gst_percent": 18},
        None,
    )
    for value, status in ((30, 200), (-1, 400), ("x", 400), (None, 200)):
        assert (await owner.send("PATCH", path, json={"retention_days": value})).status == status
    assert (await owner.send("PATCH", path, json={})).json["data"]["retention_days"] is None
    entries, total = await world.store.read(lambda reader: reader.audit(ORG, 1, 2))
    assert [dict(entry.change) for entry in entries] == [{"retention_days": None}, {"retention_days": 30}]
    assert total == 3


async def test_an_owner_says_to_whom_invoices_are_written(world: ApiWorld, owner: SignedIn) -> None:
    path = "/v1/account/organisation"
    good = {"gstin": " 27aapfu0939f1zv", "state": "Maharashtra", "address": "12 Marine Drive,\n Mumbai 400020"}
    shown = (await owner.send("PATCH", path, json=good)).json["data"]
    assert (shown["gstin"], shown["state"]) == ("27AAPFU0939F1ZV", "Maharashtra")
    assert shown["address"] == "12 Marine Drive, Mumbai 400020"
    for flaw, field in (
        ({"gstin": "27AAPFU0939F1ZX"}, "gstin"),
        ({"gstin": 27}, "gstin"),
        ({"state": "Karnataka"}, "state"),
        ({"state": "Atlantis"}, "state"),
        ({"address": " "}, "address"),
        ({"address": "x" * 301}, "address"),
        ({"address": "\x1b[2J"}, "address"),
        ({"gstin": "27AAPFU0939F1ZX", "retention_days": 9}, "gstin"),
    ):
        refused = await owner.send("PATCH", path, json=flaw)
        assert (refused.status, refused.json["error"]["field"]) == (400, field), flaw
    kept = (await owner.send("PATCH", path, json={"retention_days": 30})).json["data"]
    assert (kept["gstin"], kept["state"], kept["retention_days"]) == ("27AAPFU0939F1ZV", "Maharashtra", 30)
    gone = (await owner.send("PATCH", path, json={"gstin": None})).json["data"]
    assert (gone["gstin"], gone["state"], gone["retention_days"]) == (None, "Maharashtra", 30)
    assert gone["address"] == "12 Marine Drive, Mumbai 400020"
    (entry, *_), _ = await world.store.read(lambda reader: reader.audit(ORG, 1, 1))
    assert (entry.action, dict(entry.change)) == ("organisation.change", {"gstin": None})


async def test_open_invitations_have_a_limit_for_each_organisation(
    world: ApiWorld, owner: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MAX_INVITATIONS", 2)

    async def invited(number: int) -> int:
        body = {"email": f"p{number}@shop.example", "role": "viewer"}
        return (await owner.send("POST", "/v1/account/people", json=body)).status

    assert [await invited(number) for number in range(3)] == [201, 201, 409]
    open_now = await world.store.run(lambda unit: unit.sessions.count_invitations(ORG, world.clock.wall_ms()))
    later = await world.store.run(
        lambda unit: unit.sessions.count_invitations(ORG, world.clock.wall_ms() + people.INVITATION_LIFE_MS)
    )
    operators = await world.store.run(lambda unit: unit.sessions.count_invitations(None, world.clock.wall_ms()))
    assert (open_now, later, operators) == (2, 0, 0)


async def test_the_audit_log_in_pages(world: ApiWorld, owner: SignedIn) -> None:
    for number in range(3):
        await owner.send("POST", KEYS, json={"name": f"key {number}"})
    reply = await owner.send("GET", "/v1/account/audit", params={"page": "2", "per_page": "3"})
    assert reply.json["meta"]["total"] == 4
    assert reply.json["meta"]["total_pages"] == 2
    assert [row["action"] for row in reply.json["data"]] == ["session.open"]
    assert (await owner.send("GET", "/v1/account/audit", params={"page": "0"})).status == 400
    by_key = await world.send("GET", "/v1/account/audit", key=KEY)
    assert by_key.json["data"][0]["change"]["name"] == "key 2"
    assert (await world.send("GET", "/v1/account/audit", key=OTHER_KEY)).json["data"] == []


async def test_the_audit_log_by_what_who_and_when(world: ApiWorld, owner: SignedIn) -> None:
    await owner.send("POST", KEYS, json={"name": "x"})
    day = (await owner.send("GET", "/v1/account/audit")).json["data"][0]["at"]
    for asked, actions in (
        ({"action": "key"}, ["key.create"]),
        ({"action": "session.open"}, ["session.open"]),
        ({"actor": "@shop"}, ["key.create", "session.open"]),
        ({"actor": "nobody"}, []),
        ({"start_date": day, "end_date": day}, ["key.create", "session.open"]),
        ({"end_date": "2001-01-01T00:00:00Z"}, []),
    ):
        reply = await owner.send("GET", "/v1/account/audit", params=asked)
        assert [row["action"] for row in reply.json["data"]] == actions, asked
    for name, text in (("action", "x" * 65), ("actor", "\n"), ("start_date", "yesterday")):
        refused = await owner.send("GET", "/v1/account/audit", params={name: text})
        assert (refused.status, refused.json["error"]["field"]) == (400, name)


async def test_a_key_is_named_in_the_audit_log_by_its_beginning(world: ApiWorld) -> None:
    await world.send("POST", KEYS, key=KEY, json={"name": "x"})
    (row,) = (await world.send("GET", "/v1/account/audit", key=KEY)).json["data"]
    assert (row["actor_kind"], row["actor"]) == ("key", KEY[:11])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"email":1,"password":"x"}', b'{"email":"x"}'])
async def test_a_log_in_that_is_none(world: ApiWorld, body: bytes) -> None:
    reply = await world.send("POST", SESSIONS, key=None, data=body, headers={"Content-Type": "application/json"})
    assert reply.status == 400


async def test_a_test_key_stays_one_and_does_little(world: ApiWorld, owner: SignedIn) -> None:
    made = (await owner.send("POST", KEYS, json={"name": "x", "test": True})).json["data"]
    assert made["key"].startswith("vp_test_")
    assert len(made["key"]) == len("vp_test_") + 64
    assert (made["test"], made["scopes"]) == (True, ["calls:read", "calls:write", "recordings:read"])
    for scope in ("billing:read", "account:write"):
        refused = await owner.send("POST", KEYS, json={"name": "x", "test": True, "scopes": [scope]})
        assert (refused.status, refused.json["error"]["field"]) == (400, "scopes")
    new = (await owner.send("POST", f"{KEYS}/{made['key_id']}/rotate")).json["data"]
    assert new["key"].startswith("vp_test_")
    assert new["test"]
    live_call = await world.place()
    assert (await world.get(f"/v1/masking/calls/{live_call}", key=new["key"])).status == 404
    assert (await world.post({"party_a": "9000001000", "party_b": "9000001001"}, key=new["key"])).status == 201
    assert [command.test for command in world.switch.commands] == [False, True]


async def test_with_a_test_key_the_same_request_is_another_one(world: ApiWorld, owner: SignedIn) -> None:
    made = (await owner.send("POST", KEYS, json={"name": "x", "test": True})).json["data"]
    headers = {"Idempotency-Key": "once"}
    assert (await world.post(headers=headers)).status == 201
    assert (await world.post(headers=headers)).status == 201
    assert (await world.post(headers=headers, key=made["key"])).status == 409


@pytest.mark.parametrize("rupees", [1e300, 1e-9, 10.001, 1e16 + 0.5])
async def test_an_amount_beyond_all_bounds_is_refused_as_any_other(world: ApiWorld, rupees: float) -> None:
    reply = await world.send("PATCH", "/v1/account/organisation", json={"low_balance": rupees})
    assert reply.status == 400
