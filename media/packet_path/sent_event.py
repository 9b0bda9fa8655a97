"""A telephone-event on its way to one leg: in whatever segments it comes, it is one event there (RFC 4733 2.5.1.3)."""

from typing import Final, NamedTuple

from media.rtp.dtmf import DURATION_MAX

_CLOCK: Final = 1 << 32


class Part(NamedTuple):
    """What a packet of the event is to say. `completes`: before it the segment of this timestamp is to be reported in
    its full length, for it was not yet; None where there is nothing to complete."""

    timestamp: int
    duration: int
    completes: int | None


class SentEvent:
    """An event longer than its duration can tell comes in segments, whose borders lie elsewhere in another clock.

    `timestamp` is that of the source's newest segment, `before` what was before that, in the source's units. `began` is
    the event's timestamp at the leg, `reported` how much of it the leg has been told, in the leg's units. `ended`: also
    that it is over, so that it grows no more.
    """

    __slots__ = ("before", "began", "code", "ended", "reported", "ssrc", "timestamp")

    def __init__(self, ssrc: int, code: int, timestamp: int, began: int) -> None:
        self.ssrc = ssrc
        self.code = code
        self.timestamp = timestamp
        self.before = 0
        self.began = began
        self.reported = 0
        self.ended = False

    def takes(self, ssrc: int, code: int, timestamp: int) -> bool:
        """Whether a packet with these is the event's: of one of its segments, or of the one that follows."""
        if ssrc != self.ssrc or code != self.code:
            return False
        behind = (self.timestamp - timestamp) % _CLOCK
        if behind <= self.before and behind % DURATION_MAX == 0:
            return True
        if self.ended or behind != _CLOCK - DURATION_MAX:
            return False
        self.before += DURATION_MAX
        self.timestamp = timestamp
        return True

    def part(self, timestamp: int, duration: int, end: bool, from_hz: int, to_hz: int, *, may_grow: bool) -> Part:
        """What a packet of the event says to the leg. A packet goes on by one segment at the most, which the next ones
        make good; the first one, a late one (not `may_grow`) and those behind the end stay where they are."""
        total = (self.before - (self.timestamp - timestamp) % _CLOCK + duration) * to_hz // from_hz
        newest = max(self.reported - 1, 0) // DURATION_MAX
        farthest = newest + (may_grow and self.reported > 0 and not self.ended)
        segment = min(max(total - 1, 0) // DURATION_MAX, farthest)
        begins = segment * DURATION_MAX
        completes = None
        if segment > newest and self.reported < begins:
            completes = (self.began + begins - DURATION_MAX) % _CLOCK
        units = min(total - begins, DURATION_MAX)
        self.reported = max(self.reported, begins + units)
        self.ended = self.ended or end
        return Part((self.began + begins) % _CLOCK, units, completes)
