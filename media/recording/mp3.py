"""MP3s of finished recordings, made by a bounded pool of low-priority processes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from media.recording.sealing import Seal

WAITING_JOBS: Final = 1000
TIMEOUT_S: Final = 900.0
ATTEMPTS: Final = 2
JOBS_FOR_EACH_WORKER: Final = 100  # then a fresh process takes its place
EXIT_TIMEOUT_S: Final = 5.0

_PACKAGES: Final = Path(__file__).resolve().parents[2]


class Mp3Error(Exception):
    """An MP3 was not made; nothing is left under its name that was not there before."""


class Mp3QueueFull(Mp3Error):
    """Too many jobs wait already; try again later."""


class Mp3Failed(Mp3Error):
    """The recording is missing or broken, the disk refused, or the encoder did; the text says which."""


class Mp3TimedOut(Mp3Error):
    """The job took too long and was ended."""


class Mp3WorkerDied(Mp3Error):
    """The process making it was killed, at every attempt."""


class Mp3PoolClosed(Mp3Error):
    """The pool is closed."""


@dataclass(frozen=True, slots=True)
class Mp3Tags:
    """What goes into the ID3 tags beside the duration; `date` in Unix milliseconds, written as the day in UTC."""

    title: str = ""
    date: int | None = None
    call: str = ""


@dataclass(frozen=True, slots=True)
class Mp3Made:
    """What a made MP3 and its WAV are in plain, sealed or not; SHA-256 in hexadecimal, as are `peaks`: those of the
    recording as `media.recording.peaks` has them, sealed where it is."""

    wav_bytes: int
    wav_sha256: str
    mp3_bytes: int
    mp3_sha256: str
    peaks: str = ""


@dataclass(frozen=True, slots=True)
class Mp3Job:
    """What is to be made of what."""

    wav: Path
    mp3: Path
    tags: Mp3Tags
    seal: Seal | None = None

    def line(self, part: Path) -> bytes:
        """As a worker reads it, with the name to write under until it is whole."""
        date_ms = self.tags.date
        fields = {
            "wav": str(self.wav),
            "part": str(part),
            "mp3": str(self.mp3),
            "title": self.tags.title,
            "call": self.tags.call,
            "date": "" if date_ms is None else datetime.fromtimestamp(date_ms / 1000, UTC).date().isoformat(),
        }
        if self.seal is not None:  # over the pipe alone: neither arguments nor environment are private
            fields |= {"recording_id": self.seal.recording_id, "key": self.seal.key.hex()}
        return json.dumps(fields).encode() + b"\n"


class _Worker:
    """One worker process and its pipes."""

    __slots__ = ("_process", "jobs")

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.jobs = 0

    @classmethod
    async def start(cls) -> "_Worker":
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        # pydub's own source makes the compiler of newer Pythons complain once.
        arguments = ("-W", "ignore::SyntaxWarning", "-m", "media.recording.mp3_worker")
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,  # a terminal's Ctrl-C is for the server, which ends its workers itself
            )
        )

    @property
    def alive(self) -> bool:
        """Whether its process runs still, as far as is known."""
        return self._process.returncode is None

    async def do(self, line: bytes) -> dict[str, object]:
        """Its reply; Mp3WorkerDied when it ends before one."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self.jobs += 1
        try:
            process.stdin.write(line)
            await process.stdin.drain()
            reply = await process.stdout.readline()
        except (ConnectionError, ValueError, RuntimeError) as error:
            # RuntimeError is uvloop's word for a pipe that it has closed already.
            raise Mp3WorkerDied(f"the worker cannot be spoken to: {error}") from error
        if not reply.endswith(b"\n"):
            raise Mp3WorkerDied("the worker ended during the job")
        answer: dict[str, object] = json.loads(reply)
        return answer

    def kill(self) -> None:
        """End it now, whatever it does, and its encoder, which is of its session."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Let it end, or end it, and collect it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


class Mp3Pool:
    """At most `workers` MP3s are being made and `waiting_jobs` wait; what comes then is refused.

    A worker that dies fails its own job alone, which is tried again by a new one, `attempts` times in all.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        waiting_jobs: int = WAITING_JOBS,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
    ) -> None:
        """`workers` None: half of the processors, at least one. `timeout_s` is for one attempt."""
        self._limit = workers or max(1, (os.cpu_count() or 1) // 2)
        self._slots = asyncio.Semaphore(self._limit)
        self._waiting_limit = waiting_jobs
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._unfinished = 0
        self._numbered = 0
        self._closed = False
        self.made = 0
        self.failed = 0
        self.timed_out = 0
        self.died = 0
        self.audio_s = 0.0  # of the MP3s made, and what they took
        self.cpu_s = 0.0
        self.busy_s = 0.0
        self.peak_memory_kib = 0  # the largest any worker has been, its encoder included

    @property
    def queue_length(self) -> int:
        """Jobs that wait for a worker."""
        return max(0, self._unfinished - self._limit)

    def figures(self) -> Mapping[str, float]:
        """How it works now and what it has done since the start, as /metrics names it. How much audio it makes in a
        second of a worker's time is the one total over the other."""
        return {
            "mp3_queue_length": self.queue_length,
            "mp3_workers": self._limit,
            "mp3_workers_busy": len(self._busy),
            "mp3_made_total": self.made,
            "mp3_failed_total": self.failed,
            "mp3_timed_out_total": self.timed_out,
            "mp3_workers_died_total": self.died,
            "mp3_audio_seconds_total": self.audio_s,
            "mp3_cpu_seconds_total": self.cpu_s,
            "mp3_busy_seconds_total": self.busy_s,
            "mp3_peak_memory_bytes": self.peak_memory_kib * 1024,
        }

    async def export(self, wav: Path, mp3: Path, tags: Mp3Tags = Mp3Tags(), seal: Seal | None = None) -> Mp3Made:
        """Make `mp3` of a dual channel `wav`, levels matched, A left and B right. Raises an Mp3Error.

        With a `seal` both are sealed files, and what is between them is in memory alone.
        """
        if self._closed:
            raise Mp3PoolClosed("the pool is closed")
        if self._unfinished >= self._limit + self._waiting_limit:
            raise Mp3QueueFull(f"{self._waiting_limit} jobs wait already")
        self._unfinished += 1
        try:
            async with self._slots:
                made = await self._make(Mp3Job(wav, mp3, tags, seal))
        except Mp3Error:
            self.failed += 1
            raise
        finally:
            self._unfinished -= 1
        self.made += 1
        return made

    async def close(self) -> None:
        """End all workers; jobs under way and waiting fail with Mp3PoolClosed."""
        self._closed = True
        for worker in self._busy:
            worker.kill()
        while self._idle:
            await self._idle.pop().end()

    async def _make(self, job: Mp3Job) -> Mp3Made:
        for attempt in range(1, self._attempts + 1):
            if self._closed:
                raise Mp3PoolClosed("the pool is closed")
            try:
                return await self._attempt(job)
            except Mp3WorkerDied:
                self.died += 1
                if attempt == self._attempts and not self._closed:
                    raise
        raise Mp3PoolClosed("the pool is closed")

    async def _attempt(self, job: Mp3Job) -> Mp3Made:
        self._numbered += 1
        part = job.mp3.with_name(f"{job.mp3.name}.{self._numbered}.part")
        worker = await self._idle_or_new()
        self._busy.add(worker)
        reusable = False
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await worker.do(job.line(part))
            reusable = worker.jobs < JOBS_FOR_EACH_WORKER and not self._closed
        except TimeoutError:
            self.timed_out += 1
            raise Mp3TimedOut(f"not made within {self._timeout_s:g} s") from None
        finally:
            self.busy_s += loop.time() - began_at
            self._busy.discard(worker)
            if reusable:
                self._idle.append(worker)
            else:
                worker.kill()
                await asyncio.shield(worker.end())
                _remove(part)
        match reply:
            case {"made": dict(made), "audio_ms": int(audio_ms), "cpu_ms": int(cpu_ms), "peak_memory_kib": int(peak)}:
                self.peak_memory_kib = max(self.peak_memory_kib, peak)
                self.audio_s += audio_ms / 1000
                self.cpu_s += cpu_ms / 1000
                return Mp3Made(**made)
            case _:
                _remove(part)
                raise Mp3Failed(str(reply.get("error")))

    async def _idle_or_new(self) -> _Worker:
        """A worker that lives; those that were killed while they waited cost no job an attempt."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self.died += 1
            await worker.end()
        return await self._start()

    async def _start(self) -> _Worker:
        try:
            return await _Worker.start()
        except OSError as error:
            raise Mp3Failed(f"no worker process: {error}") from error


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()
