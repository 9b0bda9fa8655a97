"""The recorder: by turns of a clock the test moves, or with its own threads where they matter."""

import errno
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media.codecs.g711 import ULAW_TO_LINEAR
from media.events import MediaEvent, RecordingFailed, RecordingFinished
from media.packet_path.tap import Tap
from media.recording.erasure import erase_files
from media.recording.journal import Journal, part_of, place_of
from media.recording.recorder import Recorder
from media.recording.recovery import RecoveredRecording, recover
from media.recording.tap import QueueTap, TappedPacket
from media.recording.wav import WavWriter
from media.recording.writer import RecordingCloser, RecordingWriter

REPOSITORY = Path(__file__).parents[2]
START = 100.0
WAV = "2026/01/31/0a1b2c3d.wav"


class Bench:
    """A writer and a closer without threads: what is handed over is closed at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[MediaEvent] = []
        self.journal = Journal(root)
        self.journal.open()
        self.closer = RecordingCloser(self.journal, self.events.append)
        self.writer = RecordingWriter(root, self.journal, self.events.append, self.closer.close)

    def begin(self, call_id: str = "call-1", path: str = WAV, limit: int = 512) -> QueueTap:
        tap = QueueTap(limit)
        self.writer.begin(call_id, path, START, tap)
        return tap

    def ended(self) -> list[RecordingFinished | RecordingFailed]:
        """The events, none of which may be of another kind."""
        ended = [event for event in self.events if isinstance(event, RecordingFinished | RecordingFailed)]
        assert len(ended) == len(self.events)
        return ended

    def unanswered(self) -> list[str]:
        return [entry.call_id for entry in self.journal.entries()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def speak(tap: Tap, channel: int, first: int, count: int, *, at: float = START) -> None:
    for index in range(first, first + count):
        tap.put(channel, at + index * 0.02, index * 160, 7 + channel, 0, bytes([channel + 1]) * 160)


def samples(path: Path) -> tuple[memoryview, memoryview]:
    with wave.open(str(path)) as reader:
        pcm = memoryview(reader.readframes(1 << 30)).cast("h")
    return pcm[0::2], pcm[1::2]


def test_a_recording_from_bridge_to_hang_up(bench: Bench) -> None:
    tap = bench.begin()
    speak(tap, 0, 0, 100)
    speak(tap, 1, 50, 50)
    bench.writer.turn(START + 1.0)
    speak(tap, 0, 100, 25)
    bench.writer.turn(START + 2.5)
    bench.writer.finish("call-1", START + 3.0)
    assert bench.events == [RecordingFinished("call-1", WAV, 3000, 0)]
    left, right = samples(bench.root / WAV)
    assert len(left) == 24_000
    assert set(left[:20_000]) == {ULAW_TO_LINEAR[1]}
    assert set(left[20_000:]) == {0}
    assert set(right[:8000]) == {0}
    assert set(right[8000:16_000]) == {ULAW_TO_LINEAR[2]}
    assert not part_of(bench.root / WAV).exists()
    assert bench.writer.live == 0


def test_trunk_case_16_the_file_is_valid_and_grows_every_second_while_the_call_lives(bench: Bench) -> None:
    bench.begin()
    part = part_of(bench.root / WAV)
    lengths = []
    for turn in range(1, 26):
        bench.writer.turn(START + turn * 0.2)
        lengths.append(len(samples(part)[0]))
    assert lengths[-1] == round((5.0 - 0.2) * 8000)
    assert len(set(lengths)) == 6


def test_what_was_written_beyond_the_end_is_cut_off(bench: Bench) -> None:
    bench.begin()
    bench.writer.turn(START + 5.0)
    bench.writer.finish("call-1", START + 2.0)
    assert bench.events == [RecordingFinished("call-1", WAV, 2000, 0)]
    assert len(samples(bench.root / WAV)[0]) == 16_000


def test_trunk_case_16_a_full_queue_leaves_a_counted_gap_and_no_offset(bench: Bench) -> None:
    tap = bench.begin(limit=10)
    speak(tap, 0, 0, 15)
    bench.writer.turn(START + 0.3)
    speak(tap, 0, 15, 5)
    bench.writer.finish("call-1", START + 0.4)
    assert bench.events == [RecordingFinished("call-1", WAV, 400, 5)]
    left, _ = samples(bench.root / WAV)
    assert set(left[:1600]) == set(left[2400:]) == {ULAW_TO_LINEAR[1]}
    assert set(left[1600:2400]) == {0}
    assert bench.writer.gap_frames == 5


def test_a_closed_tap_takes_nothing_and_counts_nothing(bench: Bench) -> None:
    tap = bench.begin()
    bench.writer.finish("call-1", START + 1.0)
    speak(tap, 0, 0, 1000)
    assert tap.take() == []
    assert tap.gap_frames == 0


def test_a_finish_of_no_recording_is_ignored(bench: Bench) -> None:
    bench.writer.finish("other", START)
    bench.writer.abandon("other")
    assert bench.events == []


def test_an_abandoned_recording_leaves_nothing(bench: Bench) -> None:
    bench.begin()
    bench.writer.turn(START + 2)
    bench.writer.abandon("call-1")
    assert bench.events == []
    assert bench.unanswered() == []
    assert [path for path in bench.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["../x.wav", "/etc/x.wav", "a/../../x.wav", ".open/x.wav", "x.mp3", ""])
def test_a_path_outside_the_folder_fails_the_recording_alone(bench: Bench, path: str) -> None:
    bench.begin("bad", path)
    bench.begin()
    bench.writer.finish("call-1", START + 1)
    assert [type(event) for event in bench.events] == [RecordingFailed, RecordingFinished]
    assert [event.call_id for event in bench.ended()] == ["bad", "call-1"]


@pytest.mark.parametrize("occupy", [part_of, lambda place: place])
def test_a_taken_name_fails_and_harms_nothing(bench: Bench, occupy: Callable[[Path], Path]) -> None:
    occupied = occupy(bench.root / WAV)
    occupied.parent.mkdir(parents=True)
    occupied.write_bytes(b"kept")
    tap = bench.begin()
    speak(tap, 0, 0, 10)
    assert [type(event) for event in bench.events] == [RecordingFailed]
    assert occupied.read_bytes() == b"kept"
    assert bench.unanswered() == []
    assert tap.take() == []


def test_a_second_recording_of_the_same_call_fails_and_the_first_goes_on(bench: Bench) -> None:
    bench.begin()
    bench.begin(path="2026/01/31/ffffffff.wav")
    bench.writer.finish("call-1", START + 1)
    assert [type(event) for event in bench.events] == [RecordingFailed, RecordingFinished]


def test_a_call_id_that_is_no_name_fails(bench: Bench) -> None:
    bench.begin("../call")
    assert [type(event) for event in bench.events] == [RecordingFailed]


@pytest.mark.parametrize("moment", ["append", "truncate"])
def test_a_full_disk_fails_one_recording_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def refuse(wav: WavWriter, content: bytes | int) -> None:
        if wav is doomed:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(wav, content)

    bench.begin("doomed", "a.wav")
    doomed = bench.writer._live["doomed"].wav
    bench.begin()
    real: Callable[[WavWriter, bytes | int], None] = getattr(WavWriter, moment)
    monkeypatch.setattr(WavWriter, moment, refuse)
    bench.writer.turn(START + 2)
    bench.writer.finish("doomed", START + 3)
    bench.writer.finish("call-1", START + 3)
    assert [(type(event), event.call_id) for event in bench.ended()] == [
        (RecordingFailed, "doomed"),
        (RecordingFinished, "call-1"),
    ]
    assert bench.unanswered() == ["call-1"]
    assert not part_of(bench.root / "a.wav").exists()


def test_a_disk_that_was_full_for_a_while_leaves_a_counted_gap(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tap = bench.begin()
    full = [False]
    real = os.pwrite

    def pwrite(descriptor: int, content: bytes, offset: int) -> int:
        if full[0] and offset + len(content) > os.fstat(descriptor).st_size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    for second in range(6):
        full[0] = second in (2, 3)
        speak(tap, 0, second * 50, 50)
        bench.writer.turn(START + second + 1.0)
    bench.writer.finish("call-1", START + 6)
    [event] = bench.events
    assert isinstance(event, RecordingFinished)
    assert event.duration_ms == 6000
    assert 150 <= event.gap_frames <= 250, "two seconds of two channels"
    left, _ = samples(bench.root / WAV)
    assert len(left) == 48_000
    silent = [second for second in range(6) if not any(left[second * 8000 : second * 8000 + 5600])]
    assert silent == [2, 3], "what came before and after is in its place"
    assert caplog.text.count("has a gap") == 1


def test_a_disk_that_is_full_at_the_end_keeps_what_it_has(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tap = bench.begin()
    speak(tap, 0, 0, 50)
    bench.writer.turn(START + 1.0)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WavWriter, "append", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    speak(tap, 0, 50, 50)
    bench.writer.finish("call-1", START + 2)
    [event] = bench.events
    assert isinstance(event, RecordingFinished)
    assert event.duration_ms == 2000
    assert not list(bench.root.rglob("*.draft"))
    left, _ = samples(bench.root / WAV)
    assert len(left) == 16_000
    assert any(left[:5600])
    assert not any(left[8000:])


def test_a_file_that_may_not_become_longer_keeps_what_it_has(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """RLIMIT_FSIZE refuses a longer file also where nothing would be written to it."""
    longest = 44 + 4 * 8_000 * 3 // 2
    pwrite, ftruncate = os.pwrite, os.ftruncate

    def limited(length: int) -> None:
        if length > longest:
            raise OSError(errno.EFBIG, "File too large")

    def limited_pwrite(descriptor: int, content: bytes, offset: int) -> int:
        limited(offset + len(content))
        return pwrite(descriptor, content, offset)

    def limited_ftruncate(descriptor: int, length: int) -> None:
        limited(length)
        ftruncate(descriptor, length)

    monkeypatch.setattr(os, "pwrite", limited_pwrite)
    monkeypatch.setattr(os, "ftruncate", limited_ftruncate)
    tap = bench.begin()
    for second in range(4):
        speak(tap, 0, second * 50, 50)
        bench.writer.turn(START + second + 1.0)
    bench.writer.finish("call-1", START + 4)
    [event] = bench.events
    assert isinstance(event, RecordingFinished)
    left, _ = samples(bench.root / WAV)
    assert 4_000 < len(left) <= 12_000
    assert event.duration_ms == len(left) // 8
    assert any(left[:4_000])
    assert event.gap_frames >= 2 * (200 - len(left) // 160) - 2, "what was refused is counted"
    assert event.facts.cut_short
    assert bench.writer.cut_short == 1


def test_a_file_that_is_synced_is_whole_whatever_its_close_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(writer: WavWriter) -> None:
        close(writer)
        raise OSError(errno.EIO, "Input/output error")

    close = WavWriter.close
    bench.begin()
    monkeypatch.setattr(WavWriter, "close", refuse)
    bench.writer.finish("call-1", START + 1)
    [event] = bench.events
    assert isinstance(event, RecordingFinished)
    assert bench.closer.finished == 1


def test_a_disk_that_refuses_to_sync_fails_the_recording(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    bench.begin()
    monkeypatch.setattr(WavWriter, "sync", refuse)
    bench.writer.finish("call-1", START + 1)
    assert bench.events == [RecordingFailed("call-1", WAV, "[Errno 5] Input/output error")]
    assert bench.closer.failed == 1


def test_what_keeps_the_name_of_an_erased_recording_is_none(bench: Bench) -> None:
    bench.begin()
    bench.writer.finish("call-1", START + 1)
    assert erase_files(bench.root, WAV, None, WAV.rpartition("/")[0]) is False
    assert (bench.root / WAV).stat().st_size == 0
    assert recover(bench.root, bench.journal) == []
    assert bench.unanswered() == []


@pytest.mark.parametrize("step", ["end", "close"])
def test_what_the_disk_refuses_to_delete_is_told_and_left_to_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    tap = bench.begin()
    speak(tap, 0, 0, 50)
    with monkeypatch.context() as patched:
        patched.setattr(WavWriter, "truncate" if step == "end" else "sync", refuse)
        patched.setattr(Path, "unlink", refuse)
        bench.writer.finish("call-1", START + 1)
    assert bench.events == [RecordingFailed("call-1", WAV, "[Errno 13] Permission denied", left=True)]
    assert bench.unanswered() == ["call-1"]
    assert [found.call_id for found in recover(bench.root, bench.journal)] == ["call-1"]


def test_a_whole_recording_is_kept_where_its_folder_cannot_be_opened(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    bench.begin()
    monkeypatch.setattr("media.recording.recovery.sync_folder", refuse)
    bench.writer.finish("call-1", START + 1)
    [event] = bench.events
    assert isinstance(event, RecordingFinished)
    assert (bench.root / WAV).exists()
    assert bench.unanswered() == ["call-1"]


def test_a_folder_that_was_removed_costs_the_live_recording_and_no_later_one(bench: Bench) -> None:
    bench.begin("live", "a.wav")
    shutil.rmtree(bench.root)
    bench.writer.finish("live", START + 1)
    bench.begin()
    bench.writer.finish("call-1", START + 1)
    assert [(type(event), event.call_id) for event in bench.ended()] == [
        (RecordingFailed, "live"),
        (RecordingFinished, "call-1"),
    ]
    assert (bench.root / WAV).exists()
    assert bench.unanswered() == ["call-1"], "a start after a crash finds it"


class Threads:
    """A recorder with its threads; events arrive in a queue."""

    def __init__(self, root: Path) -> None:
        self.now = START
        self.events: queue.Queue[MediaEvent] = queue.Queue()
        self.recorder = Recorder(root, lambda: self.now, self.events.put)
        self.recorder.open()


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[Threads]:
    running = Threads(tmp_path)
    yield running
    running.recorder.close()


def test_the_threads_finish_what_was_started(threads: Threads, tmp_path: Path) -> None:
    tap = threads.recorder.start("call-1", WAV, START)
    speak(tap, 0, 0, 50)
    threads.recorder.finish("call-1", START + 1.0)
    assert threads.events.get(timeout=10) == RecordingFinished("call-1", WAV, 1000, 0)
    assert set(samples(tmp_path / WAV)[0]) == {ULAW_TO_LINEAR[1]}
    assert threads.recorder.counters()["recordings_finished"] == 1


class OnePacketTap:
    """A tap that has one packet from the beginning, and as many gaps as packets it may hold."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.closed = False
        self._packets: list[TappedPacket] = []
        self.put(0, START, 0, 7, 0, bytes([1]) * 160)

    @property
    def gap_frames(self) -> int:
        return self.gap_frames_of(0) + self.gap_frames_of(1)

    def gap_frames_of(self, channel: int) -> int:
        return self.limit if channel else 0

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        self._packets.append((channel, arrival, rtp_timestamp, ssrc, codec, payload))

    def take(self) -> list[TappedPacket]:
        taken, self._packets = self._packets, []
        return taken

    def close(self) -> None:
        self.closed = True


