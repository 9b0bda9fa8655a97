"""An export that cannot be made now is made later: a full disk or a locked database loses no `recording.ready`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from b2bua.switch import recordings as exporting
from b2bua.switch.recordings import Recordings
from media.recording.mp3 import Mp3Error, Mp3Made
from storage.errors import StoreUnavailable
from storage.records import Recording
from tests.support.manual_clock import ManualClock

WAITING = Recording("call-1", "org-1", "2026/01/31/call-1.wav", None, 1000, 0, 1)


class Disk:
    """A store and a pool that refuse for a while, and a journal that takes everything at once."""

    def __init__(self) -> None:
        self.looks = 0
        self.unreadable = 0
        self.defects_of_looks = 0
        self.full = True
        self.defect: Exception | None = None
        self.tries = 0
        self.exported = asyncio.Event()
        self.noted = WAITING

    async def read(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def recordings_without_mp3(self, _limit: int) -> list[Recording]:
        self.looks += 1
        if self.looks <= self.unreadable:
            raise StoreUnavailable("database is locked")
        if self.looks <= self.defects_of_looks:
            raise ZeroDivisionError("a defect")
        return [] if self.exported.is_set() else [WAITING]

    def any_recording(self, _call_id: str) -> Recording:
        return self.noted

    async def export(self, _wav: Path, _mp3: Path, _tags: object, _seal: object) -> Mp3Made:
        self.tries += 1
        if self.defect is not None:
            raise self.defect
        if self.full:
            raise Mp3Error("No space left on device")
        return Mp3Made(44, "0" * 64, 3, "1" * 64)

    def add(self, _work: object, done: Callable[[object], None]) -> None:
        self.exported.set()
        done(None)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(exporting, "SWEEP_S", 0.001)
    monkeypatch.setattr(exporting, "LONGEST_REST_S", 8.0)
    return Disk()


def _recordings(disk: Disk, clock: ManualClock) -> Recordings:
    made = Recordings(cast(Any, disk), cast(Any, disk), cast(Any, None), cast(Any, disk), Path(), clock, lambda _: None)
    made.start(workers=1)
    return made


async def _looks(disk: Disk, count: int) -> None:
    """Until the database has been asked so often."""
    until = disk.looks + count
    async with asyncio.timeout(10):
        while disk.looks < until:  # noqa: ASYNC110 - the loop's own time is what is waited for
            await asyncio.sleep(0.001)


async def test_it_is_tried_more_and_more_rarely_and_never_given_up(disk: Disk) -> None:
    clock = ManualClock()
    recordings = _recordings(disk, clock)
    try:
        await _looks(disk, 5)
        assert disk.tries == 1, "it rests first"
        for tries in range(2, 30):
            clock.advance(8.0)
            await _looks(disk, 3)
            assert disk.tries == tries
        disk.full = False
        clock.advance(8.0)
        async with asyncio.timeout(10):
            await disk.exported.wait()
        assert (recordings.exported, recordings.failed) == (1, 29)
    finally:
        await recordings.close()


async def test_an_export_that_breaks_is_told_and_tried_again(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    disk.full, disk.defect = False, RuntimeError("a defect")
    clock = ManualClock()
    recordings = _recordings(disk, clock)
    try:
        await _looks(disk, 5)
        assert (disk.tries, recordings.failed, recordings.queue_length) == (1, 1, 0)
        disk.defect = None
        clock.advance(8.0)
        async with asyncio.timeout(10):
            await disk.exported.wait()
        assert [record.getMessage() for record in caplog.records if record.exc_info] == [
            "call call-1: its recording could not be exported"
        ]
    finally:
        await recordings.close()


async def test_a_database_that_cannot_be_read_for_a_while_does_not_end_the_search(disk: Disk) -> None:
    disk.unreadable, disk.full = 3, False
    recordings = _recordings(disk, ManualClock())
    try:
        async with asyncio.timeout(10):
            await disk.exported.wait()
        assert disk.looks > 3
    finally:
        await recordings.close()


async def test_what_was_purged_meanwhile_is_given_up_quietly(disk: Disk) -> None:
    disk.noted = replace(WAITING, purged_at=5)
    clock = ManualClock()
    recordings = _recordings(disk, clock)
    try:
        await _looks(disk, 5)
        assert disk.tries > 1, "there is no rest for what the database would not name again"
        assert (recordings.exported, recordings.failed) == (0, 0)
    finally:
        await recordings.close()


async def test_what_was_purged_while_it_rested_is_forgotten(disk: Disk) -> None:
    recordings = _recordings(disk, ManualClock())
    try:
        await _looks(disk, 5)
        assert recordings.resting == 1
        disk.exported.set()  # the database names it no more
        await _looks(disk, 2)
        assert recordings.resting == 0
    finally:
        await recordings.close()


async def test_a_defect_in_the_sweep_ends_no_sweeping(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    disk.defects_of_looks = 2
    disk.full = False
    recordings = _recordings(disk, ManualClock())
    try:
        async with asyncio.timeout(10):
            await disk.exported.wait()
    finally:
        await recordings.close()
    assert [record.exc_info is not None for record in caplog.records] == [True, True]
