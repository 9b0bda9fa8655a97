"""A discrepancy of each kind that is planted is found, and nothing else is."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from storage.billing_records import CreditNote, Discrepancy, DiscrepancyKind, DocumentKind, NoteKind, Refund, TaxParts
from storage.books import REFUND_LONGEST_MS
from storage.credit_notes import transfer_of_note
from storage.errors import UnknownRecord
from storage.records import TEST_NUMBER
from storage.refunds import hold_of
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.storage.test_payments import TOPUP, document, pay, topup_of
from tests.support.stored import ORG, a_call, an_organisation, completed, failed

Plant = Callable[[sqlite3.Connection], object]

PAID = replace(TOPUP, topup_id="paid", order_id="order_paid")
_GUARDS = (
    *("transfers_never_change", "transfers_never_go", "transfer_moves_wallet", "cdrs_never_change", "cdrs_never_go"),
    *("tax_documents_never_change", "tax_documents_never_go", "a_payment_is_made_once", "cdr_ends_live_row"),
    "a_processed_refund_stays",
)


REFUND = Refund("back", ORG, "paid", "r", "", TaxParts(10_000, 0, 0, 1_800), 1)
NOW = 2_000_000_000_000
OPEN = replace(REFUND, refund_id="open", reference="s", created_at=NOW - REFUND_LONGEST_MS)


def refund(unit: UnitOfWork) -> None:
    """One that was made, one that is under way."""
    for one in (REFUND, OPEN):
        unit.refunds.add(one)
        unit.ledger.reserve(f"hold:{one.refund_id}", ORG, hold_of(one.refund_id), 10_000, 1)
    unit.ledger.void("unhold:back", hold_of("back"), 2)
    unit.ledger.debit("refund:back", ORG, 10_000, "rfnd_1", 2)
    note = document(
        1,
        number="CN/26-27/000001",
        series="CN",
        topup_id="paid",
        kind=DocumentKind.CREDIT_NOTE,
        content={"number": "CN/26-27/000001", "tax": REFUND.parts._asdict()},
    )
    unit.payments.issue(note)
    unit.refunds.processed("back", "rfnd_1", 2, 10_000, note.number)


NOTE = CreditNote("CN/26-27/000002", ORG, NoteKind.CORRECTION, "paid", "n", "x", TaxParts(1_000, 0, 0, 180), 3)


def correct(unit: UnitOfWork) -> None:
    """A correction of what was paid."""
    said = {"number": NOTE.number, "tax": NOTE.parts._asdict()}
    issued = document(2, number=NOTE.number, series="CN", topup_id="paid", kind=DocumentKind.CREDIT_NOTE, content=said)
    unit.payments.issue(issued)
    unit.ledger.debit(transfer_of_note(NOTE.number), ORG, 1_000, None, 3)
    unit.credit_notes.add(NOTE)


def _history(unit: UnitOfWork) -> None:
    """Two finished calls, a test call, a live one, a payment asked for and one made."""
    unit.accounts.create_organisation(an_organisation())
    unit.payments.add(TOPUP)
    unit.payments.add(PAID)
    pay(unit, PAID, "pay_paid")
    refund(unit)
    correct(unit)
    for number, end in enumerate((completed, failed, None)):
        call = a_call(f"call-{number}")
        unit.ledger.reserve(f"reserve:{call.call_id}", ORG, call.call_id, 150, 1)
        unit.calls.save(call)
        if end is completed:
            cdr = completed(call)
            unit.ledger.capture(f"capture:{call.call_id}", call.call_id, cdr.price_paise or 0, 2)
            unit.cdrs.add(cdr)
        elif end is not None:
            unit.ledger.void(f"void:{call.call_id}", call.call_id, 2)
            unit.cdrs.add(end(call))
    unit.cdrs.add(replace(completed(a_call("test"), price_paise=0), masked_number=TEST_NUMBER))
    unit.calls.save(replace(a_call("testing"), masked_number=TEST_NUMBER))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    store = await Store.open(f"sqlite:///{tmp_path}/books.db")
    await store.run(_history)
    assert await store.read_apart(lambda reader: reader.discrepancies(NOW)) == []
    await store.close()
    return tmp_path / "books.db"


def _statement(text: str) -> Plant:
    return lambda connection: connection.executescript(text)


K = DiscrepancyKind
PLANTED: dict[DiscrepancyKind, tuple[Plant, Discrepancy]] = {
    K.WALLET_BALANCE: (
        _statement("UPDATE wallets SET balance_paise = balance_paise + 7"),
        Discrepancy(K.WALLET_BALANCE, ORG, ORG, 38_700, 38_707),
    ),
    K.WALLET_RESERVED: (
        _statement("UPDATE wallets SET reserved_paise = 10149"),
        Discrepancy(K.WALLET_RESERVED, ORG, ORG, 10_150, 10_149),
    ),
    K.RESERVATION_LEFT: (
        _statement("DELETE FROM calls WHERE call_id = 'call-2'"),
        Discrepancy(K.RESERVATION_LEFT, ORG, "call-2", 0, 150),
    ),
    K.CALL_UNRESERVED: (
        _statement(
            "UPDATE transfers SET call_id = 'call-1' WHERE call_id = 'none'; UPDATE calls SET call_id = 'lone'"
            " WHERE call_id = 'testing'; UPDATE calls SET masked_number = '917969002802' WHERE call_id = 'lone'"
        ),
        Discrepancy(K.CALL_UNRESERVED, ORG, "lone", None, None),
    ),
    K.CALL_CHARGE: (
        _statement("UPDATE cdrs SET price_paise = 450 WHERE call_id = 'call-0'"),
        Discrepancy(K.CALL_CHARGE, ORG, "call-0", 450, 300),
    ),
    K.CHARGE_WITHOUT_CALL: (
        _statement("DELETE FROM cdrs WHERE call_id = 'call-0'"),
        Discrepancy(K.CHARGE_WITHOUT_CALL, ORG, "call-0", None, 300),
    ),
    K.PAYMENT: (
        _statement(
            "UPDATE transfers SET asked_paise = 49999, balance_change = 49999 WHERE transfer_id = 'topup:paid';"
            "UPDATE wallets SET balance_paise = balance_paise - 1"
        ),
        Discrepancy(K.PAYMENT, ORG, "paid", 50_000, 49_999),
    ),
    K.CREDIT_WITHOUT_PAYMENT: (
        _statement(
            "INSERT INTO transfers VALUES ('topup:gone', 'org-1', 'credit', NULL, NULL, 5, 5, 0, 1);"
            "UPDATE wallets SET balance_paise = balance_paise + 5"
        ),
        Discrepancy(K.CREDIT_WITHOUT_PAYMENT, ORG, "topup:gone", None, 5),
    ),
    K.INVOICE: (
        _statement("UPDATE tax_documents SET content = json_set(content, '$.tax.igst_paise', 1) WHERE series = 'INV'"),
        Discrepancy(K.INVOICE, ORG, "paid", 59_000, 50_001),
    ),
    K.INVOICE_WITHOUT_PAYMENT: (
        _statement(
            "INSERT INTO tax_documents VALUES ('INV/26-27/000002', 'INV', '26-27', 2, 'org-1', 'x', 1, '{}', 'invoice')"
        ),
        Discrepancy(K.INVOICE_WITHOUT_PAYMENT, ORG, "INV/26-27/000002", None, None),
    ),
    K.SERIAL: (
        _statement("UPDATE tax_documents SET serial = 3 WHERE series = 'INV'"),
        Discrepancy(K.SERIAL, "", "INV/26-27", 3, 1),
    ),
    K.REFUND: (
        _statement(
            "UPDATE transfers SET asked_paise = 9999, balance_change = -9999 WHERE transfer_id = 'refund:back';"
            "UPDATE wallets SET balance_paise = balance_paise + 1"
        ),
        Discrepancy(K.REFUND, ORG, "back", 10_000, 9_999),
    ),
    K.REFUND_SPENT: (
        _statement(
            "UPDATE transfers SET asked_paise = 9999, balance_change = -9999 WHERE transfer_id = 'refund:back';"
            "UPDATE wallets SET balance_paise = balance_paise + 1;"
            "UPDATE refunds SET debited_paise = 9999 WHERE refund_id = 'back'"
        ),
        Discrepancy(K.REFUND_SPENT, ORG, "back", 10_000, 9_999),
    ),
    K.REFUND_WAITING: (
        _statement(f"UPDATE refunds SET created_at = {NOW - REFUND_LONGEST_MS - 1} WHERE refund_id = 'open'"),
        Discrepancy(K.REFUND_WAITING, ORG, "open", 10_000, None),
    ),
    K.DEBIT_WITHOUT_REFUND: (
        _statement(
            "INSERT INTO transfers VALUES ('refund:gone', 'org-1', 'debit', NULL, NULL, 5, -5, 0, 1);"
            "UPDATE wallets SET balance_paise = balance_paise - 5"
        ),
        Discrepancy(K.DEBIT_WITHOUT_REFUND, ORG, "refund:gone", None, 5),
    ),
    K.CREDIT_NOTE: (
        _statement(
            "UPDATE tax_documents SET content = json_set(content, '$.tax.igst_paise', 1)"
            " WHERE series = 'CN' AND serial = 1"
        ),
        Discrepancy(K.CREDIT_NOTE, ORG, "back", 11_800, 10_001),
    ),
    K.CREDIT_NOTE_OF_NOTHING: (
        _statement(
            "INSERT INTO tax_documents"
            " VALUES ('CN/26-27/000003', 'CN', '26-27', 3, 'org-1', 'x', 1, '{}', 'credit_note')"
        ),
        Discrepancy(K.CREDIT_NOTE_OF_NOTHING, ORG, "CN/26-27/000003", None, None),
    ),
    K.NOTE: (
        _statement(
            "UPDATE transfers SET asked_paise = 999, balance_change = -999 WHERE transfer_id LIKE 'note:%';"
            "UPDATE wallets SET balance_paise = balance_paise + 1"
        ),
        Discrepancy(K.NOTE, ORG, NOTE.number, 1_000, 999),
    ),
    K.TRANSFER_WITHOUT_NOTE: (
        _statement(
            "INSERT INTO transfers VALUES ('note:gone', 'org-1', 'credit', NULL, NULL, 5, 5, 0, 1);"
            "UPDATE wallets SET balance_paise = balance_paise + 5"
        ),
        Discrepancy(K.TRANSFER_WITHOUT_NOTE, ORG, "note:gone", None, 5),
    ),
}


@pytest.mark.parametrize("kind", DiscrepancyKind)
async def test_what_is_planted_is_found_and_nothing_else(path: Path, kind: DiscrepancyKind) -> None:
    plant, expected = PLANTED[kind]
    with closing(sqlite3.connect(path)) as connection:
        for guard in _GUARDS:
            connection.execute(f"DROP TRIGGER {guard}")
        plant(connection)
        connection.commit()
    store = await Store.open(f"sqlite:///{path}")
    try:
        assert await store.read_apart(lambda reader: reader.discrepancies(NOW)) == [expected]
    finally:
        await store.close()


async def test_an_invoice_that_is_missing_is_found(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TRIGGER a_payment_is_made_once; DROP TRIGGER tax_documents_never_go;")
        connection.executescript("DELETE FROM tax_documents WHERE series = 'INV'")
    store = await Store.open(f"sqlite:///{path}")
    try:
        assert await store.read_apart(Reader.discrepancies) == [Discrepancy(K.INVOICE, ORG, "paid", 59_000, None)]
    finally:
        await store.close()


async def test_of_each_kind_so_many_are_told(store: Store) -> None:
    def work(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation())
        for number in range(101):
            unit.payments.add(topup_of(number))
            unit.ledger.credit(f"topup:topup-{number}", ORG, 1_000, None, 1)

    await store.run(work)
    assert len(await store.read_apart(Reader.discrepancies)) == 100


async def test_reading_apart_fails_as_reading_does(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    try:
        with pytest.raises(UnknownRecord):
            await store.read_apart(lambda reader: reader.wallet("nobody"))
    finally:
        await store.close()


async def test_reading_apart_asks_as_the_store_was_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await Store.open(f"sqlite:///{path}")
    try:
        # An upgrade puts a later version's statements there, for a schema that comes with the next start.
        monkeypatch.setattr("storage.store.load_statements", dict)
        assert await store.read_apart(Reader.discrepancies) == []
    finally:
        await store.close()


async def test_reading_apart_is_broken_off_when_nobody_waits_any_more(path: Path) -> None:
    under_way = Event()

    def read_for_long(reader: Reader) -> None:
        execute: Any = reader._books._queries._execute
        execute.__self__.set_progress_handler(under_way.set, 1_000)
        execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n").fetchone()

    store = await Store.open(f"sqlite:///{path}")
    try:
        reading = asyncio.create_task(store.read_apart(read_for_long))
        assert await asyncio.to_thread(under_way.wait, 10)
        reading.cancel()
        assert await asyncio.wait([reading], timeout=10) == ({reading}, set())
        assert reading.cancelled()
    finally:
        await store.close()
