"""Refunds: a payment is paid back once, never beyond itself or the wallet, whatever is told and how often."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.api_world import ORG, ApiReply
from tests.support.signed_in import SignedIn, somebody
from tests.support.till import Till, open_till

pytestmark = pytest.mark.sockets

REFUNDS = f"/v1/admin/organisations/{ORG}/refunds"
OWN = "/v1/account/refunds"


@dataclass
class Counter:
    """A till, and the operator behind it."""

    till: Till
    boss: SignedIn

    async def refund(self, topup: dict[str, object], reference: str = "r", **body: Any) -> ApiReply:
        body = {"topup_id": topup["topup_id"], "reference": reference, **body}
        return await self.boss.send("POST", REFUNDS, json=body)

    async def refunded(self, topup: dict[str, object], reference: str = "r", **body: Any) -> dict[str, Any]:
        reply = await self.refund(topup, reference, **body)
        assert reply.status == 201, reply.body
        data: dict[str, Any] = reply.json["data"]
        return data

    async def notes(self) -> list[dict[str, object]]:
        return [row for row in await self.till.invoices() if row["kind"] == "credit_note"]

    async def wallet(self) -> tuple[int, int]:
        wallet = await self.till.world.store.read(lambda reader: reader.wallet(ORG))
        return wallet.balance_paise, wallet.reserved_paise

    async def disagreeing(self) -> list[str]:
        found = await self.till.world.store.read(lambda reader: reader.discrepancies())
        return [str(one.kind) for one in found]


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    async with open_till() as till:
        yield Counter(till, await somebody(till.world, None, operator=True))


async def test_a_payment_is_paid_back_whole(counter: Counter) -> None:
    before, _ = await counter.wallet()
    topup = await counter.till.paid(500)
    made = await counter.refunded(topup)
    assert (made["status"], made["amount"], made["gst"], made["total"]) == ("processed", 500, 90, 590)
    assert made["credit_note_number"] == "CN/24-25/000001"
    assert await counter.wallet() == (before, 0)
    (note,) = await counter.notes()
    assert (note["number"], note["against"]) == ("CN/24-25/000001", topup["invoice_number"])
    assert (note["taxable_value"], note["cgst"], note["sgst"], note["total"]) == ("500.00", "45.00", "45.00", "590.00")
    assert note["reference"] == made["provider_refund_id"]
    assert (await counter.till.browser.send("GET", OWN)).json["data"] == [made]
    assert (await counter.boss.send("GET", REFUNDS)).json["data"] == [made]
    pdf = await counter.till.browser.send("GET", "/v1/account/invoices/CN-24-25-000001/pdf")
    assert (pdf.status, pdf.body[:5]) == (200, b"%PDF-")
    assert await counter.disagreeing() == []


async def test_parts_add_up_and_no_more_is_paid_back_than_was_paid(counter: Counter) -> None:
    before, _ = await counter.wallet()
    topup = await counter.till.paid("100.01")  # 118.01 with the tax
    for number, amount in enumerate((33.33, "33.34")):
        await counter.refunded(topup, f"part {number}", amount=amount)
    assert (await counter.refund(topup, "much", amount=51.35)).status == 409
    rest = await counter.refunded(topup, "rest")
    assert rest["total"] == 51.34
    assert await counter.wallet() == (before, 0)
    notes = await counter.notes()
    assert sum(float(str(note["cgst"])) for note in notes) == 9
    assert [note["number"] for note in notes] == [f"CN/24-25/00000{number}" for number in (3, 2, 1)]
    over = await counter.refund(topup, "over", amount=1)
    assert (over.status, over.json["error"]["message"]) == (409, "Nothing is left of this payment.")
    assert await counter.disagreeing() == []


async def test_the_same_reference_counts_once(counter: Counter) -> None:
    topup = await counter.till.paid()
    first = await counter.refunded(topup, amount=118)
    assert await counter.refunded(topup, amount=118) == first
    assert await counter.refunded(topup) == first
    assert (await counter.refund(topup, amount=119)).status == 409
    assert len(counter.till.toy.refunds) == 1


async def test_money_that_is_spent_is_not_paid_back(counter: Counter) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    await counter.till.world.store.run(lambda unit: unit.ledger.reserve("reserve:x", ORG, "x", balance - 10_000, 1))
    refused = await counter.refund(topup)
    assert (refused.status, refused.json["error"]["message"]) == (
        409,
        "The available balance of the wallet does not cover it.",
    )
    assert counter.till.toy.refunds == {}
    assert (await counter.refunded(topup, "less", amount=118))["status"] == "processed"
    assert await counter.wallet() == (balance - 10_000, balance - 10_000)


async def test_what_is_under_way_is_set_aside_until_the_provider_says_more(counter: Counter) -> None:
    counter.till.toy.refund_status = "pending"
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    made = await counter.refunded(topup)
    assert (made["status"], made["credit_note_number"]) == ("asked", None)
    assert await counter.wallet() == (balance, 50_000)
    assert (await counter.refund(topup, "again")).status == 409
    assert await counter.disagreeing() == []
    for _ in range(2):
        assert (await counter.till.told_of_refund(made["provider_refund_id"])).status == 200
        assert await counter.wallet() == (balance - 50_000, 0)
    assert len(await counter.notes()) == 1
    assert await counter.disagreeing() == []


async def test_what_failed_gives_back_what_was_set_aside(counter: Counter) -> None:
    counter.till.toy.refund_status = "pending"
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    made = await counter.refunded(topup)
    for _ in range(2):
        await counter.till.told_of_refund(made["provider_refund_id"], "refund.failed")
    assert await counter.wallet() == (balance, 0)
    assert (await counter.refunded(topup))["status"] == "failed"
    assert await counter.notes() == []
    counter.till.toy.refunds[made["provider_refund_id"]]["status"] = "failed"
    counter.till.toy.refund_status = "processed"
    assert (await counter.refunded(topup, "once more"))["status"] == "processed"
    assert await counter.disagreeing() == []


@pytest.mark.parametrize("order", sorted(itertools.permutations(["refund.processed", "refund.failed"])))
async def test_once_paid_back_it_stays_so_in_whatever_order_it_is_told(
    counter: Counter, order: tuple[str, ...]
) -> None:
    counter.till.toy.refund_status = "pending"
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    made = await counter.refunded(topup)
    for event in (*order, *order):
        assert (await counter.till.told_of_refund(made["provider_refund_id"], event)).status == 200
    assert await counter.wallet() == (balance - 50_000, 0)
    assert len(await counter.notes()) == 1
    assert await counter.disagreeing() == []


@pytest.mark.parametrize("trouble", ["lost", "down", "nonsense"])
@pytest.mark.parametrize("afterwards", ["", "forgetful"])
async def test_without_a_reply_it_is_asked_again_and_made_once(counter: Counter, trouble: str, afterwards: str) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    counter.till.toy.trouble = trouble
    assert (await counter.refund(topup)).status == 503
    assert await counter.wallet() == (balance, 50_000)
    counter.till.toy.trouble = afterwards
    assert (await counter.refunded(topup))["status"] == "processed"
    assert len(counter.till.toy.refunds) == 1
    assert await counter.wallet() == (balance - 50_000, 0)
    assert await counter.disagreeing() == []


async def test_who_refuses_to_tell_as_well_has_not_said_that_nothing_was_paid_back(counter: Counter) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    counter.till.toy.trouble = "lost"
    assert (await counter.refund(topup)).status == 503
    counter.till.toy.trouble = "busy"
    assert (await counter.refund(topup)).status == 503
    assert await counter.wallet() == (balance, 50_000)
    counter.till.toy.trouble = ""
    assert (await counter.refunded(topup))["status"] == "processed"
    assert len(counter.till.toy.refunds) == 1
    assert await counter.wallet() == (balance - 50_000, 0)


async def test_what_the_provider_refuses_is_said_and_nothing_is_kept_aside(counter: Counter) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    counter.till.toy.refund(str(topup["payment_id"]), 59_000, "pending")  # at the dashboard, and not told yet
    refused = await counter.refund(topup)
    assert refused.status == 409
    assert "greater than the payment amount" in refused.json["error"]["message"]
    assert await counter.wallet() == (balance, 0)


async def test_a_refund_made_at_the_provider_is_taken_in(counter: Counter) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    made_there = counter.till.toy.refund(str(topup["payment_id"]), 11_800)
    for forged in ("0" * 64, "x"):
        assert (await counter.till.told_of_refund(made_there, signature=forged)).status == 401
    assert await counter.wallet() == (balance, 0)
    for _ in range(2):
        assert (await counter.till.told_of_refund(made_there)).status == 200
    assert await counter.wallet() == (balance - 10_000, 0)
    (note,) = await counter.notes()
    assert note["total"] == "118.00"
    assert (await counter.refunded(topup))["total"] == 472
    assert await counter.disagreeing() == []


async def test_a_refund_told_before_its_payment_credits_it_first(counter: Counter) -> None:
    before, _ = await counter.wallet()
    topup = await counter.till.ask(500)
    payment_id = counter.till.toy.pay(str(topup["order_id"]))
    made_there = counter.till.toy.refund(payment_id, 59_000)
    assert (await counter.till.told_of_refund(made_there)).status == 200
    assert (await counter.till.notify(payment_id)).status == 200
    assert await counter.wallet() == (before, 0)
    assert [row["kind"] for row in await counter.till.invoices()].count("invoice") == 1
    assert len(await counter.notes()) == 1
    assert await counter.disagreeing() == []


async def test_a_refund_made_at_the_provider_of_money_that_was_spent_leaves_the_wallet_at_nothing(
    counter: Counter,
) -> None:
    topup = await counter.till.paid(500)
    balance, _ = await counter.wallet()
    await counter.till.world.store.run(lambda unit: unit.ledger.debit("spent", ORG, balance - 20_000, None, 1))
    assert (await counter.till.told_of_refund(counter.till.toy.refund(str(topup["payment_id"]), 59_000))).status == 200
    assert await counter.wallet() == (0, 0)
    (note,) = await counter.notes()
    assert note["total"] == "590.00"
    assert await counter.disagreeing() == ["refund_spent"]


@pytest.mark.parametrize("changes", [{"amount": 1}, {"payment_id": "pay_of_nobody"}, {"amount": "much"}, {"status": 1}])
async def test_what_was_not_asked_for_is_not_taken_in(counter: Counter, changes: dict[str, Any]) -> None:
    counter.till.toy.refund_status = "pending"
    topup = await counter.till.paid(500)
    made = await counter.refunded(topup)
    told = counter.till.toy.refunds[made["provider_refund_id"]]
    if "payment_id" in changes:
        counter.till.toy.payments["pay_of_nobody"] = {"id": "pay_of_nobody"}
    told |= changes
    assert (await counter.till.told_of_refund(made["provider_refund_id"])).status == 200 or "status" in changes
    (shown,) = (await counter.till.browser.send("GET", OWN)).json["data"]
    assert shown["status"] == ("processed" if "status" in changes else "asked")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reference": "x"}, "topup_id"),
        ({"topup_id": "x"}, "reference"),
        ({"topup_id": "x", "reference": "x", "amount": 0.99}, "amount"),
        ({"topup_id": "x", "reference": "x", "amount": 1.001}, "amount"),
        ({"topup_id": "x", "reference": "x", "reason": ""}, "reason"),
    ],
)
async def test_a_refund_that_cannot_be(counter: Counter, body: object, field: str) -> None:
    reply = await counter.boss.send("POST", REFUNDS, json=body)
    assert (reply.status, reply.json["error"]["field"]) == (400, field)


async def test_only_payments_that_were_made_are_paid_back(counter: Counter) -> None:
    assert (await counter.refund({"topup_id": "x"})).status == 404
    unpaid = await counter.till.ask(500)
    assert (await counter.refund(unpaid)).status == 409
    other = await counter.boss.send(
        "POST",
        "/v1/admin/organisations/org-two/refunds",
        json={"topup_id": (await counter.till.paid())["topup_id"], "reference": "r"},
    )
    assert other.status == 404


@pytest.mark.parametrize("amount", [0.99, 1_000_000.01])
async def test_what_may_be_paid_back_is_said_as_it_is(counter: Counter, amount: float) -> None:
    refused = await counter.refund(await counter.till.paid(500), amount=amount)
    assert refused.status == 400
    said = refused.json["error"]["message"]
    assert said == "amount must be rupees from 1 to 1000000, with at most two decimals."
