"""What pairs cost, counted in steps of SQLite's machine: neither a call back nor totals go with how many there are."""

import sqlite3
from collections.abc import Callable

import pytest

from storage.call_logs import CallLogs
from storage.migrate import load_migrations, migrate
from storage.numbers import Numbers
from storage.queries import Queries, load_statements
from storage.records import CallStats, MaskingSession
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import NUMBER, ORG, an_organisation

HOTLINE = "9876543210"
LAST_USE = 1_000_000


def add_pairs(database: sqlite3.Connection, count: int, org_id: str = ORG) -> None:
    """Pairs of the hotline with so many others, sorting before and after it, that were used one after another."""
    database.execute("BEGIN")
    for number in range(count):
        other = f"{6 if number % 2 else 99}{number:08}"
        low, high = sorted((HOTLINE, other))
        used = LAST_USE - count + number + 1
        row = (org_id, low, high, NUMBER, "carrier", 1, used)
        database.execute("INSERT INTO masking_sessions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("COMMIT")


def call_back(queries: Queries) -> MaskingSession | None:
    return Numbers(queries).pairing_for(NUMBER, HOTLINE)


def totals(queries: Queries) -> CallStats:
    return CallLogs(queries).stats(ORG, LAST_USE, LAST_USE + 1)


def steps_of(ask: Callable[[Queries], object], pairs: int) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with bare_database() as database:
        queries = Queries(database, load_statements())
        UnitOfWork(queries).accounts.create_organisation(an_organisation())
        add_pairs(database, pairs)
        database.set_progress_handler(count, 1)
        assert ask(queries) is not None
        database.set_progress_handler(None, 1)
    return steps


@pytest.mark.parametrize("ask", [call_back, totals])
def test_pairs_used_before_cost_nothing(ask: Callable[[Queries], object]) -> None:
    assert steps_of(ask, 2_000) <= steps_of(ask, 20) + 10


def test_the_pair_used_last_is_the_one_called_back() -> None:
    with bare_database() as database:
        queries = Queries(database, load_statements())
        UnitOfWork(queries).accounts.create_organisation(an_organisation())
        for count in (7, 8):
            database.execute("DELETE FROM masking_sessions")
            add_pairs(database, count)
            found = call_back(queries)
            assert found is not None
            assert (found.last_used_at, found.other(HOTLINE)[-2:]) == (LAST_USE, f"{count - 1:02}")


def test_pairs_are_counted_as_they_come_and_go() -> None:
    with bare_database() as database:
        queries = Queries(database, load_statements())
        unit = UnitOfWork(queries)
        for org_id in (ORG, "other"):
            unit.accounts.create_organisation(an_organisation(org_id))
        assert totals(queries).total_mappings == 0
        add_pairs(database, 5)
        add_pairs(database, 3, "other")
        unit.numbers.choose(ORG, HOTLINE, "600000001", [("carrier", NUMBER)], LAST_USE)  # one that is there
        assert (totals(queries).total_mappings, totals(queries).total_sessions) == (5, 2)
        database.execute("DELETE FROM masking_sessions WHERE org_id = ? AND party_low < ?", (ORG, HOTLINE))
        assert totals(queries).total_mappings == 3


def test_those_of_an_older_release_are_counted_when_it_is_brought_up_to_date() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database, load_migrations()[:25])
    database.execute(
        "INSERT INTO organisations (org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent) "
        "VALUES (?, 'x', 1, 1, 1, 18)",
        (ORG,),
    )
    add_pairs(database, 4)
    migrate(database, load_migrations())
    assert totals(Queries(database, load_statements())).total_mappings == 4
    database.close()
