"""MP3s by worker processes: what is in them, what they cost, and what a worker's death costs."""

import asyncio
import hashlib
import math
import os
import signal
import subprocess
import sys
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import imageio_ffmpeg
import pytest

from media.recording.finished_files import copy_out
from media.recording.mp3 import (
    Mp3Failed,
    Mp3Pool,
    Mp3PoolClosed,
    Mp3QueueFull,
    Mp3Tags,
    Mp3TimedOut,
    Mp3WorkerDied,
    _Worker,
)
from media.recording.mp3_worker import ChannelLevel, matching
from media.recording.sealed_wav import SealedWavWriter
from media.recording.sealing import Seal, SealedKind
from tests.support.both_loops import on_both_loops
from tests.support.processes import is_gone

RATE = 8000
SECOND = range(RATE)


def tone(frequency_hz: int, amplitude: int) -> "array[int]":
    """One second of a sine whose whole periods fit into it."""
    return array("h", [round(amplitude * math.sin(2 * math.pi * frequency_hz * n / RATE)) for n in SECOND])


def write_wav(path: Path, left: "array[int]", right: "array[int]", seconds: int, *, channels: int = 2) -> Path:
    stereo = array("h", bytes(4 * RATE))
    stereo[0::2], stereo[1::2] = left, right
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        for _ in range(seconds):
            writer.writeframes(stereo.tobytes())
    return path


def ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments], capture_output=True, check=False)


def decode(path: Path) -> "tuple[array[int], array[int]]":
    """Both sides at 8 kHz, by ffmpeg."""
    shape = ("-f", "s16le", "-ar", str(RATE), "-ac", "2", "pipe:1")
    decoded = ffmpeg("-loglevel", "error", "-i", str(path), *shape)
    assert decoded.returncode == 0, decoded.stderr
    samples = array("h")
    samples.frombytes(decoded.stdout)
    return samples[0::2], samples[1::2]


def strength(samples: "array[int]", frequency_hz: int) -> float:
    """Amplitude of one frequency in the second second (Goertzel by its definition)."""
    piece = samples[RATE : 2 * RATE]
    turn = 2 * math.pi * frequency_hz / RATE
    real = sum(value * math.cos(turn * n) for n, value in enumerate(piece))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(piece))
    return 2 * math.hypot(real, imaginary) / len(piece)


def mp3s(folder: Path) -> list[str]:
    """The names of the MP3s in a folder, unfinished ones too."""
    return sorted(path.name for path in folder.glob("*.mp3*"))


@pytest.fixture
async def pool() -> AsyncIterator[Mp3Pool]:
    running = Mp3Pool(workers=1)
    yield running
    await running.close()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "x.wav", tone(400, 8000), tone(1000, 4000), 3)


