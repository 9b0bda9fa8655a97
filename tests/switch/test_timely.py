"""Units of work that are begun in time, or not at all."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from b2bua.switch.timely import ADMISSION_S, run_in_time
from storage.errors import StoreUnavailable
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.manual_clock import ManualClock


class Held:
    """A work that keeps the database's thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, _unit: UnitOfWork) -> str:
        self.begun.set()
        assert self.let_go.wait(10)
        return "done"

    async def is_under_way(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite://")
    yield opened
    await opened.close()


async def test_what_the_store_does_not_come_to_is_refused_while_it_is_still_busy(store: Store) -> None:
    clock, held, ran = ManualClock(), Held(), list[str]()
    busy = store.submit(held)
    try:
        await held.is_under_way()
        waiting = asyncio.create_task(run_in_time(store, lambda _unit: ran.append("late"), clock))
        await asyncio.sleep(0)
        clock.advance(ADMISSION_S - 0.1)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(0.2)
        with pytest.raises(StoreUnavailable, match="it was busy for too long"):
            await waiting
        assert not busy.done()
    finally:
        held.let_go.set()
        await busy
    await store.run(lambda _unit: None)
    assert ran == []
    assert clock.next_due() is None


async def test_what_is_begun_in_time_goes_to_its_end(store: Store) -> None:
    clock, held = ManualClock(), Held()
    waiting = asyncio.create_task(run_in_time(store, held, clock))
    try:
        await held.is_under_way()
        clock.advance(ADMISSION_S + 1)
        await asyncio.sleep(0)
        assert not waiting.done()
    finally:
        held.let_go.set()
    assert await waiting == "done"
    assert clock.next_due() is None


async def test_what_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    """Also where the database's thread has taken it on and waits for the lock."""
    store, ran = await Store.open(f"sqlite:///{tmp_path / 'bridge.db'}"), list[str]()
    with closing(sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(run_in_time(store, lambda _unit: ran.append("for nobody"), ManualClock()))
        for _ in range(5):
            await asyncio.sleep(0)
        assert store.counters()["units_run"] == 1, "it was taken on"
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        another.execute("ROLLBACK")
    await store.run(lambda _unit: None)
    await store.close()
    assert ran == []
