"""What a receiver knows of an RTP stream: loss, jitter (RFC 3550 section 6.4.1, A.3, A.8), and a quality estimate."""

from dataclasses import dataclass
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ

# A.1: how far a sequence number may jump ahead, or lag, before it is a restart of the source.
MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100
# So many repetitions in a row, in their order and with nothing new among them, are a source that began anew, too; not
# those that come all at once: a network has sent a burst of the same packets twice.
MAX_REPETITIONS: Final = 4
_REPETITIONS_S: Final = 0.06
# Packets from before the first that was heard of a source; so many may still come after it.
_EARLY: Final = 16

# G.113 Appendix I for G.711 with packet loss concealment: no impairment of its own, robustness 25.1.
_LOSS_ROBUSTNESS: Final = 25.1
_RATING_MAX: Final = 93.2
# G.711 framing and a jitter buffer's least: what a listener's terminal adds to the network's delay.
_TERMINAL_DELAY_MS: Final = 25.0


@dataclass(frozen=True, slots=True)
class ReceptionFigures:
    """Totals over every SSRC a leg has sent."""

    received: int
    lost: int
    jitter_ms: float


class Reception:
    """Sequence and jitter bookkeeping of one incoming direction, through changes of SSRC.

    The packet path updates the attributes itself where packets come in order; `restart` and `arrived` are the rare
    cases. `jitter` is in timestamp units, of which `clock_rate_hz` are a second. The extended numbers that were
    passed over are remembered, the newest `MAX_MISORDER` of them: a late packet is one of these, anything else that is
    late has been here before.
    """

    __slots__ = (
        "_before_expected",
        "_before_received",
        "_missing",
        "_reported_expected",
        "_reported_received",
        "_run",
        "_run_at",
        "_run_began_at",
        "base",
        "clock_rate_hz",
        "cycles",
        "highest",
        "jitter",
        "received",
        "ssrc",
        "started",
        "transit",
    )

    def __init__(self) -> None:
        self.clock_rate_hz = CLOCK_RATE_HZ
        self.started = False
        self.ssrc = 0
        self.base = 0
        self.cycles = 0
        self.highest = 0
        self.received = 0
        self.jitter = 0.0
        self.transit = 0.0
        self._missing: set[int] = set()
        self._before_expected = 0
        self._before_received = 0
        self._reported_expected = 0
        self._reported_received = 0
        self._run = 0
        self._run_at = (0, 0)
        self._run_began_at = 0.0

    def restart(self, ssrc: int, sequence: int) -> None:
        """A new source, or one that began anew: the earlier one's totals are kept. `sequence` counts as heard."""
        if self.started:
            self._before_expected += self._expected()
            self._before_received += self.received
        self.started = True
        self.ssrc = ssrc
        self.base = self.highest = sequence
        self.cycles = 0
        self.received = 1
        self.transit = 0.0
        self._missing = set(range(sequence - _EARLY, sequence))
        self._reported_expected = 0
        self._reported_received = 0
        self._run = 0

    def change_clock(self, clock_rate_hz: int) -> None:
        """The source's timestamps count something else from now on, as those of another codec: its jitter stays as long
        as it was."""
        self.jitter *= clock_rate_hz / self.clock_rate_hz
        self.clock_rate_hz = clock_rate_hz

    def arrived(self, sequence: int, now: float) -> int | None:
        """Count a packet of the current SSRC. Returns how far it is ahead of the newest before it (negative: late,
        0: a repetition), or None when the source must have begun anew: its number has jumped too far, or it goes
        through those again that it has had."""
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead > 0x10000 - MAX_MISORDER:
            return self._late(ahead - 0x10000, now)
        if ahead > MAX_DROPOUT:
            return None
        if ahead:
            if sequence < self.highest:
                self.cycles += 0x10000
            self.highest = sequence
            self.received += 1
            if ahead > 1:
                self._pass_over(ahead)
        return ahead

    def _pass_over(self, ahead: int) -> None:
        newest = self.extended_highest
        oldest = newest - MAX_MISORDER
        self._missing = {number for number in self._missing if number > oldest}
        self._missing.update(range(max(newest - ahead, oldest) + 1, newest))

    def _late(self, behind: int, now: float) -> int | None:
        newest = self.extended_highest
        number = newest + behind
        run_newest, run_at = self._run_at
        self._run_at = newest, number
        if newest != run_newest or number < run_at:
            self._run = 0
        if number not in self._missing:
            if not self._run:
                self._run_began_at = now
            if not self._run or number > run_at:
                self._run += 1
            begins_anew = self._run > MAX_REPETITIONS and now - self._run_began_at >= _REPETITIONS_S
            return None if begins_anew else 0
        self._missing.remove(number)
        self.received += 1
        self.base = min(self.base, number)
        return behind

    def _expected(self) -> int:
        return self.cycles + self.highest - self.base + 1 if self.started else 0

    @property
    def extended_highest(self) -> int:
        """The extended highest sequence number received (section 6.4.1)."""
        return self.cycles + self.highest

    @property
    def lost_of_source(self) -> int:
        """The cumulative number of packets lost of the current SSRC; negative when more came than were sent."""
        return self._expected() - self.received

    def report_fraction(self) -> int:
        """The fraction lost since the last time it was asked for, in 1/256 (A.3)."""
        expected, received = self._expected(), self.received
        expected_interval = expected - self._reported_expected
        lost_interval = expected_interval - (received - self._reported_received)
        self._reported_expected, self._reported_received = expected, received
        if expected_interval <= 0 or lost_interval <= 0:
            return 0
        return min(lost_interval * 256 // expected_interval, 255)

    def figures(self) -> ReceptionFigures:
        """The totals as they are now."""
        received = self._before_received + self.received
        expected = self._before_expected + self._expected()
        return ReceptionFigures(received, max(expected - received, 0), self.jitter * 1000 / self.clock_rate_hz)


def mean_opinion_score(lost: int, expected: int, jitter_ms: float, round_trip_ms: float | None) -> float:
    """An estimate of the listening quality of G.711, 1.0 to 4.5, from what the network did.

    ITU-T G.107 with its defaults: rating R = 93.2 - Id - Ie,eff. Ie,eff by G.107 (7-29) with Ie = 0 and the
    robustness G.113 gives for random loss; Id by the piecewise-linear fit of R. G. Cole and J. H. Rosenbluth, "Voice
    over IP Performance Monitoring" (2001); R to MOS by G.107 Annex B.
    """
    loss_percent = 100.0 * lost / expected if expected > 0 else 0.0
    delay_ms = (round_trip_ms or 0.0) / 2 + 2 * jitter_ms + _TERMINAL_DELAY_MS
    delay_impairment = 0.024 * delay_ms + 0.11 * max(delay_ms - 177.3, 0.0)
    loss_impairment = 95.0 * loss_percent / (loss_percent + _LOSS_ROBUSTNESS)
    rating = max(_RATING_MAX - delay_impairment - loss_impairment, 0.0)
    score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6
    return round(min(max(score, 1.0), 4.5), 2)
