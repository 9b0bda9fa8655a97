"""Call-progress tones as G.711 frames of 20 ms, encoded once and then only sent.

Frequencies and cadences are India's in ITU-T E.180 Supplement 2; level about -10 dBm0.
"""

import math
from dataclasses import dataclass
from typing import Final

from media.codecs.g711 import linear_to_alaw, linear_to_ulaw
from media.codecs.table import CLOCK_RATE_HZ, CODECS, PCMA

FRAME_MS: Final = 20
FRAME_SAMPLES: Final = CLOCK_RATE_HZ * FRAME_MS // 1000

# 0 dBm0 is 3.14 dB under a full-scale sine in A-law, so -10 dBm0 peaks at 32767 * 10 ** (-13.14 / 20).
_PEAK: Final = 7218
# Edges this long keep the switching of a tone from clicking.
_RAMP_SAMPLES: Final = 40


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a tone sounds: (on, off) pairs in ms, repeated until `length_ms`; None: repeated for ever."""

    name: str
    frequency_hz: int
    pattern_ms: tuple[tuple[int, int], ...]
    length_ms: int | None


RINGBACK: Final = Cadence("ringback", 400, ((400, 200), (400, 2000)), None)
BUSY: Final = Cadence("busy", 400, ((750, 750),), 4000)
CONGESTION: Final = Cadence("congestion", 400, ((250, 250),), 4000)
UNREACHABLE: Final = Cadence("unreachable", 400, ((2500, 500),), 4000)
BALANCE_WARNING: Final = Cadence("balance_warning", 1400, ((200, 150), (200, 150), (200, 100)), 1000)
CADENCES: Final = (RINGBACK, BUSY, CONGESTION, UNREACHABLE, BALANCE_WARNING)


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone ready to be sent: per codec number its frames, each `FRAME_SAMPLES` bytes long."""

    name: str
    frames: dict[int, tuple[bytes, ...]]
    endless: bool

    @property
    def length_ms(self) -> int:
        """Milliseconds of one pass."""
        return len(self.frames[PCMA]) * FRAME_MS


def _burst(frequency_hz: int, samples: int) -> list[int]:
    """Linear samples of one tone burst with soft edges."""
    step = 2 * math.pi * frequency_hz / CLOCK_RATE_HZ
    period = CLOCK_RATE_HZ // math.gcd(frequency_hz, CLOCK_RATE_HZ)
    cycle = [round(_PEAK * math.sin(step * position)) for position in range(period)]
    burst = (cycle * (samples // period + 1))[:samples]
    ramp = min(_RAMP_SAMPLES, samples // 2)
    for position in range(ramp):
        burst[position] = burst[position] * position // ramp
        burst[-1 - position] = burst[-1 - position] * position // ramp
    return burst


def _samples(cadence: Cadence) -> list[int]:
    cycle: list[int] = []
    for on_ms, off_ms in cadence.pattern_ms:
        cycle += _burst(cadence.frequency_hz, on_ms * CLOCK_RATE_HZ // 1000)
        cycle += [0] * (off_ms * CLOCK_RATE_HZ // 1000)
    if cadence.length_ms is None:
        return cycle
    wanted = cadence.length_ms * CLOCK_RATE_HZ // 1000
    return (cycle * (wanted // len(cycle) + 1))[:wanted]


def _frames(encoded: bytes) -> tuple[bytes, ...]:
    # Equal frames (silence, the inside of a burst) are one object.
    seen: dict[bytes, bytes] = {}
    cut = (encoded[start : start + FRAME_SAMPLES] for start in range(0, len(encoded), FRAME_SAMPLES))
    return tuple(seen.setdefault(frame, frame) for frame in cut)


def prepare(cadence: Cadence) -> Tone:
    """Encode a cadence for every codec. Its cycle or length must be whole frames."""
    samples = _samples(cadence)
    frames = {
        codec.number: _frames(linear_to_alaw(samples) if codec.number == PCMA else linear_to_ulaw(samples))
        for codec in CODECS
    }
    return Tone(cadence.name, frames, cadence.length_ms is None)


def silence() -> Tone:
    """An endless tone that nobody hears: what a leg gets when its source has gone quiet."""
    frames = {codec.number: _frames(bytes([codec.silence]) * FRAME_SAMPLES) for codec in CODECS}
    return Tone("silence", frames, True)
