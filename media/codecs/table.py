"""The codecs this product speaks, by name and by the payload type RFC 3551 assigns them."""

from dataclasses import dataclass
from typing import Final

from media.codecs.g711 import ALAW_SILENCE, ALAW_TO_ULAW, ULAW_SILENCE, ULAW_TO_ALAW

CLOCK_RATE_HZ: Final = 8000
PCMU: Final = 0
PCMA: Final = 8
# RFC 3389; no audio codec, but a packet with a level and a spectrum in place of silence.
COMFORT_NOISE: Final = 13
# Not an RFC 3551 number: what telephone-event is called inside the packet path, where its payload type is negotiated.
TELEPHONE_EVENT: Final = 128


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec of one channel at 8000 Hz; `number` is its static payload type and its name in the packet path."""

    name: str
    number: int
    silence: int


CODECS: Final = (Codec("PCMA", PCMA, ALAW_SILENCE), Codec("PCMU", PCMU, ULAW_SILENCE))
BY_NAME: Final = {codec.name: codec for codec in CODECS}
BY_NUMBER: Final = {codec.number: codec for codec in CODECS}

# (from, to) -> table for bytes.translate; equal codecs need none.
TRANSLATIONS: Final = {(PCMA, PCMU): ALAW_TO_ULAW, (PCMU, PCMA): ULAW_TO_ALAW}
