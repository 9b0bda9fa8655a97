"""Credit notes by operators: each once, never beyond the invoice or the wallet, their transfer with them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.api_world import ORG, OTHER_ORG, ApiReply
from tests.support.signed_in import SignedIn, add_person, sign_in, somebody
from tests.support.till import Till, open_till

pytestmark = pytest.mark.sockets

NOTES = f"/v1/admin/organisations/{ORG}/credit-notes"
REFUNDS = f"/v1/admin/organisations/{ORG}/refunds"
YEAR_S = 365 * 86_400


@dataclass
class Office:
    """A till, and the operator behind it."""

    till: Till
    boss: SignedIn

    async def note(self, reference: str = "n", **body: Any) -> ApiReply:
        whole = {"kind": "correction", "amount": 118, "reference": reference, "reason": "Invoiced twice", **body}
        return await self.boss.send("POST", NOTES, json=whole)

    async def refusal(self, reference: str = "n", **body: Any) -> str:
        reply = await self.note(reference, **body)
        assert reply.status == 409, reply.body
        return str(reply.json["error"]["message"])

    async def disagreeing(self) -> list[str]:
        found = await self.till.world.store.read(lambda reader: reader.discrepancies())
        return [str(one.kind) for one in found]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with open_till() as till:
        yield Office(till, await somebody(till.world, None, operator=True))


async def test_a_correction_takes_back_value_and_tax_and_debits_the_wallet(office: Office) -> None:
    topup = await office.till.paid(500)
    before = await office.till.balance()
    made = (await office.note(invoice_number=topup["invoice_number"])).json["data"]
    assert (made["kind"], made["amount"], made["gst"], made["total"]) == ("correction", 100, 18, 118)
    assert await office.till.balance() == before - 10_000
    shown = (await office.till.browser.send("GET", "/v1/account/invoices/CN-24-25-000001")).json["data"]
    assert (shown["kind"], shown["against"], shown["cgst"]) == ("credit_note", topup["invoice_number"], "9.00")
    assert shown["description"] == "Invoiced twice: Prepaid calling credit"
    assert (await office.boss.send("GET", NOTES)).json["data"] == [made]
    for form, begins in (("pdf", b"%PDF-"), ("csv", b"kind,number")):
        file = await office.till.browser.send("GET", f"/v1/account/invoices/CN-24-25-000001/{form}")
        assert file.body.startswith(begins)
    assert await office.disagreeing() == []


async def test_goodwill_has_no_tax_and_credits_the_wallet(office: Office) -> None:
    before = await office.till.balance()
    made = (await office.note(kind="goodwill", amount="50.25", reason="A bad day")).json["data"]
    assert (made["amount"], made["gst"]) == (50.25, 0)
    assert await office.till.balance() == before + 5_025
    shown = (await office.till.browser.send("GET", "/v1/account/invoices/CN-24-25-000001")).json["data"]
    assert (shown["total"], shown["gst_percent"], shown["against"]) == ("50.25", 0, None)
    statement = (await office.till.browser.send("GET", "/v1/account/statements/2025-01")).json["data"]
    assert [(line["kind"], line["document"]) for line in statement["lines"]][-1] == ("credit", "CN/24-25/000001")
    assert await office.disagreeing() == []
    assert "has no tax" in await office.refusal("m", kind="goodwill", with_tax=True)
    assert "no invoice" in await office.refusal("m", kind="goodwill", invoice_number="INV/24-25/000001")


async def test_the_same_reference_counts_once(office: Office) -> None:
    before = await office.till.balance()
    first = await office.note(kind="goodwill")
    assert (await office.note(kind="goodwill")).json["data"] == first.json["data"]
    assert await office.till.balance() == before + 11_800
    assert "another credit note" in await office.refusal(kind="goodwill", amount=1)
    assert "another credit note" in await office.refusal(kind="correction", invoice_number="x")


async def test_a_reference_of_another_invoice_is_not_taken_for_its_own(office: Office) -> None:
    first, second = await office.till.paid(500), await office.till.paid(500)
    made = (await office.note(invoice_number=first["invoice_number"])).json["data"]
    assert (await office.note(invoice_number=first["invoice_number"])).json["data"] == made
    assert "another credit note" in await office.refusal(invoice_number=second["invoice_number"])


async def test_a_reference_with_tax_is_not_taken_for_one_without(office: Office) -> None:
    number = (await office.till.paid(500))["invoice_number"]
    for reference, amount, with_tax in (("a", 100, True), ("b", 100, False), ("c", 0.01, True)):
        wanted = {"invoice_number": number, "amount": amount}
        made = (await office.note(reference, **wanted, with_tax=with_tax)).json["data"]
        assert (await office.note(reference, **wanted, with_tax=with_tax)).json["data"] == made
        assert "another credit note" in await office.refusal(reference, **wanted, with_tax=not with_tax)
    assert (await office.note("d", kind="goodwill")).status == 201
    assert "another credit note" in await office.refusal("d", kind="goodwill", with_tax=True)


async def test_corrections_and_refunds_together_are_at_most_the_invoice(office: Office) -> None:
    topup = await office.till.paid(500)
    number = topup["invoice_number"]
    refund = {"topup_id": topup["topup_id"], "reference": "r", "amount": 354}
    assert (await office.boss.send("POST", REFUNDS, json=refund)).status == 201
    assert "more than is left" in await office.refusal(invoice_number=number, amount=236.01)
    assert (await office.note("a", invoice_number=number, amount=100, with_tax=False)).json["data"]["gst"] == 0
    assert "more than is left" in await office.refusal("b", invoice_number=number, amount=100.01, with_tax=False)
    assert (await office.note("c", invoice_number=number, amount=136)).json["data"]["gst"] == 36
    rest = {"topup_id": topup["topup_id"], "reference": "s"}
    assert (await office.boss.send("POST", REFUNDS, json=rest)).status == 409
    assert await office.disagreeing() == []


async def test_of_cgst_and_sgst_alone_an_odd_paisa_is_refused(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    topup = await office.till.paid(500)
    number = topup["invoice_number"]
    assert (await office.note("a", invoice_number=number, amount=500, with_tax=False)).status == 201
    assert "an even number of paise" in await office.refusal("b", invoice_number=number, amount=1.01)
    refund = {"topup_id": topup["topup_id"], "reference": "r", "amount": 1.01}
    refused = await office.boss.send("POST", REFUNDS, json=refund)
    assert (refused.status, refused.json["error"]["code"]) == (409, "conflict")
    assert "an even number of paise" in refused.json["error"]["message"]
    (payment_id,) = office.till.toy.payments
    assert (await office.till.told_of_refund(office.till.toy.refund(payment_id, 301))).status == 200
    assert "an even number of paise" in caplog.text
    assert (await office.boss.send("POST", REFUNDS, json=refund | {"amount": 1.02})).status == 201
    assert (await office.note("b", invoice_number=number, amount=88.98)).json["data"]["gst"] == 88.98
    assert await office.disagreeing() == []


async def test_a_correction_never_takes_what_is_not_there(office: Office) -> None:
    topup = await office.till.paid(500)
    balance = await office.till.balance()
    await office.till.world.store.run(lambda unit: unit.ledger.debit("spent", ORG, balance - 9_999, None, 1))
    assert "does not cover" in await office.refusal(invoice_number=topup["invoice_number"])
    # All of it was undone, its number too.
    assert (await office.note("m", kind="goodwill")).json["data"]["number"] == "CN/24-25/000001"
    assert await office.disagreeing() == []


async def test_the_tax_of_an_old_invoice_stays(office: Office) -> None:
    topup = await office.till.paid(500)
    office.till.world.clock.advance(YEAR_S)
    email = "late-operator@shop.example"
    await add_person(office.till.world, email, operator=True)
    late = Office(office.till, await sign_in(office.till.world, email))
    assert "until 2025-11-30; leave it out" in await late.refusal(invoice_number=topup["invoice_number"])
    without = await late.note(invoice_number=topup["invoice_number"], amount=100, with_tax=False)
    assert without.json["data"]["total"] == 100


@pytest.mark.parametrize("number", [None, "INV/24-25/000009", "CN/24-25/000001"])
async def test_a_correction_needs_an_invoice(office: Office, number: str | None) -> None:
    await office.note("m", kind="goodwill")
    assert "needs the number of an invoice" in await office.refusal(invoice_number=number)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "gift"}, "kind"),
        ({"amount": 0}, "amount"),
        ({"amount": 1.001}, "amount"),
        ({"reason": ""}, "reason"),
        ({"with_tax": "yes"}, "with_tax"),
    ],
)
async def test_a_note_that_cannot_be(office: Office, changes: dict[str, Any], field: str) -> None:
    reply = await office.note(**changes)
    assert (reply.status, reply.json["error"]["field"]) == (400, field)


async def test_notes_and_their_references_are_an_organisation_s_own(office: Office) -> None:
    body = {"kind": "goodwill", "amount": 7, "reference": "n", "reason": "A bad day"}
    theirs = f"/v1/admin/organisations/{OTHER_ORG}/credit-notes"
    ours = (await office.note(kind="goodwill", amount=5)).json["data"]
    made = (await office.boss.send("POST", theirs, json=body)).json["data"]
    assert [(ours["number"], ours["amount"]), (made["number"], made["amount"])] == [
        ("CN/24-25/000001", 5),
        ("CN/24-25/000002", 7),
    ]
    for path, note in ((NOTES, ours), (theirs, made)):
        listed = (await office.boss.send("GET", path)).json
        assert (listed["data"], listed["meta"]["total"]) == ([note], 1)
    assert await office.disagreeing() == []


async def test_notes_of_an_unknown_organisation(office: Office) -> None:
    body = {"kind": "goodwill", "amount": 1, "reference": "n", "reason": "x"}
    assert (await office.boss.send("POST", "/v1/admin/organisations/x/credit-notes", json=body)).status == 404