def test_the_packets_come_from_taps_of_the_kind_that_the_recorder_is_given(tmp_path: Path) -> None:
    events: queue.Queue[MediaEvent] = queue.Queue()
    recorder = Recorder(tmp_path, lambda: START, events.put, queue_packets=3, new_tap=OnePacketTap)
    recorder.open()
    tap = recorder.start("call-1", WAV, START)
    recorder.finish("call-1", START + 0.02)
    recorder.close()
    assert events.get_nowait() == RecordingFinished("call-1", WAV, 20, 3)
    assert set(samples(tmp_path / WAV)[0]) == {ULAW_TO_LINEAR[1]}
    assert isinstance(tap, OnePacketTap)
    assert tap.closed


def test_a_full_queue_counts_what_each_channel_lost() -> None:
    tap = QueueTap(3)
    speak(tap, 0, 0, 5)
    speak(tap, 1, 0, 4)
    assert [tap.gap_frames_of(channel) for channel in (0, 1)] == [2, 4]
    assert tap.gap_frames == 6


def test_closing_finishes_what_is_live(threads: Threads, tmp_path: Path) -> None:
    threads.recorder.start("call-1", WAV, START)
    threads.now = START + 2.0
    threads.recorder.close()
    assert threads.events.get_nowait() == RecordingFinished("call-1", WAV, 2000, 0)
    assert not any(thread.name.startswith("recording-") and thread.is_alive() for thread in threading.enumerate())


