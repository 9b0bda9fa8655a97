"""Tones made for a phone to say and found again in what another heard, independent of the product's media code."""

import math
import sys
import wave
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from b2bua.demo.sound import level_db, read_wav, tone_db

RATE_HZ = 8000
WINDOW_S = 0.1
LOUD_DB = -30.0
QUIET_DB = -45.0
WAV_HEADER = 44
_AMPLITUDE = 9000


def write_tone(path: Path, tone_hz: float, seconds: float, *, beep_s: float = 0.0) -> Path:
    """A mono WAV of one sine, 8 kHz, 16 bit; with `beep_s` in beeps that long, with pauses of the same length."""
    samples = array(
        "h",
        [
            int(_AMPLITUDE * math.sin(2 * math.pi * tone_hz * index / RATE_HZ))
            if not beep_s or index / RATE_HZ % (2 * beep_s) < beep_s
            else 0
            for index in range(round(seconds * RATE_HZ))
        ],
    )
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return path


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel of a recording, at 8 kHz."""

    samples: "array[int]"
    rate_hz: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz

    def tone_db(self, tone_hz: float) -> float:
        """The level of a tone over all of it."""
        return tone_db(self.samples, self.rate_hz, tone_hz)

    def between(self, start_s: float, end_s: float) -> "Heard":
        """A part of it."""
        return Heard(self.samples[round(start_s * self.rate_hz) : round(end_s * self.rate_hz)], self.rate_hz)

    def windows(self, tone_hz: float) -> list[float]:
        """The level of a tone in each tenth of a second."""
        length = round(WINDOW_S * self.rate_hz)
        parts = (self.samples[at : at + length] for at in range(0, len(self.samples) - length + 1, length))
        return [tone_db(part, self.rate_hz, tone_hz) for part in parts]

    def present_s(self, tone_hz: float) -> float:
        """For how many seconds a tone is there."""
        return sum(WINDOW_S for level in self.windows(tone_hz) if level > LOUD_DB)

    def gaps(self, tone_hz: float) -> int:
        """How many times a tone breaks off and comes again."""
        there = [level > LOUD_DB for level in self.windows(tone_hz)]
        return max(sum(1 for before, after in pairwise(there) if after and not before) - (not there[0]), 0)

    def silent_frames(self, frame_s: float = 0.02) -> int:
        """Frames of silence between the first sound and the last."""
        length = round(frame_s * self.rate_hz)
        loud = [
            level_db(self.samples[at : at + length]) > QUIET_DB
            for at in range(0, len(self.samples) - length + 1, length)
        ]
        if True not in loud:
            return 0
        first, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
        return sum(1 for frame in loud[first:last] if not frame)

    def phase_drift_ms(self, tone_hz: float) -> float:
        """By how much a tone's phase at the end lies off where its beginning puts it: clock drift and lost samples.

        Both ends are measured over two seconds; the answer is within half a period of the tone.
        """
        edge = 2.0
        first, last = self.between(0.5, 0.5 + edge), self.between(self.seconds - edge - 0.5, self.seconds - 0.5)
        apart_s = (self.seconds - edge - 0.5) - 0.5
        turned = _phase(last, tone_hz) - _phase(first, tone_hz) - 2 * math.pi * tone_hz * apart_s
        wrapped = (turned + math.pi) % (2 * math.pi) - math.pi
        return wrapped / (2 * math.pi * tone_hz) * 1000


def heard_in(path: Path, channel: int = 0) -> Heard:
    """A channel of a WAV file, whose header may still say nothing of its length."""
    sound = read_wav(path)
    return Heard(sound.channels[channel], sound.rate_hz)


def newest_in(path: Path, seconds: float, since: int = 0) -> Heard:
    """The end of a mono WAV of 8 kHz that is being written, of what comes after its first `since` bytes."""
    written = path.read_bytes()
    whole = len(written) - len(written) % 2
    start = max(whole - 2 * round(seconds * RATE_HZ), since, WAV_HEADER)
    samples = array("h", written[start:whole])
    if sys.byteorder == "big":
        samples.byteswap()
    return Heard(samples, RATE_HZ)


def _phase(part: Heard, tone_hz: float) -> float:
    turn = 2 * math.pi * tone_hz / part.rate_hz
    real = sum(sample * math.cos(turn * index) for index, sample in enumerate(part.samples))
    imaginary = sum(sample * math.sin(turn * index) for index, sample in enumerate(part.samples))
    return math.atan2(real, imaginary)
