"""Refunds: never more than was paid, made once; debits never below what is available; the ledger as it was before."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.billing_records import Refund, RefundState, TaxParts
from storage.errors import BalanceTooLow, IllegalState, TransferConflict, UnknownRecord
from storage.migrate import load_migrations, migrate
from storage.payments import transfer_of
from storage.store import Store
from storage.units import UnitOfWork
from tests.storage.test_payments import TOPUP, document, pay, topup_of
from tests.support.stored import ORG, an_organisation

REFUND = Refund("one", ORG, "topup-1", "r", "why", TaxParts(40_000, 0, 0, 7_200), 5)


@pytest.fixture
async def paid(funded: Store) -> Store:
    await funded.run(lambda unit: unit.payments.add(TOPUP))
    await funded.run(pay)
    return funded


def process(unit: UnitOfWork, refund_id: str = "one", provider_refund_id: str = "rfnd_1") -> None:
    serial = unit.payments.next_serial("CN", "26-27")
    note = document(serial, number=f"CN/26-27/{serial:06}", series="CN")
    unit.payments.issue(note)
    unit.refunds.processed(refund_id, provider_refund_id, 9, 40_000, note.number)


async def test_a_refund_is_asked_for_and_made(paid: Store) -> None:
    await paid.run(lambda unit: unit.refunds.add(REFUND))
    assert await paid.run(lambda unit: unit.refunds.left("topup-1")) == TaxParts(10_000, 0, 0, 1_800)
    assert await paid.run(lambda unit: unit.refunds.by_reference("topup-1", "r")) == REFUND
    await paid.run(process)
    made = await paid.run(lambda unit: unit.refunds.get("one"))
    assert made == replace(
        REFUND,
        state=RefundState.PROCESSED,
        provider_refund_id="rfnd_1",
        settled_at=9,
        debited_paise=40_000,
        credit_note_number="CN/26-27/000001",
    )
    assert await paid.run(lambda unit: unit.refunds.by_provider("rfnd_1")) == made
    assert await paid.read(lambda reader: reader.refunds(ORG, 1, 10)) == ([made], 1)
    with pytest.raises(IllegalState):
        await paid.run(process)
    assert not await paid.run(lambda unit: unit.refunds.failed("one", 10))


async def test_what_becomes_of_a_refund_becomes_of_no_other(paid: Store) -> None:
    """Two refunds of one payment and one of another organisation's, under references that they share."""
    ours = REFUND
    later = replace(ours, refund_id="two", reference="s", created_at=6, parts=TaxParts(5_000, 0, 0, 900))
    theirs = replace(later, refund_id="three", reference="r", org_id="org-2", topup_id="topup-2", created_at=7)
    their_topup = replace(topup_of(2, 50_000), org_id="org-2")

    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation("org-2"))
        unit.payments.add(their_topup)
        invoice = document(2, org_id="org-2", topup_id="topup-2")
        unit.ledger.credit(transfer_of("topup-2"), "org-2", 50_000, "pay_2", 200)
        unit.payments.issue(invoice)
        unit.payments.paid("topup-2", "pay_2", 200, invoice.number)
        for refund in (ours, later, theirs):
            unit.refunds.add(refund)

    await paid.run(fill)
    assert await paid.read(lambda reader: reader.refunds(ORG, 1, 9)) == ([later, ours], 2)
    assert await paid.read(lambda reader: reader.refunds(ORG, 1, 1)) == ([later], 2)
    assert await paid.read(lambda reader: reader.refunds(ORG, 2, 1)) == ([ours], 2)
    assert await paid.read(lambda reader: reader.refunds("org-2", 1, 9)) == ([theirs], 1)
    assert await paid.run(lambda unit: unit.refunds.by_reference("topup-1", "s")) == later
    assert await paid.run(lambda unit: unit.refunds.by_reference("topup-2", "r")) == theirs
    assert await paid.run(lambda unit: unit.refunds.by_reference("topup-2", "s")) is None
    assert await paid.run(lambda unit: unit.refunds.left("topup-1")) == TaxParts(5_000, 0, 0, 900)
    assert await paid.run(lambda unit: unit.refunds.left("topup-2")) == TaxParts(45_000, 0, 0, 8_100)

    await paid.run(lambda unit: unit.refunds.known_to_provider("two", "rfnd_2"))
    known = replace(later, provider_refund_id="rfnd_2")
    assert await paid.run(lambda unit: unit.refunds.by_provider("rfnd_2")) == known
    assert await paid.run(lambda unit: unit.refunds.by_provider("rfnd_9")) is None
    assert await paid.run(lambda unit: unit.refunds.failed("two", 8)) is True
    assert await paid.read(lambda reader: reader.refunds(ORG, 1, 9)) == (
        [replace(known, state=RefundState.FAILED, settled_at=8), ours],
        2,
    )
    assert await paid.run(lambda unit: unit.refunds.get("three")) == theirs
    await paid.run(process)
    assert await paid.run(lambda unit: unit.refunds.get("three")) == theirs
    assert await paid.run(lambda unit: unit.refunds.find("nine")) is None


