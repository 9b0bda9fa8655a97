"""Units of work: order, atomicity, group commit, and what callers get when they fail."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import DatabaseUnusable, IllegalState, StoreUnavailable, UnknownRecord
from storage.records import Wallet
from storage.sqlite import Lane, run_units
from storage.store import MAX_WAITING_UNITS, UNITS_PER_COMMIT, Store, database_path
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, an_event, an_organisation


def creating(org_id: str) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.accounts.create_organisation(an_organisation(org_id))


async def names(store: Store) -> set[str]:
    return {organisation.org_id for organisation in await store.read(lambda reader: reader.organisations())}


async def test_a_units_value_comes_back(store: Store) -> None:
    assert await store.run(lambda unit: unit.calls.count_live()) == 0


async def test_a_failing_work_is_undone_alone(store: Store) -> None:
    def half(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation("half"))
        raise LookupError("of the caller's own")

    first, broken, last = (store.submit(work) for work in (creating("first"), half, creating("last")))
    await asyncio.wait([first, broken, last])
    with pytest.raises(LookupError, match="own"):
        broken.result()
    assert await names(store) == {"first", "last"}
    assert store.counters()["units_batches"] == 1


async def test_a_refused_constraint_is_an_illegal_state_and_undoes_its_unit(store: Store) -> None:
    def twice(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation("new"))
        unit.accounts.create_organisation(an_organisation("new"))

    with pytest.raises(IllegalState, match=r"organisations\.org_id"):
        await store.run(twice)
    assert await names(store) == set()


async def test_works_run_in_the_order_of_submission_whatever_fails(store: Store) -> None:
    seen: list[int] = []

    def noting(number: int) -> Callable[[UnitOfWork], None]:
        def work(unit: UnitOfWork) -> None:
            seen.append(number)
            if number % 7 == 0:
                raise UnknownRecord(str(number))

        return work

    futures = [store.submit(noting(number)) for number in range(3 * UNITS_PER_COMMIT + 5)]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert seen == list(range(len(futures)))
    failed = {number for number, outcome in enumerate(outcomes) if isinstance(outcome, UnknownRecord)}
    assert failed == {number for number in seen if number % 7 == 0}


async def test_works_waiting_together_share_a_commit_up_to_the_limit(store: Store) -> None:
    await asyncio.gather(*(store.run(creating(f"org-{number}")) for number in range(UNITS_PER_COMMIT + 10)))
    counters = store.counters()
    assert (counters["units_run"], counters["units_batches"]) == (UNITS_PER_COMMIT + 10, 2)
    assert counters["units_largest_batch"] == UNITS_PER_COMMIT


async def test_beyond_the_queues_limit_a_work_is_refused_and_never_runs(store: Store) -> None:
    futures = [store.submit(lambda unit: None) for _ in range(MAX_WAITING_UNITS)]
    refused = store.submit(creating("too-late"))
    assert refused.done()
    with pytest.raises(StoreUnavailable, match="too many"):
        await refused
    await asyncio.gather(*futures)
    assert await names(store) == set()
    assert store.counters()["units_refused"] == 1
    await store.run(creating("in-time"))
    assert await names(store) == {"in-time"}


async def test_cancelled_while_it_waits_a_work_never_runs(store: Store) -> None:
    kept, dropped = store.submit(creating("kept")), store.submit(creating("dropped"))
    dropped.cancel()
    await kept
    assert await names(store) == {"kept"}


async def test_a_caller_cancelled_later_neither_undoes_nor_breaks_anything(store: Store) -> None:
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def work(unit: UnitOfWork) -> None:
        loop.call_soon_threadsafe(begun.set)
        creating("done")(unit)

    task = asyncio.create_task(store.run(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.run(creating("after"))
    assert await names(store) == {"done", "after"}


async def test_a_read_sees_every_unit_that_resolved_before_it(url: str) -> None:
    store = await Store.open(url)
    for number in range(20):
        await store.run(creating(f"org-{number}"))
        assert len(await names(store)) == number + 1
    await store.close()


async def test_a_reader_cannot_write(url: str) -> None:
    store = await Store.open(url)
    with pytest.raises(StoreUnavailable, match="readonly"):
        await store.read(lambda reader: reader._unit.accounts.create_organisation(an_organisation()))
    await store.close()


async def test_a_failing_read_harms_no_other(store: Store) -> None:
    await store.run(creating(ORG))
    outcomes = await asyncio.gather(
        store.read(lambda reader: reader.wallet("nobody")),
        store.read(lambda reader: reader.wallet(ORG)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], UnknownRecord)
    assert isinstance(outcomes[1], Wallet)
    assert outcomes[1].balance_paise == 0


async def test_closing_finishes_what_waits_and_refuses_the_rest(url: str) -> None:
    store = await Store.open(url)
    waiting = [store.submit(creating(f"org-{number}")) for number in range(600)]
    await store.close()
    assert all(future.done() and future.exception() is None for future in waiting)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.run(creating("late"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.read(lambda reader: reader.organisations())
    await store.close()
    again = await Store.open(url)
    assert len(await names(again)) == 600
    await again.close()


async def test_a_batch_on_a_lost_connection_fails_as_unavailable(url: str) -> None:
    store = await Store.open(url)
    await store._writer.close()
    with pytest.raises(StoreUnavailable):
        await store.run(creating("nowhere"))
    assert store.counters()["units_failed_batches"] == 1
    await store.close()


async def test_two_processes_stores_share_one_file(url: str) -> None:
    first, second = await Store.open(url), await Store.open(url)
    await asyncio.gather(
        *(first.run(creating(f"first-{number}")) for number in range(30)),
        *(second.run(creating(f"second-{number}")) for number in range(30)),
    )
    assert len(await names(first)) == len(await names(second)) == 60
    await first.close()
    await second.run(creating("alone"))
    assert len(await names(second)) == 61
    await second.close()


async def test_while_another_process_writes_units_are_unavailable_and_reads_go_on(url: str, tmp_path: Path) -> None:
    store = await Store.open(url)
    await store.run(creating("before"))
    await store._writer.call(lambda connection: connection.execute("PRAGMA busy_timeout = 0").close())
    other = sqlite3.connect(tmp_path / "var" / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.run(creating("refused"))
    assert await names(store) == {"before"}
    other.execute("ROLLBACK")
    other.close()
    await store.run(creating("after"))
    assert await names(store) == {"before", "after"}
    await store.close()


async def test_connections_wait_for_locks_and_commit_durably(url: str) -> None:
    store = await Store.open(url)

    def settings(connection: sqlite3.Connection) -> dict[str, object]:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only", "recursive_triggers")
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked}

    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000, "query_only": 0}
    expected["recursive_triggers"] = 1
    assert await store._writer.call(settings) == expected
    assert await store._reader.call(settings) == expected | {"query_only": 1}
    await store.close()


async def test_many_may_create_the_same_database_at_once(url: str) -> None:
    stores = await asyncio.gather(*(Store.open(url) for _ in range(6)))
    await asyncio.gather(*(store.run(creating(f"org-{number}")) for number, store in enumerate(stores)))
    assert len(await names(stores[0])) == 6
    for store in stores:
        await store.close()


async def test_what_was_committed_is_there_when_opened_again(url: str) -> None:
    def both(unit: UnitOfWork) -> None:
        unit.calls.save(a_call())
        unit.outbox.add(an_event(a_call()))

    store = await Store.open(url)
    await store.run(creating(ORG))
    await store.run(both)
    await store.close()
    again = await Store.open(url)
    assert await again.read(lambda reader: reader.live_calls()) == [a_call()]
    assert len(await again.read(lambda reader: reader.events(ORG, "call-1"))) == 1
    await again.close()


async def test_the_file_is_its_owners_alone(url: str, tmp_path: Path) -> None:
    store = await Store.open(url)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "var").iterdir()}
    await store.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


async def test_closing_leaves_one_file(url: str, tmp_path: Path) -> None:
    store = await Store.open(url)
    await store.run(creating(ORG))
    await store.close()
    assert [file.name for file in (tmp_path / "var").iterdir()] == ["store.db"]


def test_urls_name_files() -> None:
    base = Path("/etc/maskbridge")
    assert database_path("sqlite:///var/x.db", base) == Path("/etc/maskbridge/var/x.db")
    assert database_path("sqlite:////srv/x.db", base) == Path("/srv/x.db")
    assert database_path("sqlite://", base) is None


@pytest.mark.parametrize("url", ["", "x.db", "postgresql://h/d", "sqlite:/x.db", "sqlite:///", "sqlite:///x?mode=ro"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="sqlite:///path"):
        database_path(url)


async def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await Store.open(f"sqlite:///{tmp_path}/file/store.db")
    with pytest.raises(StoreUnavailable):
        await Store.open(f"sqlite:///{tmp_path}")


async def test_something_else_than_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no database at all, " * 100)
    with pytest.raises(DatabaseUnusable, match="not a database"):
        await Store.open(f"sqlite:///{tmp_path}/notes")


async def test_a_lane_refuses_at_its_own_limit(store: Store) -> None:
    lane = Lane(store._writer, run_units, limit=2, batch_limit=1)
    futures = [lane.submit(lambda connection: connection.total_changes) for _ in range(3)]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [False, False, True]
    assert lane.counters.largest_batch == 1
    await lane.close()
