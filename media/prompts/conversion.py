"""What somebody recorded, made fit for the telephone: 8 kHz, one channel, at the level of speech.

All of it takes seconds of CPU for a minute of sound: never call it on the event loop.
"""

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.errors import PromptUnusable
from media.prompts.samples import Samples
from media.prompts.wav import Sound, read_wav

LARGEST_BYTES: Final = 16 * 1024 * 1024
LONGEST_S: Final = 60.0
SHORTEST_S: Final = 0.1

# -16 dBm0 while somebody speaks, about the level of speech in the network; 0 dBm0 is 3.14 dB under a full-scale sine.
_SPEECH_RMS: Final = 32768 / math.sqrt(2) * 10 ** ((-16 - 3.14) / 20)
_PEAK_MAX: Final = 26_000
# Below it the file is silent; lifting its noise to the level of speech would help nobody.
_PEAK_MIN: Final = 100
_FRAME_SAMPLES: Final = CLOCK_RATE_HZ // 50
# Frames this far below the loudest are pauses, and say nothing of the level.
_PAUSE_RATIO: Final = 10 ** (-30 / 20)
# Of the filter on each side, in periods of the lower rate.
_LOBES: Final = 16
_PASSED: Final = 0.92


def convert(content: bytes) -> Samples:
    """A WAV file as samples at 8 kHz, levelled. PromptUnusable."""
    if len(content) > LARGEST_BYTES:
        raise PromptUnusable(f"it has more than {LARGEST_BYTES // 1024 // 1024} MiB")
    sound = read_wav(content, LONGEST_S)
    samples = level(resample(sound))
    if len(samples) < SHORTEST_S * CLOCK_RATE_HZ:
        raise PromptUnusable(f"it is shorter than {SHORTEST_S:g} s")
    return samples


def resample(sound: Sound) -> Samples:
    """The sound at 8 kHz, by a windowed sinc filter that leaves nothing of what is above half the lower rate."""
    if sound.rate_hz == CLOCK_RATE_HZ or not sound.samples:
        return sound.samples
    common = math.gcd(sound.rate_hz, CLOCK_RATE_HZ)
    up, down = CLOCK_RATE_HZ // common, sound.rate_hz // common
    stretch = max(1.0, sound.rate_hz / CLOCK_RATE_HZ)
    half = math.ceil(_LOBES * stretch)
    filters: dict[int, list[float]] = {}
    padded = [0] * (half - 1) + list(sound.samples) + [0] * (half + 1)
    resampled = array("h")
    for place in range(len(sound.samples) * up // down):
        first, phase = divmod(place * down, up)
        taps = filters.get(phase)
        if taps is None:
            taps = filters[phase] = _taps(phase / up, half, stretch)
        value = round(sum(map(mul, taps, padded[first : first + 2 * half])))
        resampled.append(max(-32768, min(32767, value)))
    return resampled


def _taps(offset: float, half: int, stretch: float) -> list[float]:
    """The filter for a place `offset` behind an input sample; its taps come to 1 together."""
    taps = []
    for index in range(1 - half, half + 1):
        x = (index - offset) / stretch
        window = 0.5 + 0.5 * math.cos(math.pi * min(1.0, abs(x) / _LOBES))
        argument = math.pi * x * _PASSED
        taps.append(window * (1.0 if argument == 0 else math.sin(argument) / argument))
    total = sum(taps)
    return [tap / total for tap in taps]


def level(samples: Samples) -> Samples:
    """The samples with their speech at -16 dBm0, or as near to it as their peaks allow. PromptUnusable: silence."""
    peak = max(map(abs, samples), default=0)
    if peak < _PEAK_MIN:
        raise PromptUnusable("it is silent")
    gain = min(_SPEECH_RMS / _speech_rms(samples), _PEAK_MAX / peak)
    return array("h", [round(value * gain) for value in samples])


def _speech_rms(samples: Sequence[int]) -> float:
    """The root mean square of the frames that are no pauses."""
    energies = [
        sum(map(mul, frame, frame)) / len(frame)
        for at in range(0, len(samples), _FRAME_SAMPLES)
        for frame in [samples[at : at + _FRAME_SAMPLES]]
    ]
    least = max(energies) * _PAUSE_RATIO**2
    loud = [energy for energy in energies if energy >= least]
    return math.sqrt(sum(loud) / len(loud))