def test_a_name_is_taken_from_the_start_on(threads: Threads) -> None:
    recorder = threads.recorder
    assert not recorder.taken(WAV)
    recorder.start("call-1", WAV, START)
    assert recorder.taken(WAV)
    recorder.finish("call-1", START + 1)
    assert threads.events.get(timeout=10)
    assert recorder.taken(WAV)
    with pytest.raises(ValueError, match="not the relative path"):
        recorder.taken("../x.wav")


def test_a_finished_recording_is_found_again_until_it_is_acknowledged(threads: Threads, tmp_path: Path) -> None:
    recorder = threads.recorder
    for call_id, path in (("known", "a.wav"), ("unknown", WAV)):
        recorder.start(call_id, path, START)
        recorder.finish(call_id, START + 1)
        threads.events.get(timeout=10)
    recorder.acknowledge("known")
    recorder.start("last", "last.wav", START)
    recorder.close()
    recorder.acknowledge("last")
    restarted = Recorder(tmp_path, lambda: START, threads.events.put)
    assert restarted.recover() == [RecoveredRecording("unknown", WAV, 1000, 0)]


ENDLESS_RECORDER = """
import sys, time, wave
from pathlib import Path
from media.recording.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), time.monotonic, print)
recorder.open()
started_at = time.monotonic() - 60
tap = recorder.start("call-1", sys.argv[2], started_at)
index = 0
while True:
    if index < 3000:
        tap.put(0, started_at + index * 0.02, index * 160, 7, 0, b"\\x01" * 160)
        index += 1
    part = Path(sys.argv[1], sys.argv[2] + ".part")
    # What the head says is what counts: it follows what has been written.
    if part.exists() and part.stat().st_size > 32_000 * 30 and wave.open(str(part)).getnframes() > 8_000 * 30:
        print("written", flush=True)
"""


