"""Pauses: silence for both parties, in its place, also after a crash; and what is told of a recording."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs.g711 import ULAW_TO_LINEAR
from media.events import MediaEvent, RecordedParty, RecordingFacts, RecordingFinished
from media.recording.journal import Journal, JournalEntry, read_entry
from media.recording.master_keys import MasterKeys
from media.recording.pauses import MOST_PAUSES, Pauses, pauses_ms
from media.recording.recorder import Recorder
from media.recording.tap import QueueTap
from media.recording.wav import WavWriter
from media.recording.writer import DISK_PATIENCE_S, RecordingCloser, RecordingWriter
from tests.media_recording.test_recorder_files import START, WAV, samples, speak

A, B = ULAW_TO_LINEAR[1], ULAW_TO_LINEAR[2]
KEYS = MasterKeys("m" * 64)


class Bench:
    """A writer and a closer without threads, a call in which both speak without a pause."""

    def __init__(self, root: Path, keys: MasterKeys | None = None) -> None:
        self.root = root
        self.events: list[MediaEvent] = []
        self.journal = Journal(root)
        self.journal.open()
        self.closer = RecordingCloser(self.journal, self.events.append)
        self.writer = RecordingWriter(root, self.journal, self.events.append, self.closer.close, keys)
        self.tap = QueueTap(2000)
        self.writer.begin("call-1", WAV, START, self.tap)

    def talk(self, from_s: int, to_s: int) -> None:
        """Both speak, and what is due is written every second."""
        for second in range(from_s, to_s):
            for channel in (0, 1):
                speak(self.tap, channel, second * 50, 50)
            self.writer.turn(START + second + 1)

    def finished(self) -> RecordingFinished:
        [event] = self.events
        assert isinstance(event, RecordingFinished)
        return event


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_pause_is_silence_in_both_channels_to_the_sample(bench: Bench) -> None:
    bench.talk(0, 2)
    bench.writer.pause("call-1", START + 2.25)
    bench.talk(2, 4)
    bench.writer.resume("call-1", START + 4.5)
    bench.talk(4, 6)
    bench.writer.finish("call-1", START + 6)
    for channel, voice in zip(samples(bench.root / WAV), (A, B), strict=True):
        assert len(channel) == 48_000
        assert set(channel[:18_000]) == set(channel[36_000:]) == {voice}
        assert set(channel[18_000:36_000]) == {0}
    assert bench.finished().facts.pauses == ((2250, 4500),)
    assert bench.finished().duration_ms == 6000


def test_a_pause_that_is_not_ended_lasts_to_the_end(bench: Bench) -> None:
    bench.talk(0, 1)
    bench.writer.pause("call-1", START + 1)
    bench.talk(1, 4)
    bench.writer.finish("call-1", START + 4)
    left, _ = samples(bench.root / WAV)
    assert set(left[:8000]) == {A}
    assert set(left[8000:]) == {0}
    assert bench.finished().facts.pauses == ((1000, 4000),)


def test_what_is_said_in_a_pause_is_never_in_the_file(bench: Bench, tmp_path: Path) -> None:
    bench.talk(0, 1)
    bench.writer.pause("call-1", START + 1)
    secret = bytes([77]) * 160
    for frame in range(50, 150):
        bench.tap.put(0, START + frame * 0.02, frame * 160, 7, 0, secret)
        bench.writer.turn(START + frame * 0.02)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    before, spoken = (sample.to_bytes(2, "little", signed=True) for sample in (A, ULAW_TO_LINEAR[77]))
    assert any(before in content for content in files)
    assert not any(spoken in content for content in files)


def test_pausing_twice_and_resuming_what_is_not_paused_changes_nothing(bench: Bench) -> None:
    bench.writer.resume("call-1", START + 0.5)
    bench.writer.pause("call-1", START + 1)
    bench.writer.pause("call-1", START + 2)
    bench.writer.resume("call-1", START + 3)
    bench.writer.resume("call-1", START + 4)
    bench.writer.pause("other", START)
    bench.writer.resume("other", START)
    bench.talk(0, 5)
    bench.writer.finish("call-1", START + 5)
    assert bench.finished().facts.pauses == ((1000, 3000),)


@pytest.mark.parametrize("keys", [None, KEYS])
def test_the_pauses_of_a_killed_process_are_known_at_the_next_start(tmp_path: Path, keys: MasterKeys | None) -> None:
    bench = Bench(tmp_path, keys)
    bench.talk(0, 2)
    bench.writer.pause("call-1", START + 1)
    bench.writer.resume("call-1", START + 1.5)
    bench.writer.pause("call-1", START + 3)
    bench.talk(2, 6)
    [recovered] = Recorder(tmp_path, lambda: START, print, keys=keys).recover()
    assert recovered.duration_ms == 5800
    assert recovered.facts == RecordingFacts(pauses=((1000, 1500), (3000, 5800)))


def test_the_most_pauses_fit_into_an_entry_and_a_further_one_goes_on_with_the_last(tmp_path: Path) -> None:
    pauses = Pauses()
    for number in range(MOST_PAUSES + 1):
        pauses.begin(50_000_000 + 10 * number)
        if number < MOST_PAUSES:
            pauses.end(50_000_005 + 10 * number)
    assert len(pauses.all) == MOST_PAUSES
    assert pauses.running, "what is to stay unheard does, whatever the count"
    assert pauses.all[-1] == (50_000_000 + 10 * (MOST_PAUSES - 1), None)
    journal = Journal(tmp_path)
    journal.open()
    entry = JournalEntry("c" * 64, "2026/01/31/" + "c" * 36 + ".wav", 12, pauses.all, "v1." + "k" * 120)
    journal.write(entry)
    assert list(journal.entries()) == [entry]


@pytest.mark.parametrize("value", ["7", "[7]", '[["a", 1]]', "[[1]]", '{"1": 2}', "null"])
def test_pauses_that_are_none_are_passed_over(tmp_path: Path, value: str) -> None:
    place = tmp_path / "x.json"
    place.write_text(f'{{"call_id": "x", "path": "a.wav", "gap_frames": 0, "pauses": {value}}}')
    assert read_entry(place) == JournalEntry("x", "a.wav")


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=6), st.integers(1, 90))
def test_any_pieces_are_silenced_alike(stretches: list[tuple[int, int]], piece: int) -> None:
    pauses, silent, at = Pauses(), set[int](), 0
    for gap, length in stretches:
        at += gap
        pauses.begin(at)
        pauses.end(at + length)
        silent |= set(range(at, at + length))
        at += length
    whole = 700
    found = b"".join(
        pauses.silenced(b"\x01" * 4 * min(piece, whole - start), start) for start in range(0, whole, piece)
    )
    assert found == b"".join(bytes(4) if sample in silent else b"\x01" * 4 for sample in range(whole))


def test_pauses_beyond_the_end_are_left_out() -> None:
    assert pauses_ms(((0, 8000), (16_000, 80_000), (88_000, None)), 3000) == ((0, 1000), (2000, 3000))


def test_what_is_known_of_each_party_is_told(bench: Bench) -> None:
    speak(bench.tap, 0, 0, 50)
    speak(bench.tap, 0, 75, 75)  # half a second was lost
    speak(bench.tap, 1, 50, 100)
    bench.tap.put(1, START + 1, 0, 8, 99, b"of no known codec")
    bench.writer.turn(START + 4)
    bench.writer.finish("call-1", START + 4)
    assert bench.finished().facts == RecordingFacts(
        (RecordedParty(1500, 1, 0, 0, None), RecordedParty(2000, 0, 0, 1, None))
    )


def test_the_drift_of_a_clock_is_told_in_ppm(bench: Bench) -> None:
    frames = 120 * 50
    for frame in range(frames):
        bench.tap.put(0, START + frame * 0.02 * (1 - 100e-6), frame * 160, 7, 0, bytes([1]) * 160)
        if frame % 50 == 49:
            bench.writer.turn(START + frame * 0.02 + 0.1)
    bench.writer.finish("call-1", START + frames * 0.02)
    fast, silent = bench.finished().facts.parties
    assert fast.drift_ppm == pytest.approx(100, abs=15)
    assert silent.drift_ppm is None


class FullDisk:
    """Refuses to let files grow, while told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._largest: dict[int, int] = {}  # what a file had, the disk has
        self._real = os.pwrite
        monkeypatch.setattr(os, "pwrite", self._pwrite)

    def _pwrite(self, descriptor: int, content: bytes, offset: int) -> int:
        inode, end = os.fstat(descriptor).st_ino, offset + len(content)
        if self.full and end > self._largest.get(inode, 0):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._largest[inode] = max(end, self._largest.get(inode, 0))
        return self._real(descriptor, content, offset)


