"""Packets on their way to a conversion: the bounded queue out of the packet path, and their order restored."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from media.packet_path.converter import Converter

QUEUE_PACKETS: Final = 64  # for each direction of a call: 1.3 s at 20 ms
# A packet that is missing is waited for until so many later ones are there, or the first of these has waited so long.
HELD_MAX: Final = 3
HELD_S: Final = 0.06
# Beyond this a sequence number is no loss but a source that began anew.
_JUMP_MAX: Final = 100
# So many in a row that have been here before, in their order and with none in time among them, are one, too.
_AGAIN_MAX: Final = 4
# Packets from before the first of a source; so many may still come after it.
_EARLY: Final = 16


class Packet(NamedTuple):
    """One RTP packet; no payload: it was no audio. `marker` 0 or 0x80."""

    arrival: float
    ssrc: int
    sequence: int
    timestamp: int
    marker: int
    codec: int
    payload: bytes


TakenPacket = tuple[float, int, int, int, int, int, bytes]
"""The fields of a `Packet`."""


class ConversionQueue(Converter, Protocol):
    """Both ends of a queue of what is to be converted: what the packet path asks of it and what the transcoder does."""

    @property
    def dropped(self) -> int:
        """Packets lost because it was full."""
        ...

    def take(self) -> Sequence[TakenPacket]:
        """What is there now, oldest first."""
        ...


NewQueue = Callable[[Callable[[], None], int], ConversionQueue]
"""Makes a queue that calls back after each packet, or writes to an eventfd: one or the other."""


class PacketQueue:
    """Where the packet path leaves what is to be converted: one thread puts, another takes. `wake` is called after each
    packet."""

    __slots__ = ("_limit", "_packets", "_wake", "dropped")

    def __init__(self, wake: Callable[[], None], limit: int = QUEUE_PACKETS) -> None:
        self._wake = wake
        self._limit = limit
        self._packets: deque[Packet] = deque()
        self.dropped = 0

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        """See `media.packet_path.converter.Converter`. A full queue drops the packet: it is concealed like a lost
        one."""
        if len(self._packets) >= self._limit:
            self.dropped += 1
            return
        self._packets.append(Packet(arrival, ssrc, sequence, timestamp, marker, codec, payload))
        self._wake()

    def take(self) -> list[Packet]:
        """What is there now, oldest first."""
        packets = self._packets
        return [packets.popleft() for _ in range(len(packets))]


def new_packet_queue(wake: Callable[[], None], _told_fd: int) -> ConversionQueue:
    """A queue for the packet path in Python."""
    return PacketQueue(wake)


class Ordering:
    """Gives one source's packets in the order of their sequence numbers.

    In order they pass at once. Where one is missing, the next are held until it comes or is given up.
    """

    __slots__ = ("_again", "_again_at", "_held", "_lost", "_next", "_ssrc", "late")

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._next = 0  # the sequence number, without wraps, that follows
        self._held: dict[int, Packet] = {}
        self._lost: set[int] = set()  # what was given up, and may come yet
        self._again = 0
        self._again_at = 0
        self.late = 0

    @property
    def due(self) -> float | None:
        """When the missing packet is given up; None while none is missing."""
        return min(packet.arrival for packet in self._held.values()) + HELD_S if self._held else None

    def put(self, packet: Packet) -> Iterator[tuple[Packet, int]]:
        """Take a packet; gives those whose turn has come, each with the number lost before it."""
        ahead = (packet.sequence - self._next + 0x8000 & 0xFFFF) - 0x8000
        if packet.ssrc != self._ssrc or abs(ahead) > _JUMP_MAX or (ahead < 0 and self._goes_back(self._next + ahead)):
            yield from self._release_all()
            self._ssrc, self._next = packet.ssrc, packet.sequence + 1
            self._lost = set(range(packet.sequence - _EARLY, packet.sequence))
            self._again = 0
            yield packet, 0
            return
        if ahead < 0:
            self.late += 1
            return
        self._again = 0
        self._held[self._next + ahead] = packet
        yield from self._release_ready()
        while len(self._held) >= HELD_MAX:
            yield from self._release_first()

    def _goes_back(self, number: int) -> bool:
        """Whether a late packet is one of a source that goes through its numbers again."""
        if number in self._lost:
            self._lost.remove(number)
            return False
        self._again = self._again + 1 if number > self._again_at else 1
        self._again_at = number
        return self._again > _AGAIN_MAX

    def give_up(self, now: float) -> Iterator[tuple[Packet, int]]:
        """To be called when `due` has come."""
        while (due := self.due) is not None and due <= now:
            yield from self._release_first()

    def _release_ready(self) -> Iterator[tuple[Packet, int]]:
        while self._held and (packet := self._held.pop(self._next, None)) is not None:
            self._next += 1
            yield packet, 0

    def _release_first(self) -> Iterator[tuple[Packet, int]]:
        first = min(self._held)
        lost = first - self._next
        if lost:
            self._lost = {number for number in self._lost if number > first - _JUMP_MAX} | set(range(self._next, first))
        self._next = first + 1
        yield self._held.pop(first), lost
        yield from self._release_ready()

    def _release_all(self) -> Iterator[tuple[Packet, int]]:
        while self._held:
            yield from self._release_first()
