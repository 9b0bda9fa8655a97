"""The process that makes MP3s: `python -m media.recording.mp3_worker`, jobs on stdin, replies on stdout, a line each.

A job is a JSON object with `wav`, `part`, `mp3` (paths), `title` and `date`, and for sealed files `recording_id` and
`key` (hexadecimal); a reply is `{"peak_memory_kib": n}` or
`{"error": text}`. The file goes through pydub in pieces of half a minute, twice: once to measure, once to encode.
"""

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import warnings
import wave
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg

from media.recording.mp3_sealing import Mp3Target, WavSource, mp3_target
from media.recording.sealing import Seal, SealError

NICENESS: Final = 19
UMASK: Final = 0o027  # ffmpeg makes its file readable for all but for this
PIECE_S: Final = 30
BLOCK_MS: Final = 500
SPEECH_DBFS: Final = -45.0  # blocks below it are silence and say nothing about a party's level
LARGEST_GAIN_DB: Final = 12.0
HEADROOM_DB: Final = 1.0
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


def matching_gains(levels: list[ChannelLevel]) -> list[float]:
    """For each channel the decibels that bring it up to the loudest, without clipping; silence stays as it is."""
    heard = [level.dbfs for level in levels if level.dbfs is not None]
    loudest = max(heard, default=0.0)
    gains = []
    for level in levels:
        if level.dbfs is None:
            gains.append(0.0)
            continue
        headroom = max(0.0, -20 * math.log10(level.peak) - HEADROOM_DB)
        gains.append(min(loudest - level.dbfs, LARGEST_GAIN_DB, headroom))
    return gains


@dataclass(slots=True)
class Exporter:
    """Makes one MP3 after the other with one pydub and one ffmpeg."""

    ffmpeg: str = field(default_factory=imageio_ffmpeg.get_ffmpeg_exe)
    audio_segment: Any = None

    def __post_init__(self) -> None:
        self.audio_segment = import_audio_segment(self.ffmpeg)

    def export(self, wav: WavSource, part: Path, mp3: Path, title: str, date: str) -> None:
        """Write `part` from `wav` and give it the name `mp3`. OSError, EOFError, SealError or wave.Error where it
        cannot."""
        levels = [ChannelLevel(), ChannelLevel()]
        for piece in self._pieces(wav):
            for level, mono in zip(levels, piece.split_to_mono(), strict=True):
                level.measure(mono)
        mp3.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with mp3_target(part, wav.seal) as target:
            self._encode(wav, matching_gains(levels), target, title, date)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(mp3)

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

    def _encode(self, wav: WavSource, gains: list[float], target: Mp3Target, title: str, date: str) -> None:
        with wav.open() as reader:
            rate = reader.getframerate()
        source = ("-f", "s16le", "-ar", str(rate), "-ac", "2", "-i", "pipe:0")
        tags = ("-id3v2_version", "3", "-metadata", f"title={title}", "-metadata", f"date={date}")
        command = [self.ffmpeg, "-hide_banner", "-loglevel", "error", *source, *_ENCODING, *tags]
        with tempfile.TemporaryFile() as complaints:
            encoder = subprocess.Popen(
                [*command, "-f", "mp3", "-y", target.name],
                pass_fds=target.descriptors,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
            with encoder:
                assert encoder.stdin is not None
                # Where it gives up early, its status and its words say why.
                with suppress(BrokenPipeError), encoder.stdin as pipe:
                    for piece in self._pieces(wav):
                        pipe.write(self._matched(piece, gains))
            if encoder.returncode:
                complaints.seek(0)
                said = complaints.read(LONGEST_ERROR).decode("utf-8", "replace").strip()
                raise OSError(f"ffmpeg ended with status {encoder.returncode}: {said}")

    def _matched(self, piece: Any, gains: list[float]) -> bytes:
        if not any(gains):
            return bytes(piece.raw_data)
        sides = [mono.apply_gain(gain) for mono, gain in zip(piece.split_to_mono(), gains, strict=True)]
        return bytes(self.audio_segment.from_mono_audiosegments(*sides).raw_data)


def answer(exporter: Exporter, line: str) -> dict[str, object]:
    """Do the job of one line; the reply to it."""
    try:
        job = json.loads(line)
        seal = Seal(job["recording_id"], bytes.fromhex(job["key"])) if "key" in job else None
        wav = WavSource(Path(job["wav"]), seal)
        exporter.export(wav, Path(job["part"]), Path(job["mp3"]), job["title"], job["date"])
    except (OSError, EOFError, ValueError, KeyError, SealError, wave.Error) as error:
        return {"error": f"{type(error).__name__}: {error}"[:LONGEST_ERROR]}
    return {"peak_memory_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main() -> None:
    """Serve until stdin ends."""
    os.nice(NICENESS)
    os.umask(UMASK)
    exporter = Exporter()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(exporter, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
