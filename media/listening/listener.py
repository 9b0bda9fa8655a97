"""Who listens for keys in what one party sends: packets in, presses out."""

from collections.abc import Iterator
from typing import Final

from media.codecs.linear import SAMPLE_BYTES
from media.codecs.speech import NARROW_HZ, Decoder, new_decoder
from media.codecs.table import BY_NUMBER
from media.errors import UndecodableAudio
from media.listening.key_tones import KeyTones
from media.rtp.dtmf import PressedDigit
from media.transcoding.packets import Ordering, Packet

# A key that is down is no more when nothing was heard for this long.
QUIET_S: Final = 0.1
# Less that is missing is passed over, so that a lost packet does not make two presses of one.
_GAP_MS_MAX: Final = 40


class KeyListener:
    """Listens to one party, in whichever codec it speaks. Time is monotonic seconds."""

    __slots__ = ("_arrival", "_decoder", "_keys", "_ordering", "_timestamp", "_voice")

    def __init__(self) -> None:
        self._ordering = Ordering()
        self._keys = KeyTones()
        self._voice: tuple[int, int] | None = None  # SSRC and codec
        self._decoder: Decoder = new_decoder(0, NARROW_HZ)
        self._timestamp = 0  # where the next audio is to be
        self._arrival = 0.0

    @property
    def due(self) -> float | None:
        """When `advance` has something to do without another packet."""
        quiet_at = self._arrival + QUIET_S if self._keys.pressed else None
        return min((due for due in (self._ordering.due, quiet_at) if due is not None), default=None)

    def put(self, packet: Packet) -> list[PressedDigit]:
        """Take a packet; the presses that are over."""
        return [press for each, _ in self._ordering.put(packet) for press in self._take(each)]

    def advance(self, now: float) -> list[PressedDigit]:
        """Do what is due; the presses that are over."""
        presses = [press for each, _ in self._ordering.give_up(now) for press in self._take(each)]
        if now >= self._arrival + QUIET_S:
            presses += self._keys.stop()
        return presses

    def _take(self, packet: Packet) -> Iterator[PressedDigit]:
        if packet.codec not in BY_NUMBER or not packet.payload:
            return
        self._arrival = packet.arrival
        clock_rate_hz = BY_NUMBER[packet.codec].clock_rate_hz
        voice = packet.ssrc, packet.codec
        missing = (packet.timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if voice != self._voice or abs(missing) > _GAP_MS_MAX * clock_rate_hz // 1000:
            yield from self._keys.stop()
        if voice != self._voice:
            self._voice, self._decoder = voice, new_decoder(packet.codec, NARROW_HZ)
        try:
            samples = self._decoder.decode(packet.payload)
        except UndecodableAudio:
            return
        self._timestamp = packet.timestamp + len(samples) // SAMPLE_BYTES * clock_rate_hz // NARROW_HZ & 0xFFFFFFFF
        yield from self._keys.put(samples)