async def test_of_what_is_left_of_a_payment_each_tax_is_its_own(funded: Store) -> None:
    within_the_state = replace(TOPUP, cgst_paise=4_500, sgst_paise=4_500, igst_paise=0)
    await funded.run(lambda unit: unit.payments.add(within_the_state))
    assert await funded.run(lambda unit: unit.refunds.left("topup-1")) == TaxParts(50_000, 4_500, 4_500, 0)

    def refund(unit: UnitOfWork) -> None:
        unit.ledger.credit(transfer_of("topup-1"), ORG, 50_000, "pay_1", 200)
        tax = {"taxable_paise": 50_000, "cgst_paise": 4_500, "sgst_paise": 4_500, "igst_paise": 0}
        invoice = document(1, content={"number": "INV/26-27/000001", "tax": tax})
        unit.payments.issue(invoice)
        unit.payments.paid("topup-1", "pay_1", 200, invoice.number)
        unit.refunds.add(replace(REFUND, parts=TaxParts(10_000, 900, 900, 0)))

    await funded.run(refund)
    assert await funded.run(lambda unit: unit.refunds.left("topup-1")) == TaxParts(40_000, 3_600, 3_600, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"parts": TaxParts(50_001, 0, 0, 9_000)},
        {"parts": TaxParts(50_000, 0, 0, 9_001)},
        {"parts": TaxParts(0, 0, 0, 0)},
        {"topup_id": "topup-9"},
        {"org_id": "org-9"},
        {"reference": ""},
    ],
)
async def test_a_refund_that_cannot_be_is_refused(paid: Store, changes: dict[str, object]) -> None:
    with pytest.raises(IllegalState):
        await paid.run(lambda unit: unit.refunds.add(replace(REFUND, **changes)))  # type: ignore[arg-type]


async def test_all_refunds_of_a_payment_are_at_most_the_payment(paid: Store) -> None:
    await paid.run(lambda unit: unit.refunds.add(REFUND))
    other = replace(REFUND, refund_id="two", reference="s")
    with pytest.raises(IllegalState):
        await paid.run(lambda unit: unit.refunds.add(other))
    assert await paid.run(lambda unit: unit.refunds.failed("one", 6))
    await paid.run(lambda unit: unit.refunds.add(other))
    with pytest.raises(IllegalState):  # told to have been paid back after all
        await paid.run(process)
    with pytest.raises(IllegalState):
        await paid.run(lambda unit: unit.refunds.add(replace(other, refund_id="three")))


async def test_an_unpaid_top_up_is_not_paid_back(funded: Store) -> None:
    await funded.run(lambda unit: unit.payments.add(TOPUP))
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.refunds.add(REFUND))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.refunds.get("one"))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.refunds.left("topup-9"))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.payments.of_payment("pay_9"))


async def test_a_debit_takes_what_is_available_and_no_more(funded: Store) -> None:
    await funded.run(lambda unit: unit.ledger.reserve("r", ORG, "call", 40_000, 1))
    assert await funded.run(lambda unit: unit.ledger.debit("d", ORG, 60_000, "x", 2))
    assert not await funded.run(lambda unit: unit.ledger.debit("d", ORG, 60_000, "x", 2))
    with pytest.raises(TransferConflict):
        await funded.run(lambda unit: unit.ledger.debit("d", ORG, 1, "x", 2))
    with pytest.raises(BalanceTooLow):
        await funded.run(lambda unit: unit.ledger.debit("e", ORG, 1, "x", 2))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.ledger.debit("f", "nobody", 1, "x", 2))
    wallet = await funded.read(lambda reader: reader.wallet(ORG))
    assert (wallet.balance_paise, wallet.available_paise) == (40_000, 0)


async def test_the_ledger_is_the_same_after_it_was_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, load_migrations()[:12])
        connection.executescript(
            "INSERT INTO organisations (org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent)"
            " VALUES ('org-1', 'x', 1, 150, 60, 18);"
            "INSERT INTO transfers VALUES ('z', 'org-1', 'credit', NULL, 'top-up', 500, 500, 0, 3);"
            "INSERT INTO transfers VALUES ('a', 'org-1', 'reserve', 'call', NULL, 150, 0, 150, 4);"
        )
        before = connection.execute("SELECT rowid, * FROM transfers ORDER BY rowid").fetchall()
        migrate(connection, load_migrations())
        assert connection.execute("SELECT rowid, * FROM transfers ORDER BY rowid").fetchall() == before
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE transfers SET reference = ''")
    store = await Store.open(f"sqlite:///{path}")
    try:
        await store.run(lambda unit: unit.ledger.void("v", "call", 5))
        assert (await store.read(lambda reader: reader.wallet(ORG))).available_paise == 500
        assert await store.read(lambda reader: reader.discrepancies()) == []
    finally:
        await store.close()
