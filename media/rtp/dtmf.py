"""telephone-event (RFC 4733, formerly RFC 2833): the events a receiver reports and those a sender produces."""

import struct
from dataclasses import dataclass
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ

DIGITS: Final = "0123456789*#ABCD"
EVENT_BYTES: Final = 4
# In the octet between the event and its duration: the event is over.
EVENT_END: Final = 0x80
END_REPEATS: Final = 3

_EVENT: Final = struct.Struct("!BBH")
_VOLUME_MASK: Final = 0x3F
# A segment of a long event ends here and the next begins (section 2.5.1.3).
DURATION_MAX: Final = 0xFFFF
# Without an end packet an event is over when nothing of it came for this long.
_LOST_END_S: Final = 0.3
# So far back a timestamp may lie whose key was pressed before the newest, and so long ago the newest may have been
# heard: its packets are late. Otherwise the source's timestamps have jumped.
_LATEST_S: Final = 20
_LATE_S: Final = 2.0
# Reports a leg may make between two sweeps of the clock; keys are pressed by people.
_REPORTS_PER_SWEEP: Final = 32
_LONG_AGO: Final = float("-inf")

# An event's octets as they stand in a payload: what it is, flags and volume, its duration.
pack_event: Final = _EVENT.pack
unpack_event: Final = _EVENT.unpack_from


@dataclass(frozen=True, slots=True)
class PressedDigit:
    """A key press that is over."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class EventPayload:
    """The telephone-event payload (section 2.3); `duration` in timestamp units, `volume` in -dBm0."""

    event: int
    end: bool
    volume: int
    duration: int

    def render(self) -> bytes:
        """The payload's four bytes."""
        return _EVENT.pack(self.event, (EVENT_END if self.end else 0) | self.volume & _VOLUME_MASK, self.duration)


def parse_event(payload: bytes | bytearray | memoryview) -> EventPayload | None:
    """The event in a payload; None when it is too short. Bytes after the first event are not looked at."""
    if len(payload) < EVENT_BYTES:
        return None
    event, flags, duration = _EVENT.unpack_from(payload)
    return EventPayload(event, bool(flags & EVENT_END), flags & _VOLUME_MASK, duration)


def event_payloads(digit: str, duration_ms: int, interval_ms: int = 20, volume: int = 10) -> tuple[bytes, ...]:
    """All payloads of one key press in order: growing durations, then the end packet three times.

    They share one RTP timestamp, the marker belongs on the first only, and the end repeats carry new sequence
    numbers (sections 2.5.1.2-2.5.1.4). Durations of up to 8 s; ValueError for an unknown digit.
    """
    event = DIGITS.index(digit)
    units_per_ms = CLOCK_RATE_HZ // 1000
    total = min(duration_ms * units_per_ms, DURATION_MAX)
    growing = range(interval_ms * units_per_ms, total, interval_ms * units_per_ms)
    end = EventPayload(event, True, volume, total).render()
    return (*(EventPayload(event, False, volume, grown).render() for grown in growing), *([end] * END_REPEATS))


class DigitWatch:
    """Reports each key press of one direction exactly once, whatever is lost, repeated or reordered.

    An event is known by (SSRC, RTP timestamp, event code). It is over with its first end packet, with the start of
    another, or when nothing of it came for 0.3 s. Segments of a long event are one press. `begun` is the key that went
    down with the newest packet, None where none did.
    """

    __slots__ = (
        "_before_ms",
        "_clock_rate_hz",
        "_duration",
        "_event",
        "_heard_at",
        "_last",
        "_open",
        "_reports",
        "_ssrc",
        "_timestamp",
        "begun",
    )

    def __init__(self) -> None:
        self.begun: str | None = None
        self._open = False
        self._clock_rate_hz = CLOCK_RATE_HZ
        self._ssrc = 0
        self._timestamp = 0
        self._event = 0
        self._duration = 0
        self._before_ms = 0
        self._heard_at = 0.0
        # The last event that is over: its repeats and late packets are not a new press.
        self._last: tuple[int, int, int] | None = None
        self._reports = 0

    @property
    def pressed(self) -> bool:
        """Whether a key is down."""
        return self._open

    def packet(
        self,
        ssrc: int,
        timestamp: int,
        payload: bytes | bytearray | memoryview,
        now: float,
        clock_rate_hz: int = CLOCK_RATE_HZ,
    ) -> tuple[PressedDigit, ...]:
        """Take one telephone-event packet; returns the presses it ended (none, one, or two). `clock_rate_hz`: what its
        durations count."""
        self.begun = None
        event = parse_event(payload)
        if event is None or event.event >= len(DIGITS) or (ssrc, timestamp, event.event) == self._last:
            return ()
        if now - self._heard_at < _LATE_S and self._is_older(ssrc, timestamp, clock_rate_hz):
            return ()
        ended: tuple[PressedDigit, ...] = ()
        if not self._continues(ssrc, timestamp, event.event):
            ended = self._close()
            self._begin(ssrc, timestamp, event.event)
            self._clock_rate_hz = clock_rate_hz
            if not event.end and self._reports < _REPORTS_PER_SWEEP:
                self.begun = DIGITS[event.event]
        self._duration = max(self._duration, event.duration)
        self._heard_at = now
        return ended + self._close() if event.end else ended

    def begin_anew(self) -> None:
        """The source has begun anew: whatever comes next is no packet of an earlier key."""
        self._heard_at = _LONG_AGO

    def sweep(self, now: float) -> tuple[PressedDigit, ...]:
        """To be called a few times a second: ends the press whose end packets were lost."""
        self._reports = 0
        return self._close() if self._open and now - self._heard_at > _LOST_END_S else ()

    def _is_older(self, ssrc: int, timestamp: int, clock_rate_hz: int) -> bool:
        newest = (self._ssrc, self._timestamp) if self._open else self._last
        if newest is None or newest[0] != ssrc:
            return False
        return 0 < (newest[1] - timestamp) & 0xFFFFFFFF < _LATEST_S * clock_rate_hz

    def _continues(self, ssrc: int, timestamp: int, event: int) -> bool:
        if not self._open or ssrc != self._ssrc or event != self._event:
            return False
        if timestamp == self._timestamp:
            return True
        # The next segment starts where the one of full length ended.
        if (timestamp - self._timestamp) & 0xFFFFFFFF != DURATION_MAX:
            return False
        self._before_ms += DURATION_MAX * 1000 // self._clock_rate_hz
        self._timestamp = timestamp
        self._duration = 0
        return True

    def _begin(self, ssrc: int, timestamp: int, event: int) -> None:
        self._open = True
        self._ssrc, self._timestamp, self._event = ssrc, timestamp, event
        self._duration = 0
        self._before_ms = 0

    def _close(self) -> tuple[PressedDigit, ...]:
        if not self._open:
            return ()
        self._open = False
        self._last = (self._ssrc, self._timestamp, self._event)
        self._reports += 1
        if self._reports > _REPORTS_PER_SWEEP:
            return ()
        return (PressedDigit(DIGITS[self._event], self._before_ms + self._duration * 1000 // self._clock_rate_hz),)
