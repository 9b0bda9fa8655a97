"""What it costs to turn one codec into another: CPU microseconds of 20 ms each way, and the calls that fill a core.

    python -m tests.bench.transcoding

The audio is a voice-like noise. What is counted is a whole conversion from packet to frame, without the packet path.
"""

import math
import random
import time
from array import array
from typing import Final

from media.codecs.opus import OpusWishes
from media.codecs.speech import frame_bytes, new_encoder
from media.codecs.table import BY_NUMBER, G722, OPUS, PCMA
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet

_ROUNDS: Final = 3
_FRAMES_PER_S: Final = 50
_PAIRS: Final = ((OPUS, PCMA), (G722, PCMA), (OPUS, G722))
_WISHES: Final = OpusWishes(fec=True)


def measure(packets: int = 1_500) -> dict[str, float]:
    """CPU microseconds per 20 ms of one direction, the best of three rounds of `packets` each."""
    found = {}
    for first, second in _PAIRS:
        for source, sink in ((first, second), (second, first)):
            spoken = _packets(source, packets)
            name = f"{BY_NUMBER[source].name} to {BY_NUMBER[sink].name}"
            found[name] = min(_round_us(spoken, sink) for _ in range(_ROUNDS))
    return found


def calls_a_core(costs_us: dict[str, float]) -> dict[str, float]:
    """How many calls of a pair keep one core busy, both directions of each."""
    found = {}
    for first, second in _PAIRS:
        one, other = BY_NUMBER[first].name, BY_NUMBER[second].name
        both_us = costs_us[f"{one} to {other}"] + costs_us[f"{other} to {one}"]
        found[f"{one} and {other}"] = 1e6 / (both_us * _FRAMES_PER_S)
    return found


def _round_us(packets: list[Packet], sink: int) -> float:
    conversion = Conversion(Target(sink, 20, _WISHES))
    before = time.thread_time()
    frames = sum(len(conversion.put(packet)) for packet in packets)
    spent = time.thread_time() - before
    assert frames == len(packets), "not every packet became a frame"
    return spent / len(packets) * 1e6


def _packets(codec: int, count: int) -> list[Packet]:
    rate_hz = 8000 if codec == PCMA else 16_000
    encoder, size = new_encoder(codec, rate_hz, _WISHES), frame_bytes(codec, 20, rate_hz)
    samples, ticks = _voice(rate_hz, count * rate_hz // _FRAMES_PER_S), BY_NUMBER[codec].clock_rate_hz // _FRAMES_PER_S
    return [
        Packet(n / 50, 7, n & 0xFFFF, n * ticks, 0, codec, encoder.encode(samples[n * size :][:size]))
        for n in range(count)
    ]


def _voice(rate_hz: int, count: int) -> bytes:
    """Harmonics of a gliding pitch that come and go like syllables, and some breath."""
    dice = random.Random(1)
    phase, samples = 0.0, array("h")
    for index in range(count):
        at = index / rate_hz
        phase += 2 * math.pi * (120 + 30 * math.sin(2 * math.pi * 0.7 * at)) / rate_hz
        loud = max(math.sin(2 * math.pi * 2 * at), 0.0)
        voiced = sum(math.sin(phase * harmonic) / harmonic for harmonic in (1, 2, 3, 5, 8))
        samples.append(round(4000 * loud * voiced + dice.gauss(0, 60)))
    return samples.tobytes()


def main() -> None:
    """Print both tables."""
    costs = measure()
    for name, cost_us in costs.items():
        print(f"{name:20}{cost_us:8.1f} us for 20 ms")
    for name, calls in calls_a_core(costs).items():
        print(f"{name:20}{calls:8.0f} calls a core")


if __name__ == "__main__":
    main()
