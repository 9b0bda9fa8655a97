"""Whose packets are taken, latching against injection, silence, RTCP, and what a removed stream leaves behind."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.events import DigitPressed, MediaLost, MediaStarted
from media.rtp.dtmf import event_payloads
from media.rtp.rtcp import (
    Bye,
    Report,
    ReportBlock,
    SenderInformation,
    build_cname,
    build_report,
    compact_ntp,
    ntp_timestamp,
    parse_compound,
)
from tests.support.relay_bed import FRAME_S, TIMEOUTS, Party, RelayBed, remote_plan

pytestmark = pytest.mark.usefixtures("each_table")

STRANGER = ("203.0.113.66", 4000)


def network(text: str) -> tuple[int, int, int]:
    parsed = ipaddress.ip_network(text)
    return parsed.version, int(parsed.network_address), int(parsed.broadcast_address)


def pair(**of_a: Any) -> tuple[RelayBed, Party, Party]:
    bed = RelayBed()
    a, b = bed.party("a", **of_a), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b


def taken(party: Party, other: Party, source: tuple[str, int] | None) -> bool:
    party.send(source=source)
    return len(other.heard()) == 1


def wait(bed: RelayBed, party: Party, seconds: float) -> None:
    """Let time go by; what the party is sent meanwhile is forgotten."""
    bed.run(seconds)
    party.heard()


def open_again(bed: RelayBed, party: Party, other: Party, moment: str) -> None:
    """What may happen that gives a party reason to send."""
    if moment == "answer":
        bed.table.expect(party.stream, bed.now)
    elif moment == "bridge":
        bed.table.bridge(party.stream, other.stream, bed.now)
    else:
        bed.connect(party, renewed=False)


def test_trunk_case_14_nothing_is_taken_before_the_first_sdp() -> None:
    bed = RelayBed()
    a, b = bed.party("a", connect=False), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    assert not taken(a, b, a.address)
    assert a.stream.figures().dropped["stranger"] == 1
    assert bed.events == []


@pytest.mark.parametrize("source", [STRANGER, ("192.0.2.1", 4002)])
def test_trunk_case_14_only_the_sdps_address_and_port_is_taken(source: tuple[str, int]) -> None:
    _, a, b = pair()
    assert not taken(a, b, source)
    assert taken(a, b, a.address)
    assert a.stream.figures().dropped["stranger"] == 1
    assert a.wire.exclusive
    assert a.wire.sent_to == []


def test_trunk_case_14_declared_networks_are_taken_from_any_port_and_media_still_goes_to_the_sdps_address() -> None:
    _, a, b = pair(networks=(network("198.51.100.0/24"), network("2001:db8::/32")))
    assert taken(a, b, ("198.51.100.200", 9))
    assert taken(a, b, ("2001:db8::7", 9))
    assert taken(a, b, a.address)
    assert not taken(a, b, ("198.51.101.1", 9))
    assert not taken(a, b, (a.address[0], 9999))
    assert a.wire.target == a.address
    assert not a.wire.exclusive


class TestLatching:
    def test_trunk_case_14_the_first_valid_rtp_is_latched_and_nothing_else_afterwards(self) -> None:
        _, a, b = pair(nat=True)
        a.give_bytes(b"\x00\x01\x00\x00!\x12\xa4B", source=STRANGER)  # STUN is not RTP
        real = ("203.0.113.9", 62000)
        assert taken(a, b, real)
        assert a.wire.target == real
        assert a.wire.exclusive
        assert not taken(a, b, STRANGER)
        assert not taken(a, b, a.address)
        assert a.stream.figures().dropped["stranger"] == 3

    def test_trunk_case_14_media_goes_to_the_latched_address(self) -> None:
        _, a, b = pair(nat=True)
        b.send()
        a.send(source=("203.0.113.9", 62000))
        b.send()
        assert a.wire.sent_to == [a.address, ("203.0.113.9", 62000)]

    def test_trunk_case_14_the_window_shuts(self) -> None:
        bed, a, b = pair(nat=True)
        bed.run(5.1)
        assert not taken(a, b, STRANGER)
        assert taken(a, b, a.address)
        assert not taken(a, b, STRANGER)

    def test_trunk_case_14_new_sdp_arms_it_again_and_the_same_sdp_does_not(self) -> None:
        bed, a, b = pair(nat=True)
        first, second = ("203.0.113.9", 62000), ("203.0.113.10", 62000)
        assert taken(a, b, first)
        bed.connect(a, renewed=False)
        assert not taken(a, b, second)
        bed.connect(a, renewed=True)
        assert taken(a, b, second)
        assert not taken(a, b, first)

    @pytest.mark.parametrize("moment", ["answer", "bridge", "same SDP once more"])
    def test_trunk_case_14_a_window_in_which_nobody_came_is_opened_again(self, moment: str) -> None:
        """A phone that rings for longer than the window has no reason to send before the answer."""
        bed, a, b = pair(nat=True)
        real = ("203.0.113.9", 62000)
        wait(bed, b, 7.0)
        assert not taken(a, b, STRANGER)
        shut = a.wire.exclusive
        open_again(bed, a, b, moment)
        assert (shut, a.wire.exclusive) == (True, False)
        wait(bed, b, 4.9)
        assert taken(a, b, real)
        assert a.wire.target == real
        assert a.wire.exclusive
        assert not taken(a, b, STRANGER)

    @pytest.mark.parametrize("moment", ["answer", "bridge", "same SDP once more"])
    def test_trunk_case_14_a_window_opened_again_shuts_again(self, moment: str) -> None:
        bed, a, b = pair(nat=True)
        wait(bed, b, 7.0)
        open_again(bed, a, b, moment)
        wait(bed, b, 5.1)
        assert not taken(a, b, STRANGER)
        assert taken(a, b, a.address)

    @pytest.mark.parametrize("moment", ["answer", "bridge", "same SDP once more"])
    @pytest.mark.parametrize("after_s", [0.0, 7.0], ids=["within the window", "after it"])
    def test_trunk_case_14_nothing_opens_it_again_for_who_comes_after_the_first(
        self, moment: str, after_s: float
    ) -> None:
        bed, a, b = pair(nat=True)
        wait(bed, b, after_s)
        source = a.address if after_s else ("203.0.113.9", 62000)
        assert taken(a, b, source)
        open_again(bed, a, b, moment)
        assert not taken(a, b, STRANGER)
        assert taken(a, b, source)
        assert a.wire.target == source

    def test_trunk_case_14_the_answer_opens_nothing_where_no_sdp_has_come_or_none_is_needed(self) -> None:
        bed = RelayBed()
        a, b = bed.party("a", nat=True, connect=False), bed.party("b")
        bed.table.expect(a.stream, bed.now)
        bed.table.expect(b.stream, bed.now)
        bed.table.bridge(a.stream, b.stream, bed.now)
        assert not taken(a, b, STRANGER)
        assert not taken(b, a, STRANGER)
        assert b.wire.exclusive

    def test_trunk_case_14_an_opened_window_is_for_declared_networks_only_where_there_are_any(self) -> None:
        bed, a, b = pair(nat=True, networks=(network("198.51.100.0/24"),))
        wait(bed, b, 7.0)
        bed.table.expect(a.stream, bed.now)
        assert not taken(a, b, STRANGER)
        assert taken(a, b, ("198.51.100.9", 1234))

    def test_trunk_case_14_an_sdp_with_the_same_address_leaves_reports_with_who_is_latched(self) -> None:
        bed, a, b = pair(nat=True)
        a.send(source=("203.0.113.9", 62000))
        a.give_control(build_report(Report(a.ssrc, None, ())), source=("203.0.113.9", 1234))
        bed.connect(a, renewed=False)
        bed.talk(b, packets=500)
        assert {target for _, target in a.wire.control} == {("203.0.113.9", 1234)}

    def test_trunk_case_14_only_declared_networks_are_latched_where_there_are_any(self) -> None:
        _, a, b = pair(nat=True, networks=(network("198.51.100.0/24"),))
        assert not taken(a, b, STRANGER)
        assert taken(a, b, ("198.51.100.9", 1234))
        assert not taken(a, b, ("198.51.100.10", 1234))

    def test_trunk_case_14_rtcp_does_not_latch(self) -> None:
        bed, a, b = pair(nat=True)
        report = build_report(Report(1, None, ()))
        a.give_bytes(report, source=STRANGER)
        a.give_control(report, source=STRANGER)
        assert a.wire.target == a.address
        assert a.stream.figures().dropped["stranger"] == 2
        assert taken(a, b, ("203.0.113.9", 62000))
        assert bed.events == [MediaStarted("a", bed.now)]

    @given(st.lists(st.sampled_from([STRANGER, ("203.0.113.9", 1), ("192.0.2.1", 4000)]), min_size=1, max_size=12))
    def test_trunk_case_14_one_source_at_most_is_ever_taken(self, sources: list[tuple[str, int]]) -> None:
        _, a, b = pair(nat=True)
        assert {source for source in sources if taken(a, b, source)} == {sources[0]}


def test_media_started_comes_once_for_each_new_sdp() -> None:
    bed, a, _ = pair()
    a.send()
    a.send()
    bed.connect(a, renewed=False)
    a.send()
    assert bed.events == [MediaStarted("a", bed.now)]
    bed.connect(a, renewed=True)
    a.send()
    assert bed.events == [MediaStarted("a", bed.now)] * 2


def test_trunk_case_07_an_old_style_hold_keeps_the_source_and_stops_sending() -> None:
    bed, a, b = pair()
    a.send()
    b.heard()
    held = a.address
    bed.table.set_remote(a.stream, remote_plan(None, may_send=False, on_hold=True), bed.now)
    assert taken(a, b, held)
    b.send()
    assert a.heard() == []


class TestSilence:
    """TRUNK: the clock of silence knows early media, talk and hold, and is reset by RTP, CN and RTCP."""

    def lost(self, bed: RelayBed) -> list[MediaLost]:
        return [event for event in bed.events if isinstance(event, MediaLost)]

    def idle(self, bed: RelayBed, seconds: float) -> None:
        bed.run(seconds, step_s=0.05)

    def test_trunk_case_10_a_bridged_leg_is_lost_once_after_its_timeout(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        self.idle(bed, TIMEOUTS.bridged_s - 0.5)
        assert self.lost(bed) == []
        self.idle(bed, 2.0)
        self.idle(bed, 20.0)
        assert sorted(event.leg for event in self.lost(bed)) == ["a", "b"]
        assert all(TIMEOUTS.bridged_s <= event.idle_s <= TIMEOUTS.bridged_s + 0.5 for event in self.lost(bed))

    def test_trunk_case_10_a_bridged_leg_that_never_sent_is_lost_too(self) -> None:
        bed, _, b = pair()
        for _ in range(50):
            b.send()
            self.idle(bed, 1.0)
        assert [event.leg for event in self.lost(bed)] == ["a"]

    def test_trunk_case_10_a_bridge_begins_the_count(self) -> None:
        bed = RelayBed()
        a, b = bed.party("a"), bed.party("b")
        self.idle(bed, 60.0)
        bed.table.bridge(a.stream, b.stream, bed.now)
        self.idle(bed, TIMEOUTS.bridged_s - 1)
        assert self.lost(bed) == []

    def test_trunk_case_10_before_the_bridge_only_media_that_had_started_is_missed(self) -> None:
        bed = RelayBed()
        a, _ = bed.party("a"), bed.party("b")
        a.send()
        self.idle(bed, TIMEOUTS.early_s + 1)
        assert [event.leg for event in self.lost(bed)] == ["a"]

    def test_trunk_case_10_hold_has_its_own_longer_timeout(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        bed.connect(b, may_send=False, on_hold=True, renewed=False)
        for _ in range(5):
            a.send()
            self.idle(bed, 40.0)
        assert self.lost(bed) == []
        for _ in range(3):
            a.send()
            self.idle(bed, 40.0)
        assert [event.leg for event in self.lost(bed)] == ["b"]

    def test_trunk_case_10_the_other_partys_silence_is_no_fault_while_one_holds(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        bed.connect(a, may_send=False, on_hold=True, renewed=False)
        for _ in range(29):
            a.send()
            self.idle(bed, 10.0)
        assert self.lost(bed) == []
        self.idle(bed, 11.0)
        assert [(event.leg, round(event.idle_s)) for event in self.lost(bed)] == [("b", 300)]

    def test_trunk_case_10_the_end_of_a_hold_begins_the_count_anew_for_both(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        bed.connect(a, may_send=False, on_hold=True, renewed=False)
        self.idle(bed, 100.0)
        bed.connect(a, renewed=False)
        self.idle(bed, TIMEOUTS.bridged_s - 1)
        assert self.lost(bed) == []
        self.idle(bed, 2.0)
        assert sorted(event.leg for event in self.lost(bed)) == ["a", "b"]

    def test_trunk_case_10_a_party_whose_held_partner_is_gone_is_missed_as_before(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        bed.connect(a, may_send=False, on_hold=True, renewed=False)
        bed.table.remove(a.stream, bed.now)
        self.idle(bed, TIMEOUTS.bridged_s + 1)
        assert [event.leg for event in self.lost(bed)] == ["b"]

    def test_trunk_case_10_rtcp_is_a_sign_of_life(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        for _ in range(12):
            a.give_control(build_report(Report(a.ssrc, None, ())) + build_cname(a.ssrc, "x"))
            b.send()
            self.idle(bed, 5.0)
        assert self.lost(bed) == []

    def test_trunk_case_10_it_is_missed_again_when_it_came_back_and_went(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        self.idle(bed, 46.0)
        bed.talk(a, b, packets=1)
        self.idle(bed, 46.0)
        assert sorted(event.leg for event in self.lost(bed)) == ["a", "a", "b", "b"]


class TestControl:
    def test_reports_go_out_at_a_random_pace_with_what_was_sent_and_heard(self) -> None:
        bed, a, b = pair()
        a.sequence = 10
        bed.talk(a, b, packets=20)
        a.sequence += 1
        for _ in range(60):
            bed.talk(a, b, packets=50)
        times = len(a.wire.control)
        assert 8 <= times <= 24
        compound, target = a.wire.control[-1]
        assert target == (a.address[0], a.address[1] + 1)
        (report,) = parse_compound(compound) or ()
        assert isinstance(report, Report)
        assert report.ssrc == a.our_ssrc
        assert report.sender is not None
        assert 0 < a.stream.figures().packets_sent - report.sender.packets < 400
        assert report.sender.octets == report.sender.packets * 160
        (block,) = report.blocks
        assert (block.ssrc, block.lost) == (a.ssrc, 1)

    def test_the_cname_is_the_legs_own_and_nothing_of_the_other_party_is_in_it(self) -> None:
        bed, a, b = pair()
        b.give_control(build_report(Report(b.ssrc, None, ())) + build_cname(b.ssrc, "bob@office"))
        for _ in range(20):
            bed.talk(a, b, packets=50)
        assert a.wire.control
        for compound, _ in a.wire.control:
            assert b"cname1" in compound
            assert b"bob" not in compound
            assert b"cname2" not in compound
            assert b.ssrc.to_bytes(4, "big") not in compound

    def test_round_trip_and_the_far_ends_view_are_taken_from_its_reports(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=1)
        sent = compact_ntp(ntp_timestamp(bed.now))
        bed.run(1.05)
        block = ReportBlock(a.our_ssrc, 0, 3, 0, 80, sent, 65536)
        a.give_control(build_report(Report(a.ssrc, None, (block,))) + build_cname(a.ssrc, "x"))
        figures = a.stream.figures()
        assert figures.round_trip_ms == pytest.approx(50, abs=1)
        assert (figures.far_lost, figures.far_jitter_ms) == (3, 10.0)

    def test_a_report_about_another_source_says_nothing_of_us(self) -> None:
        _, a, _ = pair()
        a.give_control(build_report(Report(a.ssrc, None, (ReportBlock(4711, 0, 3, 0, 80, 0, 0),))))
        assert a.stream.figures().far_lost is None

    def test_lsr_and_dlsr_let_the_far_end_measure(self) -> None:
        bed, a, b = pair()
        sender = SenderInformation(0x1111222233334444, 0, 1, 160)
        a.send()
        a.give_control(build_report(Report(a.ssrc, sender, ())) + build_cname(a.ssrc, "x"))
        heard_at = bed.now
        while not a.wire.control:
            bed.talk(a, b, packets=1)
        (report,) = parse_compound(a.wire.control[0][0]) or ()
        assert isinstance(report, Report)
        assert report.blocks[0].last_report == 0x22223333
        assert report.blocks[0].delay == pytest.approx((bed.now - heard_at) * 65536, abs=FRAME_S * 65536 * 2)

    def test_lsr_and_dlsr_are_of_the_source_that_is_reported_on(self) -> None:
        bed, a, b = pair()
        a.give_control(build_report(Report(a.ssrc, SenderInformation(1 << 32, 0, 1, 160), ())))
        a.ssrc += 1
        while not a.wire.control:
            bed.talk(a, b, packets=1)
        (report,) = parse_compound(a.wire.control[0][0]) or ()
        assert isinstance(report, Report)
        (block,) = report.blocks
        assert (block.ssrc, block.last_report, block.delay) == (a.ssrc, 0, 0)

    def test_strangers_reports_are_not_read(self) -> None:
        bed, a, _ = pair()
        a.give_control(build_report(Report(1, None, ())), source=STRANGER)
        assert a.stream.figures().dropped["stranger"] == 1
        assert a.heard_at == 0.0
        assert bed.events == []

    def test_reports_follow_a_latched_party_to_where_its_own_come_from(self) -> None:
        bed, a, b = pair(nat=True)
        a.send(source=("203.0.113.9", 62000))
        a.give_control(build_report(Report(a.ssrc, None, ())), source=("203.0.113.9", 1234))
        bed.talk(b, packets=500)
        assert {target for _, target in a.wire.control} == {("203.0.113.9", 1234)}

    def test_multiplexed_rtcp_is_read_but_never_relayed(self) -> None:
        bed, a, b = pair()
        a.give_bytes(build_report(Report(a.ssrc, None, ())) + build_cname(a.ssrc, "x"))
        assert b.heard() == []
        assert a.heard_at == bed.now


def test_a_removed_stream_says_bye_and_nothing_refers_to_it_any_more() -> None:
    bed, a, b = pair()
    bed.talk(a, b, packets=2)
    b.heard()
    bed.table.remove(b.stream, bed.now)
    assert b.wire.closed
    compound, _ = b.wire.control[-1]
    assert Bye((b.our_ssrc,)) in (parse_compound(compound) or ())
    bed.talk(a, packets=3)
    assert b.heard() == []
    assert not a.has_sink
    bed.table.remove(b.stream, bed.now)
    bed.table.remove(a.stream, bed.now)
    assert len(bed.table) == 0
    assert bed.table.next_due is None


def test_a_stream_that_heard_and_sent_nothing_says_nothing() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.table.remove(a.stream, bed.now)
    assert a.wire.control == []


class KeptTap:
    def __init__(self) -> None:
        self.kept: list[tuple[int, float, int, int, int, bytes]] = []

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        self.kept.append((channel, arrival, rtp_timestamp, ssrc, codec, payload))


def test_the_tap_gets_what_each_party_said_before_it_is_translated() -> None:
    bed = RelayBed()
    a, b = bed.party("a", codec=8), bed.party("b", codec=0)
    bed.table.bridge(a.stream, b.stream, bed.now)
    tap = KeptTap()
    bed.table.set_tap(a.stream, 0, tap)
    bed.table.set_tap(b.stream, 1, tap)
    a.send(b"A" * 160, 8)
    b.send(b"B" * 160, 0)
    a.send_event(event_payloads("5", 40)[0], a.timestamp)
    a.send(b"x", 13)
    assert tap.kept == [(0, bed.now, 16000, a.ssrc, 8, b"A" * 160), (1, bed.now, 32000, b.ssrc, 0, b"B" * 160)]
    assert all(type(entry[5]) is bytes for entry in tap.kept)
    bed.table.set_tap(a.stream, 0, None)
    a.send()
    assert len(tap.kept) == 2


def test_trunk_case_11_a_digit_whose_end_is_lost_is_reported_by_the_clock() -> None:
    bed, a, _ = pair()
    for payload in event_payloads("8", 60)[:2]:
        a.send_event(payload, 777)
    assert not any(isinstance(event, DigitPressed) for event in bed.events)
    bed.run(1.0)
    assert [event for event in bed.events if isinstance(event, DigitPressed)] == [DigitPressed("a", "8", 40)]


def test_a_stream_bridged_with_another_leaves_its_first_partner_by_itself() -> None:
    bed, a, b = pair()
    c = bed.party("c")
    bed.table.bridge(a.stream, c.stream, bed.now)
    assert (a.has_partner, c.has_partner, b.has_partner) == (True, True, False)
    bed.table.remove(a.stream, bed.now)
    assert (b.has_partner, c.has_partner) == (False, False)
    assert (b.has_sink, c.has_sink) == (False, False)
    bed.talk(b, c, packets=2)
    assert b.heard() == c.heard() == []
