"""G.711 to 16-bit PCM in the form that places a whole packet with two translations and two strided copies."""

from collections.abc import Sequence
from typing import Final

from media.codecs.g711 import ALAW_TO_LINEAR, ULAW_TO_LINEAR

PCMU: Final = 0
PCMA: Final = 8


def _split(samples: Sequence[int]) -> tuple[bytes, bytes]:
    return bytes(sample & 0xFF for sample in samples), bytes(sample >> 8 & 0xFF for sample in samples)


_TABLES: Final = {PCMU: _split(ULAW_TO_LINEAR), PCMA: _split(ALAW_TO_LINEAR)}


def byte_tables(payload_type: int) -> tuple[bytes, bytes] | None:
    """For `bytes.translate`: G.711 code to the low and to the high byte of its sample; None for any other codec."""
    return _TABLES.get(payload_type)


def linear_of(payload: bytes, payload_type: int) -> list[int]:
    """The samples of a G.711 payload."""
    table = ULAW_TO_LINEAR if payload_type == PCMU else ALAW_TO_LINEAR
    return [table[code] for code in payload]
