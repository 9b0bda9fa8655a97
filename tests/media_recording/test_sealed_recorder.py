"""The recorder with keys: sealed while it writes, finished after a crash, made into a sealed MP3, never plain."""

import errno
import hashlib
import io
import json
import logging
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from media.codecs.g711 import ULAW_TO_LINEAR
from media.events import MediaEvent, RecordingFinished
from media.recording.journal import Journal, key_of, part_of, place_of, read_entry
from media.recording.master_keys import MasterKeys
from media.recording.mp3 import Mp3Failed, Mp3Pool, Mp3Tags
from media.recording.mp3_sealing import FileDigest, WavSource, seal_stream
from media.recording.mp3_worker import Exporter
from media.recording.recorder import Recorder
from media.recording.sealed_file import SealedReader, SealedWriter
from media.recording.sealed_wav import SealedWavWriter, sealed_wav
from media.recording.sealing import Seal, SealedKind
from media.recording.wav import WavWriter
from media.recording.writer import RecordingCloser, RecordingWriter

START = 100.0
WAV = "2026/01/31/call-1.wav"
KEYS = MasterKeys("m" * 64)
MARK = 0x12  # a mu-law code, and the sample it stands for
SAMPLE = ULAW_TO_LINEAR[MARK].to_bytes(2, "little", signed=True)


