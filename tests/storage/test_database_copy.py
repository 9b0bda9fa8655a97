"""A copy of a database that is written to meanwhile."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage import backup
from storage.errors import DatabaseUnusable, StoreUnavailable
from storage.migrate import load_migrations, migrate
from storage.records import Recording
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, an_organisation, completed


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
    stop, written, steps, at_first_page = asyncio.Event(), 0, 0, 0
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
        nonlocal steps, at_first_page
        steps += 1
        seen = written
        at_first_page = at_first_page or seen
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
    # A write may be committed and not yet counted.
    assert at_begin * 100 <= one.balance_paise <= (at_first_page + 1) * 100, "as it was at the moment the copy began"


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


async def test_what_is_sealed_with_a_master_key_is_told_by_its_id(store: Store, tmp_path: Path) -> None:
    def fill(unit: UnitOfWork) -> None:
        for number, key in enumerate(("v1.aaaa.x", "v1.aaaa.y", "v1.bbbb.z", None)):
            call_id = f"call-{number}"
            unit.cdrs.add(completed(a_call(call_id)))
            unit.recordings.add(Recording(call_id, ORG, f"{call_id}.wav", None, 1, 0, 1, sealed_key=key))

    await store.run(fill)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO people (person_id, email, name, operator, created_at, totp_sealed) VALUES (?, ?, ?, 0, 1, ?)",
            ("p", "p@example.com", "P", "v1.cccc.t"),
        )
    backup.copy_database(tmp_path / "live.db", tmp_path / "copy.db", no_progress)
    stands = backup.examine(tmp_path / "copy.db")
    assert stands.sealed_by == {"aaaa": 2, "bbbb": 1, "cccc": 1}
    assert (stands.calls, len(stands.files)) == (4, 4)


def test_a_database_of_an_older_release_can_be_looked_through(tmp_path: Path) -> None:
    """A backup before an upgrade may be made by the new release."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as connection:
        migrate(connection, load_migrations()[:3])
    assert backup.examine(tmp_path / "old.db").schema == 3
