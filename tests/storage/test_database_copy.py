"""A copy of a database that is written to meanwhile."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage import backup
from storage.errors import DatabaseUnusable, StoreUnavailable
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, an_organisation


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    opened = await Store.open(f"sqlite:///{tmp_path}/live.db")
    await opened.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    return opened


def many_calls(unit: UnitOfWork) -> None:
    for number in range(200):
        unit.calls.save(a_call(f"call-{number}"))


def no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


async def test_writes_that_go_on_neither_get_into_a_copy_nor_keep_it_from_its_end(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money moves between two wallets all the time: in the copy, too, the sum is the same, and nothing is half done."""
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    stop, written, steps = asyncio.Event(), 0, 0
    loop = asyncio.get_running_loop()
    between = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            number = written

            def both(unit: UnitOfWork, number: int = number) -> None:
                for org_id in (ORG, "org-2"):
                    unit.ledger.credit(f"{org_id}/{number}", org_id, 100, "r", number)

            await store.run(both)
            written += 1
            between.set()

    writing = asyncio.ensure_future(write())
    for _ in range(200):
        between.clear()
        await between.wait()
    at_begin = written

    def progress(_done: int, _total: int) -> None:
        """Each page is copied between two writes."""
        nonlocal steps
        steps += 1
        seen = written
        while written <= seen:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)

    await asyncio.to_thread(backup.copy_database, tmp_path / "live.db", tmp_path / "copy.db", progress)
    at_end = written
    stop.set()
    await writing
    await store.close()
    assert steps > 10
    assert at_end >= at_begin + steps
    assert backup.examine(tmp_path / "copy.db").organisations == 2
    copied = await Store.open(f"sqlite:///{tmp_path}/copy.db")
    one, other = await copied.read(lambda reader: (reader.wallet(ORG), reader.wallet("org-2")))
    assert await copied.read(lambda reader: reader.verify_ledger()) == []
    await copied.close()
    assert one.balance_paise == other.balance_paise
    assert at_begin * 100 <= one.balance_paise <= (at_begin + 2) * 100, "as it was at the moment the copy began"


async def test_a_copy_is_one_whole_file(store: Store, tmp_path: Path) -> None:
    await store.run(lambda unit: unit.calls.save(a_call()))
    told: list[tuple[int, int]] = []
    backup.copy_database(tmp_path / "live.db", tmp_path / "copy.db", lambda done, total: told.append((done, total)))
    await store.close()
    assert [name for name in os.listdir(tmp_path) if name.startswith("copy.db")] == ["copy.db"]
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert told[-1][0] == told[-1][1] > 0


async def test_a_copy_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    await store.close()
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(FileExistsError):
        backup.copy_database(tmp_path / "live.db", tmp_path / "copy.db", no_progress)
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_what_is_not_there_or_no_database_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        backup.copy_database(tmp_path / "nothing.db", tmp_path / "copy.db", no_progress)
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(DatabaseUnusable):
        backup.examine(tmp_path / "text.db")


async def test_a_damaged_copy_is_found(store: Store, tmp_path: Path) -> None:
    await store.run(many_calls)
    backup.copy_database(tmp_path / "live.db", tmp_path / "copy.db", no_progress)
    await store.close()
    with (tmp_path / "copy.db").open("r+b") as file:
        for page in range(20, 60):
            file.seek(page * 4096)
            file.write(b"\xff" * 512)
    with pytest.raises((DatabaseUnusable, StoreUnavailable)):
        backup.examine(tmp_path / "copy.db")


async def test_a_reference_that_leads_nowhere_is_found(store: Store, tmp_path: Path) -> None:
    backup.copy_database(tmp_path / "live.db", tmp_path / "copy.db", no_progress)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM organisations")
    with pytest.raises(DatabaseUnusable, match="lead nowhere"):
        backup.examine(tmp_path / "copy.db")
