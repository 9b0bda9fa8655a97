"""The pages about statements, the ledger, the audit log, and the operator's about refunds and credit notes."""

from collections.abc import AsyncIterator

import pytest

from storage.person_records import Role
from tests.support.api_world import ORG, ApiWorld, api_world
from tests.support.page_visitor import PageVisitor
from tests.support.signed_in import add_person
from tests.support.till import Till, open_till

REFUNDS = "/portal/operator/refunds"
NEW_NOTE = "/portal/operator/credit-notes/new"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    async with open_till() as opened:
        yield opened


async def visitor_of(world: ApiWorld, role: Role | None, *, operator: bool = False) -> PageVisitor:
    email = f"{role or 'operator'}-2@shop.example"
    await add_person(world, email, role, operator=operator)
    visitor = PageVisitor(world)
    await visitor.sign_in(email)
    return visitor


@pytest.mark.sockets
async def test_statements_by_month_with_their_files(till: Till) -> None:
    topup = await till.paid(500)
    visitor = await visitor_of(till.world, Role.FINANCE)
    listed = await visitor.get("/portal/statements")
    assert "/portal/statements/2025-01" in listed.links()
    for end in ("/pdf", "/csv", ""):
        assert f'href="/v1/account/statements/2025-01{end}"' in listed.text
    shown = await visitor.get("/portal/statements/2025-01")
    assert "January 2025" in shown.text
    assert str(topup["invoice_number"]) in shown.text
    assert "₹500.00" in shown.text
    for month in ("2019-01", "2025-13", "x"):
        assert (await visitor.get(f"/portal/statements/{month}")).status == 404, month


async def test_the_ledger_of_a_period_and_its_table(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.FINANCE)
    assert "credit" in (await visitor.get("/portal/ledger")).text
    before = await visitor.get("/portal/ledger?first_day=2001-01-01&last_day=2001-01-31")
    assert "Nothing moved then." in before.text
    assert "start_date=2001-01-01T00%3A00%3A00%2B05%3A30&amp;end_date=2001-01-31T23" in before.text
    assert (await visitor.get("/portal/ledger?first_day=soon")).status == 400
    assert (await visitor.get("/portal/ledger?page=x")).status == 400


async def test_the_audit_log_is_filtered(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    await visitor.submit("/portal/webhooks", "/portal/webhooks", url="https://shop.example/hooks")
    whole = await visitor.get("/portal/audit")
    assert "webhook.add" in whole.text
    assert "session.open" in whole.text
    assert "owner-2@shop.example" in whole.text
    found = await visitor.get("/portal/audit?action=webhook&actor=owner&first_day=2025-01-01")
    assert ("webhook.add" in found.text, "<code>session.open" in found.text) == (True, False)
    assert "No change is like this." in (await visitor.get("/portal/audit?actor=ravi")).text
    refused = await visitor.get("/portal/audit?last_day=soon&actor=ravi")
    assert (refused.status, 'value="ravi"' in refused.text) == (400, True)
    operator = await visitor_of(world, None, operator=True)
    assert "webhook.add" in (await operator.get("/portal/operator/audit")).text


@pytest.mark.sockets
async def test_an_operator_pays_back_and_credits(till: Till) -> None:
    topup = await till.paid(500)
    before = await till.balance()
    boss = await visitor_of(till.world, Role.OWNER, operator=True)
    form = f"{REFUNDS}/new?topup_id={topup['topup_id']}"
    assert form in (await boss.get(REFUNDS)).links()
    wrong = await boss.submit(form, f"{REFUNDS}/new", amount="1000", reference="ticket 17")
    assert (wrong.status, 'value="ticket 17"' in wrong.text) == (409, True)
    for no_topup in ("{x}", "x/y", ".."):
        refused = await boss.submit(form, f"{REFUNDS}/new", topup_id=no_topup, amount="118", reference="ticket 17")
        assert refused.status == 404, no_topup
    for no_amount in ("₹", "1,18"):  # nothing given would be all that is left
        refused = await boss.submit(form, f"{REFUNDS}/new", amount=no_amount, reference="ticket 17")
        assert (refused.status, 'id="amount-fault"' in refused.text) == (400, True), no_amount
    large = await boss.submit(form, f"{REFUNDS}/new", amount="₹1,18,000.00", reference="ticket 17")
    assert large.status == 409  # understood, and more than was paid
    paid = await boss.submit(form, f"{REFUNDS}/new", amount="₹118.00", reference="ticket 17")
    assert paid.location == REFUNDS
    assert await till.balance() == before - 10_000
    assert "ticket 17" in (await boss.get(REFUNDS)).text
    assert "Paid back" in (await boss.get("/portal/invoices")).text
    good = {"kind": "goodwill", "amount": "50", "reference": "a bad day", "reason": "A bad day"}
    refused = await boss.submit(NEW_NOTE, NEW_NOTE, **good, with_tax="yes")
    assert (refused.status, "has no tax" in refused.text) == (409, True)
    large = await boss.submit(NEW_NOTE, NEW_NOTE, **good | {"kind": "correction", "amount": "9,00,000"})
    assert large.status == 409
    assert (await boss.submit(NEW_NOTE, NEW_NOTE, **good, with_tax="no")).location == REFUNDS
    assert await till.balance() == before - 5_000
    assert "A bad day" in (await boss.get(REFUNDS)).text


async def test_an_operator_first_looks_at_an_organisation(world: ApiWorld) -> None:
    boss = await visitor_of(world, None, operator=True)
    assert "You look at no organisation." in (await boss.get(REFUNDS)).text
    await boss.submit("/portal/operator/organisations", "/portal/look-at", org_id=ORG)
    shown = await boss.get(REFUNDS)
    assert ("No payments are configured here" in shown.text, "New credit note" in shown.text) == (True, False)


async def test_below_what_balance_somebody_is_told(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    own = "/portal/settings/low-balance"
    for given, kept in (("1,500.50", 1500.5), ("", None), ("20", 20)):
        assert (await visitor.submit("/portal/settings", own, low_balance=given)).location == "/portal/settings"
        assert (await world.get("/v1/account/organisation")).json["data"]["low_balance"] == kept
    for wrong in ("-1", "x", "nan", "1e400", "0.001"):
        refused = await visitor.submit("/portal/settings", own, low_balance=wrong)
        assert (refused.status, 'id="low_balance-fault"' in refused.text) == (400, True), wrong
    viewer = await visitor_of(world, Role.VIEWER)
    assert "Told below ₹20.00." in (await viewer.get("/portal/settings")).text
