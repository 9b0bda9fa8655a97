"""16-bit samples in the machine's byte order, whole packets of them at a time."""

import audioop
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
