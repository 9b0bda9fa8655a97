"""The bounded queue between the packet path and the recorder."""

from collections import deque
from typing import Final, Protocol

from media.packet_path.tap import Tap

QUEUE_PACKETS: Final = 512  # for each recording: 5 s of both legs at 20 ms

TappedPacket = tuple[int, float, int, int, int, bytes]


class LiveTap(Protocol):
    """What the recorder's writer needs of a tap; how packets come into it is the packet path's affair."""

    @property
    def gap_frames(self) -> int:
        """Packets lost since the beginning because the tap was full."""
        ...

    def gap_frames_of(self, channel: int) -> int:
        """How many of them were of one channel, 0 or 1."""
        ...

    def take(self) -> list[TappedPacket]:
        """What is there now, oldest first. Called in the writer's thread."""
        ...

    def close(self) -> None:
        """Take no more packets, and count none as lost."""
        ...


class RecorderTap(Tap, LiveTap, Protocol):
    """Both ends of a tap: what the packet path asks of it and what the writer does."""


class QueueTap:
    """Where the packet path leaves the packets of one recorded call: one thread puts, another takes."""

    __slots__ = ("_gap_frames", "_limit", "_packets")

    def __init__(self, limit: int = QUEUE_PACKETS) -> None:
        self._limit = limit
        self._packets: deque[TappedPacket] = deque()
        self._gap_frames = [0, 0]

    @property
    def gap_frames(self) -> int:
        """Packets dropped because the queue was full."""
        return sum(self._gap_frames)

    def gap_frames_of(self, channel: int) -> int:
        """How many of them were of one channel."""
        return self._gap_frames[channel]

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        """Leave a packet; never blocks. `channel` 0 is A, 1 is B; `arrival` in monotonic seconds; `codec` 0 or 8.

        A full queue drops the packet: the recording has a counted gap there, never an offset.
        """
        packets = self._packets
        if len(packets) < self._limit:
            packets.append((channel, arrival, rtp_timestamp, ssrc, codec, payload))
        elif self._limit:
            self._gap_frames[channel] += 1

    def take(self) -> list[TappedPacket]:
        """What is there now, oldest first."""
        packets = self._packets
        return [packets.popleft() for _ in range(len(packets))]

    def close(self) -> None:
        """Take no more packets, and count none as lost."""
        self._limit = 0