def test_what_a_full_disk_did_not_take_is_a_gap_of_both_parties(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch)
    bench = Bench(tmp_path)
    bench.talk(0, 3)
    disk.full = True
    bench.talk(3, 5)
    disk.full = False
    bench.talk(5, 8)
    bench.writer.finish("call-1", START + 8)
    event = bench.finished()
    assert [party.gap_frames for party in event.facts.parties] == [100, 100]
    assert (event.duration_ms, event.gap_frames, event.facts.cut_short) == (8000, 200, False)
    left, _ = samples(tmp_path / WAV)
    assert list(left).count(A) == 6 * 8000


@pytest.mark.parametrize("keys", [None, KEYS])
def test_a_disk_that_stays_full_ends_the_recording_with_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, keys: MasterKeys | None
) -> None:
    disk = FullDisk(monkeypatch)
    bench = Bench(tmp_path, keys)
    bench.talk(0, 5)
    disk.full = True
    for turn in range(8):  # not whole frames: the turns of a thread come when they come
        bench.writer.turn(START + 5 + turn * 1.0013)
    bench.talk(5, 5 + DISK_PATIENCE_S)
    assert bench.events == []
    bench.talk(5 + DISK_PATIENCE_S, 8 + DISK_PATIENCE_S)
    event = bench.finished()
    assert event.facts.cut_short
    assert [party.gap_frames for party in event.facts.parties] == [0, 0]
    assert (event.duration_ms, event.gap_frames) == (4800, 0)
    assert "ends before the call" in caplog.text
    bench.writer.finish("call-1", START + 40)
    assert bench.events == [event], "the end of the call finds nothing to end"
    assert bench.writer.live == 0
    assert bench.writer.cut_short == 1
    [found] = Recorder(tmp_path, lambda: START, print, keys=keys).recover()
    assert (found.duration_ms, found.facts.cut_short) == (4800, True), "also where the process died thereafter"
    if keys is None:
        left, _ = samples(tmp_path / WAV)
        assert len(left) == 38_400
        assert set(left) == {A}


def test_a_disk_that_was_full_from_the_beginning_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WavWriter, "append", refuse)
    bench.talk(0, DISK_PATIENCE_S + 3)
    [event] = bench.events
    assert type(event).__name__ == "RecordingFailed"
    assert [path for path in bench.root.rglob("*") if path.is_file()] == []
