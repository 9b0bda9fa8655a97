"""The process that makes MP3s: `python -m media.recording.mp3_worker`, jobs on stdin, replies on stdout, a line each.

A job is a JSON object with `wav`, `part`, `mp3` (paths), `title`, `call` and `date`, and for sealed files
`recording_id` and `key` (hexadecimal); a reply has `made` (sizes, digests and peaks), `audio_ms`, `cpu_ms` and
`peak_memory_kib`, or `error`.

The file goes through pydub in pieces of half a minute, twice: once to measure, once to encode. The quieter party is
raised to the louder one. Where a peak would clip by that, pydub works in 32 bits below full scale, and ffmpeg raises
the whole and limits each channel by itself.
"""

import json
import math
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
import wave
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg

from media.recording.erasure import interrupted
from media.recording.mp3_sealing import FileDigest, WavSource, seal_stream, sync_plain
from media.recording.peaks import PeakMeter, sealed
from media.recording.sealing import Seal, SealError
from media.recording.wav import sync_folder

NICENESS: Final = 19
UMASK: Final = 0o027  # ffmpeg makes its file readable for all but for this
PIECE_S: Final = 30
BLOCK_MS: Final = 500
SPEECH_DBFS: Final = -45.0  # blocks below it are silence and say nothing about a party's level
LARGEST_GAIN_DB: Final = 18.0
HEADROOM_DB: Final = 1.0
CEILING: Final = 10 ** (-HEADROOM_DB / 20)
SHORTEST_MS: Final = 100  # a recording without audio still becomes a playable file
LONGEST_ERROR: Final = 300

_ENCODING: Final = ("-codec:a", "libmp3lame", "-b:a", "48k", "-joint_stereo", "0", "-ar", "16000", "-threads", "1")


def import_audio_segment(ffmpeg: str) -> Any:
    """pydub's AudioSegment, told where ffmpeg is: it looks in PATH at import, and warns when there is none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Couldn't find ffmpeg or avconv", category=RuntimeWarning)
        from pydub import AudioSegment
    AudioSegment.converter = ffmpeg
    return AudioSegment


@dataclass(slots=True)
class ChannelLevel:
    """One party's level over a whole file, of the parts where the party speaks."""

    energy: float = 0.0
    blocks: int = 0
    peak: float = 0.0

    def measure(self, mono: Any) -> None:
        """Add a piece of one channel."""
        self.peak = max(self.peak, mono.max / mono.max_possible_amplitude)
        for start_ms in range(0, len(mono), BLOCK_MS):
            block = mono[start_ms : start_ms + BLOCK_MS]
            if block.dBFS > SPEECH_DBFS:
                self.energy += (block.rms / block.max_possible_amplitude) ** 2
                self.blocks += 1

    @property
    def dbfs(self) -> float | None:
        """Mean level of the speech; None where there is none."""
        return 10 * math.log10(self.energy / self.blocks) if self.blocks else None

    @property
    def headroom_db(self) -> float:
        """By how much it may be raised as it is."""
        return max(0.0, -20 * math.log10(self.peak) - HEADROOM_DB) if self.peak else math.inf


@dataclass(frozen=True, slots=True)
class Matching:
    """Decibels by which each channel is raised, and whether a peak must be limited for that."""

    gains: tuple[float, ...]
    limited: bool

    @property
    def sample_bytes(self) -> int:
        """In which width the samples come out of pydub."""
        return 4 if self.limited else 2

    @property
    def input_gains(self) -> tuple[float, ...]:
        """What pydub does: all of it, or, where peaks are limited, what lies below the largest gain."""
        return tuple(gain - max(self.gains) for gain in self.gains) if self.limited else self.gains

    @property
    def filters(self) -> tuple[str, ...]:
        """What is left to ffmpeg."""
        if not self.limited:
            return ()
        raised = f"volume={max(self.gains):.3f}dB:precision=float,alimiter=limit={CEILING:.4f}:level=0:latency=1"
        graph = f"channelsplit=channel_layout=stereo[a][b];[a]{raised}[l];[b]{raised}[r];[l][r]amerge=inputs=2"
        return "-filter_complex", graph


