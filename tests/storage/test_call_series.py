"""Calls hour by hour and day by day: what is counted as they are written is what counting them all gives."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.call_series import CallSeries, StepOfCalls
from storage.migrate import load_migrations, migrate
from storage.queries import Queries, load_statements
from storage.records import TEST_NUMBER, CallRecord, CallStatus
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, a_call, an_organisation, completed, failed

HOUR_MS = 3_600_000
INDIA_MS = 19_800_000
DAY_H = 24

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["live", "completed", "failed", "no-answer"]),
        st.integers(0, 80 * HOUR_MS),
        st.booleans(),
        st.sampled_from([ORG, ORG, "org-2"]),
    ),
    max_size=14,
)


def a_record(number: int, row: tuple[str, int, bool, str]) -> CallRecord:
    kind, at, test, org_id = row
    record = a_call(f"c{number}", org_id=org_id, created_at=at)
    if test:
        record = replace(record, masked_number=TEST_NUMBER)
    if kind == "completed":
        return completed(record, seconds=61 + number, price_paise=300)
    return replace(failed(record), status=CallStatus(kind)) if kind != "live" else record


def counted(records: list[CallRecord], first: int, last: int, step_h: int, *, test: bool) -> list[StepOfCalls]:
    found: dict[int, StepOfCalls] = {}
    for one in records:
        position = (one.created_at + INDIA_MS) // (step_h * HOUR_MS)
        if one.org_id != ORG or one.test is not test or not first <= position <= last:
            continue
        step = found.get(position, StepOfCalls(position))
        found[position] = replace(
            step,
            calls=step.calls + 1,
            answered_calls=step.answered_calls + (one.status is CallStatus.COMPLETED),
            ended_calls=step.ended_calls + (one.ended_at is not None),
            billed_s=step.billed_s + (one.bill_duration_s or 0),
            cost_paise=step.cost_paise + (one.price_paise or 0),
        )
    return [found[position] for position in sorted(found)]


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 90), st.integers(0, 90), st.sampled_from([1, DAY_H]), st.booleans())
def test_steps_are_what_counting_the_calls_gives(
    rows: list[tuple[str, int, bool, str]], first: int, last: int, step_h: int, test: bool
) -> None:
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        for org_id in (ORG, "org-2"):
            unit.accounts.create_organisation(an_organisation(org_id))
        records = [a_record(number, row) for number, row in enumerate(rows)]
        for record in records:
            if record.ended_at is None:
                unit.calls.save(record)
            else:
                unit.cdrs.add(record)
        first, last = first // step_h, last // step_h
        found = CallSeries(queries).steps(ORG, first, last, step_h, test=test)
        assert found == counted(records, first, last, step_h, test=test)


def test_a_cdr_that_is_there_already_is_not_counted_again() -> None:
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        unit.accounts.create_organisation(an_organisation())
        assert [unit.cdrs.add(failed(a_call("once", created_at=5))) for _ in range(2)] == [True, False]
        assert CallSeries(queries).steps(ORG, 0, 9, 1, test=False) == [StepOfCalls(5, 1, 0, 1, 0, 0)]


def test_a_day_of_india_begins_at_its_midnight() -> None:
    midnight = 2 * DAY_H * HOUR_MS - INDIA_MS
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        unit.accounts.create_organisation(an_organisation())
        unit.cdrs.add(failed(a_call("before", created_at=midnight - 1)))
        unit.cdrs.add(failed(a_call("after", created_at=midnight)))
        assert [one.position for one in CallSeries(queries).steps(ORG, 0, 9, DAY_H, test=False)] == [1, 2]


AS_IT_WAS = """
INSERT INTO organisations (org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent)
VALUES (?, 'Shop', 1000, 150, 60, 18)
"""


@pytest.mark.parametrize("test", [False, True])
def test_calls_from_before_there_were_hours_are_in_them(test: bool) -> None:
    migrations = load_migrations()
    before = next(at for at, one in enumerate(migrations) if one.name == "call_hours")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, migrations[:before])
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        connection.execute(AS_IT_WAS, (ORG,))
        records = [a_record(n, (kind, n * HOUR_MS // 2, test, ORG)) for n, kind in enumerate(["completed", "failed"])]
        for record in records:
            unit.cdrs.add(record)
        migrate(connection, migrations)
        steps = CallSeries(queries).steps(ORG, 0, 99, 1, test=test)
        assert steps == counted(records, 0, 99, 1, test=test)
    finally:
        connection.close()
