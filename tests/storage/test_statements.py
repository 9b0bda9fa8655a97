"""The named statements: how they are read, that each is used and prepares, and how the hot ones find their rows."""

import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files

import pytest

from storage.billing_records import DiscrepancyKind
from storage.queries import load_statements, split_statements
from tests.support.sqlite_rows import bare_database

# Tables without a bound. Whatever a call, a request or a delivery makes happen may scan none of them whole.
GROWING = {
    "agent_tokens",
    "agents",
    "api_keys",
    "audit_log",
    "call_hours",
    "calls",
    "cdrs",
    "credit_notes",
    "deliveries",
    "delivery_attempts",
    "events",
    "idempotent_replies",
    "invitations",
    "low_balances",
    "masking_sessions",
    "memberships",
    "number_use",
    "organisation_numbers",
    "organisation_pairs",
    "organisations",
    "password_resets",
    "people",
    "recording_peaks",
    "recordings",
    "refunds",
    "sessions",
    "tax_documents",
    "topups",
    "transfers",
    "wallets",
    "webhook_endpoints",
    "webhook_filters",
}

# Asked by people, at start or every few minutes: these may look at everything there is, or at a bounded set. (The plan
# of adding an organisation shows scans for foreign keys, which SQLite skips while no violation is pending: there never
# is one.)
READS_ALL = {
    "accounts.add_organisation",
    "accounts.organisations",
    "audit.count_of_all",
    "audit.of_all",
    "calls.count_live",
    "calls.live_calls",
    "calls.newest_cdrs",
    "numbers.use_of_all",
    "people.count",
    "people.count_operators",
    "people.everyone",
    "recordings.overdue",
}

# The daily check reads everything, on a connection of its own.
OF_THE_BOOKS = {f"books.{kind}" for kind in DiscrepancyKind}

# A scan of one of these is a scan of what is under way only.
PARTIAL_INDEXES = {
    "deliveries_ready",
    "deliveries_leased",
    "deliveries_waiting",
    "low_balances_untold",
    "one_delivery_on_its_way",
    "recordings_without_mp3",
    "recordings_with_files_left",
}


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with bare_database() as connection:
        yield connection


def plan(database: sqlite3.Connection, statement: str) -> list[str]:
    named = re.findall(r"(?<!\w):(\w+)", statement)
    parameters = dict.fromkeys(named) if named else [None] * statement.count("?")
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def aliases(statement: str) -> dict[str, str]:
    pairs = re.findall(r"(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?", statement)
    return {alias: table for table, alias in pairs if alias} | {table: table for table, _ in pairs}


def full_scans(database: sqlite3.Connection, statement: str) -> list[str]:
    found = []
    for step in plan(database, statement):
        match = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
        if match is None:
            continue
        table = aliases(statement).get(match[1], match[1])
        if table in GROWING and match[2] not in PARTIAL_INDEXES:
            found.append(step)
    return found


@pytest.mark.parametrize("name", sorted(load_statements()))
def test_no_statement_of_a_calls_path_scans_a_table(database: sqlite3.Connection, name: str) -> None:
    scans = full_scans(database, load_statements()[name])
    assert bool(scans) == (name in READS_ALL or name in OF_THE_BOOKS), scans