def test_trunk_case_16_a_killed_process_leaves_a_recording_that_recovery_finishes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_RECORDER, str(tmp_path), WAV],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(samples(part_of(tmp_path / WAV))[0]) >= 8000 * 30
    recorder = Recorder(tmp_path, lambda: START, print)
    (recovered,) = recorder.recover()
    assert (recovered.call_id, recovered.path) == ("call-1", WAV)
    left, _ = samples(tmp_path / WAV)
    assert recovered.duration_ms == round(len(left) / 8)
    assert not part_of(tmp_path / WAV).exists()


def test_recovery_of_a_folder_never_used_finds_nothing(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "none", lambda: START, print).recover() == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"call_id": "other", "path": "a.wav", "gap_frames": 0}', "x" * 5000]
)
def test_recovery_removes_what_is_no_entry(tmp_path: Path, content: str) -> None:
    folder = tmp_path / ".open"
    folder.mkdir()
    (folder / "call-1.json").write_text(content)
    assert Recorder(tmp_path, lambda: START, print).recover() == []
    assert list(folder.iterdir()) == []


def test_recovery_forgets_an_entry_without_a_file_and_one_that_leads_outside(bench: Bench) -> None:
    entry = '{"call_id": "%s", "path": "%s", "gap_frames": 0}'
    (bench.root / ".open" / "gone.json").write_text(entry % ("gone", "a.wav"))
    (bench.root / ".open" / "out.json").write_text(entry % ("out", "../../etc/a.wav"))
    assert Recorder(bench.root, lambda: START, print).recover() == []
    assert bench.unanswered() == []


def test_recovery_that_the_disk_refuses_is_left_for_the_next_start(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.begin()
    bench.writer.turn(START + 2)
    place = place_of(bench.root, WAV)
    place.write_bytes(b"in the way")
    assert Recorder(bench.root, lambda: START, print).recover() == []
    assert "could not be recovered" in caplog.text
    place.unlink()
    (recovered,) = Recorder(bench.root, lambda: START, print).recover()
    assert recovered.duration_ms == 1800
