"""The pages about webhooks, the wallet, people, settings, and the operator's."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from storage.person_records import Role
from storage.records import DeliveryOutcome, EndpointReply, OutboxEvent, WebhookEvent
from storage.units import UnitOfWork
from tests.support.api_world import ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.page_visitor import PageVisitor, Shown
from tests.support.signed_in import add_person
from tests.support.till import open_till

HOOKS = "/portal/webhooks"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def visitor_of(world: ApiWorld, role: Role | None, *, operator: bool = False) -> PageVisitor:
    email = f"{role or 'operator'}@shop.example"
    await add_person(world, email, role, operator=operator)
    visitor = PageVisitor(world)
    await visitor.sign_in(email)
    return visitor


def secret_of(shown: Shown) -> str:
    found = shown.tree().find(".//input[@id='secret']")
    assert found is not None
    return str(found.get("value"))


async def test_a_webhook_is_added_rotated_switched_off_and_on(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    added = await visitor.submit(HOOKS, HOOKS, url="https://shop.example/hooks", events=["call.completed"])
    assert added.status == 201
    first = secret_of(added)
    assert first.startswith("whsec_")
    (endpoint,) = (await world.get("/v1/account/webhooks")).json["data"]
    assert endpoint["events"] == ["call.completed"]
    own = f"{HOOKS}/{endpoint['webhook_id']}"
    second = secret_of(await visitor.submit(HOOKS, f"{own}/rotate"))
    assert second != first
    listed = await visitor.get(HOOKS)
    assert "two, being replaced" in listed.text
    assert first not in listed.text
    assert second not in listed.text
    for deed, said in (
        ("finish", "only the newest secret signs"),
        ("disable", "Nothing is sent there"),
        ("enable", "Events are sent there again"),
    ):
        assert (await visitor.submit(HOOKS, f"{own}/{deed}")).location == HOOKS
        assert said in (await visitor.get(HOOKS)).text
    assert "Nothing was sent there." in (await visitor.get(f"{own}/deliveries")).text


async def test_a_webhook_gets_another_address_and_other_events(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    await visitor.submit(HOOKS, HOOKS, url="https://shop.example/hooks", events=["call.completed"])
    (endpoint,) = (await world.get("/v1/account/webhooks")).json["data"]
    form = f"{HOOKS}/{endpoint['webhook_id']}/change"
    assert form in (await visitor.get(HOOKS)).links()
    assert 'value="https://shop.example/hooks"' in (await visitor.get(form)).text
    refused = await visitor.submit(form, form, url="ftp://shop.example", events=["call.failed"])
    assert (refused.status, 'class="fault"' in refused.text, "ftp://shop.example" in refused.text) == (400, True, True)
    changed = await visitor.submit(form, form, url="https://shop.example/else", events=["call.failed"])
    assert changed.location == HOOKS
    (endpoint,) = (await world.get("/v1/account/webhooks")).json["data"]
    assert (endpoint["url"], endpoint["events"]) == ("https://shop.example/else", ["call.failed"])
    assert (await visitor.get(f"{HOOKS}/x/change")).status == 404


async def test_a_delivery_and_a_test_event_are_shown(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    await visitor.submit(HOOKS, HOOKS, url="http://127.0.0.1:1/hooks")
    (endpoint,) = (await world.get("/v1/account/webhooks")).json["data"]
    own = f"{HOOKS}/{endpoint['webhook_id']}"
    tried = await visitor.submit(HOOKS, f"{own}/test")
    assert (tried.status, "There was no answer" in tried.text, "webhook.test" in tried.text) == (200, True, True)
    record = await world.finish(await world.place())
    event = OutboxEvent("event-1", ORG, record.call_id, 1, WebhookEvent.COMPLETED, world.clock.wall_ms(), record)

    def refused(unit: UnitOfWork) -> int:
        unit.outbox.add(event)
        (delivery,) = unit.outbox.claim_due(world.clock.wall_ms(), 1)
        reply = EndpointReply({"Server": "nginx"}, "<b>not here</b>", is_cut=True)
        unit.outbox.finish(DeliveryOutcome(delivery.delivery_id, 1, 1_000, False, None, 404, None, 31, reply=reply))
        return delivery.delivery_id

    one = f"{own}/deliveries/{await world.store.run(refused)}"
    assert one in (await visitor.get(f"{own}/deliveries")).links()
    shown = await visitor.get(one)
    for part in ("&lt;b&gt;not here&lt;/b&gt;", "nginx", "There was more of it.", "event-1", "9876543210"):
        assert part in shown.text, part
    assert (await visitor.submit(one, f"{one}/replay")).location == f"{own}/deliveries"
    assert (await visitor.get(f"{HOOKS}/x/deliveries/{one.rpartition('/')[2]}")).status == 404


async def test_what_is_no_webhook_is_said_beside_its_field(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    for changes in ({"url": "ftp://shop.example"}, {"url": "https://shop.example", "events": []}):
        refused = await visitor.submit(HOOKS, HOOKS, **changes)
        assert (refused.status, 'class="fault"' in refused.text) == (400, True)


async def test_another_organisations_webhook_is_not_there(world: ApiWorld) -> None:
    body = {"url": "https://other.example/hooks"}
    theirs = (await world.send("POST", "/v1/account/webhooks", key=OTHER_KEY, json=body)).json["data"]["webhook_id"]
    visitor = await visitor_of(world, Role.OWNER)
    assert theirs not in (await visitor.get(HOOKS)).text
    assert (await visitor.get(f"{HOOKS}/{theirs}/deliveries")).status == 404
    token = (await visitor.get("/portal")).fields("/portal/sign-out")["csrf_token"]
    for deed in ("rotate", "finish", "disable", "enable", "deliveries/1/replay"):
        assert (await visitor.post(f"{HOOKS}/{theirs}/{deed}", {"csrf_token": token})).status == 404, deed


async def test_somebody_is_invited_given_a_role_and_removed(world: ApiWorld) -> None:
    owner = await visitor_of(world, Role.OWNER)
    invited = await owner.submit("/portal/people", "/portal/people", email="ravi@shop.example", role="viewer")
    link = secret_of(invited)
    assert link.startswith("http://calls.example/portal/invitations/")
    assert link not in (await owner.get("/portal/people")).text
    await add_person(world, "asha@shop.example", Role.VIEWER)
    own = "/portal/people/id-asha"
    assert (await owner.get("/portal/people")).fields(f"{own}/role")["role"] == "viewer"
    assert (await owner.submit("/portal/people", f"{own}/role", role="finance")).status == 303
    people = {one["email"]: one["role"] for one in (await world.get("/v1/account/people")).json["data"]}
    assert people["asha@shop.example"] == "finance"
    assert (await owner.submit("/portal/people", f"{own}/remove")).status == 303
    assert "asha@shop.example" not in (await owner.get("/portal/people")).text
    last = await owner.submit("/portal/people", "/portal/people/id-owner/remove")
    assert (last.status, "needs an owner" in last.text) == (409, True)


async def test_recordings_are_kept_as_long_as_the_owner_says(world: ApiWorld) -> None:
    owner = await visitor_of(world, Role.OWNER)
    page = "/portal/settings"
    assert (await owner.submit(page, page, retention_days="30")).status == 303
    assert (await owner.get(page)).fields(page)["retention_days"] == "30"
    assert (await owner.submit(page, page, retention_days="")).status == 303
    assert (await owner.get(page)).fields(page)["retention_days"] == ""
    refused = await owner.submit(page, page, retention_days="long")
    assert (refused.status, "retention_days must be" in refused.text) == (400, True)
    viewer = await visitor_of(world, Role.VIEWER)
    assert 'name="retention_days"' not in (await viewer.get(page)).text


async def test_an_owner_enters_the_gstin(world: ApiWorld) -> None:
    owner = await visitor_of(world, Role.OWNER)
    page, form = "/portal/settings", "/portal/settings/registration"
    assert (
        await owner.submit(page, form, gstin="27AAPFU0939F1ZV", state="27", address="12 Marine Drive")
    ).location == page
    refused = await owner.submit(page, form, gstin="27AAPFU0939F1ZX", state="27")
    assert (refused.status, 'id="gstin-fault"' in refused.text, "27AAPFU0939F1ZX" in refused.text) == (400, True, True)
    kept = (await owner.get(page)).fields(form)
    assert (kept["gstin"], kept["address"]) == ("27AAPFU0939F1ZV", "12 Marine Drive")
    assert (await owner.submit(page, form, gstin="", state="", address="")).location == page
    assert (await owner.get(page)).fields(form)["gstin"] == ""
    assert form not in (await (await visitor_of(world, Role.FINANCE)).get(page)).text


async def test_the_wallet_shows_the_money(world: ApiWorld) -> None:
    finance = await visitor_of(world, Role.FINANCE)
    assert "₹500.00" in (await finance.get("/portal/wallet")).text
    assert "There is no invoice yet." in (await finance.get("/portal/invoices")).text


async def test_an_operator_looks_at_an_organisation_and_suspends_it(world: ApiWorld) -> None:
    boss = await visitor_of(world, None, operator=True)
    listed = "/portal/operator/organisations"
    assert "You are an operator" in (await boss.get("/portal")).text
    assert (await boss.submit(listed, f"{listed}/{ORG}/suspend")).location == listed
    shown = await boss.get(listed)
    assert "suspended" in shown.text
    assert (await boss.submit(listed, f"{listed}/{ORG}/resume")).status == 303
    token = shown.fields("/portal/look-at")["csrf_token"]
    assert (await boss.post("/portal/look-at", {"csrf_token": token, "org_id": ORG})).location == "/portal"
    assert "Overview" in (await boss.get("/portal")).text
    assert (await boss.get("/portal/operator/numbers")).status == 200
    assert (await boss.post("/portal/look-at", {"csrf_token": token, "org_id": "nobody"})).status == 404


async def test_an_operator_makes_an_organisation_and_changes_its_terms(world: ApiWorld) -> None:
    boss = await visitor_of(world, None, operator=True)
    listed, new = "/portal/operator/organisations", "/portal/operator/organisations/new"
    refused = await boss.submit(new, new, name="Shop & <b>", numbers="917969002802, 12", **{"tariff.rate": "1,5.x"})
    assert (refused.status, 'id="tariff.rate-fault"' in refused.text) == (400, True)
    assert refused.fields(new)["name"] == "Shop & <b>"
    refused = await boss.submit(new, new, name="Shop", numbers="917969002802, 12")
    assert (refused.status, 'id="numbers-fault"' in refused.text) == (400, True)
    terms = {"tariff.rate": "2.25", "tariff.pulse_sec": "30", "max_concurrent_calls": "7", "retention_days": "0"}
    assert (await boss.submit(new, new, name="Shop & <b>", numbers="917969002802", **terms)).location == listed
    made = next(
        one for one in await world.store.read(lambda reader: reader.organisations()) if one.name == "Shop & <b>"
    )
    assert (made.tariff.rate_paise_per_minute, made.tariff.pulse_s, made.tariff.gst_percent) == (225, 30, 18)
    assert (made.max_concurrent_calls, made.retention_days, made.rate_limit_per_minute) == (7, 0, None)
    change = f"{listed}/{made.org_id}/change"
    kept = (await boss.get(change)).fields(change)
    assert (kept["tariff.rate"], kept["numbers"], kept["retention_days"]) == ("2.25", "917969002802", "0")
    assert (await boss.submit(change, change, numbers="", max_concurrent_calls="")).location == listed
    changed = await world.store.read(lambda reader: reader.organisation(made.org_id))
    assert changed == replace(made, max_concurrent_calls=None)
    assert await world.store.read(lambda reader: reader.organisation_numbers(made.org_id)) == ()
    assert (await (await visitor_of(world, Role.OWNER)).get(change)).status == 403
    assert (await boss.get(f"{listed}/nobody/change")).status == 404


async def test_an_operator_credits_a_wallet_once_for_a_reference(world: ApiWorld) -> None:
    boss = await visitor_of(world, None, operator=True)
    page, form = f"/portal/operator/organisations/{ORG}/change", f"/portal/operator/organisations/{ORG}/credit"
    for _ in range(2):
        assert (await boss.submit(page, form, rupees="1,000.50", reference="NEFT 7")).status == 303
    assert (await world.store.read(lambda reader: reader.wallet(ORG))).balance_paise == 50_000 + 100_050
    refused = await boss.submit(page, form, rupees="-5", reference="NEFT 8")
    assert (refused.status, 'id="rupees-fault"' in refused.text) == (400, True)


async def test_an_operator_sees_the_trunks_those_that_are_down_first(world: ApiWorld) -> None:
    boss = await visitor_of(world, None, operator=True)
    (carrier,) = world.switch.trunk_states()
    down = replace(carrier, name="<spare>", up=False, reason="does not answer", max_calls=4, cps=5, failures=())
    world.switch.trunks = (carrier, down)
    for path in ("/portal/operator/trunks", "/portal/operator/trunks/live"):
        shown = await boss.get(path)
        names = [
            str(heading.text) for heading in shown.tree().iter("h2") if str(heading.get("id")).startswith("trunk-")
        ]
        assert names == ["<spare>", "carrier"]
        assert "does not answer" in shown.text
        (causes,) = (one for one in shown.tree().iter("ul") if one.get("class") == "causes")
        assert ["".join(one.itertext()).split() for one in causes] == [["503", "2"], ["no", "response", "1"]]
    owner = await visitor_of(world, Role.OWNER)
    assert (await owner.get("/portal/operator/trunks")).status == 403


async def test_an_event_is_sent_once_more_from_its_row(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    await visitor.submit(HOOKS, HOOKS, url="https://shop.example/hooks")
    (endpoint,) = (await world.get("/v1/account/webhooks")).json["data"]
    call_id = await world.place()
    call = await world.store.read(lambda reader: reader.call(ORG, call_id))
    assert call is not None
    event = OutboxEvent("event-1", ORG, call_id, 1, WebhookEvent.INITIATED, 5, call)
    await world.store.run(lambda unit: unit.outbox.add(event))
    page = f"{HOOKS}/{endpoint['webhook_id']}/deliveries"
    shown = await visitor.get(page)
    assert f"/portal/calls/{call_id}" in shown.links()
    (replay,) = [form.get("action") for form in shown.tree().iter("form") if "replay" in str(form.get("action"))]
    assert (await visitor.submit(page, str(replay))).location == page
    assert "The event is sent once more." in (await visitor.get(page)).text
    changes = (await world.get("/v1/account/audit")).json["data"]
    assert "webhook.replay" in {change["action"] for change in changes}


@pytest.mark.sockets
async def test_a_payment_and_its_invoice_are_listed() -> None:
    async with open_till() as till:
        paid, unpaid = await till.ask(500), await till.ask(20)
        await till.notify(till.toy.pay(str(paid["order_id"])))
        visitor = PageVisitor(till.world)
        await visitor.sign_in("finance@shop.example")
        wallet = await visitor.get("/portal/wallet")
        assert f"₹{float(str(unpaid['total'])):.2f}" in wallet.text
        assert "₹590.00" in wallet.text
        links = (await visitor.get("/portal/invoices")).tree().iter("a")
        files = [str(link.get("href")) for link in links if "/v1/account/invoices/" in str(link.get("href"))]
        assert len(files) == 2
        assert (await visitor.get(next(path for path in files if path.endswith("/csv")))).status == 200
