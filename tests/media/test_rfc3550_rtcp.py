"""RFC 3550 section 6: RTCP compound packets."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.rtcp import (
    Bye,
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

words = st.integers(0, 2**32 - 1)
blocks = st.builds(
    ReportBlock, words, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), words, words, words, words
)
senders = st.builds(SenderInformation, st.integers(0, 2**64 - 1), words, words, words)


@given(st.builds(Report, words, st.one_of(st.none(), senders), st.lists(blocks, max_size=3).map(tuple)))
def test_reports_survive_building_and_parsing(report: Report) -> None:
    compound = build_report(report) + build_cname(report.ssrc, "a1b2") + build_bye(report.ssrc)
    assert parse_compound(compound) == (report, Bye((report.ssrc,)))


@pytest.mark.parametrize("length", range(1, 40))
def test_a_cname_chunk_is_whole_words_and_ends_with_a_zero(length: int) -> None:
    packet = build_cname(7, "x" * length)
    assert len(packet) % 4 == 0
    assert struct.unpack_from("!H", packet, 2)[0] == len(packet) // 4 - 1
    assert packet.endswith(b"\0")
    assert packet[9] == length


@given(st.binary(max_size=120))
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    parse_compound(content)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x80\xc9\x00",
        b"\x80\xc9\x00\x02" + bytes(4),  # longer than the packet
        b"\x40\xc9\x00\x01" + bytes(4),  # version 1
        b"\x80\x08\x00\x01" + bytes(4),  # not RTCP
    ],
)
def test_broken_packets_are_refused(broken: bytes) -> None:
    assert parse_compound(broken) is None


def test_a_report_with_fewer_blocks_than_it_says_is_passed_over() -> None:
    assert parse_compound(b"\x82\xc9\x00\x01" + bytes(4)) == ()


def test_cumulative_loss_is_kept_within_24_bits() -> None:
    report = Report(1, None, (ReportBlock(2, 0, 0x1000000, 0, 0, 0, 0),))
    (parsed,) = parse_compound(build_report(report)) or ()
    assert isinstance(parsed, Report)
    assert parsed.blocks[0].lost == 0x7FFFFF


def test_round_trip_is_arrival_less_lsr_less_dlsr() -> None:
    sent = ntp_timestamp(100.0)
    block = ReportBlock(1, 0, 0, 0, 0, compact_ntp(sent), int(2.0 * 65536))
    assert round_trip_ms(ntp_timestamp(102.25), block) == pytest.approx(250, abs=1)
    # Slightly negative by unequal clocks is none at all; nonsense is not believed.
    assert round_trip_ms(ntp_timestamp(101.9999), block) == 0.0
    assert round_trip_ms(ntp_timestamp(90.0), block) is None
    assert round_trip_ms(ntp_timestamp(100000.0), block) is None
    assert round_trip_ms(sent, ReportBlock(1, 0, 0, 0, 0, 0, 0)) is None
