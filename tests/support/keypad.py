"""Keys' tones as telephones and bad ones make them."""

import math
from array import array

from media.digit_tones import frequencies_hz

RATE_HZ = 8000
# A full-scale sine is 3.14 dBm0.
FULL_DBM0 = 3.14


def peak_of(level_dbm0: float) -> float:
    """The peak of a sine of that level."""
    return 32767 * 10 ** ((level_dbm0 - FULL_DBM0) / 20)


def key_tone(
    digit: str,
    length_ms: float,
    *,
    low_dbm0: float = -12.0,
    high_dbm0: float = -10.0,
    low_off: float = 0.0,
    high_off: float = 0.0,
    phase: float = 0.3,
) -> list[float]:
    """A key's two tones; `low_off` and `high_off`: by what share of itself a frequency is off."""
    low, high = frequencies_hz(digit)
    steps = [2 * math.pi * hz * (1 + off) / RATE_HZ for hz, off in ((low, low_off), (high, high_off))]
    peaks = [peak_of(low_dbm0), peak_of(high_dbm0)]
    return [
        sum(peak * math.sin(step * index + phase) for peak, step in zip(peaks, steps, strict=True))
        for index in range(round(length_ms * RATE_HZ / 1000))
    ]


def hush(length_ms: float) -> list[float]:
    """Nothing."""
    return [0.0] * round(length_ms * RATE_HZ / 1000)


def pcm(samples: list[float]) -> bytes:
    """16-bit samples of them, cut where they are too loud."""
    return array("h", [max(-32768, min(32767, round(value))) for value in samples]).tobytes()
