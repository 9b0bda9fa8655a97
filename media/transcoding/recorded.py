"""Recorded packets of any codec as G.711, which the recording's timeline takes."""

from typing import Final

from media.codecs.linear import to_alaw
from media.codecs.speech import NARROW_HZ, Decoder, new_decoder
from media.codecs.table import BY_NUMBER, PCMA, PCMU
from media.errors import UndecodableAudio

# Sources of one recording that are remembered; the oldest is forgotten.
_VOICES_MAX: Final = 8

RecordedPacket = tuple[int, float, int, int, int, bytes]
"""Channel, arrival in monotonic seconds, RTP timestamp, SSRC, codec, payload."""


class _Voice:
    def __init__(self, codec: int, timestamp: int) -> None:
        self.decoder: Decoder = new_decoder(codec, NARROW_HZ)
        self._clock_rate_hz = BY_NUMBER[codec].clock_rate_hz
        self._timestamp = timestamp
        self._ticks = timestamp

    def timestamp_of(self, timestamp: int) -> int:
        """A timestamp of the codec's clock in that of G.711, through its wraps."""
        self._ticks += (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._timestamp = timestamp
        return self._ticks * NARROW_HZ // self._clock_rate_hz & 0xFFFFFFFF


class RecordedAudio:
    """Decodes what one recording is given. G.711 passes as it is."""

    def __init__(self) -> None:
        self._voices: dict[tuple[int, int, int], _Voice] = {}

    def as_g711(self, packet: RecordedPacket) -> RecordedPacket:
        """The packet, where it is another codec as A-law of 8 kHz; what cannot be decoded has no payload."""
        channel, arrival, timestamp, ssrc, codec, payload = packet
        if codec in (PCMA, PCMU) or codec not in BY_NUMBER:
            return packet
        voice = self._voices.get((channel, ssrc, codec))
        if voice is None:
            if len(self._voices) >= _VOICES_MAX:
                del self._voices[next(iter(self._voices))]
            voice = self._voices[channel, ssrc, codec] = _Voice(codec, timestamp)
        placed = voice.timestamp_of(timestamp)
        try:
            audio = to_alaw(voice.decoder.decode(payload))
        except UndecodableAudio:
            audio = b""
        return channel, arrival, placed, ssrc, PCMA, audio
