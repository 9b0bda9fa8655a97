"""Listening to recordings: levels and tones of WAV files, written without the product's own media code."""

import math
import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SILENCE_DB: Final = -120.0


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM audio, 16 bit: one array of samples for each channel."""

    rate_hz: int
    channels: tuple["array[int]", ...]

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return len(self.channels[0]) / self.rate_hz if self.channels else 0.0


def read_wav(path: Path) -> Sound:
    """A 16 bit PCM WAV file. Raises `OSError`, `wave.Error` or `EOFError` when it is none."""
    with wave.open(str(path), "rb") as file:
        count, rate_hz, width = file.getnchannels(), file.getframerate(), file.getsampwidth()
        if width != 2:
            raise wave.Error(f"{8 * width} bit samples instead of 16")
        samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return Sound(rate_hz, tuple(samples[channel::count] for channel in range(count)))


def level_db(samples: "array[int]") -> float:
    """The RMS level in dB of full scale, -120 at silence."""
    if not samples:
        return SILENCE_DB
    return _db(math.sqrt(sum(sample * sample for sample in samples) / len(samples)) / 32768.0)


def tone_db(samples: "array[int]", rate_hz: int, tone_hz: float) -> float:
    """The level of one tone in dB of full scale, averaged over whole seconds (Goertzel's algorithm)."""
    seconds = [samples[start : start + rate_hz] for start in range(0, len(samples), rate_hz)]
    seconds = [part for part in seconds if len(part) == rate_hz] or [samples]
    return _db(sum(_amplitude(part, rate_hz, tone_hz) for part in seconds) / len(seconds))


def _amplitude(samples: "array[int]", rate_hz: int, tone_hz: float) -> float:
    if not samples:
        return 0.0
    coefficient = 2.0 * math.cos(2.0 * math.pi * tone_hz / rate_hz)
    older = newer = 0.0
    for sample in samples:
        older, newer = newer, sample + coefficient * newer - older
    power = older * older + newer * newer - coefficient * older * newer
    return 2.0 * math.sqrt(max(power, 0.0)) / (len(samples) * 32768.0)


def _db(amplitude: float) -> float:
    return max(20.0 * math.log10(amplitude), SILENCE_DB) if amplitude > 0 else SILENCE_DB
