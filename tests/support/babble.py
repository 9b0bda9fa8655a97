"""Speech-like noise: vowels of moving formants over a gliding pitch, breath between them, at changing loudness."""

import math
import random  # noqa: TID251 - seeded
from array import array
from typing import Final

RATE_HZ: Final = 8000
# Formants of ten vowels, as they are usual for men, in Hz; women's and children's are up to a quarter higher.
_VOWELS: Final = (
    (270, 2290, 3010),
    (390, 1990, 2550),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (440, 1020, 2240),
    (300, 870, 2240),
    (640, 1190, 2390),
    (490, 1350, 1690),
)
_BANDWIDTHS_HZ: Final = (60, 90, 120)
_STEP: Final = 40  # formants and pitch move on every 5 ms


class _Resonator:
    """A formant: two poles."""

    def __init__(self) -> None:
        self._first = self._second = 0.0

    def tuned(self, frequency_hz: float, bandwidth_hz: float, samples: list[float]) -> list[float]:
        radius = math.exp(-math.pi * bandwidth_hz / RATE_HZ)
        back, further = 2 * radius * math.cos(2 * math.pi * frequency_hz / RATE_HZ), -radius * radius
        gain = 1 - back - further
        first, second, made = self._first, self._second, []
        for value in samples:
            first, second = gain * value + back * first + further * second, first
            made.append(first)
        self._first, self._second = first, second
        return made


def babble(seed: int, seconds: float) -> bytes:
    """16-bit samples at 8 kHz of one voice."""
    dice = random.Random(seed)
    size = dice.uniform(1.0, 1.25)
    middle_hz = dice.uniform(90, 240)
    resonators = tuple(_Resonator() for _ in _BANDWIDTHS_HZ)
    samples: list[float] = []
    at = target = dice.choice(_VOWELS)
    formants = [float(hz) for hz in at]
    pitch_hz, goal_hz, loud, goal = middle_hz, middle_hz, 0.0, 1.0
    phase, left = 0.0, 0
    while len(samples) < seconds * RATE_HZ:
        if not left:
            left = dice.randrange(8, 50)
            target = dice.choice(_VOWELS)
            goal_hz = middle_hz * dice.uniform(0.7, 1.5)
            goal = dice.choice((0.0, 0.3, 0.7, 1.0, 1.0))
        left -= 1
        formants = [hz + (wanted * size - hz) * 0.15 for hz, wanted in zip(formants, target, strict=True)]
        pitch_hz += (goal_hz - pitch_hz) * 0.1
        loud += (goal - loud) * 0.3
        source = []
        for _ in range(_STEP):
            phase += pitch_hz / RATE_HZ
            pulse = 0.0
            if phase >= 1.0:
                phase -= 1.0
                pulse = 1.0
            source.append(loud * pulse + dice.gauss(0, 0.003))
        for resonator, frequency_hz, bandwidth_hz in zip(resonators, formants, _BANDWIDTHS_HZ, strict=True):
            source = resonator.tuned(min(frequency_hz, 3700), bandwidth_hz, source)
        samples += source
    loudest = max(map(abs, samples))
    return array("h", [round(value / loudest * 30_000) for value in samples]).tobytes()
