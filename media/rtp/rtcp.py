"""RTCP (RFC 3550 section 6): compound packets of our own, and what the other side's reports say."""

import struct
from dataclasses import dataclass
from typing import Final

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
BYE: Final = 203
# Second byte of an RTCP packet: no RTP payload type with or without marker that is ever negotiated here.
FIRST_PACKET_TYPE: Final = 192
LAST_PACKET_TYPE: Final = 223

_VERSION: Final = 0x80
_HEADER: Final = struct.Struct("!BBH")
_SENDER: Final = struct.Struct("!IIIIII")
_BLOCK: Final = struct.Struct("!IIIIII")
_CNAME: Final = 1
_PACKETS_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source. `jitter` in timestamp units, `delay` and `last_report` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderInformation:
    """The sender's part of a sender report; `ntp` is the 64-bit NTP timestamp."""

    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report (with `sender`) or a receiver report."""

    ssrc: int
    sender: SenderInformation | None
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources that leave."""

    ssrcs: tuple[int, ...]


def ntp_timestamp(seconds: float) -> int:
    """64-bit fixed point seconds; any steady clock may stand behind it (section 4)."""
    return int(seconds * 0x100000000) & 0xFFFFFFFFFFFFFFFF


def compact_ntp(ntp: int) -> int:
    """The middle 32 bits, as LSR carries them."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip_ms(now_ntp: int, block: ReportBlock) -> float | None:
    """Round trip from a report about us: arrival - LSR - DLSR (section 6.4.1); None when it has not seen a report
    of ours or the figures make no sense."""
    if block.last_report == 0:
        return None
    elapsed = (compact_ntp(now_ntp) - block.last_report - block.delay) & 0xFFFFFFFF
    # Clocks of unequal pace can make it slightly negative; half the range is nonsense.
    if elapsed > 0x80000000:
        return 0.0 if elapsed > 0xFFFF0000 else None
    return elapsed * 1000 / 65536 if elapsed < 60 << 16 else None


def parse_compound(packet: bytes | bytearray | memoryview) -> tuple[Report | Bye, ...] | None:
    """The reports and BYEs of a compound packet; None when it is not valid RTCP (A.2).

    Anything else inside is passed over. At most 32 packets are looked at.
    """
    view = memoryview(packet)
    found: list[Report | Bye] = []
    offset = 0
    for _ in range(_PACKETS_MAX):
        if offset == len(view):
            break
        if len(view) - offset < _HEADER.size:
            return None
        first, kind, words = _HEADER.unpack_from(view, offset)
        end = offset + 4 * (words + 1)
        if first & 0xC0 != _VERSION or not FIRST_PACKET_TYPE <= kind <= LAST_PACKET_TYPE or end > len(view):
            return None
        item = _parse_one(kind, first & 0x1F, view[offset + _HEADER.size : end])
        if item is not None:
            found.append(item)
        offset = end
    return tuple(found) if offset else None


def _parse_one(kind: int, count: int, body: memoryview) -> Report | Bye | None:
    if kind == BYE:
        return Bye(struct.unpack_from(f"!{count}I", body)) if len(body) >= 4 * count else None
    if kind not in (SENDER_REPORT, RECEIVER_REPORT):
        return None
    fixed = _SENDER.size if kind == SENDER_REPORT else 4
    if len(body) < fixed + count * _BLOCK.size:
        return None
    sender: SenderInformation | None = None
    if kind == SENDER_REPORT:
        ssrc, high, low, rtp_timestamp, packets, octets = _SENDER.unpack_from(body)
        sender = SenderInformation(high << 32 | low, rtp_timestamp, packets, octets)
    else:
        (ssrc,) = struct.unpack_from("!I", body)
    return Report(ssrc, sender, tuple(_parse_block(body, fixed + n * _BLOCK.size) for n in range(count)))


def _parse_block(body: memoryview, offset: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, offset)
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc, loss >> 24, lost - 0x1000000 if lost & 0x800000 else lost, highest, jitter, last_report, delay
    )


def build_report(report: Report) -> bytes:
    """A sender or receiver report with at most one block per source heard."""
    body = b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(min(block.lost, 0x7FFFFF), -0x800000) & 0xFFFFFF,
            block.highest & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.delay & 0xFFFFFFFF,
        )
        for block in report.blocks
    )
    if report.sender is None:
        return _packet(RECEIVER_REPORT, len(report.blocks), report.ssrc.to_bytes(4, "big") + body)
    sender = report.sender
    fixed = _SENDER.pack(
        report.ssrc,
        sender.ntp >> 32,
        sender.ntp & 0xFFFFFFFF,
        sender.rtp_timestamp,
        sender.packets & 0xFFFFFFFF,
        sender.octets & 0xFFFFFFFF,
    )
    return _packet(SENDER_REPORT, len(report.blocks), fixed + body)


def build_cname(ssrc: int, cname: str) -> bytes:
    """A source description with nothing but the CNAME (section 6.5.1)."""
    name = cname.encode("ascii")
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name
    # At least one zero ends the chunk's item list, and it fills a 32-bit word.
    return _packet(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


def build_bye(ssrc: int) -> bytes:
    """A BYE of one source without a reason (section 6.6)."""
    return _packet(BYE, 1, ssrc.to_bytes(4, "big"))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION | count, kind, len(body) // 4) + body