class Bench:
    """A writer and a closer without threads, under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[MediaEvent] = []
        self.journal = Journal(root)
        self.journal.open()
        self.closer = RecordingCloser(self.journal, self.events.append)
        self.writer = RecordingWriter(root, self.journal, self.events.append, self.closer.close, KEYS)
        self.recorder = Recorder(root, lambda: START, self.events.append, keys=KEYS, sealed=True)

    @property
    def place(self) -> Path:
        return place_of(self.root, WAV)

    def talk(self, seconds: int) -> None:
        """A call of so many seconds, A saying one sample, written and not finished."""
        tap = self.recorder._new_tap(512)
        self.writer.begin("call-1", WAV, START, tap)
        for frame in range(seconds * 50):
            at = START + frame * 0.02
            tap.put(0, at, frame * 160, 1, 0, bytes([MARK]) * 160)
            if frame % 25 == 24:
                self.writer.turn(at + 0.2)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pcm_of(place: Path, sealed_key: str | None) -> bytes:
    assert sealed_key is not None
    with place.open("rb") as file, wave.open(sealed_wav(file.fileno(), KEYS.seal_of("call-1", sealed_key))) as reader:
        return bytes(reader.readframes(10_000_000))


def plain_on_disk(root: Path) -> list[Path]:
    """Files that hold what A said, on the left with silence on the right, or the name of a format. Three
    letters are looked for in their place alone: somewhere in what is sealed they come about by chance."""
    said = (SAMPLE + b"\0\0") * 8
    found = []
    for place in root.rglob("*"):
        content = place.read_bytes() if place.is_file() else b""
        if said in content or b"RIFF" in content or b"LAME" in content or content.startswith(b"ID3"):
            found.append(place)
    return found


def test_a_recording_is_sealed_from_its_first_second(bench: Bench) -> None:
    bench.talk(4)
    assert part_of(bench.place).stat().st_size > 60_000
    assert plain_on_disk(bench.root) == []
    bench.writer.finish("call-1", START + 4)
    (event,) = bench.events
    assert isinstance(event, RecordingFinished)
    assert event.duration_ms == 4000
    assert plain_on_disk(bench.root) == []
    pcm = pcm_of(bench.place, event.sealed_key)
    assert len(pcm) == 4 * 32_000
    assert pcm.count(SAMPLE) > 31_000


def test_the_check_for_plaintext_sees_some(tmp_path: Path) -> None:
    wav = WavWriter(tmp_path / "x")
    wav.append((SAMPLE + b"\0\0") * 100)
    wav.close()
    assert plain_on_disk(tmp_path) == [tmp_path / "x"]


def test_the_key_is_in_the_journal_until_the_database_has_it(bench: Bench) -> None:
    bench.talk(2)
    (entry,) = bench.journal.entries()
    bench.writer.finish("call-1", START + 2)
    (finished,) = bench.events
    assert isinstance(finished, RecordingFinished)
    assert entry.sealed_key == finished.sealed_key
    assert KEYS.seal_of("call-1", entry.sealed_key or "").key.hex() not in json.dumps(entry.as_json())
    bench.closer.acknowledge("call-1")
    assert list(bench.journal.entries()) == []


def test_what_a_crash_left_is_finished(bench: Bench) -> None:
    bench.talk(4)
    part = part_of(bench.place)
    whole = part.read_bytes()
    part.write_bytes(whole[:-100])  # it died in the middle of a write
    (found,) = bench.recorder.recover()
    assert (found.call_id, found.path, found.gap_frames) == ("call-1", WAV, 0)
    assert 1000 <= found.duration_ms < 4000
    assert found.duration_ms == len(pcm_of(bench.place, found.sealed_key)) / 32
    assert not part.exists()
    assert bench.recorder.recover() == [found], "until it is acknowledged"


def test_without_its_master_key_it_is_left_as_it_is(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.talk(4)
    part = part_of(bench.place)
    content = part.read_bytes()
    with caplog.at_level(logging.WARNING):
        assert Recorder(bench.root, lambda: START, print).recover() == []
        assert Recorder(bench.root, lambda: START, print, keys=MasterKeys("x" * 64)).recover() == []
    assert part.read_bytes() == content
    assert "no master key is given" in caplog.text
    assert f"master key {KEYS.newest_id}, which is not among those given" in caplog.text
    assert WAV in caplog.text
    assert len(bench.recorder.recover()) == 1


def test_a_key_that_was_changed_in_the_journal_finishes_nothing(bench: Bench) -> None:
    bench.talk(4)
    (entry,) = bench.journal.entries()
    bench.journal.write(replace(entry, sealed_key=KEYS.new_seal("call-2")[1]))
    assert bench.recorder.recover() == []
    assert part_of(bench.place).exists()


def test_the_key_of_a_recording_that_is_nobodys_comes_to_lie_beside_it(bench: Bench) -> None:
    bench.talk(2)
    bench.writer.finish("call-1", START + 2)
    (event,) = bench.events
    assert isinstance(event, RecordingFinished)
    bench.recorder.leave("call-1")
    assert list(bench.journal.entries()) == []
    entry = read_entry(key_of(bench.place))
    assert entry is not None
    assert (entry.call_id, entry.sealed_key) == ("call-1", event.sealed_key)


def test_a_plain_recording_that_is_nobodys_has_no_key(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open()
    recorder = Recorder(tmp_path, lambda: START, print)
    writer = RecordingWriter(tmp_path, journal, print, RecordingCloser(journal, print).close)
    writer.begin("call-1", WAV, START, recorder._new_tap(9))
    writer.finish("call-1", START + 2)
    recorder.leave("call-1")
    assert [place.name for place in (tmp_path / WAV).parent.iterdir()] == ["call-1.wav"]


@pytest.fixture
async def pool() -> AsyncIterator[Mp3Pool]:
    made = Mp3Pool(workers=1)
    yield made
    await made.close()


def a_wav(path: Path, make: Callable[[Path], WavWriter | SealedWavWriter]) -> Path:
    """Three seconds of a rough tone on the left."""
    wav = make(path)
    for _ in range(3):
        wav.append(b"".join((SAMPLE if at % 20 < 10 else b"\0\0") + b"\0\0" for at in range(8000)))
    wav.truncate(96_000)
    wav.close()
    return path


def seal_and_key() -> Seal:
    return KEYS.new_seal("call-1")[0]


def names_in(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def mp3_of(path: Path, seal: Seal) -> bytes:
    with path.open("rb") as file:
        reader = SealedReader(file.fileno(), SealedKind.MP3, seal)
        reader.check()
        return reader.read_at(0, reader.length)


async def test_a_sealed_mp3_is_the_plain_one_sealed(pool: Mp3Pool, tmp_path: Path) -> None:
    seal = seal_and_key()
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.mkdir()
    sealed.mkdir()
    wav = a_wav(sealed / "x.wav", lambda path: SealedWavWriter(path, seal))
    await pool.export(wav, sealed / "x.mp3", Mp3Tags("call-1"), seal)
    await pool.export(a_wav(plain / "x.wav", WavWriter), plain / "x.mp3", Mp3Tags("call-1"))
    sealed_mp3, plain_mp3 = mp3_of(sealed / "x.mp3", seal), (plain / "x.mp3").read_bytes()
    frames = plain_mp3.index(b"Info") - 21  # its first frame says how many follow, which a pipe cannot be told
    following = plain_mp3.index(b"\xff\xf3", frames + 4)
    assert sealed_mp3 == plain_mp3[:frames] + plain_mp3[following:]
    assert plain_on_disk(sealed) == []
    assert names_in(sealed) == ["x.mp3", "x.wav"]
    assert (sealed / "x.mp3").stat().st_mode & 0o777 == 0o640


async def test_a_changed_wav_becomes_no_mp3(pool: Mp3Pool, tmp_path: Path) -> None:
    seal = seal_and_key()
    wav = a_wav(tmp_path / "x.wav", lambda path: SealedWavWriter(path, seal))
    content = bytearray(wav.read_bytes())
    content[5000] ^= 1
    wav.write_bytes(content)
    with pytest.raises(Mp3Failed, match="SealDamaged: the chunk at byte 0"):
        await pool.export(wav, tmp_path / "x.mp3", seal=seal)
    with pytest.raises(Mp3Failed, match="OtherRecording"):
        await pool.export(wav, tmp_path / "x.mp3", seal=replace(seal, recording_id="call-2"))
    assert names_in(tmp_path) == ["x.wav"]


def test_an_encoder_that_dies_leaves_nothing_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ffmpeg wrote goes through a pipe; its first bytes are never in a file of ours."""
    seal = seal_and_key()
    wav = a_wav(tmp_path / "x.wav", lambda path: SealedWavWriter(path, seal))
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nprintf ID3\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(OSError, match="status 3"):
        Exporter(str(broken)).export(WavSource(wav, seal), tmp_path / "x.part", tmp_path / "x.mp3", {})
    assert not any(place.read_bytes().startswith(b"ID3") for place in tmp_path.iterdir() if place != broken)
    assert not (tmp_path / "x.mp3").exists()


def test_what_comes_out_of_a_pipe_is_sealed_as_it_comes(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    part.write_bytes(b"of an attempt that died")
    seal = seal_and_key()
    audio = bytes(range(256)) * 1000
    assert seal_stream(io.BytesIO(audio), part, seal) == FileDigest(len(audio), hashlib.sha256(audio).hexdigest())
    assert mp3_of(part, seal) == audio


@pytest.mark.parametrize("refused", ["__init__", "write"])
def test_a_disk_that_refuses_an_mp3_stops_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    seal = seal_and_key()
    wav = a_wav(tmp_path / "x.wav", lambda path: SealedWavWriter(path, seal))
    monkeypatch.setattr(SealedWriter, refused, refuse)
    endless = tmp_path / "ffmpeg"
    endless.write_text("#!/bin/sh\nexec yes\n")
    endless.chmod(0o755)
    with pytest.raises(OSError, match="No space left"):
        Exporter(str(endless)).export(WavSource(wav, seal), tmp_path / "x.part", tmp_path / "x.mp3", {})
