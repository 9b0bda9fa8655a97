"""What a claim costs, counted in steps of SQLite's machine: it goes with what is due, not with what there is."""

import sqlite3

import pytest

from storage.queries import Queries, load_statements
from storage.records import DeliveryOutcome
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, a_call, an_endpoint, an_event, an_organisation


def prepared(database: sqlite3.Connection) -> UnitOfWork:
    unit = UnitOfWork(Queries(database, load_statements()))
    unit.accounts.create_organisation(an_organisation())
    unit.accounts.add_endpoint(an_endpoint("alive"))
    unit.accounts.add_endpoint(an_endpoint("dead"))
    return unit


def add_rows(database: sqlite3.Connection, count: int, webhook_id: str, state: str, *, calls: int) -> None:
    """Old deliveries, `count` of them over `calls` calls; each call's first is ready where `state` is waiting."""
    prefix = f"{webhook_id}-{state}"
    database.execute("BEGIN")
    for number in range(count):
        call_id, sequence = f"{prefix}-{number % calls}", number // calls + 1
        database.execute(
            "INSERT INTO events (event_id, org_id, call_id, sequence, event, created_at, snapshot) "
            "VALUES (?, ?, ?, ?, 'call.ringing', 1, '{}')",
            (f"{prefix}-{number}", ORG, call_id, sequence),
        )
        standing = "ready" if state == "waiting" and sequence == 1 else state
        database.execute(
            "INSERT INTO deliveries (event_seq, webhook_id, call_id, sequence, state, attempt, due_at) "
            "VALUES (last_insert_rowid(), ?, ?, ?, ?, 1, ?)",
            (webhook_id, call_id, sequence, standing, 9_000 if standing == "ready" else 1),
        )
    database.execute("COMMIT")


def steps_of_a_round(database: sqlite3.Connection, unit: UnitOfWork, call_id: str) -> int:
    """Tell, claim, finish, ask when next: the steps it takes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    database.set_progress_handler(count, 1)
    unit.outbox.add(an_event(a_call(call_id), at=100))
    claimed = [d for d in unit.outbox.claim_due(100, 50) if d.endpoint.webhook_id == "alive"]
    for delivery in claimed:
        unit.outbox.finish(DeliveryOutcome(delivery.delivery_id, delivery.attempt, 100, True, None))
    unit.outbox.next_due_at()
    database.set_progress_handler(None, 1)
    assert [delivery.event.call_id for delivery in claimed] == [call_id]
    return steps


def steps_with_old_rows(count: int, webhook_id: str, state: str, calls: int) -> int:
    with bare_database() as database:
        unit = prepared(database)
        add_rows(database, count, webhook_id, state, calls=calls)
        return steps_of_a_round(database, unit, "new")


@pytest.mark.parametrize(
    ("webhook_id", "state", "calls"),
    [("alive", "delivered", 300), ("alive", "dead", 300), ("dead", "waiting", 300), ("dead", "waiting", 5)],
)
def test_old_rows_and_a_dead_endpoints_backlog_cost_a_claim_nothing(webhook_id: str, state: str, calls: int) -> None:
    few = steps_with_old_rows(10, webhook_id, state, calls)
    many = steps_with_old_rows(3_000, webhook_id, state, calls)
    assert many <= few + 10


def test_the_steps_are_counted() -> None:
    with bare_database() as database:
        assert steps_of_a_round(database, prepared(database), "new") > 100
