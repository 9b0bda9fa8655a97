"""RTCP of one leg (RFC 3550 section 6): our reports to it, its reports about us. Nothing of it crosses the bridge."""

from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.packet_path.interface import Address
from media.rtp.rtcp import (
    Report,
    ReportBlock,
    SenderInformation,
    build_bye,
    build_cname,
    build_report,
    compact_ntp,
    ntp_timestamp,
    parse_compound,
    round_trip_ms,
)
from media.rtp.stats import Reception

INTERVAL_S: Final = 5.0

# A linear congruential generator is random enough to keep reports from marching in step (section 6.3.1).
_LCG_FACTOR: Final = 1664525
_LCG_STEP: Final = 1013904223


class ControlChannel:
    """Report timing and contents of one leg. Its NTP times are of the monotonic clock, which section 4 allows.

    `clock_rate_hz`: what the timestamps that we send count.
    """

    __slots__ = (
        "_cname",
        "_dice",
        "_far_report_at",
        "_far_report_ntp",
        "_far_report_ssrc",
        "_packets_reported",
        "_ssrc",
        "clock_rate_hz",
        "due",
        "far_jitter_ms",
        "far_lost",
        "malformed",
        "round_trip_ms",
        "strangers",
        "target",
    )

    def __init__(self, ssrc: int, cname: str) -> None:
        self.clock_rate_hz = CLOCK_RATE_HZ
        self._ssrc = ssrc
        self._cname = cname
        self._dice = ssrc
        self._packets_reported = 0
        self._far_report_ntp = 0
        self._far_report_ssrc = 0
        self._far_report_at = 0.0
        self.target: Address | None = None
        self.due: float | None = None
        self.round_trip_ms: float | None = None
        self.far_lost: int | None = None
        self.far_jitter_ms: float | None = None
        self.strangers = 0
        self.malformed = 0

    def schedule(self, now: float) -> None:
        """Set the time of the next report: 0.5 to 1.5 intervals from now."""
        self._dice = (self._dice * _LCG_FACTOR + _LCG_STEP) & 0xFFFFFFFF
        self.due = now + INTERVAL_S * (0.5 + self._dice / 0x100000000)

    def receive(self, packet: bytes | bytearray | memoryview, now: float) -> bool:
        """Take an RTCP packet of the leg; False when it is not valid."""
        items = parse_compound(packet)
        if items is None:
            self.malformed += 1
            return False
        for item in items:
            if isinstance(item, Report):
                self._take(item, now)
        return True

    def _take(self, report: Report, now: float) -> None:
        if report.sender is not None:
            self._far_report_ssrc = report.ssrc
            self._far_report_ntp = compact_ntp(report.sender.ntp)
            self._far_report_at = now
        for block in report.blocks:
            if block.ssrc == self._ssrc:
                self.far_lost = max(block.lost, 0)
                self.far_jitter_ms = block.jitter * 1000 / self.clock_rate_hz
                measured = round_trip_ms(ntp_timestamp(now), block)
                if measured is not None:
                    self.round_trip_ms = measured

    def report(self, reception: Reception, packets: int, octets: int, rtp_timestamp: int, now: float) -> bytes:
        """The compound packet that is due: a sender report when something was sent since the last, and the CNAME.

        `rtp_timestamp` is of `now` on the clock of what we send.
        """
        sender = None
        if packets != self._packets_reported:
            sender = SenderInformation(ntp_timestamp(now), rtp_timestamp, packets, octets)
        self._packets_reported = packets
        blocks = (self._block(reception, now),) if reception.started else ()
        return build_report(Report(self._ssrc, sender, blocks)) + build_cname(self._ssrc, self._cname)

    def farewell(self, reception: Reception, packets: int, octets: int, rtp_timestamp: int, now: float) -> bytes:
        """The last report, with a BYE."""
        return self.report(reception, packets, octets, rtp_timestamp, now) + build_bye(self._ssrc)

    def _block(self, reception: Reception, now: float) -> ReportBlock:
        # Of another source's report it would measure against another clock (section 6.4.1).
        last_report = self._far_report_ntp if self._far_report_ssrc == reception.ssrc else 0
        delay = int((now - self._far_report_at) * 65536) if last_report else 0
        return ReportBlock(
            ssrc=reception.ssrc,
            fraction_lost=reception.report_fraction(),
            lost=reception.lost_of_source,
            highest=reception.extended_highest,
            jitter=int(reception.jitter),
            last_report=last_report,
            delay=delay,
        )