def matching(levels: Sequence[ChannelLevel]) -> Matching:
    """What brings the speech of each channel up to the loudest; silence stays as it is."""
    loudest = max((level.dbfs for level in levels if level.dbfs is not None), default=0.0)
    gains = tuple(0.0 if level.dbfs is None else min(loudest - level.dbfs, LARGEST_GAIN_DB) for level in levels)
    limited = any(gain > level.headroom_db for gain, level in zip(gains, levels, strict=True) if gain)
    return Matching(gains, limited)


@dataclass(frozen=True, slots=True)
class Made:
    """What has been made of what, in plain, how long it lasts, and its peaks as they are kept."""

    wav: FileDigest
    mp3: FileDigest
    duration_ms: int
    peaks: bytes

    def as_fields(self) -> dict[str, object]:
        """As the reply has it."""
        sizes = {"wav_bytes": self.wav.length, "mp3_bytes": self.mp3.length}
        return sizes | {"wav_sha256": self.wav.sha256, "mp3_sha256": self.mp3.sha256, "peaks": self.peaks.hex()}


@dataclass(slots=True)
class Exporter:
    """Makes one MP3 after the other with one pydub and one ffmpeg. `part` is what was written last."""

    ffmpeg: str = field(default_factory=imageio_ffmpeg.get_ffmpeg_exe)
    audio_segment: Any = None
    part: Path | None = None

    def __post_init__(self) -> None:
        self.audio_segment = import_audio_segment(self.ffmpeg)

    def export(self, wav: WavSource, part: Path, mp3: Path, tags: Mapping[str, str]) -> Made:
        """Write `part` from `wav` and give it the name `mp3`. OSError, EOFError, SealError or wave.Error where it
        cannot."""
        with wav.open() as reader:
            rate = reader.getframerate()
            duration_ms = reader.getnframes() * 1000 // rate
        levels, meter = [ChannelLevel(), ChannelLevel()], PeakMeter(duration_ms)
        for piece in self._pieces(wav):
            _measure(piece, meter, levels)
        mp3.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        for left in interrupted(mp3):  # by a server and a worker that were killed
            left.unlink(missing_ok=True)
        self.part = part
        written = self._encode(wav, rate, matching(levels), part, {**tags, "TLEN": str(duration_ms)})
        peaks = meter.peaks.pack() if wav.seal is None else sealed(meter.peaks, wav.seal, os.urandom)
        made = Made(wav.digest(), written, duration_ms, peaks)
        part.replace(mp3)
        sync_folder(mp3.parent)
        return made

    def _pieces(self, wav: WavSource) -> Iterator[Any]:
        with wav.open() as reader:
            if reader.getnchannels() != 2 or reader.getsampwidth() != 2:
                raise wave.Error("not a dual channel recording of 16 bit")
            rate = reader.getframerate()
            shape = {"sample_width": 2, "frame_rate": rate, "channels": 2}
            if reader.getnframes() == 0:
                yield self.audio_segment(data=bytes(4 * rate * SHORTEST_MS // 1000), **shape)
            while pcm := reader.readframes(rate * PIECE_S):
                yield self.audio_segment(data=pcm, **shape)

    def _encode(self, wav: WavSource, rate: int, matched: Matching, part: Path, tags: Mapping[str, str]) -> FileDigest:
        shape = ("-f", f"s{8 * matched.sample_bytes}le", "-ar", str(rate), "-ac", "2", "-i", "pipe:0")
        told = [word for name, value in tags.items() if value for word in ("-metadata", f"{name}={value}")]
        # Into a pipe it cannot go back to the first frame, which would say how long the whole is: the tag does.
        target = (str(part),) if wav.seal is None else ("-write_xing", "0", "pipe:1")
        command = [self.ffmpeg, "-hide_banner", "-loglevel", "error", *shape, *matched.filters, *_ENCODING]
        with tempfile.TemporaryFile() as complaints, ThreadPoolExecutor(1) as threads:
            encoder = subprocess.Popen(
                [*command, "-id3v2_version", "3", *told, "-f", "mp3", "-y", *target],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if wav.seal is None else subprocess.PIPE,
                stderr=complaints,
            )
            with encoder:
                sealing = None if wav.seal is None else threads.submit(seal_stream, encoder.stdout, part, wav.seal)
                self._feed(wav, matched, encoder)
                digest = None if sealing is None else sealing.result()
            if encoder.returncode:
                complaints.seek(0)
                said = complaints.read(LONGEST_ERROR).decode("utf-8", "replace").strip()
                raise OSError(f"ffmpeg ended with status {encoder.returncode}: {said}")
        return digest or sync_plain(part)

    def _feed(self, wav: WavSource, matched: Matching, encoder: "subprocess.Popen[bytes]") -> None:
        assert encoder.stdin is not None
        # Where it gives up early, its status and its words say why.
        with suppress(BrokenPipeError), encoder.stdin as pipe:
            for piece in self._pieces(wav):
                pipe.write(self._matched(piece, matched))

    def _matched(self, piece: Any, matched: Matching) -> bytes:
        if not any(matched.gains):
            return bytes(piece.raw_data)
        wide = piece.set_sample_width(matched.sample_bytes)
        sides = [mono.apply_gain(gain) for mono, gain in zip(wide.split_to_mono(), matched.input_gains, strict=True)]
        return bytes(self.audio_segment.from_mono_audiosegments(*sides).raw_data)


def _measure(piece: Any, meter: PeakMeter, levels: Sequence[ChannelLevel]) -> None:
    """Peaks and levels of a piece. Its channels are gone again before the next one is read."""
    sides = piece.split_to_mono()
    meter.measure(sides)
    for level, mono in zip(levels, sides, strict=True):
        level.measure(mono)


def answer(exporter: Exporter, line: str) -> dict[str, object]:
    """Do the job of one line; the reply to it."""
    before_s = _cpu_s()
    try:
        job = json.loads(line)
        seal = Seal(job["recording_id"], bytes.fromhex(job["key"])) if "key" in job else None
        wav = WavSource(Path(job["wav"]), seal)
        tags = {"title": job["title"], "call_sid": job["call"], "date": job["date"]}
        made = exporter.export(wav, Path(job["part"]), Path(job["mp3"]), tags)
    except (OSError, EOFError, ValueError, KeyError, SealError, wave.Error) as error:
        return {"error": f"{type(error).__name__}: {error}"[:LONGEST_ERROR]}
    return {
        "made": made.as_fields(),
        "audio_ms": made.duration_ms,
        "cpu_ms": round((_cpu_s() - before_s) * 1000),
        "peak_memory_kib": _peak_memory_kib(),
    }


def _peak_memory_kib() -> int:
    """The most that this process and an encoder have had.

    What getrusage(2) says of a process is at least what its parent had when it was made: good enough for the encoders,
    which are ours, but not for us.
    """
    status = Path("/proc/self/status").read_text("ascii", "replace")
    own = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
    return int(own) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _cpu_s() -> float:
    """Processor seconds of this process and of the encoders that it has had."""
    usage = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


def give_up_unheard(exporter: Exporter, at_work: threading.Event) -> None:
    """Leave the job that is under way, and the process, once nobody reads stdout any more.

    Who asked was killed then. The next server makes the same MP3 anew, under the same names, and does not know of a
    process that would put one into its place after the recording has been erased.
    """
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)  # that it is closed at the other end is told unasked
    watch.poll()
    at_work.wait()
    if exporter.part is not None:
        with suppress(OSError):
            exporter.part.unlink()
    if os.getpgrp() == os.getpid():  # the encoder is of our group, and nobody else
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    """Serve until stdin ends, or until nobody waits for an answer any more: the process that asked was killed."""
    os.nice(NICENESS)
    os.umask(UMASK)
    exporter, at_work = Exporter(), threading.Event()
    threading.Thread(target=give_up_unheard, args=(exporter, at_work), daemon=True).start()
    for line in sys.stdin:
        try:
            at_work.set()
            reply = json.dumps(answer(exporter, line))
            at_work.clear()
            sys.stdout.write(reply + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # What is left in the buffer is tried again at the exit, and would be told as a mistake there.
            os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
            return


if __name__ == "__main__":
    main()
