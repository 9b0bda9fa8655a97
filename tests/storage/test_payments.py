"""Payments and tax documents: each payment once, each number once, none left out."""

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from storage.billing_records import Discrepancy, DiscrepancyKind, IssuedDocument, TopUp
from storage.errors import IllegalState, UnknownRecord
from storage.payments import transfer_of
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, an_organisation, given


def topup_of(number: int, taxable_paise: int = 1_000, at: int = 100) -> TopUp:
    tax = taxable_paise * 18 // 100
    return TopUp(f"topup-{number}", ORG, f"order_{number}", taxable_paise, 18, 0, 0, tax, "27", at)


TOPUP = topup_of(1, 50_000)


def said(values: dict[str, Any], topup: TopUp = TOPUP) -> dict[str, Any]:
    """What a document says, as far as the store looks at it."""
    parts = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
    return {"number": values["number"], "tax": {part: getattr(topup, part) for part in parts}}


def document(serial: int, **changes: Any) -> IssuedDocument:
    values: dict[str, Any] = {
        "number": f"INV/26-27/{serial:06}",
        "series": "INV",
        "year": "26-27",
        "serial": serial,
        "org_id": ORG,
        "topup_id": "topup-1",
        "issued_at": 100 + serial,
    }
    return IssuedDocument(**({"content": said(values | changes)} | values | changes))


def pay(unit: UnitOfWork, topup: TopUp = TOPUP, payment_id: str = "pay_1") -> None:
    serial = unit.payments.next_serial("INV", "26-27")
    unit.ledger.credit(transfer_of(topup.topup_id), topup.org_id, topup.taxable_paise, payment_id, 200)
    issued = document(serial, topup_id=topup.topup_id)
    unit.payments.issue(issued)
    unit.payments.paid(topup.topup_id, payment_id, 200, issued.number)


async def test_a_payment_is_asked_for_then_made(funded: Store) -> None:
    await funded.run(lambda unit: unit.payments.add(TOPUP))
    assert await funded.read(lambda reader: reader.topup(ORG, "topup-1")) == TOPUP
    assert await funded.read(lambda reader: reader.topup("another", "topup-1")) is None
    await funded.run(pay)
    paid = await funded.run(lambda unit: unit.payments.of_order("order_1"))
    assert (paid.payment_id, paid.paid_at, paid.invoice_number) == ("pay_1", 200, "INV/26-27/000001")
    assert paid.total_paise == 59_000
    issued = await funded.read(lambda reader: reader.tax_document(ORG, "INV/26-27/000001"))
    assert issued == document(1)
    assert await funded.read(lambda reader: reader.discrepancies()) == []


async def test_pages_are_newest_first(funded: Store) -> None:
    for at in range(1, 4):
        topup = topup_of(at, at=at)
        await funded.run(given(topup, lambda unit, one: unit.payments.add(one)))
        await funded.run(given(topup, lambda unit, one: pay(unit, one, f"pay_{one.created_at}")))
    topups, total = await funded.read(lambda reader: reader.topups(ORG, 1, 2))
    assert ([one.topup_id for one in topups], total) == (["topup-3", "topup-2"], 3)
    documents, total = await funded.read(lambda reader: reader.tax_documents(ORG, 2, 2))
    assert ([one.serial for one in documents], total) == ([1], 3)


async def test_what_is_taxed_elsewhere_is_one_payment(funded: Store) -> None:
    first, second = topup_of(1), topup_of(2)
    moved = replace(first, cgst_paise=first.igst_paise // 2, sgst_paise=first.igst_paise // 2, igst_paise=0)
    moved = replace(moved, place_of_supply="29")
    for topup in (first, second):
        await funded.run(given(topup, lambda unit, one: unit.payments.add(one)))
    await funded.run(lambda unit: unit.payments.taxed(moved))
    assert await funded.read(lambda reader: reader.topups(ORG, 1, 9)) == ([second, moved], 2)
    await funded.run(lambda unit: pay(unit, moved))
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.payments.taxed(first))


async def test_an_unknown_order_is_said_to_be_one(funded: Store) -> None:
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.payments.of_order("order_9"))


async def test_no_payment_is_made_twice_or_for_two(funded: Store) -> None:
    other = topup_of(2)
    await funded.run(lambda unit: unit.payments.add(TOPUP))
    await funded.run(lambda unit: unit.payments.add(other))
    await funded.run(pay)
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.payments.paid("topup-1", "pay_2", 300, "INV/26-27/000001"))
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: pay(unit, other, "pay_1"))
    # All of it was undone, its number too.
    assert await funded.run(lambda unit: unit.payments.next_serial("INV", "26-27")) == 2
    assert await funded.run(lambda unit: unit.payments.next_serial("INV", "28-29")) == 1
    assert await funded.run(lambda unit: unit.payments.next_serial("CN", "27-28")) == 1


async def test_a_document_is_its_organisation_s_and_of_its_number(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await funded.run(lambda unit: unit.payments.issue(document(1)))
    await funded.run(lambda unit: unit.payments.issue(document(2, org_id="org-2")))
    assert await funded.read(lambda reader: reader.tax_document(ORG, "INV/26-27/000001")) == document(1)
    assert await funded.read(lambda reader: reader.tax_document(ORG, "INV/26-27/000002")) is None
    assert await funded.read(lambda reader: reader.tax_document("org-2", "INV/26-27/000001")) is None
    assert await funded.read(lambda reader: reader.tax_documents("org-2", 1, 9)) == ([document(2, org_id="org-2")], 1)


@pytest.mark.parametrize("serial", [2, 5])
async def test_no_number_is_left_out(funded: Store, serial: int) -> None:
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.payments.issue(document(serial)))


async def test_every_year_and_series_begins_with_one(funded: Store) -> None:
    await funded.run(lambda unit: unit.payments.issue(document(1)))
    await funded.run(lambda unit: unit.payments.issue(document(1, number="INV/27-28/000001", year="27-28")))
    await funded.run(lambda unit: unit.payments.issue(document(1, number="CN/26-27/000001", series="CN")))
    assert await funded.run(lambda unit: unit.payments.next_serial("INV", "26-27")) == 2


async def test_a_credit_without_its_document_is_found(funded: Store) -> None:
    await funded.run(lambda unit: unit.payments.add(TOPUP))
    await funded.run(lambda unit: unit.ledger.credit(transfer_of("topup-1"), ORG, 50_000, "pay_1", 200))
    (found,) = await funded.read(lambda reader: reader.discrepancies())
    assert found == Discrepancy(DiscrepancyKind.PAYMENT, ORG, "topup-1", None, 50_000)


@pytest.mark.parametrize("statement", ["UPDATE tax_documents SET content = '{}'", "DELETE FROM tax_documents"])
def test_no_document_changes_or_goes(statement: str) -> None:
    with bare_database() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(
            "INSERT INTO tax_documents VALUES ('INV/26-27/000001', 'INV', '26-27', 1, 'org', 'x', 1, '{}', 'invoice')"
        )
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(statement)
