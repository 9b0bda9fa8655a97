"""Recordings end with their time, whatever happens between the row and the files."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from b2bua.switch import recordings_at_rest
from b2bua.switch import retention as keeping
from b2bua.switch.recordings_at_rest import RecordingsAtRest
from b2bua.switch.retention import Retention
from media.recording.master_keys import MasterKeys
from storage.errors import StoreUnavailable
from storage.records import PurgedBy, Recording
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.manual_clock import ManualClock
from tests.support.stored import ORG, an_organisation

DAY_MS = 86_400_000
NOW_MS = 1_735_732_800_000  # 2025-01-01T12:00:00Z
OTHER = "org-2"


class Archive:
    """A folder, a database, and what keeps both in order."""

    def __init__(self, store: Store, root: Path, default_days: int) -> None:
        self.store = store
        self.root = root
        self.clock = ManualClock(wall_ms=NOW_MS)
        self.exporting: set[str] = set()
        self.at_rest = RecordingsAtRest(store, root, MasterKeys("m" * 64), self.clock)
        self.retention = Retention(store, self.at_rest, self.clock, default_days, self.exporting.__contains__)

    async def add(self, call_id: str, age_days: float, org_id: str = ORG, day: str = "2024/06/01") -> None:
        at = NOW_MS - round(age_days * DAY_MS)
        row = Recording(call_id, org_id, f"{day}/{call_id}.wav", f"{day}/{call_id}.mp3", 1, 0, at, sealed_key="v1.k")
        await self.store.run(lambda unit: unit.recordings.add(row))
        self.put_files(row)

    def put_files(self, row: Recording) -> None:
        (self.root / row.wav_path).parent.mkdir(parents=True, exist_ok=True)
        for path in (row.wav_path, row.mp3_path or ""):
            (self.root / path).write_bytes(b"audio")

    def files(self) -> list[str]:
        return sorted(place.stem for place in self.root.rglob("*.wav"))

    async def row(self, call_id: str) -> Recording:
        found = await self.store.read(lambda reader: reader.any_recording(call_id))
        assert found is not None
        return found


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite://")
    for org_id, days in ((ORG, None), (OTHER, 30)):
        await opened.run(partial(_customer, org_id, days))
    yield opened
    await opened.close()


def _customer(org_id: str, retention_days: int | None, unit: UnitOfWork) -> None:
    unit.accounts.create_organisation(replace(an_organisation(org_id), retention_days=retention_days))


async def test_each_organisation_has_its_term(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path, default_days=7)
    for call_id, org_id, age in (("a", ORG, 6.9), ("b", ORG, 7.1), ("c", OTHER, 29.9), ("d", OTHER, 30.1)):
        await archive.add(call_id, age, org_id)
    assert not await archive.retention.turn()
    assert archive.files() == ["a", "c"]
    row = await archive.row("d")
    assert (row.purged_at, row.purged_by, row.sealed_key) == (NOW_MS, PurgedBy.RETENTION, None)
    assert [(await archive.row(call_id)).files_left for call_id in "abcd"] == [False] * 4
    assert archive.retention.figures() == {
        "recordings_purged_total": 2,
        "recordings_erased_total": 0,
        "recordings_deleted_total": 2,
        "recording_deletions_failed_total": 0,
    }


async def test_without_a_term_they_are_kept_for_ever(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path, default_days=0)
    await archive.add("a", 36_000)
    await archive.retention.turn()
    assert archive.files() == ["a"]


async def test_a_crash_between_row_and_files_is_made_good(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path, default_days=7)
    await archive.add("a", 8)
    await store.run(lambda unit: unit.recordings.purge("a", 1, PurgedBy.RETENTION))
    assert archive.files() == ["a"]
    await Archive(store, tmp_path, default_days=0).retention.turn()
    assert archive.files() == []
    assert not (await archive.row("a")).files_left


async def test_a_turn_takes_so_many_and_says_that_there_are_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TURN_LIMIT", 2)
    archive = Archive(store, tmp_path, default_days=7)
    for number in range(5):
        await archive.add(f"call-{number}", 8)
    assert await archive.retention.turn()
    assert len(archive.files()) == 3
    assert await archive.retention.turn()
    assert len(archive.files()) == 1
    turns = 0
    while await archive.retention.turn():
        turns += 1
    assert turns < 4
    assert archive.files() == []


async def test_one_that_cannot_be_deleted_keeps_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping, "TURN_LIMIT", 1)
    archive = Archive(store, tmp_path, default_days=0)
    for call_id in "abc":
        await archive.add(call_id, 8)
        await store.run(partial(_purge, call_id))
    (tmp_path / "2024/06/01/a.wav").unlink()
    (tmp_path / "2024/06/01/a.wav").mkdir()  # nothing that could be deleted as a file
    for _ in range(4):
        await archive.retention.turn()
    assert archive.files() == ["a"]
    assert [(await archive.row(call_id)).files_left for call_id in "abc"] == [True, False, False]
    assert "the files of the purged recording of call a stay" in caplog.text
    os.rmdir(tmp_path / "2024/06/01/a.wav")
    for _ in range(2):
        await archive.retention.turn()
    assert not (await archive.row("a")).files_left


def _purge(call_id: str, unit: UnitOfWork) -> None:
    unit.recordings.purge(call_id, 1, PurgedBy.OPERATOR)


async def test_an_mp3_that_is_still_being_made_is_waited_for(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path, default_days=0)
    await archive.add("a", 8)
    await store.run(partial(_purge, "a"))
    archive.exporting.add("a")
    await archive.retention.turn()
    assert (await archive.row("a")).files_left
    (tmp_path / "2024/06/01/a.mp3").write_bytes(b"made meanwhile")
    archive.exporting.clear()
    await archive.retention.turn()
    assert list((tmp_path / "2024/06/01").iterdir()) == []
    assert not (await archive.row("a")).files_left


async def test_those_that_stay_are_told_now_and_then(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read_only(*_: object) -> bool:
        raise OSError(errno.EROFS, "Read-only file system")

    def told() -> list[str]:
        said = [record.getMessage().split(" stay")[0][-1] for record in caplog.records if record.levelname == "ERROR"]
        caplog.clear()
        return said

    monkeypatch.setattr(recordings_at_rest, "erase_files", read_only)
    monkeypatch.setattr(recordings_at_rest, "MOST_TOLD", 2)
    archive = Archive(store, tmp_path, default_days=0)
    for call_id in "abc":
        await archive.add(call_id, 8)
        await store.run(partial(_purge, call_id))
    for _ in range(60):
        await archive.retention.turn()
        archive.clock.advance(keeping.TURN_S)
    assert told() == ["a", "b"]
    assert archive.retention.figures()["recording_deletions_failed_total"] == 180
    await archive.retention.turn()
    assert told() == ["a", "b"]
    monkeypatch.setattr(recordings_at_rest, "erase_files", lambda *_: False)
    await archive.retention.turn()
    monkeypatch.setattr(recordings_at_rest, "erase_files", read_only)
    await archive.retention.turn()
    assert told() == ["a", "b"], "it was well in between"


async def test_the_name_of_one_of_today_is_given_back_tomorrow(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path, default_days=0)
    await archive.add("a", 0, day="2025/01/01")
    await archive.at_rest.purge(await archive.row("a"), PurgedBy.OPERATOR)
    assert not await archive.retention.turn()
    assert (tmp_path / "2025/01/01/a.wav").read_bytes() == b""
    assert (await archive.row("a")).files_left
    archive.clock.advance(DAY_MS / 1000)
    await archive.retention.turn()
    assert archive.files() == []
    assert not (await archive.row("a")).files_left


async def test_a_path_that_leads_elsewhere_deletes_nothing(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    (tmp_path / "precious.wav").write_bytes(b"not ours")
    row = Recording("a", ORG, "../precious.wav", None, 1, 0, 0)
    archive = Archive(store, root, default_days=1)
    await store.run(lambda unit: unit.recordings.add(row))
    await archive.retention.turn()
    assert (tmp_path / "precious.wav").read_bytes() == b"not ours"
    assert archive.retention.figures()["recording_deletions_failed_total"] >= 1


async def test_a_store_that_cannot_be_read_ends_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TURN_S", 0.001)
    archive = Archive(store, tmp_path, default_days=7)
    await archive.add("a", 8)
    turns = 0
    gone = asyncio.Event()
    turn = archive.retention.turn

    async def failing() -> bool:
        nonlocal turns
        turns += 1
        if turns < 3:
            raise StoreUnavailable("database is locked")
        await turn()
        gone.set()
        return False

    monkeypatch.setattr(archive.retention, "turn", failing)
    running = asyncio.ensure_future(archive.retention.run())
    async with asyncio.timeout(10):
        await gone.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert archive.files() == []


async def test_those_that_stay_hold_up_no_others_and_hurry_nobody(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TURN_LIMIT", 2)
    archive = Archive(store, tmp_path, default_days=0)
    for call_id in "abcd":
        await archive.add(call_id, 8)
        await store.run(partial(_purge, call_id))
    for call_id in "ab":
        (tmp_path / f"2024/06/01/{call_id}.wav").unlink()
        (tmp_path / f"2024/06/01/{call_id}.wav").mkdir()
    assert not await archive.retention.turn(), "as many as a turn takes, and none of them could go"
    assert archive.files() == ["a", "b", "c", "d"]
    assert await archive.retention.turn()
    assert archive.files() == ["a", "b"], "the next two, and no one twice"


async def test_it_rests_a_minute_between_turns_and_two_seconds_where_there_is_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(store, tmp_path, default_days=7)
    found: list[bool | StoreUnavailable] = [True, False, StoreUnavailable("gone"), False]
    rests: list[float] = []

    async def turn() -> bool:
        result = found[len(rests)]
        if isinstance(result, StoreUnavailable):
            raise result
        return result

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 4:
            raise asyncio.CancelledError

    monkeypatch.setattr(archive.retention, "turn", turn)
    monkeypatch.setattr(asyncio, "sleep", rest)
    with pytest.raises(asyncio.CancelledError):
        await archive.retention.run()
    assert rests == [2.0, 60.0, 60.0, 60.0]
