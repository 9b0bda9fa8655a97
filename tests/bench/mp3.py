"""What it costs to make the MP3 of a recording: CPU, time and memory for an hour of call, plain and sealed.

    python -m tests.bench.mp3 [--hours 2]

Both parties speak in bursts of voice-like tones, one far quieter and with a peak, so that the limiter has work too.
"""

import argparse
import asyncio
import math
import sys
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.recording.mp3 import Mp3Pool, Mp3Tags
from media.recording.sealed_wav import SealedWavWriter
from media.recording.sealing import Seal
from media.recording.wav import WavWriter
from tests.support.dice import Dice

_RATE_HZ: Final = 8000
_PIECE_S: Final = 20
_PIECES_PER_HOUR: Final = 3600 // _PIECE_S
_SEAL: Final = Seal("bench", bytes(32))


@dataclass(frozen=True, slots=True)
class Cost:
    """One recording made into an MP3: `cpu_s` and `busy_s` are for an hour of it."""

    kind: str
    cpu_s: float
    busy_s: float
    peak_memory_mib: float


async def measure(folder: Path, hours: float) -> list[Cost]:
    """A recording of so many hours, plain and sealed, each by a worker of its own."""
    piece = _conversation()
    found = []
    for kind, seal in (("plain", None), ("sealed", _SEAL)):
        wav = folder / f"{kind}.wav"
        await asyncio.to_thread(_write, wav, seal, piece, round(hours * _PIECES_PER_HOUR))
        pool = Mp3Pool(workers=1)
        try:
            await pool.export(wav, wav.with_suffix(".mp3"), Mp3Tags("bench"), seal)
            figures = pool.figures()
        finally:
            await pool.close()
        made_h = figures["mp3_audio_seconds_total"] / 3600
        found.append(
            Cost(
                kind,
                figures["mp3_cpu_seconds_total"] / made_h,
                figures["mp3_busy_seconds_total"] / made_h,
                figures["mp3_peak_memory_bytes"] / 2**20,
            )
        )
    return found


def _write(wav: Path, seal: Seal | None, piece: bytes, pieces: int) -> None:
    writer = WavWriter(wav) if seal is None else SealedWavWriter(wav, seal)
    for _ in range(pieces):
        for start in range(0, len(piece), 4 * _RATE_HZ):  # a second at once, as the recorder writes
            writer.append(piece[start : start + 4 * _RATE_HZ])
    writer.truncate(writer.pcm_bytes)
    writer.close()


def _conversation() -> bytes:
    left, right = _voice(300, 9000), _voice(500, 2500)
    right[1000:1040] = array("h", [26_000 if n % 16 < 8 else -26_000 for n in range(40)])
    stereo = array("h", bytes(4 * len(left)))
    stereo[0::2], stereo[1::2] = left, right
    return stereo.tobytes()


def _voice(pitch_hz: int, amplitude: int) -> "array[int]":
    dice, voice = Dice(pitch_hz), array("h")
    for second in range(_PIECE_S):
        loud = amplitude * dice.within(0.3, 1.0) if second % 4 != 3 else 8.0
        turn = 2 * math.pi * (pitch_hz + 40 * (second % 5)) / _RATE_HZ
        for n in range(_RATE_HZ):
            syllable = abs(math.sin(math.pi * n / 2000))
            voice.append(round(loud * (syllable * math.sin(turn * n) + dice.within(-0.1, 0.1))))
    return voice


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description="What it costs to make the MP3 of a recording.")
    parser.add_argument("--hours", type=float, default=2.0, help="how long a call (default 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(measure(Path(folder), options.hours))
    for cost in costs:
        sys.stdout.write(
            f"{cost.kind}: {cost.cpu_s:.1f} s CPU and {cost.busy_s:.1f} s of a worker an hour of call, "
            f"{cost.peak_memory_mib:.0f} MiB\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
