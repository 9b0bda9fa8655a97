"""What the database itself refuses, whoever writes: illegal states cannot be stored."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage.codec import call_row
from storage.queries import Queries, load_statements
from storage.records import CallRecord, CallStatus, WebhookEvent
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, PARTY_A, a_call, an_endpoint, an_event, an_organisation, completed, failed


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with bare_database() as connection:
        yield connection


@pytest.fixture
def unit(database: sqlite3.Connection) -> UnitOfWork:
    made = UnitOfWork(Queries(database, load_statements()))
    made.accounts.create_organisation(an_organisation())
    made.accounts.create_organisation(an_organisation("org-2"))
    made.accounts.add_endpoint(an_endpoint())
    made.ledger.credit("credit", ORG, 1_000, None, 1)
    made.ledger.reserve("reserve", ORG, "call-1", 150, 2)
    made.calls.save(a_call())
    made.outbox.add(an_event(a_call()))
    made.cdrs.add(completed(a_call("call-9")))
    return made


def refused(database: sqlite3.Connection, statement: str, parameters: tuple[object, ...] = ()) -> str:
    with pytest.raises(sqlite3.IntegrityError) as refusal:
        database.execute(statement, parameters)
    return str(refusal.value)


@pytest.mark.parametrize("table", ["transfers", "cdrs", "events"])
def test_what_happened_is_never_changed_or_deleted(database: sqlite3.Connection, unit: UnitOfWork, table: str) -> None:
    before = database.execute(f"SELECT * FROM {table}").fetchall()
    assert before
    assert "append-only" in refused(database, f"UPDATE {table} SET org_id = org_id")
    assert "append-only" in refused(database, f"DELETE FROM {table}")
    marks = ", ".join("?" * len(before[0]))
    assert "append-only" in refused(database, f"INSERT OR REPLACE INTO {table} VALUES ({marks})", before[0])
    assert database.execute(f"SELECT * FROM {table}").fetchall() == before


def test_a_logged_attempt_is_never_changed(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    database.execute("INSERT INTO delivery_attempts VALUES (1, 1, 5, 0, 500, NULL, 3, NULL)")
    assert "append-only" in refused(database, "UPDATE delivery_attempts SET http_status = 200")
    assert "append-only" in refused(database, "DELETE FROM delivery_attempts")


TRANSFER = "INSERT INTO transfers VALUES (?, ?, ?, ?, NULL, ?, ?, ?, 9)"


@pytest.mark.parametrize(
    "row",
    [
        ("x", ORG, "credit", None, -5, -5, 0),
        ("x", ORG, "credit", None, 0, 0, 0),
        ("x", ORG, "credit", None, 5, 6, 0),
        ("x", ORG, "credit", "call-1", 5, 5, 0),
        ("x", ORG, "debit", None, 5, 5, 0),
        ("x", ORG, "debit", None, 5, -6, 0),
        ("x", ORG, "debit", "call-1", 5, -5, 0),
        ("x", ORG, "gift", None, 5, 5, 0),
        ("x", ORG, "reserve", None, 5, 0, 5),
        ("x", ORG, "reserve", "call-2", 5, -5, 5),
        ("x", ORG, "reserve", "call-2", 5, 0, -5),
        ("x", ORG, "extend", "call-1", -5, 0, -5),
        ("x", ORG, "capture", "call-1", 100, 100, -150),
        ("x", ORG, "capture", "call-1", 100, -101, -150),
        ("x", ORG, "void", "call-1", 0, -10, -150),
        ("x", ORG, "credit", None, 10**15 + 1, 10**15 + 1, 0),
    ],
)
def test_a_transfer_is_of_its_kind_and_sign(
    database: sqlite3.Connection, unit: UnitOfWork, row: tuple[object, ...]
) -> None:
    assert "CHECK" in refused(database, TRANSFER, row)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("credit", ORG, "credit", None, 5, 5, 0), "UNIQUE"),
        (("x", "nobody", "credit", None, 5, 5, 0), "FOREIGN KEY"),
        (("x", ORG, "reserve", "call-1", 5, 0, 5), "UNIQUE"),
        (("x", ORG, "reserve", "call-2", 851, 0, 851), "available_not_negative"),
        (("x", "org-2", "reserve", "call-2", 1, 0, 1), "available_not_negative"),
        (("x", ORG, "extend", "call-2", 5, 0, 5), "no open reservation"),
        (("x", "org-2", "extend", "call-1", 0, 0, 0), "no open reservation"),
        (("x", ORG, "capture", "call-1", 100, -100, -149), "whole reservation"),
        (("x", ORG, "void", "call-1", 0, 0, 0), "whole reservation"),
        (("x", ORG, "capture", "call-2", 5, -5, 0), "no open reservation"),
        (("x", ORG, "capture", "call-1", 1_001, -1_001, -150), "available_not_negative"),
    ],
)
def test_a_transfer_keeps_the_order_of_things(
    database: sqlite3.Connection, unit: UnitOfWork, row: tuple[object, ...], why: str
) -> None:
    assert why in refused(database, TRANSFER, row)
    assert unit.ledger.verify() == []
    assert unit.ledger.wallet(ORG).available_paise == 850


@pytest.mark.parametrize("again", [("b", "capture", 150, -150), ("b", "void", 0, 0), ("b", "extend", 5, 0)])
def test_a_reservation_is_released_once(
    database: sqlite3.Connection, unit: UnitOfWork, again: tuple[str, str, int, int]
) -> None:
    database.execute(TRANSFER, ("a", ORG, "void", "call-1", 0, 0, -150))
    transfer_id, kind, asked, change = again
    why = refused(database, TRANSFER, (transfer_id, ORG, kind, "call-1", asked, change, 5 if kind == "extend" else 0))
    assert "no open reservation" in why


def test_a_wallet_is_never_overdrawn_by_hand(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    assert "available_not_negative" in refused(
        database, "UPDATE wallets SET balance_paise = 149 WHERE org_id = 'org-1'"
    )
    assert "CHECK" in refused(database, "UPDATE wallets SET reserved_paise = -1")


def test_a_hand_in_a_wallet_is_found(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    database.execute("UPDATE wallets SET balance_paise = balance_paise + 7 WHERE org_id = 'org-1'")
    (mismatch,) = unit.ledger.verify()
    assert (mismatch.org_id, mismatch.found, mismatch.expected) == (ORG, 1_007, 1_000)


@pytest.mark.parametrize("status", [CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.NO_ANSWER])
def test_a_live_call_has_no_terminal_status(database: sqlite3.Connection, unit: UnitOfWork, status: CallStatus) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="status"):
        unit.calls.save(replace(a_call("call-2"), status=status))


@pytest.mark.parametrize(
    "record",
    [
        a_call("call-2"),
        replace(completed(a_call("call-2")), status=CallStatus.IN_PROGRESS),
        replace(completed(a_call("call-2")), answered_at=None),
        replace(completed(a_call("call-2")), ended_at=None),
        replace(completed(a_call("call-2")), price_paise=None),
        replace(completed(a_call("call-2")), price_paise=-1),
        replace(completed(a_call("call-2")), hangup_cause=None),
        replace(completed(a_call("call-2")), hangup_party="c"),
        replace(failed(a_call("call-2")), answered_at=11_000),
        replace(failed(a_call("call-2")), price_paise=150),
        replace(failed(a_call("call-2")), party_b=PARTY_A),
        replace(failed(a_call("call-2")), org_id="nobody"),
    ],
)
def test_a_cdr_is_whole_and_of_one_piece(database: sqlite3.Connection, unit: UnitOfWork, record: CallRecord) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        unit.cdrs.add(record)


def test_a_call_is_live_or_finished_never_both(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    assert unit.cdrs.add(failed(a_call()))
    assert unit.calls.get("call-1") is None
    with pytest.raises(sqlite3.IntegrityError, match="has ended"):
        unit.calls.save(a_call())


def test_the_time_a_call_is_listed_at_cannot_differ(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    row = (*call_row(failed(a_call("call-2")))[:-1], 1)
    with pytest.raises(sqlite3.IntegrityError, match="listed_at"):
        database.execute(load_statements()["calls.add_cdr"], row)


def test_an_event_is_numbered_once(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"events\.call_id, events\.sequence"):
        unit.outbox.add(replace(an_event(a_call()), event_id="other"))
    with pytest.raises(sqlite3.IntegrityError, match=r"events\.event_id"):
        unit.outbox.add(replace(an_event(a_call()), sequence=2))


@pytest.mark.parametrize("second", [WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.NO_ANSWER])
def test_a_call_has_one_terminal_event(database: sqlite3.Connection, unit: UnitOfWork, second: WebhookEvent) -> None:
    unit.outbox.add(an_event(a_call(), 2, WebhookEvent.FAILED))
    with pytest.raises(sqlite3.IntegrityError, match="events"):
        unit.outbox.add(an_event(a_call(), 3, second))
    unit.outbox.add(an_event(a_call(), 4, WebhookEvent.RECORDING_READY))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deliveries SET state = 'lost'",
        "UPDATE deliveries SET state = 'leased'",
        "UPDATE deliveries SET lease_until = 5",
        "INSERT INTO deliveries VALUES (NULL, 1, 'hook-1', 'call-1', 1, 'ready', 0, 5, NULL)",
        "INSERT INTO deliveries VALUES (NULL, 99, 'hook-1', 'call-2', 1, 'ready', 0, 5, NULL)",
        "INSERT INTO deliveries VALUES (NULL, 1, 'hook-9', 'call-2', 1, 'ready', 0, 5, NULL)",
        "UPDATE number_use SET live_calls = -1",
        "UPDATE webhook_endpoints SET secrets = '[]'",
        """UPDATE webhook_endpoints SET secrets = '["a", "b", "c"]'""",
        "INSERT INTO webhook_filters VALUES ('hook-1', 'call.exploded')",
        "INSERT INTO heartbeat VALUES (2, 5)",
        "INSERT INTO masking_sessions VALUES ('org-1', '2', '1', 'n', 't', 1, 1)",
        "DELETE FROM organisations WHERE org_id = 'org-1'",
        "UPDATE organisations SET gst_percent = 101",
    ],
)
def test_rows_that_make_no_sense_are_refused(database: sqlite3.Connection, unit: UnitOfWork, statement: str) -> None:
    refused(database, statement)


def test_types_are_kept(database: sqlite3.Connection, unit: UnitOfWork) -> None:
    assert "INTEGER" in refused(database, "UPDATE wallets SET balance_paise = 'much'")
    assert "INTEGER" in refused(database, "UPDATE wallets SET balance_paise = 1.5 WHERE org_id = 'org-1'")
