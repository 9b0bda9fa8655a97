"""Opus (RFC 6716) over libopus: one channel, decoded and encoded at 8 or 16 kHz, which the codec itself resamples to.

The library comes with the package `opuslib-next-bundled`; where OPUSLIB_NEXT_USE_SYSTEM_LIB=1 is set, the machine's own
is taken instead.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Final

from opuslib_next import APPLICATION_VOIP, SIGNAL_VOICE
from opuslib_next.api import c_int16_pointer, ctl
from opuslib_next.api import decoder as decoding
from opuslib_next.api import encoder as encoding

from media.errors import UndecodableAudio

SAMPLE_BYTES: Final = 2
# Packet times that one frame of Opus can have (RFC 6716 section 2.1.4), of those that are negotiated here.
FRAME_LENGTHS_MS: Final = (10, 20, 40, 60)
# The longest a packet can be (RFC 6716 section 3.2.1), and the most that is written into one.
PACKET_MS_MAX: Final = 120
_PACKET_BYTES_MAX: Final = 1275

# RFC 7587 section 3.1.1 has 8-12 kbit/s for narrow-band and 16-20 for wide-band speech; the copy of the packet before
# that in-band FEC carries comes on top.
_BITRATES: Final = {8_000: 20_000, 16_000: 28_000}
_BITRATE_MIN: Final = 6_000
_COMPLEXITY: Final = 5
_LOSS_EXPECTED_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class OpusWishes:
    """What a receiver of Opus asks for (RFC 7587 section 6.1): in-band FEC, a constant bit rate, and the highest bit
    rate in bits per second, None for any."""

    fec: bool = False
    constant_bitrate: bool = False
    bitrate_max: int | None = None


NO_WISHES: Final = OpusWishes()


class OpusEncoder:
    """Encodes speech of one talker."""

    def __init__(self, rate_hz: int, wishes: OpusWishes) -> None:
        self._state: Any = encoding.create_state(rate_hz, 1, APPLICATION_VOIP)
        bitrate = _BITRATES[rate_hz]
        if wishes.bitrate_max is not None:
            bitrate = max(min(bitrate, wishes.bitrate_max), _BITRATE_MIN)
        for request, value in (
            (ctl.set_bitrate, bitrate),
            (ctl.set_complexity, _COMPLEXITY),
            (ctl.set_signal, SIGNAL_VOICE),
            (ctl.set_vbr, int(not wishes.constant_bitrate)),
            (ctl.set_inband_fec, int(wishes.fec)),
            (ctl.set_packet_loss_perc, _LOSS_EXPECTED_PERCENT if wishes.fec else 0),
        ):
            encoding.encoder_ctl(self._state, request, value)
        self._packet = ctypes.create_string_buffer(_PACKET_BYTES_MAX)

    def __del__(self) -> None:
        state = getattr(self, "_state", None)
        if state is not None:
            encoding.destroy(state)

    def encode(self, samples: bytes) -> bytes:
        """One packet of 16-bit samples, as many as one of `FRAME_LENGTHS_MS` has; ValueError for others."""
        count = len(samples) // SAMPLE_BYTES
        pcm = ctypes.cast(ctypes.c_char_p(samples), c_int16_pointer)
        size = encoding.libopus_encode(self._state, pcm, count, self._packet, _PACKET_BYTES_MAX)
        if size < 0:
            raise ValueError(f"Opus has no frames of {count} samples")
        return ctypes.string_at(self._packet, size)


class OpusDecoder:
    """Decodes one source's packets in their order. UndecodableAudio for what is no Opus, which leaves the state as it
    was."""

    def __init__(self, rate_hz: int) -> None:
        self._state: Any = decoding.create_state(rate_hz, 1)
        self._longest = rate_hz * PACKET_MS_MAX // 1000
        self._samples = ctypes.create_string_buffer(self._longest * SAMPLE_BYTES)
        self._pcm = ctypes.cast(self._samples, c_int16_pointer)

    def __del__(self) -> None:
        state = getattr(self, "_state", None)
        if state is not None:
            decoding.destroy(state)

    def decode(self, payload: bytes) -> bytes:
        """The packet's samples, 16 bits each."""
        return self._decode(payload, self._longest, fec=False)

    def length_of(self, payload: bytes) -> int:
        """How many samples a packet has."""
        count: int = decoding.libopus_get_nb_samples(self._state, payload, len(payload))
        if count < 0:
            raise UndecodableAudio("a packet is no Opus")
        return count

    def recover(self, following: bytes, count: int) -> bytes:
        """`count` samples in place of the packet before `following`, from the copy that it may carry (in-band FEC);
        without one they are made up. A multiple of 2.5 ms."""
        return self._decode(following, min(count, self._longest), fec=True)

    def conceal(self, count: int) -> bytes:
        """`count` samples in place of a lost packet, or the background noise while nothing is sent (RFC 6716 section
        4.4). A multiple of 2.5 ms."""
        return self._decode(None, min(count, self._longest), fec=False)

    def _decode(self, payload: bytes | None, count: int, *, fec: bool) -> bytes:
        size = 0 if payload is None else len(payload)
        decoded: int = decoding.libopus_decode(self._state, payload, size, self._pcm, count, int(fec))
        if decoded < 0:
            raise UndecodableAudio("a packet is no Opus")
        return ctypes.string_at(self._samples, decoded * SAMPLE_BYTES)
