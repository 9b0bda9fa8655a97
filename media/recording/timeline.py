"""Two legs placed on one clock: RTP packets in, interleaved 16-bit PCM out.

Positions are samples of 8 kHz since the start of the recording. A packet lies where its timestamp says, on a line that
its source's clock draws against ours: see `SourceClock`. A new line begins with a new source, and where the timestamps
jump: at once when a packet comes far too early, after a few packets that agree when they come far too late, or where
others lie already (a single such one is only late). Until enough has come to tell where a new line lies, nothing is
written. A line that moves later moves what is said: in a pause as a whole, in speech by single samples where it is not
heard. What nothing was received for is silence.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from media.recording.pcm import byte_tables
from media.recording.slips import slipped
from media.recording.source_clock import SourceClock

SAMPLE_RATE_HZ: Final = 8000
CHANNELS: Final = 2
FRAME_BYTES: Final = 4

REORDER_LIMIT: Final = 1600  # 200 ms: what is older is written and closed; earlier or later than that is a jump
SETTLE_PACKETS: Final = 50  # a line is known after so many packets,
SETTLE_LIMIT: Final = 16_000  # or after 2 s
LONG_PAUSE: Final = 160_000  # 20 s without a packet: the line is drawn anew, unless its drift is known,
LONGEST_PAUSE: Final = 4_800_000  # and after ten minutes in any case
AT_REST: Final = 16  # 2 ms off its line a packet is left where it is
URGENT: Final = 80  # 10 ms off, speech is moved even where it is not quiet
AHEAD_LIMIT: Final = 480_000  # 60 s beyond what is written: an arrival time that cannot be
CHUNK_LIMIT: Final = 80_000  # 10 s: the most one call of `drain` gives
MOST_SOURCES: Final = 4  # for each channel; the oldest is forgotten
MOST_WAITING: Final = 1024  # packets of a source that wait to be placed; beyond it the oldest are placed early
LATE_AGREEING: Final = 3  # late packets in step with each other that begin a new line
LATE_KEPT: Final = 5

_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class _LatePacket:
    arrival: int
    timestamp: int
    codec: int
    payload: bytes


_Waiting = tuple[int, int, bytes]  # unwrapped timestamp, codec, payload
_TIMESTAMP: Final = itemgetter(0)


@dataclass(slots=True)
class _Line:
    """One source since it began or since its timestamps jumped."""

    channel: int
    newest: int  # unwrapped timestamps
    began_at: int  # the arrival of the first packet
    clock: SourceClock
    packets: int = 0
    waiting: list[_Waiting] = field(default_factory=list)
    late: list[_LatePacket] = field(default_factory=list)
    placed_to: int | None = None  # the timestamp behind the last sample placed
    offset: int = 0  # from timestamp to position, for what is placed

    def unwrap(self, timestamp: int) -> int:
        """The timestamp next to the newest that has these 32 bits."""
        return self.newest + ((timestamp - self.newest + _HALF) & _MASK) - _HALF

    def taken(self, stamp: int, codec: int, payload: bytes) -> bool:
        """Whether others that wait lie where a packet belongs that is older than the newest, and leave it less than
        half of its place: timestamps that count not quite what is sent overlap by little. Not where the packet is only
        a repetition."""
        waiting = self.waiting
        if stamp > self.newest or not waiting:
            return False
        place = bisect_left(waiting, stamp, key=_TIMESTAMP)
        begins, ends = stamp, stamp + len(payload)
        if place < len(waiting):
            if waiting[place] == (stamp, codec, payload):
                return False
            ends = min(ends, waiting[place][0])
        if place:
            begins = max(begins, waiting[place - 1][0] + len(waiting[place - 1][2]))
        return 2 * (ends - begins) < len(payload)

    def settled(self, at: int) -> bool:
        """Whether it is known where it lies, as well as it will be."""
        return self.packets >= SETTLE_PACKETS or at - self.began_at >= SETTLE_LIMIT

    def place_of(self, stamp: int) -> float:
        """The earliest position that the packet with this timestamp can get now."""
        by_clock = stamp + self.clock.delay_at(stamp)
        return by_clock if self.placed_to is None else min(by_clock, stamp + self.offset)

    def outlasted(self, pause: int) -> bool:
        """Whether so long a pause is more than its clock can be trusted over."""
        return pause > (LONGEST_PAUSE if self.clock.learned else LONG_PAUSE)


class Timeline:
    """The recording of one call, from `started_at` (monotonic seconds) on. Channel 0 is left, 1 is right."""

    __slots__ = ("_discarded", "_lines", "_started_at", "_window", "gaps", "heard", "moved", "reanchored", "written")

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._lines: tuple[dict[int, _Line], dict[int, _Line]] = ({}, {})
        self._window = bytearray()
        self.written = 0  # samples given out so far
        self.heard = [0, 0]  # samples placed, for each channel
        self.gaps = [0, 0]  # how often a source went on elsewhere than where it had broken off
        self._discarded = [0, 0]
        self.reanchored = 0  # jumps of a source's timestamps
        self.moved = 0  # samples by which speech and silence were stretched or cut to follow the clocks

    @property
    def discarded(self) -> int:
        """Packets that could not be placed: too late, absurd, of no known codec."""
        return sum(self._discarded)

    def discarded_of(self, channel: int) -> int:
        """How many of them were of one channel."""
        return self._discarded[channel]

    def drift_of(self, channel: int) -> float | None:
        """By how many ppm the clock of a channel's latest source is faster than ours; None: not known."""
        known = [line.clock.drift for line in self._lines[channel].values() if line.clock.learned]
        return -known[-1] * 1e6 if known else None

    def position_at(self, at: float) -> int:
        """The sample that monotonic second `at` falls on."""
        return round((at - self._started_at) * SAMPLE_RATE_HZ)

    def put(self, channel: int, arrival: float, timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        """Take a packet: `arrival` in monotonic seconds, `codec` the static payload type (0 PCMU, 8 PCMA)."""
        at = self.position_at(arrival)
        if byte_tables(codec) is None or not payload or at - self.written > AHEAD_LIMIT:
            self._discarded[channel] += 1
            return
        lines = self._lines[channel]
        line = lines.get(ssrc)
        if line is None:
            if len(lines) >= MOST_SOURCES:
                self._place_waiting(lines.pop(next(iter(lines))))
            line = lines[ssrc] = _Line(channel, timestamp, at, SourceClock())
            self._take_in(line, timestamp, at, codec, payload)
            return
        stamp = line.unwrap(timestamp)
        lateness = at - stamp - line.clock.delay_at(stamp)
        if lateness > REORDER_LIMIT or line.taken(stamp, codec, payload):
            self._late(line, ssrc, _LatePacket(at, timestamp, codec, payload))
            return
        if line.late:
            self._discarded[channel] += len(line.late)
            line.late.clear()
        jumped = lateness < -REORDER_LIMIT
        if jumped or line.outlasted(stamp - line.newest):
            self.reanchored += jumped
            line, stamp = self._new_line(line, ssrc, timestamp, at), timestamp
        self._take_in(line, stamp, at, codec, payload)

    def drain(self, until: float) -> bytes:
        """The next interleaved PCM that no packet may change any more at monotonic second `until`; at most 10 s."""
        at = self.position_at(until)
        end = at - REORDER_LIMIT
        for line in self._all_lines():
            if not line.settled(at):
                end = min(end, line.began_at - REORDER_LIMIT)
        if end <= self.written:
            return b""
        for line in self._all_lines():
            self._place_waiting(line, end)
        return self._give(end)

    def finish(self, ended_at: float) -> Iterator[bytes]:
        """All the rest, so that the whole is as long as start to `ended_at`; nothing when more is written already."""
        for line in self._all_lines():
            self._place_waiting(line)
        total = self.position_at(ended_at)
        while chunk := self._give(total):
            yield chunk
        self._window.clear()

    def _all_lines(self) -> Iterator[_Line]:
        for lines in self._lines:
            yield from lines.values()

    def _give(self, end: int) -> bytes:
        count = min(end - self.written, CHUNK_LIMIT)
        if count <= 0:
            return b""
        size = count * FRAME_BYTES
        chunk = bytes(self._window[:size])
        del self._window[:size]
        self.written += count
        return chunk if len(chunk) == size else chunk.ljust(size, b"\0")

    def _new_line(self, old: _Line, ssrc: int, timestamp: int, at: int) -> _Line:
        self._place_waiting(old)
        clock = SourceClock(old.clock.drift, old.clock.learned)
        line = self._lines[old.channel][ssrc] = _Line(old.channel, timestamp, at, clock)
        return line

    def _take_in(self, line: _Line, stamp: int, at: int, codec: int, payload: bytes) -> None:
        line.clock.observe(stamp, at)
        line.packets += 1
        waiting = line.waiting
        if stamp > line.newest or not waiting:
            line.newest = max(stamp, line.newest)
            waiting.append((stamp, codec, payload))
        else:
            place = bisect_left(waiting, stamp, key=_TIMESTAMP)
            if place == len(waiting) or waiting[place][0] != stamp:
                waiting.insert(place, (stamp, codec, payload))
        if len(waiting) > MOST_WAITING:
            self._place(line, *waiting.pop(0))

    def _late(self, line: _Line, ssrc: int, packet: _LatePacket) -> None:
        """Keep a packet that has no place any more until the next ones show whether the timestamps have moved."""
        late = line.late
        late.append(packet)
        first = late[0]
        if len(late) >= LATE_AGREEING:
            spoken = _after(packet.timestamp, first.timestamp)
            if spoken > 0 and abs(packet.arrival - first.arrival - spoken) <= spoken // 2:
                self.reanchored += 1
                line = self._new_line(line, ssrc, first.timestamp, first.arrival)
                for kept in late:
                    self._take_in(line, line.unwrap(kept.timestamp), kept.arrival, kept.codec, kept.payload)
                return
        if len(late) >= LATE_KEPT:
            del late[0]
            self._discarded[line.channel] += 1

    def _place_waiting(self, line: _Line, end: int | None = None) -> None:
        """Place what waits and begins before the position `end`, or all of it."""
        waiting = line.waiting
        placed = 0
        for stamp, codec, payload in waiting:
            if end is not None and line.place_of(stamp) >= end:
                break
            self._place(line, stamp, codec, payload)
            placed += 1
        del waiting[:placed]

    def _place(self, line: _Line, stamp: int, codec: int, payload: bytes) -> None:
        off = round(line.clock.delay_at(stamp)) - line.offset
        count = len(payload)
        moved = 0
        if line.placed_to is None:
            line.offset += off
        elif stamp > line.placed_to:
            self.gaps[line.channel] += 1
            line.offset += max(off, line.placed_to - stamp)
        elif stamp == line.placed_to and abs(off) > AT_REST:
            payload, moved = slipped(payload, codec, off, urgent=abs(off) > URGENT)
        self._write(line.channel, stamp + line.offset, codec, payload)
        line.offset += moved
        self.moved += abs(moved)
        line.placed_to = max(stamp + count, line.placed_to or stamp)

    def _write(self, channel: int, position: int, codec: int, payload: bytes) -> None:
        tables = byte_tables(codec)
        skipped = self.written - position
        if skipped > 0:
            payload = payload[skipped:]
            position = self.written
        count = len(payload)
        if tables is None or not count:
            self._discarded[channel] += 1
            return
        self.heard[channel] += count
        window = self._window
        missing = (position + count - self.written) * FRAME_BYTES - len(window)
        if missing > 0:
            window.extend(bytes(missing))
        low = (position - self.written) * FRAME_BYTES + 2 * channel
        stop = low + count * FRAME_BYTES
        window[low:stop:FRAME_BYTES] = payload.translate(tables[0])
        window[low + 1 : stop + 1 : FRAME_BYTES] = payload.translate(tables[1])


def _after(newer: int, older: int) -> int:
    return ((newer - older + _HALF) & _MASK) - _HALF
