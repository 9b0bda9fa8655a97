"""What it costs to turn one codec into another, and to listen for keys: CPU of 20 ms each way, and what fills a core.

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
from media.listening.listener import KeyListener
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet
from tests.bench.tables import table
from tests.bench.yardstick import python_loop_ms

HEAD: Final = ("codecs converted, both ways of a call", "CPU of 20 ms", "fill a core", "a second, ratio to loop")
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


def listening_us(packets: int = 1_500) -> float:
    """CPU microseconds per 20 ms of a leg in G.711 that is listened to for keys, the best of three rounds."""
    spoken, best_us = _packets(PCMA, packets), math.inf
    for _ in range(_ROUNDS):
        listener, before = KeyListener(), time.thread_time()
        pressed = sum(len(listener.put(packet)) for packet in spoken)
        best_us = min(best_us, (time.thread_time() - before) / packets * 1e6)
        assert not pressed, "a voice was taken for a key"
    return best_us


def rows(packets: int = 1_500) -> list[tuple[str, str, str, str]]:
    """Both tables' lines: what, CPU of 20 ms, how many fill a core, a second of it beside the yardstick."""
    loop_ms, costs = python_loop_ms(), measure(packets)
    found = []
    for first, second in _PAIRS:
        one, other = BY_NUMBER[first].name, BY_NUMBER[second].name
        there_us, back_us = costs[f"{one} to {other}"], costs[f"{other} to {one}"]
        found.append(
            _row(f"{one} to {other} and back", f"{there_us:.0f} and {back_us:.0f} us", there_us + back_us, loop_ms)
        )
    heard_us = listening_us(packets)
    found.append(_row("a leg listened to for keys", f"{heard_us:.0f} us", heard_us, loop_ms))
    return found


def _row(name: str, told: str, cost_us: float, loop_ms: float) -> tuple[str, str, str, str]:
    a_second_us = cost_us * _FRAMES_PER_S
    return name, told, f"{1e6 / a_second_us:.0f}", f"{a_second_us / 1000 / loop_ms:.2f}"


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
    """Print the table."""
    table(HEAD, rows())


if __name__ == "__main__":
    main()
