"""The last value on either side of what is taken of a leg's packets, in both packet paths."""

import struct

import pytest

from media.events import DigitPressed
from media.rtp.dtmf import EventPayload
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import RECEIVER_REPORT, Report, ReportBlock, build_report, compact_ntp, ntp_timestamp
from tests.support.relay_bed import Party, RelayBed, bridged

pytestmark = pytest.mark.usefixtures("each_table")

EMPTY_REPORT = build_report(Report(1, None, ()))


def of_type(packet_type: int) -> bytes:
    """An RTCP packet with nothing in it."""
    return struct.pack("!BBH", 0x80, packet_type, 0)


def is_taken(party: Party, compound: bytes) -> bool:
    before = party.stream.figures().dropped["malformed"]
    party.give_control(compound)
    return bool(party.stream.figures().dropped["malformed"] == before)


@pytest.mark.parametrize(("packet_type", "taken"), [(191, False), (192, True), (223, True), (224, False)])
def test_rtcp_is_of_the_types_that_no_payload_type_looks_like(packet_type: int, taken: bool) -> None:
    _, a, _ = bridged()
    assert is_taken(a, EMPTY_REPORT + of_type(packet_type)) == taken


def test_of_a_compound_packet_no_more_than_32_packets_are_looked_at() -> None:
    _, a, _ = bridged()
    broken = of_type(191)
    assert not is_taken(a, EMPTY_REPORT * 31 + broken)
    assert is_taken(a, EMPTY_REPORT * 32 + broken)


@pytest.mark.parametrize("size", [0, 3, 7])
def test_what_is_no_whole_rtcp_packet_is_not_taken(size: int) -> None:
    _, a, _ = bridged()
    assert not is_taken(a, EMPTY_REPORT[:size])


@pytest.mark.parametrize(
    ("elapsed", "measured_ms"),
    [
        (0, 0.0),
        (65536, 1000.0),
        ((60 << 16) - 1, 59999.98474121094),
        (60 << 16, None),
        (0x80000000, None),
        (0xFFFF0000, None),
        (0xFFFF0001, 0.0),
        (0xFFFFFFFF, 0.0),
    ],
)
def test_a_round_trip_is_below_a_minute_and_a_second_too_short_is_none_at_all(
    elapsed: int, measured_ms: float | None
) -> None:
    bed, a, _ = bridged()
    sent = (compact_ntp(ntp_timestamp(bed.now)) - elapsed) & 0xFFFFFFFF
    a.give_control(build_report(Report(a.ssrc, None, (ReportBlock(a.our_ssrc, 0, 0, 0, 0, sent, 0),))))
    assert a.stream.figures().round_trip_ms == measured_ms


@pytest.mark.parametrize(("lost", "told"), [(0, 0), (1, 1), (-1, 0), (0x7FFFFF, 0x7FFFFF), (-0x800000, 0)])
def test_what_the_far_end_has_lost_has_a_sign_and_24_bits(lost: int, told: int) -> None:
    _, a, _ = bridged()
    a.give_control(build_report(Report(a.ssrc, None, (ReportBlock(a.our_ssrc, 255, lost, 0, 0, 0, 0),))))
    assert a.stream.figures().far_lost == told


def test_a_report_that_promises_more_blocks_than_it_has_tells_nothing() -> None:
    _, a, _ = bridged()
    block = build_report(Report(a.ssrc, None, (ReportBlock(a.our_ssrc, 0, 7, 0, 0, 0, 0),)))
    a.give_control(bytes((0x82, RECEIVER_REPORT)) + block[2:])
    assert a.stream.figures().far_lost is None
    a.give_control(block)
    assert a.stream.figures().far_lost == 7


def pressed(bed: RelayBed) -> list[str]:
    return [event.digit for event in bed.events if isinstance(event, DigitPressed)]


def give_event(party: Party, code: int, timestamp: int, *, end: bool, ssrc: int) -> None:
    payload = EventPayload(code, end, 10, 800).render()
    party.give(RtpPacket(101, party.sequence, timestamp, ssrc, payload))
    party.sequence += 1


def test_the_first_key_of_all_is_never_late() -> None:
    bed, a, _ = bridged()
    give_event(a, 5, 0xFFFFFFFF, end=True, ssrc=0)
    assert pressed(bed) == ["5"]


def test_while_the_first_key_is_down_one_from_before_it_does_not_end_it() -> None:
    bed, a, _ = bridged()
    give_event(a, 5, 50_000, end=False, ssrc=a.ssrc)
    give_event(a, 6, 48_000, end=True, ssrc=a.ssrc)
    assert pressed(bed) == []
    give_event(a, 5, 50_000, end=True, ssrc=a.ssrc)
    assert pressed(bed) == ["5"]


@pytest.mark.parametrize("words", [0, 1, 30])
@pytest.mark.parametrize("sources", [0, 1, 15])
def test_what_stands_before_and_behind_the_payload_goes_no_further(words: int, sources: int) -> None:
    _, a, b = bridged()
    for padding in (0, 1, 4, 255):
        first = 0x90 | sources | (0x20 if padding else 0)
        header = struct.pack("!BBHII", first, 8, a.sequence, a.timestamp, a.ssrc) + bytes(4 * sources)
        extension = struct.pack("!HH", 0xBEDE, words) + bytes(4 * words)
        behind = bytes(padding - 1) + bytes((padding,)) if padding else b""
        a.give_bytes(header + extension + b"\xd5" * 160 + behind)
        a.sequence, a.timestamp = a.sequence + 1, a.timestamp + 160
    assert [packet.payload for packet in b.heard()] == [b"\xd5" * 160] * 4


@pytest.mark.parametrize(
    "packet",
    [
        b"\x80\x08" + bytes(9),
        b"\x81\x08" + bytes(13),
        b"\x90\x08" + bytes(13),
        b"\x90\x08" + bytes(13) + b"\x01",
        b"\xa0\x08" + bytes(10) + b"\x00",
        b"\xa0\x08" + bytes(10) + b"\x02",
        b"\xa0\x08" + bytes(10) + b"\xff",
        b"\x40\x08" + bytes(170),
        b"\xc0\x08" + bytes(170),
    ],
)
def test_headers_that_do_not_fit_their_packets_are_malformed(packet: bytes) -> None:
    _, a, b = bridged()
    a.give_bytes(packet)
    assert a.stream.figures().dropped["malformed"] == 1
    assert b.heard() == []
