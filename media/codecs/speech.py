"""Decoders and encoders of every codec, between payloads and 16-bit samples at 8 or 16 kHz."""

from collections.abc import Callable
from typing import Final, Protocol

from media.codecs.g722 import G722Decoder, G722Encoder
from media.codecs.linear import SAMPLE_BYTES, from_alaw, from_ulaw, to_alaw, to_ulaw
from media.codecs.opus import FRAME_LENGTHS_MS, OpusDecoder, OpusEncoder, OpusWishes
from media.codecs.table import CLOCK_RATE_HZ, G722, OPUS, PCMA, PCMU

NARROW_HZ: Final = CLOCK_RATE_HZ
WIDE_HZ: Final = 16_000
_WIDE: Final = (G722, OPUS)


class Decoder(Protocol):
    """Decodes one source's payloads, best in their order."""

    def decode(self, payload: bytes) -> bytes:
        """The payload's samples. UndecodableAudio."""
        ...


class Encoder(Protocol):
    """Encodes one talker."""

    def encode(self, samples: bytes) -> bytes:
        """The payload of one packet of samples."""
        ...


class _Table:
    """G.711, which needs no state."""

    def __init__(self, translate: Callable[[bytes], bytes]) -> None:
        self.decode = self.encode = translate


def common_rate_hz(codec: int, sink_codec: int) -> int:
    """The sample rate at which nothing is lost between two codecs that either of them has."""
    return WIDE_HZ if codec in _WIDE and sink_codec in _WIDE else NARROW_HZ


def new_decoder(codec: int, rate_hz: int) -> Decoder:
    """A decoder to samples of `rate_hz`; G.711 has 8000 only. ValueError for what is no audio codec."""
    if codec == OPUS:
        return OpusDecoder(rate_hz)
    if codec == G722:
        return G722Decoder(rate_hz)
    if codec in (PCMA, PCMU) and rate_hz == NARROW_HZ:
        return _Table(from_alaw if codec == PCMA else from_ulaw)
    raise ValueError(f"codec {codec} does not decode to {rate_hz} Hz")


def new_encoder(codec: int, rate_hz: int, wishes: OpusWishes) -> Encoder:
    """An encoder of samples of `rate_hz`; G.711 has 8000 only. `wishes`: what a receiver of Opus asked for. ValueError
    for what is no audio codec."""
    if codec == OPUS:
        return OpusEncoder(rate_hz, wishes)
    if codec == G722:
        return G722Encoder(rate_hz)
    if codec in (PCMA, PCMU) and rate_hz == NARROW_HZ:
        return _Table(to_alaw if codec == PCMA else to_ulaw)
    raise ValueError(f"codec {codec} does not encode {rate_hz} Hz")


def frame_bytes(codec: int, ptime_ms: int, rate_hz: int) -> int:
    """How many octets of samples make a packet for a sink that wants `ptime_ms`: the longest frame of Opus that is no
    longer, otherwise just that."""
    if codec == OPUS:
        ptime_ms = max((ms for ms in FRAME_LENGTHS_MS if ms <= ptime_ms), default=FRAME_LENGTHS_MS[0])
    return ptime_ms * rate_hz // 1000 * SAMPLE_BYTES
