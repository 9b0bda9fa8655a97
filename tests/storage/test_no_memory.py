"""No memory for SQLite, which Python's module tells as MemoryError: refused whole, tried again, nothing lost."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.sqlite import Lane, Outcome, RunBatch, Work, run_reads, run_units
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.support.stored import a_call, an_organisation

ROOT = Path(__file__).parents[2]


def saving(call_id: str) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.calls.save(a_call(call_id))


async def ids(store: Store) -> list[str]:
    return [call.call_id for call in await store.read(lambda reader: reader.live_calls())]


async def test_a_work_without_memory_undoes_its_batch_which_may_be_tried_again(store: Store) -> None:
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))

    def starved(unit: UnitOfWork) -> None:
        unit.calls.save(a_call("starved"))
        raise MemoryError

    works = (saving("before"), starved, saving("after"))
    outcomes = await asyncio.gather(*(store.run(work) for work in works), return_exceptions=True)
    assert [(type(outcome), str(outcome)) for outcome in outcomes] == [(StoreUnavailable, "out of memory")] * 3
    assert await ids(store) == []
    await store.run(saving("before"))
    assert await ids(store) == ["before"]


async def test_a_read_without_memory_is_unavailable_and_harms_no_other(store: Store) -> None:
    def starved(reader: Reader) -> int:
        raise MemoryError

    outcomes = await asyncio.gather(
        store.read(starved), store.read(lambda reader: reader.count_live()), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, int]


async def test_a_read_apart_without_memory_is_unavailable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await Store.open(url)

    async def starved(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("storage.store.open_connection", starved)
    with pytest.raises(StoreUnavailable, match="out of memory"):
        await store.read_apart(lambda reader: reader.count_live())
    await store.close()


@pytest.mark.parametrize("run_batch", [run_units, run_reads])
async def test_a_lane_goes_on_after_a_batch_without_memory(store: Store, run_batch: RunBatch) -> None:
    failures = [MemoryError()]

    def starved_once(connection: sqlite3.Connection, works: Sequence[Work]) -> list[Outcome]:
        if failures:
            raise failures.pop()
        return run_batch(connection, works)

    lane = Lane(store._writer, starved_once, limit=2, batch_limit=1)
    with pytest.raises(StoreUnavailable, match="out of memory"):
        await lane.submit(lambda connection: 1)
    async with asyncio.timeout(10):
        assert await lane.submit(lambda connection: 2) == 2
        await lane.close()


CHILD = """
import asyncio, ctypes, sqlite3, sys, _sqlite3
from storage.errors import StoreUnavailable
from storage.store import Store
from tests.support.stored import a_call, an_event, an_organisation

sqlite = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
limit = getattr(sqlite, "sqlite3_hard_heap_limit64", None)
if limit is None:
    sys.exit(77)
limit.argtypes, limit.restype = [ctypes.c_int64], ctypes.c_int64

def work(unit):
    unit.calls.save(a_call("a"))
    for number in range(200):
        unit.outbox.add(an_event(a_call(f"bulk-{number}")))

async def main():
    store = await Store.open(f"sqlite:///{sys.argv[1]}")
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    limit(1)
    for _ in range(2):
        for asked in (store.run(work), store.read(lambda reader: reader.count_live())):
            try:
                async with asyncio.timeout(10):
                    await asked
                print("done")
            except StoreUnavailable as error:
                print("unavailable", error)
    limit(0)
    async with asyncio.timeout(10):
        await store.run(work)
        print(await store.read(lambda reader: reader.count_live()))
        await store.close()

asyncio.run(main())
"""


def test_a_heap_that_is_full_stops_no_lane_and_loses_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "m.db")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ran.returncode == 77:
        pytest.skip("SQLite is built in: its limit cannot be reached")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["unavailable out of memory"] * 4 + ["1"]
