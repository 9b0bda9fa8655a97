"""Audio cut anew where a leg takes packets of another length than its source sends."""

from typing import Final

# An unfinished frame whose source has gone quiet for this long is sent as it is, filled up with silence.
STALE_S: Final = 0.1

_HALF: Final = 0x80000000

# RTP timestamp, marker (0 or 0x80), payload.
Frame = tuple[int, int, bytes]


class Repacketiser:
    """Collects one source's audio, already translated and on our timestamps, and gives it out in frames of one length.

    What is less than a frame waits for the source's next packet: never more than that, so the delay is under one frame
    and cannot grow. Where audio is missing (loss, a pause of the source) the frame that was begun is filled up with
    silence and the next begins where the audio goes on; where timestamps say less than the payload holds, the payload
    is believed, so that ours never go back.
    """

    __slots__ = ("_anew", "_frame_samples", "_marker", "_pending", "_silence", "_timestamp", "put_at", "source")

    def __init__(self, source: object, frame_samples: int, silence: int) -> None:
        """`source`: whose packets these are, only ever compared. `silence`: the codec's code for it."""
        self.source = source
        self._frame_samples = frame_samples
        self._silence = bytes([silence]) * frame_samples
        self._pending = b""
        self._timestamp = 0
        self._marker = 0
        self._anew = True
        self.put_at = 0.0

    @property
    def pending_samples(self) -> int:
        """How much waits."""
        return len(self._pending)

    def put(self, timestamp: int, marker: int, payload: bytes, now: float) -> list[Frame]:
        """Take the next audio of the source, later than all before; what can be sent now."""
        self.put_at = now
        frames: list[Frame] = []
        missing = (timestamp - self._timestamp - len(self._pending)) & 0xFFFFFFFF
        if self._anew or missing < _HALF:
            if self._pending and missing:
                self._pending += self._silence[: min(missing, self._frame_samples - len(self._pending))]
                self._cut(frames)
            if not self._pending:
                self._timestamp = timestamp
            self._anew = False
        self._marker |= marker
        self._pending += payload
        self._cut(frames)
        return frames

    def flush(self) -> list[Frame]:
        """The frame that was begun, filled up with silence; none where nothing waits."""
        frames: list[Frame] = []
        if self._pending:
            self._pending += self._silence[len(self._pending) :]
            self._cut(frames)
        return frames

    def clear(self, source: object) -> None:
        """Forget what waits; from here on it is another source, or the same one anew."""
        self.source = source
        self._pending = b""
        self._marker = 0
        self._anew = True

    def _cut(self, frames: list[Frame]) -> None:
        pending, size = self._pending, self._frame_samples
        whole = len(pending) - len(pending) % size
        for start in range(0, whole, size):
            frames.append(((self._timestamp + start) & 0xFFFFFFFF, self._marker, pending[start : start + size]))
            self._marker = 0
        self._pending = pending[whole:]
        self._timestamp = (self._timestamp + whole) & 0xFFFFFFFF