async def test_each_party_is_on_its_side_at_matched_levels(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    mp3 = tmp_path / "deep" / "x.mp3"
    await pool.export(wav, mp3, Mp3Tags(title="call-1", date=1_769_860_800_000))
    left, right = decode(mp3)
    assert len(left) / RATE == pytest.approx(3.0, abs=0.1)
    assert strength(left, 400) == pytest.approx(8000, rel=0.1)
    assert strength(right, 1000) == pytest.approx(8000, rel=0.1)
    assert strength(left, 1000) < 80
    assert strength(right, 400) < 80
    assert [path.name for path in mp3.parent.iterdir()] == ["x.mp3"]
    tags = ffmpeg("-i", str(mp3), "-f", "ffmetadata", "pipe:1").stdout.decode()
    assert "title=call-1" in tags
    assert "date=2026-01-31" in tags
    assert pool.made == 1


async def test_nobody_but_its_owner_and_group_may_read_it(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    mp3 = tmp_path / "a.mp3"
    await pool.export(wav, mp3)
    assert mp3.stat().st_mode & 0o777 == 0o640


async def test_the_memory_of_a_worker_is_its_own(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    big = bytearray(b"x") * 300_000_000  # what a process begins with is told as its parent's
    await pool.export(wav, tmp_path / "x.mp3")
    assert 20_000 < pool.peak_memory_kib < 200_000
    assert len(big) == 300_000_000


@pytest.mark.parametrize("seal", [None, Seal("call-1", bytes(32))])
async def test_twenty_minutes_take_no_more_memory_than_three_seconds(
    pool: Mp3Pool, wav: Path, tmp_path: Path, seal: Seal | None
) -> None:
    short = wav if seal is None else sealed_copy(wav, tmp_path / "short.wav", seal)
    await pool.export(short, tmp_path / "short.mp3", seal=seal)
    short_kib = pool.peak_memory_kib
    long = write_wav(tmp_path / "long.wav", tone(400, 8000), tone(1000, 4000), 1200)
    assert long.stat().st_size > 38_000_000
    if seal is not None:
        long = sealed_copy(long, tmp_path / "sealed.wav", seal)
    await pool.export(long, tmp_path / "long.mp3", seal=seal)
    assert pool.peak_memory_kib - short_kib < 12_000


async def test_a_recording_without_audio_is_a_playable_file(pool: Mp3Pool, tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "x.wav", tone(400, 1), tone(400, 1), 0)
    await pool.export(wav, tmp_path / "x.mp3")
    left, _ = decode(tmp_path / "x.mp3")
    assert len(left) > 0


@pytest.mark.parametrize("content", [None, b"", b"RIFF", b"no sound at all" * 10])
async def test_a_missing_or_broken_recording_is_a_typed_failure_and_the_pool_goes_on(
    pool: Mp3Pool, wav: Path, tmp_path: Path, content: bytes | None
) -> None:
    broken = tmp_path / "broken.wav"
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(Mp3Failed):
        await pool.export(broken, tmp_path / "broken.mp3")
    await pool.export(wav, tmp_path / "x.mp3")
    assert mp3s(tmp_path) == ["x.mp3"]
    assert (pool.made, pool.failed) == (1, 1)


async def test_what_ffmpeg_refuses_is_a_typed_failure(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    too_long = tmp_path / ("n" * 251 + ".mp3")
    with pytest.raises(Mp3Failed, match="ffmpeg ended with status"):
        await pool.export(wav, too_long)


async def worker_of(pool: Mp3Pool) -> int:
    """The process id of the one busy worker, once there is one."""
    for _ in range(100_000):
        if pool._busy:
            break
        await asyncio.sleep(0)
    (worker,) = pool._busy
    return worker._process.pid


async def test_a_killed_worker_costs_one_attempt(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    job = asyncio.create_task(pool.export(wav, tmp_path / "x.mp3"))
    os.kill(await worker_of(pool), signal.SIGKILL)
    await job
    assert len(decode(tmp_path / "x.mp3")[0]) > 0


@on_both_loops
async def test_workers_killed_while_they_wait_cost_no_attempt(wav: Path, tmp_path: Path) -> None:
    pool = Mp3Pool(workers=2, attempts=1)
    await asyncio.gather(*(pool.export(wav, tmp_path / f"{number}.mp3") for number in range(2)))
    for worker in pool._idle:
        os.kill(worker._process.pid, signal.SIGKILL)
        await worker._process.wait()
    await pool.export(wav, tmp_path / "x.mp3")
    assert (pool.made, pool.failed, pool.died) == (3, 0, 2)
    await pool.close()


@on_both_loops
async def test_a_worker_whose_pipe_is_closed_costs_one_attempt(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Mp3Pool(workers=1)
    await pool.export(wav, tmp_path / "x.mp3")
    monkeypatch.setattr(_Worker, "alive", property(lambda _: True), raising=False)  # it is not known yet
    os.kill(pool._idle[0]._process.pid, signal.SIGKILL)
    await pool._idle[0]._process.wait()
    await pool.export(wav, tmp_path / "y.mp3")
    assert (pool.made, pool.failed, pool.died) == (2, 0, 1)
    await pool.close()


async def test_a_job_whose_workers_all_die_fails_alone(wav: Path, tmp_path: Path) -> None:
    pool = Mp3Pool(workers=1, attempts=1)
    job = asyncio.create_task(pool.export(wav, tmp_path / "x.mp3"))
    os.kill(await worker_of(pool), signal.SIGKILL)
    with pytest.raises(Mp3WorkerDied):
        await job
    await pool.export(wav, tmp_path / "y.mp3")
    await pool.close()
    assert mp3s(tmp_path) == ["y.mp3"]


async def test_a_job_that_takes_too_long_is_ended(wav: Path, tmp_path: Path) -> None:
    pool = Mp3Pool(workers=1, timeout_s=0.001)
    with pytest.raises(Mp3TimedOut):
        await pool.export(wav, tmp_path / "x.mp3")
    await pool.close()
    assert mp3s(tmp_path) == []


async def test_the_queue_is_bounded(wav: Path, tmp_path: Path) -> None:
    pool = Mp3Pool(workers=1, waiting_jobs=1)
    jobs = [asyncio.create_task(pool.export(wav, tmp_path / f"{n}.mp3")) for n in range(2)]
    await worker_of(pool)
    assert pool.queue_length == 1
    with pytest.raises(Mp3QueueFull):
        await pool.export(wav, tmp_path / "refused.mp3")
    await asyncio.gather(*jobs)
    assert mp3s(tmp_path) == ["0.mp3", "1.mp3"]
    await pool.close()


async def test_closing_fails_what_runs_and_what_waits(wav: Path, tmp_path: Path) -> None:
    pool = Mp3Pool(workers=1)
    jobs = [asyncio.create_task(pool.export(wav, tmp_path / f"{n}.mp3")) for n in range(2)]
    await worker_of(pool)
    await pool.close()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [Mp3PoolClosed, Mp3PoolClosed]
    with pytest.raises(Mp3PoolClosed):
        await pool.export(wav, tmp_path / "x.mp3")


def test_a_worker_whose_server_was_killed_ends_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "media.recording.mp3_worker"],
        input=b"{}\n",
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


_SERVER: Final = """
import asyncio, sys
from pathlib import Path
from media.recording.mp3 import Mp3Pool

asyncio.run(Mp3Pool(workers=1).export(Path(sys.argv[1]), Path(sys.argv[2])))
"""


async def test_the_job_of_a_server_that_was_killed_is_given_up(
    pool: Mp3Pool, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next server makes it anew, and what has been erased meanwhile must not come back."""
    encoder, told = tmp_path / "ffmpeg", tmp_path / "pids"
    os.mkfifo(told)
    encoder.write_text(f"#!/bin/sh\nfor part; do :; done\n: > $part\necho $PPID $$ > {told}\nexec sleep 600\n")
    encoder.chmod(0o755)
    mp3 = tmp_path / "x.mp3"
    with monkeypatch.context() as hanging:
        hanging.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _SERVER, str(wav), str(mp3), cwd=Path(__file__).parents[2]
        )
    worker, hung = map(int, (await asyncio.to_thread(told.read_text)).split())
    assert mp3s(tmp_path) == ["x.mp3.1.part"]
    server.kill()
    await server.wait()
    try:
        assert await asyncio.to_thread(is_gone, worker)
        assert await asyncio.to_thread(is_gone, hung)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)
    assert mp3s(tmp_path) == []
    await pool.export(wav, mp3)
    assert mp3s(tmp_path) == ["x.mp3"]


async def test_what_an_interrupted_making_left_goes_with_the_next(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    for name in ("x.mp3.1.part", "x.mp3.57.part", "xx.mp3.57.part", "x.mp3.part.mp3"):
        (tmp_path / name).write_bytes(b"left")
    await pool.export(wav, tmp_path / "x.mp3")
    assert mp3s(tmp_path) == ["x.mp3", "x.mp3.part.mp3", "xx.mp3.57.part"]


def test_workers_run_at_the_lowest_priority() -> None:
    source = "import os; from media.recording.mp3_worker import main; main(); print(os.nice(0))"
    ended = subprocess.run(
        [sys.executable, "-c", source],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.stdout == b"19\n"


@pytest.mark.parametrize(
    ("levels", "gains", "limited"),
    [
        ([(0.01, 0.2), (0.01, 0.2)], [0.0, 0.0], False),
        ([(0.01, 0.2), (0.0025, 0.1)], [0.0, 6.02], False),
        ([(0.1, 0.5), (0.00001, 0.01)], [0.0, 18.0], False),
        ([(0.01, 0.2), (0.0025, 0.9)], [0.0, 6.02], True),
        ([(0.01, 1.0), (0.01, 1.0)], [0.0, 0.0], False),
        ([None, (0.01, 0.2)], [0.0, 0.0], False),
        ([None, None], [0.0, 0.0], False),
    ],
)
def test_gains_are_bounded_and_leave_silence_alone(
    levels: list[tuple[float, float] | None], gains: list[float], limited: bool
) -> None:
    measured = [ChannelLevel() if level is None else ChannelLevel(level[0], 1, level[1]) for level in levels]
    found = matching(measured)
    assert found.gains == pytest.approx(gains, abs=0.01)
    assert found.limited is limited


def with_a_peak(samples: "array[int]", peak: int) -> "array[int]":
    """A second of speech at whose beginning somebody knocks at the microphone."""
    knock = array("h", [peak if n % 16 < 8 else -peak for n in range(48)])
    return knock + samples[48:]


@pytest.mark.parametrize("seal", [None, Seal("call-1", bytes(32))])
async def test_a_quiet_party_with_loud_peaks_is_raised_and_does_not_clip(
    pool: Mp3Pool, tmp_path: Path, seal: Seal | None
) -> None:
    quiet = with_a_peak(tone(1000, 1500), 25_000)
    wav = write_wav(tmp_path / "x.wav", tone(400, 9000), quiet, 3)
    if seal is not None:
        wav = sealed_copy(wav, tmp_path / "sealed.wav", seal)
    await pool.export(wav, tmp_path / "x.mp3", seal=seal)
    left, right = decode(unsealed(tmp_path / "x.mp3", seal))
    # The knocks count as speech too: it comes near the other. Without a limiter there would be room for 1.3 dB.
    assert strength(right, 1000) > 1500 * 2.5
    assert max(map(abs, right)) < 32_000
    assert strength(left, 400) == pytest.approx(9000, rel=0.05), "the other is not touched by it"


async def test_the_tags_say_which_call_when_and_how_long(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    tags = Mp3Tags("Call call-1", 1_769_860_800_000, "call-1")
    await pool.export(wav, tmp_path / "x.mp3", tags)
    seal = Seal("call-1", bytes(32))
    await pool.export(sealed_copy(wav, tmp_path / "sealed.wav", seal), tmp_path / "y.mp3", tags, seal)
    for mp3 in (tmp_path / "x.mp3", unsealed(tmp_path / "y.mp3", seal)):
        said = ffmpeg("-i", str(mp3), "-f", "ffmetadata", "pipe:1").stdout.decode()
        for line in ("title=Call call-1", "date=2026-01-31", "call_sid=call-1", "TLEN=3000"):
            assert line in said, said
        assert b"TLEN\x00" in mp3.read_bytes()[:512], "the frame of ID3v2.3 section 4.2.1"


async def test_what_is_made_is_told_in_plain(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    seal = Seal("call-1", bytes(32))
    plain_made = await pool.export(wav, tmp_path / "x.mp3")
    sealed_made = await pool.export(sealed_copy(wav, tmp_path / "s.wav", seal), tmp_path / "y.mp3", Mp3Tags(), seal)
    assert (plain_made.wav_bytes, plain_made.wav_sha256) == figures_of(wav)
    assert (sealed_made.wav_bytes, sealed_made.wav_sha256) == figures_of(wav)
    assert (plain_made.mp3_bytes, plain_made.mp3_sha256) == figures_of(tmp_path / "x.mp3")
    assert (sealed_made.mp3_bytes, sealed_made.mp3_sha256) == figures_of(unsealed(tmp_path / "y.mp3", seal))
    assert pool.figures()["mp3_made_total"] == 2
    assert pool.figures()["mp3_audio_seconds_total"] == 6.0
    assert pool.figures()["mp3_cpu_seconds_total"] > 0
    assert pool.figures()["mp3_busy_seconds_total"] > 0


def figures_of(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def sealed_copy(wav: Path, place: Path, seal: Seal) -> Path:
    writer = SealedWavWriter(place, seal)
    with wav.open("rb") as file:
        file.seek(44)
        while second := file.read(4 * RATE):
            writer.append(second)
    writer.truncate(writer.pcm_bytes)
    writer.close()
    return place


def unsealed(mp3: Path, seal: Seal | None) -> Path:
    """The MP3 in plain, where it is sealed."""
    if seal is None:
        return mp3
    out = mp3.with_suffix(".plain.mp3")
    with out.open("wb") as file:
        copy_out(mp3, SealedKind.MP3, seal, file.write)
    return out


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_encoder_that_hangs_is_ended_with_its_worker(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    encoder = tmp_path / "ffmpeg"
    encoder.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    encoder.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
    seal = Seal("call-1", bytes(32)) if sealed else None
    source = wav if seal is None else sealed_copy(wav, tmp_path / "sealed.wav", seal)
    pool = Mp3Pool(workers=1, timeout_s=4)
    with pytest.raises(Mp3TimedOut):
        await pool.export(source, tmp_path / "x.mp3", seal=seal)
    assert pool.figures()["mp3_timed_out_total"] == pool.figures()["mp3_failed_total"] == 1
    hung = int((tmp_path / "pid").read_text())
    assert await asyncio.to_thread(is_gone, hung)
    await pool.close()
    assert mp3s(tmp_path) == []


async def test_an_encoder_that_breaks_in_the_middle_is_a_typed_failure(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = tmp_path / "ffmpeg"
    encoder.write_text("#!/bin/sh\nhead -c 1000 | head -c 10\necho out of luck >&2\nexit 3\n")
    encoder.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
    seal = Seal("call-1", bytes(32))
    pool = Mp3Pool(workers=1)
    with pytest.raises(Mp3Failed, match="status 3: out of luck"):
        await pool.export(sealed_copy(wav, tmp_path / "s.wav", seal), tmp_path / "x.mp3", seal=seal)
    await pool.close()
    assert mp3s(tmp_path) == []
