"""One party's audio, as its packets bring it, in frames of 20 ms on the taker's clock."""

from typing import Final

from media.codecs.linear import SAMPLE_BYTES, Doubling, silence
from media.codecs.speech import NARROW_HZ, Decoder, new_decoder
from media.codecs.table import BY_NUMBER, PCMA, PCMU
from media.errors import UndecodableAudio
from media.transcoding.concealment import Concealment
from media.transcoding.packets import HELD_S, Ordering, Packet

FRAME_MS: Final = 20
FRAMES_PER_S: Final = 1000 // FRAME_MS
# What is gathered before a talk spurt is begun, against jitter; and the most that waits: beyond it the oldest goes.
GATHERED_MS: Final = 40
WAITING_MS_MAX: Final = 120
# Lost audio that is made up; what else is missing is a pause.
_CONCEALED_MS: Final = 100
# No packet that came so long ago is still to be taken: it waited for an earlier one, and then for its turn.
LONGEST_WAIT_S: Final = HELD_S + WAITING_MS_MAX / 1000 + FRAME_MS / 1000


class Playout:
    """Packets in, frames out: `take` is to be called every 20 ms. Time is monotonic seconds.

    `rate_hz`: 8000 or 16000. `cut` counts frames' worth of audio that were left out because they came faster than they
    were taken.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = FRAME_MS * rate_hz // 1000 * SAMPLE_BYTES
        self._ordering = Ordering()
        self._voice: tuple[int, int] | None = None  # SSRC and codec
        self._decoder = _decoding(PCMA, rate_hz)
        self._concealment = Concealment(rate_hz)
        self._next_timestamp = 0
        self._waiting = bytearray()
        self._waiting_since = 0.0
        self._running = False
        self.cut = 0

    def put(self, packet: Packet) -> None:
        """Take a packet, in any codec; what is no audio only keeps the order."""
        for each, lost in self._ordering.put(packet):
            self._add(each, lost)

    def take(self, now: float) -> bytes | None:
        """The next frame; None while nothing is heard."""
        due = self._ordering.due
        if due is not None and due <= now:
            for each, lost in self._ordering.give_up(now):
                self._add(each, lost)
        waiting = self._waiting
        if not waiting:
            self._running = False
            return None
        gathered = len(waiting) >= self._bytes_of(GATHERED_MS) or now - self._waiting_since >= GATHERED_MS / 1000
        if not self._running and not gathered:
            return None
        frame = bytes(waiting[: self._frame_bytes])
        del waiting[: self._frame_bytes]
        self._running = len(frame) == self._frame_bytes
        return frame + bytes(self._frame_bytes - len(frame))

    def _add(self, packet: Packet, lost: int) -> None:
        if packet.codec not in BY_NUMBER or not packet.payload:
            return
        voice = packet.ssrc, packet.codec
        if voice != self._voice:
            self._voice, self._decoder = voice, _decoding(packet.codec, self._rate_hz)
            self._concealment = Concealment(self._rate_hz)
            self._next_timestamp = packet.timestamp
        try:
            samples = self._decoder.decode(packet.payload)
        except UndecodableAudio:
            return
        if not self._waiting:
            self._waiting_since = packet.arrival
        clock_rate_hz = BY_NUMBER[packet.codec].clock_rate_hz
        if lost:
            missing = packet.timestamp - self._next_timestamp & 0xFFFFFFFF
            if missing <= _CONCEALED_MS * clock_rate_hz // 1000:
                self._waiting += self._concealment.conceal(missing * self._rate_hz // clock_rate_hz)
        self._concealment.heard(samples)
        self._waiting += samples
        count = len(samples) // SAMPLE_BYTES
        self._next_timestamp = packet.timestamp + count * clock_rate_hz // self._rate_hz & 0xFFFFFFFF
        if len(self._waiting) > self._bytes_of(WAITING_MS_MAX):
            left_out = len(self._waiting) - self._bytes_of(GATHERED_MS)
            self.cut += -(-left_out // self._frame_bytes)
            del self._waiting[:left_out]

    def _bytes_of(self, milliseconds: int) -> int:
        return milliseconds * self._rate_hz // 1000 * SAMPLE_BYTES


class _Widened:
    """G.711 at 16 kHz: there is nothing in it above 4 kHz."""

    def __init__(self, codec: int) -> None:
        self._decoder: Decoder = new_decoder(codec, NARROW_HZ)
        self._doubling = Doubling()

    def decode(self, payload: bytes) -> bytes:
        return self._doubling.put(self._decoder.decode(payload))


def _decoding(codec: int, rate_hz: int) -> Decoder:
    """What makes samples of that rate of a codec's payloads."""
    return _Widened(codec) if codec in (PCMA, PCMU) and rate_hz != NARROW_HZ else new_decoder(codec, rate_hz)


def silent_frame(rate_hz: int) -> bytes:
    """20 ms of nothing."""
    return silence(FRAME_MS * rate_hz // 1000)
