"""Two legs placed on one clock: RTP packets in, interleaved 16-bit PCM out.

Positions are samples of 8 kHz since the start of the recording. A packet lies where its RTP timestamp says, relative to
an anchor; the anchor is the arrival of its source's first packet and is renewed where timestamp and arrival disagree:
at once when a packet comes too early (its anchor was late, or the timestamps jumped ahead), after a few packets that
agree when they come too late (a single late one is only late), and by the smallest delay of the last seconds when the
two clocks drift apart. What nothing was received for is silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from media.recording.pcm import byte_tables

SAMPLE_RATE_HZ: Final = 8000
CHANNELS: Final = 2
FRAME_BYTES: Final = 4

REORDER_LIMIT: Final = 1600  # 200 ms: what is older is written and closed
DRIFT_LIMIT: Final = 320  # 40 ms between timestamps and arrival before the anchor is renewed
DRIFT_WINDOW: Final = 16_000  # 2 s: the smallest delay is taken over the last two of these
AHEAD_LIMIT: Final = 480_000  # 60 s beyond what is written: an arrival time that cannot be
CHUNK_LIMIT: Final = 80_000  # 10 s: the most one call of `drain` gives
MOST_SOURCES: Final = 4  # for each channel; the oldest is forgotten
LATE_AGREEING: Final = 3  # late packets in step with each other that make a new anchor
LATE_KEPT: Final = 5

_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1
_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class _LatePacket:
    arrival: int
    timestamp: int
    codec: int
    payload: bytes


@dataclass(slots=True)
class _Source:
    """One RTP source's clock: the newest timestamp and where it lies, and how late packets come to their place."""

    timestamp: int
    position: int
    window_end: int
    smallest_delay: int = _NEVER
    earlier_smallest_delay: int = _NEVER
    late: list[_LatePacket] = field(default_factory=list)


def _timestamp_difference(newer: int, older: int) -> int:
    return ((newer - older + _HALF) & _MASK) - _HALF


class Timeline:
    """The recording of one call, from `started_at` (monotonic seconds) on. Channel 0 is left, 1 is right."""

    __slots__ = ("_sources", "_started_at", "_window", "discarded", "reanchored", "written")

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._sources: tuple[dict[int, _Source], dict[int, _Source]] = ({}, {})
        self._window = bytearray()
        self.written = 0  # samples given out so far
        self.discarded = 0  # packets that could not be placed: too late, absurd, of no known codec
        self.reanchored = 0

    def position_at(self, at: float) -> int:
        """The sample that monotonic second `at` falls on."""
        return round((at - self._started_at) * SAMPLE_RATE_HZ)

    def put(self, channel: int, arrival: float, timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        """Place a packet: `arrival` in monotonic seconds, `codec` the static payload type (0 PCMU, 8 PCMA)."""
        at = self.position_at(arrival)
        sources = self._sources[channel]
        source = sources.get(ssrc)
        if source is None:
            self._anchor_new(sources, ssrc, timestamp, at)
            self._write(channel, at, codec, payload)
            return
        ahead = _timestamp_difference(timestamp, source.timestamp)
        position = source.position + ahead
        delay = at - position
        if delay > REORDER_LIMIT:
            self._late(channel, source, _LatePacket(at, timestamp, codec, payload))
            return
        if source.late:
            self.discarded += len(source.late)
            source.late.clear()
        if delay < -DRIFT_LIMIT:
            self._reanchor(source, timestamp, at)
            position = at
        else:
            if ahead > 0:
                source.timestamp = timestamp
                source.position = position
            self._follow_drift(source, at, delay)
        self._write(channel, position, codec, payload)

    def drain(self, until: float) -> bytes:
        """The next interleaved PCM that no packet may change any more at monotonic second `until`; at most 10 s."""
        return self._take(self.position_at(until) - REORDER_LIMIT)

    def finish(self, ended_at: float) -> Iterator[bytes]:
        """All the rest, so that the whole is as long as start to `ended_at`; nothing when more is written already."""
        total = self.position_at(ended_at)
        while chunk := self._take(total):
            yield chunk
        self._window.clear()

    def _take(self, end: int) -> bytes:
        count = min(end - self.written, CHUNK_LIMIT)
        if count <= 0:
            return b""
        size = count * FRAME_BYTES
        chunk = bytes(self._window[:size])
        del self._window[:size]
        self.written += count
        return chunk if len(chunk) == size else chunk.ljust(size, b"\0")

    def _anchor_new(self, sources: dict[int, _Source], ssrc: int, timestamp: int, at: int) -> None:
        if len(sources) >= MOST_SOURCES:
            del sources[next(iter(sources))]
        sources[ssrc] = _Source(timestamp, at, at + DRIFT_WINDOW)

    def _reanchor(self, source: _Source, timestamp: int, position: int) -> None:
        source.timestamp = timestamp
        source.position = position
        source.window_end = position + DRIFT_WINDOW
        source.smallest_delay = source.earlier_smallest_delay = _NEVER
        self.reanchored += 1

    def _follow_drift(self, source: _Source, at: int, delay: int) -> None:
        if delay < source.smallest_delay:
            source.smallest_delay = delay
        if at < source.window_end:
            return
        smallest = min(source.smallest_delay, source.earlier_smallest_delay)
        if smallest > DRIFT_LIMIT and source.earlier_smallest_delay != _NEVER:
            self._reanchor(source, source.timestamp, source.position + smallest)
            return
        source.window_end = at + DRIFT_WINDOW
        source.earlier_smallest_delay = source.smallest_delay
        source.smallest_delay = _NEVER

    def _late(self, channel: int, source: _Source, packet: _LatePacket) -> None:
        """Keep a packet that has no place any more until the next ones show whether the timestamps have moved."""
        late = source.late
        late.append(packet)
        first = late[0]
        if len(late) >= LATE_AGREEING:
            spoken = _timestamp_difference(packet.timestamp, first.timestamp)
            if spoken > 0 and abs(packet.arrival - first.arrival - spoken) <= spoken // 2:
                self._reanchor(source, packet.timestamp, first.arrival + spoken)
                for kept in late:
                    shift = _timestamp_difference(kept.timestamp, first.timestamp)
                    self._write(channel, first.arrival + shift, kept.codec, kept.payload)
                late.clear()
                return
        if len(late) >= LATE_KEPT:
            del late[0]
            self.discarded += 1

    def _write(self, channel: int, position: int, codec: int, payload: bytes) -> None:
        tables = byte_tables(codec)
        skipped = self.written - position
        if skipped > 0:
            payload = payload[skipped:]
            position = self.written
        count = len(payload)
        end = position + count - self.written
        if tables is None or not count or end > AHEAD_LIMIT:
            self.discarded += 1
            return
        window = self._window
        missing = end * FRAME_BYTES - len(window)
        if missing > 0:
            window.extend(bytes(missing))
        low = (position - self.written) * FRAME_BYTES + 2 * channel
        stop = low + count * FRAME_BYTES
        window[low:stop:FRAME_BYTES] = payload.translate(tables[0])
        window[low + 1 : stop + 1 : FRAME_BYTES] = payload.translate(tables[1])