def test_the_check_for_scans_sees_one(database: sqlite3.Connection) -> None:
    assert full_scans(database, "SELECT count(*) FROM deliveries d WHERE d.attempt = ?") == ["SCAN d"]
    assert full_scans(database, "SELECT sequence FROM calls WHERE party_a = ?") == ["SCAN calls"]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("accounts.key_by_sha256", "INDEX sqlite_autoindex_api_keys_2 (key_sha256=?)"),
        ("call_logs.count_by_time", "COVERING INDEX cdrs_by_time (org_id=? AND listed_at>? AND listed_at<?)"),
        ("call_logs.count_by_time", "PRIMARY KEY (org_id=? AND test>? AND test<?)"),
        ("call_logs.count_of_live", "INDEX calls_by_org (org_id=?)"),
        ("call_logs.page_by_time", "COVERING INDEX cdrs_by_time (org_id=? AND listed_at>? AND listed_at<?)"),
        ("call_logs.page_by_reference", "COVERING INDEX cdrs_by_reference (org_id=? AND reference=? AND"),
        ("call_logs.count_by_reference", "COVERING INDEX cdrs_by_reference (org_id=? AND reference=? AND"),
        ("call_logs.page_by_party", "COVERING INDEX cdrs_by_party_a (org_id=? AND party_a=? AND"),
        ("call_logs.page_by_party", "COVERING INDEX cdrs_by_party_b (org_id=? AND party_b=? AND"),
        ("call_logs.count_by_party", "COVERING INDEX cdrs_by_party_a (org_id=? AND party_a=? AND"),
        ("call_logs.count_by_party", "COVERING INDEX cdrs_by_party_b (org_id=? AND party_b=? AND"),
        ("call_logs.finished_totals", "COVERING INDEX cdrs_by_time (org_id=? AND listed_at>? AND listed_at<?)"),
        ("call_logs.finished_totals", "PRIMARY KEY (org_id=? AND test=? AND hour>? AND hour<?)"),
        ("call_series.by_step", "PRIMARY KEY (org_id=? AND test=? AND hour>? AND hour<?)"),
        ("movements.balance_before", "COVERING INDEX transfers_of_money (org_id=? AND created_at<?)"),
        ("movements.balance_change", "COVERING INDEX transfers_of_money (org_id=? AND created_at>? AND created_at<?)"),
        ("movements.calls_by_day", "COVERING INDEX transfers_of_money (org_id=? AND created_at>? AND created_at<?)"),
        ("movements.entries", "INDEX transfers_of_money (org_id=? AND created_at>? AND created_at<?)"),
        ("outbox.fan_out", "INDEX one_delivery_on_its_way (webhook_id=? AND call_id=?)"),
        ("outbox.lapse_leases", "INDEX deliveries_leased (lease_until<?)"),
        ("outbox.lease", "INDEX deliveries_ready (webhook_id=? AND due_at<?)"),
        ("outbox.ready_endpoints", "INDEX deliveries_ready (webhook_id>?)"),
        ("outbox.promote", "INDEX deliveries_waiting (webhook_id=? AND call_id=?)"),
        ("recordings.overdue", "INDEX recordings_of_organisation (org_id=? AND created_at<?)"),
        ("recordings.with_files_left", "INDEX recordings_with_files_left (call_id>?)"),
        ("recordings.kept", "PRIMARY KEY (call_id>?)"),
        ("ledger.reservation", "INDEX transfers_by_call (call_id=?)"),
        ("numbers.pair", "PRIMARY KEY (org_id=? AND party_low=? AND party_high=?)"),
        ("numbers.pairings_low", "INDEX masking_sessions_by_low (number=? AND party_low=?)"),
        ("numbers.pairings_high", "INDEX masking_sessions_by_high (number=? AND party_high=?)"),
        ("call_logs.masking_totals", "COVERING INDEX masking_sessions_by_use (org_id=? AND last_used_at>?)"),
    ],
)
def test_hot_statements_go_by_their_index(database: sqlite3.Connection, name: str, index: str) -> None:
    assert any(index in step for step in plan(database, load_statements()[name]))


@pytest.mark.parametrize("kind", ["time", "reference", "party"])
def test_finished_calls_are_paged_without_sorting_them(database: sqlite3.Connection, kind: str) -> None:
    steps = plan(database, load_statements()[f"call_logs.page_by_{kind}"])
    sorted_tables = [steps[at - 1] for at, step in enumerate(steps) if step == "USE TEMP B-TREE FOR ORDER BY"]
    assert all(table.startswith("SEARCH calls ") for table in sorted_tables)


@pytest.mark.parametrize("name", ["numbers.pairings_low", "numbers.pairings_high"])
def test_of_a_partys_many_pairs_the_newest_is_had_without_sorting_them(database: sqlite3.Connection, name: str) -> None:
    assert len(plan(database, load_statements()[name])) == 1


@pytest.mark.parametrize("name", ["outbox.log", "outbox.dead_letters"])
def test_the_events_of_deliveries_that_are_passed_over_are_not_looked_up(
    database: sqlite3.Connection, name: str
) -> None:
    steps = plan(database, load_statements()[name])
    paged, looked_up = steps.index("CO-ROUTINE d"), steps.index("SEARCH e USING INTEGER PRIMARY KEY (rowid=?)")
    assert paged < steps.index("SCAN d") < looked_up


def test_every_statement_is_used_by_name() -> None:
    source = "".join(file.read_text() for file in files("storage").iterdir() if file.name.endswith(".py"))
    unused = {
        name
        for name in load_statements()
        if f'"{name}"' not in source
        and name not in OF_THE_BOOKS
        and not re.match(r"call_logs\.(page|count)_(by_(time|reference|party)|of_live)$", name)
    }
    assert unused == set()


def test_a_file_is_split_at_its_headings() -> None:
    text = "-- one: the first\nSELECT 1;\n\n-- two: with a\n-- remark inside\nSELECT\n  2;\n"
    assert split_statements("room", text) == {"room.one": "SELECT 1", "room.two": "-- remark inside\nSELECT\n  2"}


@pytest.mark.parametrize(
    "text",
    ["SELECT 1;", "SELECT 1;\n-- one: late\nSELECT 2;", "-- one: a\nSELECT 1;\n-- one: b\nSELECT 2;", "-- one: a\n;"],
)
def test_a_file_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="room"):
        split_statements("room", text)
