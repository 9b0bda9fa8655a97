"""What is in some audio: the level of one frequency, and of everything else."""

import math
from array import array


def sine(frequency_hz: float, rate_hz: int, count: int, peak: int = 8000) -> bytes:
    """16-bit samples of one tone."""
    step = 2 * math.pi * frequency_hz / rate_hz
    return array("h", [round(peak * math.sin(step * index)) for index in range(count)]).tobytes()


def levels_db(samples: bytes, frequency_hz: float, rate_hz: int) -> tuple[float, float]:
    """The level of a tone and that of the rest beside it, in dB of a sine of peak 8000. A whole number of periods."""
    values = array("h", samples)
    step = 2 * math.pi * frequency_hz / rate_hz
    real = sum(value * math.cos(step * index) for index, value in enumerate(values))
    imaginary = sum(value * math.sin(step * index) for index, value in enumerate(values))
    power = 2 * (real * real + imaginary * imaginary) / len(values) ** 2
    whole = sum(value * value for value in values) / len(values)
    full = 8000**2 / 2
    return 10 * math.log10(max(power, 1e-9) / full), 10 * math.log10(max(whole - power, 1e-9) / full)
