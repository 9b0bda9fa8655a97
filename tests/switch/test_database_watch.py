"""A database that is not where it was: no new call, told in the log and to /metrics, until it is back."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from b2bua.switch.database_watch import EVERY_S, TOLD_EVERY_S, DatabaseWatch
from b2bua.switch.journal import Journal
from storage.errors import StoreUnavailable
from storage.store import Store
from tests.support.manual_clock import ManualClock


async def test_no_call_is_taken_while_a_file_is_astray(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away"
    store, clock = await Store.open(f"sqlite:///{path}"), ManualClock()
    journal = Journal(store, lambda: None)
    journal.start()
    watch = DatabaseWatch(store, journal, clock)
    await watch.turn()
    assert (journal.overloaded, watch.figures()) == (False, {"database_files_astray": 0})

    path.rename(away)
    await watch.turn()
    assert (journal.overloaded, journal.broken, watch.figures()) == (True, True, {"database_files_astray": 1})
    await watch.turn()
    clock.advance(TOLD_EVERY_S)
    await watch.turn()
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL] * 2
    assert str(path) in caplog.messages[0]

    away.rename(path)
    caplog.clear()
    await watch.turn()
    await watch.turn()
    assert (journal.overloaded, journal.broken, watch.figures()) == (False, False, {"database_files_astray": 0})
    assert len(caplog.messages) == 1
    assert "again" in caplog.messages[0]
    await journal.close()
    await store.close()


async def test_what_cannot_be_looked_at_or_written_back_is_told_and_the_watch_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def not_now() -> list[Path]:
        raise OSError(5, "Input/output error")

    async def astray() -> list[Path]:
        return [Path("/var/lib/a.db-wal")]

    async def full() -> None:
        raise StoreUnavailable("disk full")

    store: Any = SimpleNamespace(astray=not_now, write_back=full)
    journal = Journal(store, lambda: None)
    watch = DatabaseWatch(store, journal, ManualClock())
    await watch.turn()
    assert "cannot be told now" in caplog.text
    assert (journal.overloaded, len(caplog.messages)) == (False, 1)
    store.astray = astray
    await watch.turn()
    assert (journal.overloaded, watch.figures()) == (True, {"database_files_astray": 1})
    assert "disk full" in caplog.text
    assert "/var/lib/a.db-wal" in caplog.text


async def test_what_goes_on_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    async def not_now() -> list[Path]:
        raise PermissionError(13, "Permission denied")

    async def astray() -> list[Path]:
        return [Path("/var/lib/a.db-wal")]

    async def full() -> None:
        raise StoreUnavailable("disk full")

    store: Any = SimpleNamespace(astray=not_now, write_back=full)
    clock = ManualClock()
    watch = DatabaseWatch(store, Journal(store, lambda: None), clock)
    for _ in range(13):  # a minute
        await watch.turn()
        clock.advance(EVERY_S)
    assert len(caplog.messages) == 2
    caplog.clear()
    store.astray = astray
    for _ in range(13):
        await watch.turn()
        clock.advance(EVERY_S)
    assert sum("disk full" in message for message in caplog.messages) == 2
    assert sum("deleted, moved" in message for message in caplog.messages) == 2
