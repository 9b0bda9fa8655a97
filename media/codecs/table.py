"""The codecs this product speaks, by name and by the payload type RFC 3551 assigns them."""

from dataclasses import dataclass
from typing import Final

from media.codecs.g711 import ALAW_SILENCE, ALAW_TO_ULAW, ULAW_SILENCE, ULAW_TO_ALAW

CLOCK_RATE_HZ: Final = 8000
OPUS_CLOCK_RATE_HZ: Final = 48_000
PCMU: Final = 0
PCMA: Final = 8
G722: Final = 9
# What a G.722 encoder says that hears nothing.
G722_SILENCE: Final = 0xFA
# RFC 3389; no audio codec, but a packet with a level and a spectrum in place of silence.
COMFORT_NOISE: Final = 13
# From here on no RFC 3551 numbers: what formats are called inside the packet path whose payload types are negotiated.
TELEPHONE_EVENT: Final = 128
TELEPHONE_EVENT_48000: Final = 129
OPUS: Final = 130


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec of one channel; `number` is its static payload type and its name in the packet path.

    `clock_rate_hz` is that of its RTP timestamps, whatever its audio has: 8000 for G.722 (RFC 3551 section 4.5.2),
    48000 for Opus (RFC 7587 section 4.1). `silence`: what an octet of silence is, 0 for Opus, which has none. `cuts`:
    each octet is a sample, so that audio can be cut and filled up anywhere. `octets_are_ticks`: each octet is one tick
    of the RTP clock.
    """

    name: str
    number: int
    silence: int
    clock_rate_hz: int = CLOCK_RATE_HZ
    cuts: bool = False
    octets_are_ticks: bool = True

    @property
    def encoding(self) -> str:
        """What a=rtpmap says of it. Opus is always called two channels (RFC 7587 section 7)."""
        return f"{self.name}/{self.clock_rate_hz}" + ("/2" if self.number == OPUS else "")


CODECS: Final = (
    Codec("PCMA", PCMA, ALAW_SILENCE, cuts=True),
    Codec("PCMU", PCMU, ULAW_SILENCE, cuts=True),
    Codec("G722", G722, G722_SILENCE),
    Codec("opus", OPUS, 0, OPUS_CLOCK_RATE_HZ, octets_are_ticks=False),
)
BY_NAME: Final = {codec.name: codec for codec in CODECS}
BY_NUMBER: Final = {codec.number: codec for codec in CODECS}

# (from, to) -> table for bytes.translate; equal codecs need none, other pairs are decoded and encoded anew.
TRANSLATIONS: Final = {(PCMA, PCMU): ALAW_TO_ULAW, (PCMU, PCMA): ULAW_TO_ALAW}

# telephone-event by its clock rate, which is that of the audio beside it (RFC 4733 section 2.1).
EVENT_CLOCK_RATES_HZ: Final = {TELEPHONE_EVENT: CLOCK_RATE_HZ, TELEPHONE_EVENT_48000: OPUS_CLOCK_RATE_HZ}


def needs_conversion(codec: int, sink_codec: int) -> bool:
    """Whether audio of one codec becomes that of another only by decoding and encoding it."""
    return codec != sink_codec and codec in BY_NUMBER and (codec, sink_codec) not in TRANSLATIONS
