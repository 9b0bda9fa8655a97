"""The loudest of each stretch of a recording, for a drawing of it: measured piece by piece, kept small.

Packed it is the length of a stretch in milliseconds, how many there are, and a byte for each of the left channel and
then of the right: 0 silence, 255 full scale. Of a sealed recording it is sealed with the recording's own key.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from media.recording.sealing import WRITER_BYTES, Seal, SealDamaged, open_beside, seal_beside

MOST_PEAKS: Final = 1000  # of a channel
SHORTEST_MS: Final = 20
LOUDEST: Final = 255

_HEAD: Final = struct.Struct(">IH")
_LABEL: Final = b"peaks of "


@dataclass(frozen=True, slots=True)
class Peaks:
    """The peaks of both channels, a stretch of `interval_ms` each; as many of one as of the other."""

    interval_ms: int
    left: bytes
    right: bytes

    def pack(self) -> bytes:
        """As it is kept."""
        return _HEAD.pack(self.interval_ms, len(self.left)) + self.left + self.right


def unpack(content: bytes) -> Peaks:
    """What was packed. SealDamaged: it is none."""
    if len(content) >= _HEAD.size:
        interval_ms, count = _HEAD.unpack_from(content)
        if len(content) == _HEAD.size + 2 * count:
            middle = _HEAD.size + count
            return Peaks(interval_ms, content[_HEAD.size : middle], content[middle:])
    raise SealDamaged("its peaks are damaged")


def sealed(peaks: Peaks, seal: Seal, entropy: Callable[[int], bytes]) -> bytes:
    """Packed and sealed with the recording's key."""
    return seal_beside(peaks.pack(), _LABEL, seal, entropy(WRITER_BYTES))


def opened(content: bytes, seal: Seal) -> Peaks:
    """What was sealed. SealDamaged."""
    return unpack(open_beside(content, _LABEL, seal))


@dataclass(slots=True)
class PeakMeter:
    """Measures a recording of `duration_ms`, channel by channel, in pieces that follow each other."""

    duration_ms: int
    interval_ms: int = field(init=False)
    _channels: tuple[bytearray, bytearray] = field(init=False)
    _at_ms: int = 0

    def __post_init__(self) -> None:
        self.interval_ms = max(SHORTEST_MS, -(-self.duration_ms // MOST_PEAKS))
        count = max(1, -(-self.duration_ms // self.interval_ms))
        self._channels = (bytearray(count), bytearray(count))

    def measure(self, sides: Sequence[Any]) -> None:
        """The next piece: pydub's segment of each channel."""
        length_ms = len(sides[0])
        for peaks, mono in zip(self._channels, sides, strict=True):
            start_ms = 0
            while start_ms < length_ms:
                at = min((self._at_ms + start_ms) // self.interval_ms, len(peaks) - 1)
                end_ms = max((at + 1) * self.interval_ms - self._at_ms, start_ms + 1)
                loudest = mono[start_ms:end_ms].max / mono.max_possible_amplitude
                peaks[at] = max(peaks[at], min(LOUDEST, round(loudest * LOUDEST)))
                start_ms = end_ms
        self._at_ms += length_ms

    @property
    def peaks(self) -> Peaks:
        """What was measured until now."""
        left, right = self._channels
        return Peaks(self.interval_ms, bytes(left), bytes(right))
