"""What goes to one party while a supervisor may speak to it: the other party's audio with the supervisor's on top.

No I/O. Its frames are in the party's codec and packet time, on a timeline of their own, as a converter's are.
"""

from typing import Final

from media.codecs.linear import SAMPLE_BYTES, Doubling, mixed
from media.codecs.speech import NARROW_HZ, WIDE_HZ, frame_bytes, new_encoder
from media.codecs.table import BY_NUMBER, G722, OPUS
from media.forking.playout import silent_frame
from media.packet_path.repacketiser import Frame
from media.transcoding.conversion import Target

_WIDE: Final = (G722, OPUS)


def rate_of(target: Target) -> int:
    """The sample rate at which is mixed for a codec."""
    return WIDE_HZ if target.codec in _WIDE else NARROW_HZ


class VoiceOver:
    """Mixes for one party, 20 ms at a time."""

    def __init__(self, target: Target) -> None:
        self.codec = target.codec
        self.rate_hz = rate_of(target)
        self._encoder = new_encoder(target.codec, self.rate_hz, target.wishes)
        self._frame_bytes = frame_bytes(target.codec, target.ptime_ms, self.rate_hz)
        self._clock_rate_hz = BY_NUMBER[target.codec].clock_rate_hz
        self._doubling = Doubling()
        self._pending = b""
        self._samples = 0  # that have been sent

    def put(self, heard: bytes | None, speech: bytes | None) -> list[Frame]:
        """The packets that are whole with 20 ms more. `heard`: of the other party, at `rate_hz`; `speech`: the
        supervisor's, at 8 kHz; None for nothing."""
        samples = silent_frame(self.rate_hz) if heard is None else heard
        if speech is not None:
            samples = mixed(samples, self._doubling.put(speech) if self.rate_hz == WIDE_HZ else speech)
        pending = self._pending + samples
        frames: list[Frame] = []
        while len(pending) >= self._frame_bytes:
            timestamp = self._samples * self._clock_rate_hz // self.rate_hz & 0xFFFFFFFF
            frames.append((timestamp, 0, self._encoder.encode(pending[: self._frame_bytes])))
            pending = pending[self._frame_bytes :]
            self._samples += self._frame_bytes // SAMPLE_BYTES
        self._pending = pending
        return frames
