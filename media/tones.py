"""Call-progress tones in G.711, encoded once and then only cut into packets and sent.

Frequencies and cadences are India's in ITU-T E.180 Supplement 2; level about -10 dBm0.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from media.codecs.g711 import linear_to_alaw, linear_to_ulaw
from media.codecs.g722 import G722Encoder
from media.codecs.linear import SAMPLE_BYTES
from media.codecs.opus import NO_WISHES, OpusEncoder
from media.codecs.table import BY_NUMBER, CLOCK_RATE_HZ, G722, OPUS, PCMA, PCMU

# 0 dBm0 is 3.14 dB under a full-scale sine in A-law, so -10 dBm0 peaks at 32767 * 10 ** (-13.14 / 20).
_PEAK: Final = 7218
_CACHED: Final = 32
# Edges this long keep the switching of a tone from clicking.
_RAMP_SAMPLES: Final = 40
# Whole packets of every length from 10 to 60 ms.
_SILENCE_SAMPLES: Final = 4800
_LEAD_IN_BYTES: Final = 3200  # 200 ms
# Comfort noise: how loud, in -dBov, and how much of it until it comes again.
_NOISE_LEVELS: Final = (38, 44, 50, 56, 62, 68)
_NOISE_STEP: Final = 6
_NOISE_SAMPLES: Final = 8000
_OVERLOAD: Final = 32768
# 20 ms: a packet of a tone in codecs whose octets are no samples.
PACKET_SAMPLES: Final = 160


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
    """A tone ready to be sent, one pass of it per codec number: `encoded` with an octet for each sample of 8 kHz,
    `packets` of 20 ms for the codecs whose octets are no samples."""

    name: str
    encoded: dict[int, bytes]
    endless: bool
    packets: dict[int, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Samples of one pass."""
        return len(self.encoded[PCMA])

    def frame(self, codec: int, position: int, samples: int) -> bytes:
        """The payload for `samples` from sample `position` on, both of 8 kHz, which for an endless tone may be in any
        pass; silence follows the end of any other. Empty where the tone is not encoded for the codec. Of a codec that
        has packets it is the one that `position` lies in."""
        encoded = self.encoded.get(codec)
        if encoded is None:
            return self._packet(self.packets.get(codec, ()), position)
        if self.endless:
            position %= len(encoded)
        frame = encoded[position : position + samples]
        missing = samples - len(frame)
        if not missing:
            return frame
        return frame + (encoded[:missing] if self.endless else bytes([BY_NUMBER[codec].silence]) * missing)

    def _packet(self, packets: tuple[bytes, ...], position: int) -> bytes:
        index = position // PACKET_SAMPLES
        if self.endless and packets:
            index %= len(packets)
        return packets[index] if index < len(packets) else b""


def frame_ticks(codec: int, ptime_ticks: int) -> int:
    """How much of the RTP clock each packet of a tone takes, where a leg's packet time is `ptime_ticks`."""
    spoken = BY_NUMBER.get(codec)
    if spoken is None or spoken.octets_are_ticks:
        return ptime_ticks
    return PACKET_SAMPLES * spoken.clock_rate_hz // CLOCK_RATE_HZ


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


def encode(name: str, samples: Sequence[int], *, endless: bool) -> Tone:
    """Samples of -32768..32767 at 8 kHz, encoded for every codec."""
    linear = array("h", samples).tobytes()
    encoded = {PCMA: linear_to_alaw(samples), PCMU: linear_to_ulaw(samples), G722: _in_g722(linear, endless=endless)}
    return Tone(name, encoded, endless, {OPUS: _in_opus(linear)})


def _in_g722(linear: bytes, *, endless: bool) -> bytes:
    """An octet for each sample; the encoder comes to the first as it leaves the last, or comes out of silence."""
    encoder = G722Encoder(CLOCK_RATE_HZ)
    encoder.encode(linear[-_LEAD_IN_BYTES:] if endless else bytes(_LEAD_IN_BYTES))
    return encoder.encode(linear)


def _in_opus(linear: bytes) -> tuple[bytes, ...]:
    size = PACKET_SAMPLES * SAMPLE_BYTES
    encoder = OpusEncoder(CLOCK_RATE_HZ, NO_WISHES)
    return tuple(encoder.encode(linear[at : at + size].ljust(size, b"\0")) for at in range(0, len(linear), size))


@lru_cache(maxsize=_CACHED)
def prepare(cadence: Cadence) -> Tone:
    """A cadence, encoded for every codec."""
    return encode(cadence.name, _samples(cadence), endless=cadence.length_ms is None)


@lru_cache(maxsize=1)
def silence() -> Tone:
    """An endless tone that nobody hears: what a leg gets when its source has gone quiet."""
    return encode("silence", [0] * _SILENCE_SAMPLES, endless=True)


@cache
def comfort_noises() -> tuple[Tone, ...]:
    """White noise without end, one for each of a few levels: what a leg hears whose source says how loud its background
    is (RFC 3389) and then nothing. See `noise_index`."""
    white = _white_noise()
    root_mean_square = math.sqrt(sum(value * value for value in white) / len(white))
    noises = []
    for level in _NOISE_LEVELS:
        gain = _OVERLOAD * 10 ** (-level / 20) / root_mean_square
        noises.append(encode("comfort_noise", [round(gain * value) for value in white], endless=True))
    return tuple(noises)


def noise_index(level: int) -> int:
    """Which of the `comfort_noises` is nearest to a level of 0..127 in -dBov; louder ones than the first are not
    made."""
    return min(max((level - _NOISE_LEVELS[0] + _NOISE_STEP // 2) // _NOISE_STEP, 0), len(_NOISE_LEVELS) - 1)


def _white_noise() -> list[int]:
    """Samples about 0, near to Gaussian: each the sum of four of a linear congruential generator's (modulus 2**32)."""
    state, samples = 1, []
    for _ in range(_NOISE_SAMPLES):
        total = 0
        for _ in range(4):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            total += (state >> 16) - 0x8000
        samples.append(total)
    return samples
