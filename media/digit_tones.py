"""The sixteen keys as they sound in the audio (DTMF, ITU-T Q.23), for legs that take no telephone-event.

Together at -8 dBm0, the higher frequency 2 dB above the lower as telephones do it (ITU-T Q.24, ETSI ES 201 235-2).
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.rtp.dtmf import DIGITS
from media.tones import Tone, encode

LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
KEYPAD: Final = ("123A", "456B", "789C", "*0#D")

# A full-scale sine is 3.14 dBm0: -12.1 and -10.1 dBm0.
_LOW_PEAK: Final = 5668
_HIGH_PEAK: Final = 7136


def frequencies_hz(digit: str) -> tuple[int, int]:
    """The key's low and high frequency; ValueError for what is no key."""
    for row, keys in zip(LOW_HZ, KEYPAD, strict=True):
        if len(digit) == 1 and digit in keys:
            return row, HIGH_HZ[keys.index(digit)]
    raise ValueError(f"no key is called {digit!r}")


@cache
def digit_tones() -> Mapping[str, Tone]:
    """Every key's sound, endless. All frequencies are whole, so one second of it joins on to the next."""
    sines = {
        frequency: [
            peak * math.sin(2 * math.pi * (frequency * position % CLOCK_RATE_HZ) / CLOCK_RATE_HZ)
            for position in range(CLOCK_RATE_HZ)
        ]
        for frequencies, peak in ((LOW_HZ, _LOW_PEAK), (HIGH_HZ, _HIGH_PEAK))
        for frequency in frequencies
    }
    tones: dict[str, Tone] = {}
    for digit in DIGITS:
        low, high = frequencies_hz(digit)
        samples = [round(first + second) for first, second in zip(sines[low], sines[high], strict=True)]
        tones[digit] = encode(f"digit_{digit}", samples, endless=True)
    return tones
