"""G.711 A-law and mu-law by table: linear samples to either law and back, and one law to the other (ITU-T G.711)."""

from collections.abc import Iterable
from typing import Final

ALAW_SILENCE: Final = 0xD5
ULAW_SILENCE: Final = 0xFF

_ULAW_BIAS: Final = 0x84
_ULAW_CLIP: Final = 32635


def _expand_alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


def _expand_ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 15) << 3) + _ULAW_BIAS) << ((code >> 4) & 7)) - _ULAW_BIAS
    return -magnitude if code & 0x80 else magnitude


def _compress_alaw(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    # One's complement for the negative half keeps the decision values symmetric, as the recommendation's tables are.
    magnitude = min(sample if sample >= 0 else ~sample, 32767)
    exponent = max((magnitude >> 8).bit_length(), 0)
    mantissa = (magnitude >> 4) & 15 if exponent == 0 else (magnitude >> (exponent + 3)) & 15
    return (sign | exponent << 4 | mantissa) ^ 0x55


def _compress_ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    exponent = (magnitude >> 8).bit_length()
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 15) & 0xFF


# Code -> 16-bit linear sample.
ALAW_TO_LINEAR: Final = tuple(_expand_alaw(code) for code in range(256))
ULAW_TO_LINEAR: Final = tuple(_expand_ulaw(code) for code in range(256))

# (sample >> 2) + 8192 -> code: both laws are constant over four neighbouring 16-bit samples.
_LINEAR_TO_ALAW: Final = bytes(_compress_alaw(sample << 2) for sample in range(-8192, 8192))
_LINEAR_TO_ULAW: Final = bytes(_compress_ulaw(sample << 2) for sample in range(-8192, 8192))

# For bytes.translate: one law to the other.
ALAW_TO_ULAW: Final = bytes(_compress_ulaw(sample) for sample in ALAW_TO_LINEAR)
ULAW_TO_ALAW: Final = bytes(_compress_alaw(sample) for sample in ULAW_TO_LINEAR)


def linear_to_alaw(samples: Iterable[int]) -> bytes:
    """Encode samples of -32768..32767 as A-law."""
    return bytes([_LINEAR_TO_ALAW[(sample >> 2) + 8192] for sample in samples])


def linear_to_ulaw(samples: Iterable[int]) -> bytes:
    """Encode samples of -32768..32767 as mu-law."""
    return bytes([_LINEAR_TO_ULAW[(sample >> 2) + 8192] for sample in samples])


def alaw_to_linear(payload: bytes) -> list[int]:
    """Decode A-law to 16-bit samples."""
    return [ALAW_TO_LINEAR[code] for code in payload]


def ulaw_to_linear(payload: bytes) -> list[int]:
    """Decode mu-law to 16-bit samples."""
    return [ULAW_TO_LINEAR[code] for code in payload]
