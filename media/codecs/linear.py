"""16-bit samples in the machine's byte order, whole packets of them at a time."""

import audioop
import sys
from typing import Final

SAMPLE_BYTES: Final = 2


def from_alaw(payload: bytes) -> bytes:
    """Decode A-law."""
    return audioop.alaw2lin(payload, SAMPLE_BYTES)


def from_ulaw(payload: bytes) -> bytes:
    """Decode mu-law."""
    return audioop.ulaw2lin(payload, SAMPLE_BYTES)


def to_alaw(samples: bytes) -> bytes:
    """Encode as A-law."""
    return audioop.lin2alaw(samples, SAMPLE_BYTES)


def to_ulaw(samples: bytes) -> bytes:
    """Encode as mu-law."""
    return audioop.lin2ulaw(samples, SAMPLE_BYTES)


def silence(count: int) -> bytes:
    """`count` silent samples."""
    return bytes(count * SAMPLE_BYTES)


def loudness(samples: bytes) -> int:
    """Their root mean square; 0 of none."""
    return audioop.rms(samples, SAMPLE_BYTES) if samples else 0


def scaled(samples: bytes, factor: float) -> bytes:
    """All of them times a factor."""
    return audioop.mul(samples, SAMPLE_BYTES, factor)


def best_match(samples: bytes, pattern: bytes) -> int:
    """Where in `samples`, counted in samples, the pattern fits best, at whatever level."""
    position, _ = audioop.findfit(samples, pattern)
    return position


def projection(samples: bytes, onto: bytes) -> float:
    """How much of another's samples, as many, is in these: by what factor they are to be taken to leave the least when
    they are taken away."""
    return audioop.findfactor(samples, onto)


def without(samples: bytes, other: bytes, factor: float) -> bytes:
    """These samples less another's, as many, times a factor."""
    return audioop.add(samples, audioop.mul(other, SAMPLE_BYTES, -factor), SAMPLE_BYTES)


def mixed(samples: bytes, other: bytes) -> bytes:
    """Both at once, as many of each; what is too loud together is cut off at the loudest there is."""
    return audioop.add(samples, other, SAMPLE_BYTES)


def little_endian(samples: bytes) -> bytes:
    """The same in little-endian order."""
    return samples if sys.byteorder == "little" else audioop.byteswap(samples, SAMPLE_BYTES)


class Doubling:
    """8 kHz to 16 kHz, packet after packet of one talker, by straight lines between the samples."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[int, tuple[tuple[int, int], ...]] | None = None

    def put(self, samples: bytes) -> bytes:
        """The packet in twice as many samples."""
        doubled, self._last = audioop.ratecv(samples, SAMPLE_BYTES, 1, 8000, 16000, self._last)
        # Of a talker's first packet it makes one sample less: there is nothing before the first to draw a line from.
        return doubled[: 2 * len(samples) - len(doubled)] + doubled
