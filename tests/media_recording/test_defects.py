"""A defect in the recorder costs its own recording a gap, never the thread that all recordings share."""

import logging
from pathlib import Path

import pytest

from media.events import RecordingFinished
from media.recording import recorder as recorder_module
from media.recording.recorder import Recorder
from media.recording.tap import QueueTap, TappedPacket
from media.recording.writer import LiveRecording, RecordingCloser, RecordingWriter
from tests.media_recording.test_recorder_files import START, WAV, Bench, samples, speak

OTHER = "2026/01/31/ffffffff.wav"


class FaultyTap(QueueTap):
    """Gives packets that nobody can place, so often."""

    faults = 0

    def take(self) -> list[TappedPacket]:
        if self.faults:
            self.faults -= 1
            raise ZeroDivisionError("a defect")
        return super().take()


def test_a_turn_that_breaks_for_one_recording_goes_on_with_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench, faulty = Bench(tmp_path), FaultyTap(512)
    bench.writer.begin("call-1", WAV, START, faulty)
    sound = bench.begin("call-2", OTHER)
    for tap in (faulty, sound):
        speak(tap, 0, 0, 50)
    faulty.faults = 3
    for at in (1.2, 1.4, 1.6):
        bench.writer.turn(START + at)
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "told once"
    assert "call-1" in caplog.text
    bench.writer.turn(START + 2.5)
    bench.writer.finish_all(START + 1)
    assert {event.call_id for event in bench.events if isinstance(event, RecordingFinished)} == {"call-1", "call-2"}
    for path in (WAV, OTHER):
        assert any(samples(tmp_path / path)[0])


def test_an_end_that_breaks_keeps_what_was_written(tmp_path: Path) -> None:
    bench, tap = Bench(tmp_path), FaultyTap(512)
    bench.writer.begin("call-1", WAV, START, tap)
    speak(tap, 0, 0, 100)
    bench.writer.turn(START + 1.9)
    tap.faults = 1
    bench.writer.finish("call-1", START + 2)
    (ended,) = bench.ended()
    assert isinstance(ended, RecordingFinished)
    assert ended.duration_ms == 2_000
    assert bench.writer.live == 0


def test_an_end_that_breaks_keeps_no_other_recording_from_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[object] = []
    recorder = Recorder(tmp_path, lambda: START + 1, ended.append)
    recorder.open()
    whole = LiveRecording.end

    def breaks(live: LiveRecording, pcm_bytes: int) -> None:
        if live.call_id == "call-1":
            raise MemoryError
        whole(live, pcm_bytes)

    monkeypatch.setattr(LiveRecording, "end", breaks)
    monkeypatch.setattr(recorder_module, "JOIN_TIMEOUT_S", 1.0)
    recorder.start("call-1", WAV, START)
    recorder.start("call-2", OTHER, START)
    recorder.close()
    assert [event.call_id for event in ended if isinstance(event, RecordingFinished)] == ["call-2"]
    counters = recorder.counters()
    assert (counters["recordings_live"], counters["recordings_failed"]) == (0, 1)
    assert sum(record.exc_info is not None for record in caplog.records) == 1
    assert {recording.path for recording in recorder.recover()} == {WAV, OTHER}, "the next start finds what is left"


def test_a_recording_that_cannot_be_ended_is_written_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    tap = bench.begin()
    speak(tap, 0, 0, 100)
    bench.writer.turn(START + 1.5)

    def breaks(_live: LiveRecording, _pcm_bytes: int) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(LiveRecording, "end", breaks)
        bench.writer.finish("call-1", START + 2)
    (part,) = tmp_path.rglob("*.part")
    written = part.stat().st_size
    bench.writer.turn(START + 60)
    assert (bench.writer.live, bench.writer.failed, part.stat().st_size) == (0, 1, written)
    assert bench.unanswered() == ["call-1"]
    assert bench.events == []


def test_the_threads_outlive_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[object] = []
    recorder = Recorder(tmp_path, lambda: START + 1, ended.append)
    recorder.open()

    def breaks(*_arguments: object) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(RecordingWriter, "pause", breaks)
        patched.setattr(RecordingCloser, "acknowledge", breaks)
        patched.setattr(RecordingCloser, "leave", breaks)
        recorder.pause("call-1", START)
        recorder.acknowledge("call-1")
        recorder.leave("call-1")
        recorder.start("call-1", WAV, START)
        recorder.finish("call-1", START + 1)
        recorder.close()
    assert [type(event) for event in ended] == [RecordingFinished]
    assert sum(record.exc_info is not None for record in caplog.records) == 3
