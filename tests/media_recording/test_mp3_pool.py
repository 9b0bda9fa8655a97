"""MP3s by worker processes: what is in them, what they cost, and what a worker's death costs."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from media.recording.mp3 import (
    Mp3Failed,
    Mp3Pool,
    Mp3PoolClosed,
    Mp3QueueFull,
    Mp3Tags,
    Mp3TimedOut,
    Mp3WorkerDied,
)
from media.recording.mp3_worker import ChannelLevel, matching_gains

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


async def test_twenty_minutes_take_no_more_memory_than_three_seconds(pool: Mp3Pool, wav: Path, tmp_path: Path) -> None:
    await pool.export(wav, tmp_path / "short.mp3")
    short = pool.peak_memory_kib
    long = write_wav(tmp_path / "long.wav", tone(400, 8000), tone(1000, 4000), 1200)
    assert long.stat().st_size > 38_000_000
    await pool.export(long, tmp_path / "long.mp3")
    assert pool.peak_memory_kib - short < 12_000


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
    ("levels", "gains"),
    [
        ([(0.01, 0.2), (0.01, 0.2)], [0.0, 0.0]),
        ([(0.01, 0.2), (0.0025, 0.1)], [0.0, 6.02]),
        ([(0.1, 0.5), (0.00001, 0.01)], [0.0, 12.0]),
        ([(0.01, 0.2), (0.0025, 0.9)], [0.0, 0.0]),
        ([None, (0.01, 0.2)], [0.0, 0.0]),
        ([None, None], [0.0, 0.0]),
    ],
)
def test_gains_are_bounded_never_clip_and_leave_silence_alone(
    levels: list[tuple[float, float] | None], gains: list[float]
) -> None:
    measured = [ChannelLevel() if level is None else ChannelLevel(level[0], 1, level[1]) for level in levels]
    assert matching_gains(measured) == pytest.approx(gains, abs=0.01)
