"""Top-ups: a payment is credited and invoiced once, whatever order and number of notifications."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from b2bua.config.sections import BillingSection
from control_api.payments.desk import payment_desk
from storage.person_records import Role
from storage.units import UnitOfWork
from tests.support.api_world import ORG, api_world
from tests.support.signed_in import somebody
from tests.support.till import HOOK, INVOICES, TOPUPS, Till, open_till
from tests.support.toy_razorpay import KEY_ID

pytestmark = pytest.mark.sockets


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    async with open_till() as opened_till:
        yield opened_till


async def test_a_topup_is_asked_for_paid_credited_and_invoiced(till: Till) -> None:
    before = await till.balance()
    topup = await till.ask(500)
    assert (topup["amount"], topup["gst"], topup["total"]) == (500, 90, 590)
    assert till.toy.orders[str(topup["order_id"])]["amount"] == 59_000
    assert topup["key_id"] == KEY_ID
    payment_id = till.toy.pay(str(topup["order_id"]))
    confirmed = (await till.confirm(topup, payment_id)).json["data"]
    assert confirmed["payment_id"] == payment_id
    assert await till.balance() == before + 50_000
    (invoice,) = await till.invoices()
    assert invoice["number"] == confirmed["invoice_number"]
    assert (invoice["taxable_value"], invoice["cgst"], invoice["sgst"]) == ("500.00", "45.00", "45.00")
    assert await till.world.store.read(lambda reader: reader.discrepancies()) == []


@pytest.mark.parametrize("order", sorted(itertools.permutations(["confirm", "payment.captured", "order.paid"])))
async def test_whatever_comes_first_and_how_often_it_counts_once(till: Till, order: tuple[str, ...]) -> None:
    before = await till.balance()
    topup = await till.ask("1000.50")
    payment_id = till.toy.pay(str(topup["order_id"]))
    for told in (*order, *order):
        if told == "confirm":
            assert (await till.confirm(topup, payment_id)).status == 200
        else:
            assert (await till.notify(payment_id, told)).status == 200
    assert await till.balance() == before + 100_050
    assert len(await till.invoices()) == 1


async def test_what_was_only_authorised_is_captured_first(till: Till) -> None:
    topup = await till.ask()
    payment_id = till.toy.pay(str(topup["order_id"]), "authorized")
    assert (await till.notify(payment_id)).status == 200
    assert await till.invoices() == []
    assert (await till.confirm(topup, payment_id)).status == 200
    assert till.toy.captures == 1
    assert len(await till.invoices()) == 1


async def test_numbers_follow_each_other(till: Till) -> None:
    for _ in range(3):
        topup = await till.ask(10)
        await till.notify(till.toy.pay(str(topup["order_id"])))
    numbers = [str(invoice["number"]) for invoice in await till.invoices()]
    assert numbers == ["INV/24-25/000003", "INV/24-25/000002", "INV/24-25/000001"]


async def test_no_forged_word_credits_anything(till: Till) -> None:
    before = await till.balance()
    topup = await till.ask()
    payment_id = till.toy.pay(str(topup["order_id"]))
    for forged in ("0" * 64, "é", "x"):
        assert (await till.confirm(topup, payment_id, forged)).status == 400
        assert (await till.notify(payment_id, signature=forged)).status in (400, 401)
    assert await till.balance() == before


async def test_a_signature_of_another_payment_is_none(till: Till) -> None:
    topup, other = await till.ask(), await till.ask(10)
    cheap = till.toy.pay(str(other["order_id"]))
    stolen = till.toy.checkout_signature(str(other["order_id"]), cheap)
    assert (await till.confirm(topup, cheap, stolen)).status == 400


@pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "USD"}, {"status": "failed"}])
async def test_a_payment_that_was_not_asked_for_is_not_credited(till: Till, changes: dict[str, Any]) -> None:
    before = await till.balance()
    topup = await till.ask()
    payment_id = till.toy.pay(str(topup["order_id"]), **changes)
    assert (await till.notify(payment_id)).status == 200
    assert (await till.confirm(topup, payment_id)).status == 409
    assert await till.balance() == before


async def test_a_second_payment_of_one_order_is_not_credited(till: Till) -> None:
    topup = await till.ask()
    first, second = till.toy.pay(str(topup["order_id"])), till.toy.pay(str(topup["order_id"]))
    before = await till.balance()
    assert (await till.notify(first)).status == 200
    assert (await till.notify(second)).status == 200
    assert (await till.confirm(topup, second)).status == 409
    assert await till.balance() == before + 50_000


@pytest.mark.parametrize("trouble", ["down", "nonsense"])
async def test_a_provider_in_trouble_is_said_to_be(till: Till, trouble: str) -> None:
    topup = await till.ask()
    payment_id = till.toy.pay(str(topup["order_id"]))
    till.toy.trouble = trouble
    assert (await till.browser.send("POST", TOPUPS, json={"amount": 10})).status == 503
    assert (await till.confirm(topup, payment_id)).status == 503
    till.toy.trouble = ""
    assert (await till.confirm(topup, payment_id)).status == 200


async def test_a_payment_that_is_none_is_refused(till: Till) -> None:
    topup = await till.ask()
    assert (await till.confirm(topup, "pay_nothing")).status == 409


@pytest.mark.parametrize(
    "amount",
    [
        *(9.99, 0, -10, 10.001, "ten", True, None, [], 500_000.01, "NaN", "1e99", "Infinity"),
        *("1_000", "\uff11\uff10\uff10", " 10 ", "10\n", "+10", "1e2", "", "10."),
    ],
)
async def test_only_amounts_are_amounts(till: Till, amount: object) -> None:
    reply = await till.browser.send("POST", TOPUPS, json={"amount": amount})
    assert (reply.status, reply.json["error"]["field"]) == (400, "amount")


async def test_an_invoice_is_json_csv_and_pdf_and_nobody_elses(till: Till) -> None:
    topup = await till.ask()
    await till.notify(till.toy.pay(str(topup["order_id"])))
    path = f"{INVOICES}/INV-24-25-000001"
    invoice = (await till.browser.send("GET", path)).json["data"]
    assert invoice == (await till.invoices())[0]
    as_it_stands = URL(f"{INVOICES}/{quote(invoice['number'], safe='')}", encoded=True)
    reply = await till.world.client.get(as_it_stands, headers={"Cookie": till.browser.cookie})
    assert (reply.status, (await reply.json())["data"]) == (200, invoice)
    pdf = await till.browser.send("GET", f"{path}/pdf")
    assert (pdf.status, pdf.headers["Content-Type"], pdf.body[:5]) == (200, "application/pdf", b"%PDF-")
    table = await till.browser.send("GET", f"{path}/csv")
    assert table.body.startswith(b"kind,number,date")
    for missing in ("INV-24-25-000002", "x", "INV-24-25-000001.exe", "INV-24-25-000002/pdf", "x/csv"):
        assert (await till.browser.send("GET", f"{INVOICES}/{missing}")).status == 404


@pytest.mark.parametrize(("gstin", "state"), [("99ABCDE1234F1Z5", None), (None, "Nowhere")])
async def test_a_customer_of_no_known_state_is_billed_where_the_supplier_is(
    till: Till, gstin: str | None, state: str | None
) -> None:
    await till.world.store.run(
        lambda unit: unit.accounts.change_organisation(
            replace(unit.accounts.organisation(ORG), gstin=gstin, state=state)
        )
    )
    topup = await till.ask()
    await till.notify(till.toy.pay(str(topup["order_id"])))
    (invoice,) = await till.invoices()
    assert (invoice["place_of_supply"], invoice["igst"]) == ("29 Karnataka", "0.00")


def moved_to(address: str | None, unit: UnitOfWork) -> None:
    unit.accounts.change_organisation(replace(unit.accounts.organisation(ORG), address=address))


async def test_invoices_say_the_address_that_the_customer_has_then(till: Till) -> None:
    for number, address in enumerate(("12 Marine Drive, Mumbai", None), start=1):
        await till.world.store.run(partial(moved_to, address))
        topup = await till.ask()
        await till.notify(till.toy.pay(str(topup["order_id"])))
        assert len(await till.invoices()) == number
    invoices: Sequence[Any] = await till.invoices()
    assert sorted(invoice["customer"]["address"] for invoice in invoices) == ["", "12 Marine Drive, Mumbai"]


def settled_in(state: str, unit: UnitOfWork) -> None:
    unit.accounts.change_organisation(replace(unit.accounts.organisation(ORG), state=state))


@pytest.mark.parametrize(
    ("amount", "asked_from", "paid_from", "told"),
    [
        (500, "Karnataka", "Maharashtra", ("27 Maharashtra", "0.00", "0.00", "90.00", "590.00")),
        (500, "Maharashtra", "Karnataka", ("29 Karnataka", "45.00", "45.00", "0.00", "590.00")),
        # Of the other state it would be a paisa more than was paid.
        ("10.06", "Maharashtra", "Karnataka", ("27 Maharashtra", "0.00", "0.00", "1.81", "11.87")),
    ],
)
async def test_an_invoice_is_taxed_where_the_customer_is_when_it_pays(
    till: Till, amount: object, asked_from: str, paid_from: str, told: tuple[str, ...]
) -> None:
    before = await till.balance()
    await till.world.store.run(partial(settled_in, asked_from))
    topup = await till.ask(amount)
    await till.world.store.run(partial(settled_in, paid_from))
    payment_id = till.toy.pay(str(topup["order_id"]))
    for _ in range(2):
        assert (await till.notify(payment_id)).status == 200
    (invoice,) = await till.invoices()
    assert tuple(invoice[name] for name in ("place_of_supply", "cgst", "sgst", "igst", "total")) == told
    paise = round(float(str(topup["amount"])) * 100)
    assert await till.balance() == before + paise
    kept = await till.world.store.read(lambda reader: reader.topup(ORG, str(topup["topup_id"])))
    assert kept is not None
    assert (f"{kept.igst_paise / 100:.2f}", kept.total_paise) == (told[3], round(float(told[4]) * 100))


async def test_what_is_no_event_of_a_payment_is_passed_over(till: Till) -> None:
    topup = await till.ask()
    payment_id = till.toy.pay(str(topup["order_id"]))
    assert (await till.notify(payment_id, "payment.failed")).status == 200
    till.toy.payments[payment_id]["amount"] = "much"
    assert (await till.notify(payment_id)).status == 200
    assert await till.invoices() == []


async def test_without_a_provider_there_are_no_payments() -> None:
    assert payment_desk(BillingSection()) is None
    async with api_world() as world:
        browser = await somebody(world, Role.OWNER)
        assert (await browser.send("POST", TOPUPS, json={"amount": 10})).status == 404
        assert (await world.send("POST", HOOK, key=None, json={})).status == 404
