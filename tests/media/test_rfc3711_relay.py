"""RFC 3711 in the packet path: a leg with SRTP beside one without, held against independent sessions of libsrtp."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Error

from media.codecs.table import PCMA
from media.events import DigitPressed, MediaLost, MediaStarted
from media.packet_path.gate import LATCH_WINDOW_S
from media.packet_path.interface import Keying, StreamFigures
from media.packet_path.protection import PACKET_BYTES_MAX, SENDERS_MAX, SOURCES_MAX, Protection
from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket, parse_packet
from media.rtp.rtcp import Bye, Report, SenderInformation, build_cname, build_report, ntp_timestamp, parse_compound
from media.rtp.srtp import AEAD_AES_256_GCM, SUITES, Suite
from media.rtp.stats import Reception
from media.tones import RINGBACK, prepare
from tests.support.relay_bed import TIMEOUTS, Party, RelayBed, remote_plan
from tests.support.srtp_party import SecureParty, master, opener, sealer, secure_party

pytestmark = pytest.mark.usefixtures("each_table")

STRANGER = ("203.0.113.66", 4000)


def pair(suite: Suite = SUITES[0], **of_a: Any) -> tuple[RelayBed, SecureParty, Party]:
    """A leg with SRTP, bridged to one without."""
    bed = RelayBed()
    a, b = secure_party(bed, "a", suite, **of_a), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b


def dropped(party: Party, reason: str) -> int:
    figures: StreamFigures = party.stream.figures()
    return figures.dropped[reason]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
class TestAudio:
    def test_both_ways_and_nothing_of_it_in_clear(self, suite: Suite) -> None:
        bed, a, b = pair(suite)
        for number in range(20):
            a.send(bytes([number]) * 160)
            b.send(bytes([100 + number]) * 160)
            bed.run(0.02)
        on_the_wire = b"".join(a.wire.sent + a.given)
        assert [packet.payload for packet in b.heard()] == [bytes([number]) * 160 for number in range(20)]
        assert [packet.payload for packet in a.heard()] == [bytes([100 + number]) * 160 for number in range(20)]
        assert bytes([3]) * 8 not in on_the_wire
        assert bytes([103]) * 8 not in on_the_wire

    def test_each_leg_has_keys_of_its_own(self, suite: Suite) -> None:
        bed = RelayBed()
        a, b = secure_party(bed, "a", suite), secure_party(bed, "b", suite)
        b.own_key, b.our_key = 3, 4
        b.__post_init__()
        b.connect()
        bed.table.bridge(a.stream, b.stream, bed.now)
        bed.talk(a, b, packets=5)
        assert (len(a.heard()), len(b.heard())) == (5, 5)

    def test_an_independent_reception_of_any_order_with_losses(self, suite: Suite) -> None:
        """What a receiver of the reference could open, and nothing else, comes out."""

        @given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(("", "flip", "cut", "other key"))), max_size=60))
        @settings(max_examples=30, deadline=None)
        def check(arrivals: list[tuple[int, str]]) -> None:
            _, a, b = pair(suite)
            own, other = sealer(suite, master(suite, 1)), sealer(suite, master(suite, 9))
            plain = [RtpPacket(PCMA, 65516 + n & 0xFFFF, 160 * n, a.ssrc, bytes([n]) * 160).render() for n in range(41)]
            sealed, foreign = [own.protect(each) for each in plain], [other.protect(each) for each in plain]
            reference, expected = opener(suite, master(suite, 1)), 0
            for number, harm in arrivals:
                packet = foreign[number] if harm == "other key" else sealed[number]
                if harm == "flip":
                    packet = packet[:20] + bytes([packet[20] ^ 1]) + packet[21:]
                elif harm == "cut":
                    packet = packet[:-1]
                a.give_bytes(packet)
                try:
                    reference.unprotect(packet)
                except Error:
                    continue
                expected += 1
            figures = a.stream.figures()
            # What is older than the first packet that came looks like a repetition to the relay.
            assert figures.packets_received + figures.dropped["repeated"] == expected
            assert figures.dropped["unauthentic"] + figures.dropped["replayed"] == len(arrivals) - expected
            assert all(packet.payload[0] <= 40 for packet in b.heard())

        check()

    def test_a_rollover_of_the_sequence_numbers_both_ways(self, suite: Suite) -> None:
        bed, a, b = pair(suite)
        a.sequence = 65_520
        bed.talk(a, b, packets=40)
        heard = a.heard()
        assert (len(heard), len(b.heard())) == (40, 40)
        assert {heard[0].sequence > 65_000, heard[-1].sequence < 1_000} == {True}

    def test_rtcp_is_srtcp_both_ways(self, suite: Suite) -> None:
        bed, a, b = pair(suite)
        bed.talk(a, b, packets=400)
        assert a.wire.control, "reports are due every 5 s"
        for packet, target in a.wire.control:
            items = parse_compound(a.opener.unprotect_rtcp(packet))
            assert items is not None
            assert b"cname" not in packet
            assert target == (a.address[0], a.address[1] + 1)
        report = build_report(Report(a.ssrc, SenderInformation(ntp_timestamp(bed.now), 0, 1, 160), ()))
        a.give_control(a.sealer.protect_rtcp(report + build_cname(a.ssrc, "a")))
        assert dropped(a, "malformed") == 0
        bed.table.remove(a.stream, bed.now)
        farewell = parse_compound(a.opener.unprotect_rtcp(a.wire.control[-1][0]))
        assert farewell is not None
        assert any(isinstance(item, Bye) for item in farewell)


class TestRefused:
    def test_a_packet_that_comes_twice(self) -> None:
        _, a, b = pair()
        a.send()
        a.give_bytes(a.given[0])
        assert len(b.heard()) == 1
        assert (dropped(a, "replayed"), dropped(a, "repeated")) == (1, 0)

    @pytest.mark.parametrize("at", [0, 1, 3, 5, 9, 12, 100, -1])
    def test_a_changed_byte(self, at: int) -> None:
        _, a, b = pair()
        sealed = bytearray(a.sealer.protect(RtpPacket(PCMA, 500, 0, a.ssrc, b"\xd5" * 160).render()))
        sealed[at] ^= 0x01
        a.give_bytes(bytes(sealed))
        assert b.heard() == []
        assert dropped(a, "unauthentic") == 1

    @pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 21, 22, PACKET_BYTES_MAX, PACKET_BYTES_MAX + 1, 4096])
    def test_rubbish_of_any_length(self, size: int) -> None:
        _, a, b = pair()
        a.give_bytes((b"\x80\x08" + bytes(size))[:size])
        a.give_bytes((b"\x80\xc8" + bytes(size))[:size])
        a.give_control((b"\x80\xc8" + bytes(size))[:size])
        assert b.heard() == []
        assert a.stream.figures().packets_received == 0
        assert dropped(a, "unauthentic") + dropped(a, "replayed") == 3
        assert dropped(a, "malformed") == 0

    @given(st.binary(max_size=400), st.integers(0, 200), st.booleans())
    @settings(max_examples=150, deadline=None)
    def test_any_bytes_and_any_change_of_a_good_packet(self, rubbish: bytes, at: int, control: bool) -> None:
        _, a, b = pair()
        good = a.sealer.protect(RtpPacket(PCMA, 500, 0, a.ssrc, b"\xd5" * 160).render())
        for packet in (rubbish, good[:at] + rubbish, rubbish + good[at:]):
            if packet != good:
                (a.give_control if control else a.give_bytes)(packet[:2000])
        assert b.heard() == []
        assert a.stream.figures().packets_received == 0

    def test_plain_rtp_where_srtp_was_agreed(self) -> None:
        _, a, b = pair()
        Party.give(a, RtpPacket(PCMA, 1, 0, a.ssrc, b"\xd5" * 160))
        assert b.heard() == []
        assert dropped(a, "unauthentic") == 1

    def test_what_is_not_authentic_keeps_no_call_alive(self) -> None:
        bed, a, _ = pair()
        a.send()
        forged = sealer(a.suite, master(a.suite, 9))
        for number in range(int(TIMEOUTS.bridged_s) + 1):
            a.give_bytes(forged.protect(RtpPacket(PCMA, 1000 + number, 0, a.ssrc, b"\xd5" * 160).render()))
            a.give_control(forged.protect_rtcp(build_report(Report(a.ssrc, None, ()))))
            a.give_bytes(a.given[0])
            bed.run(1.0)
        assert [event.leg for event in bed.events if isinstance(event, MediaLost)][:1] == ["a"]

    def test_what_is_not_authentic_latches_nothing(self) -> None:
        _, a, b = pair(nat=True)
        forged = sealer(a.suite, master(a.suite, 9))
        a.give_bytes(forged.protect(RtpPacket(PCMA, 1, 0, a.ssrc, b"\xd5" * 160).render()), STRANGER)
        Party.give(a, RtpPacket(PCMA, 1, 0, a.ssrc, b"\xd5" * 160), STRANGER)
        assert a.wire.target == a.address, "nothing is latched"
        a.send(source=("198.51.100.77", 9000))
        assert a.wire.target == ("198.51.100.77", 9000)
        assert len(b.heard()) == 1
        b.send()
        assert a.wire.sent_to == [("198.51.100.77", 9000)]
        assert len(a.heard()) == 1, "what goes to the latched address is sealed too"

    def test_strangers_are_not_tried(self) -> None:
        _, a, b = pair()
        a.send(source=STRANGER)
        assert (dropped(a, "stranger"), dropped(a, "unauthentic")) == (1, 0)
        a.give_bytes(a.given[0])
        assert len(b.heard()) == 1, "a stranger's copy does not make the packet a replay"

    def test_a_latched_leg_after_its_window_takes_the_sdps_address_only(self) -> None:
        bed, a, b = pair(nat=True)
        bed.run(LATCH_WINDOW_S + 1)
        b.heard()
        a.send(source=STRANGER)
        assert b.heard() == []
        a.give_bytes(a.given[-1])
        assert len(b.heard()) == 1


class TestSources:
    def test_a_new_ssrc_is_taken_at_any_time(self) -> None:
        bed, a, b = pair()
        for ssrc in (1, 2, 1, 3):
            a.ssrc = ssrc
            bed.talk(a, packets=3)
        heard = b.heard()
        assert len(heard) == 12
        assert len({packet.ssrc for packet in heard}) == 1

    def test_so_many_and_no_more_under_one_key(self) -> None:
        bed, a, b = pair()
        for ssrc in range(SOURCES_MAX + 2):
            a.ssrc = ssrc
            bed.talk(a, packets=1)
        assert len(b.heard()) == SOURCES_MAX
        assert dropped(a, "unauthentic") == 2
        a.ssrc = 0
        bed.talk(a, packets=1)
        assert len(b.heard()) == 1, "those that are known are taken on"
        a.rekey(3)
        a.connect()
        a.ssrc = 99_999
        bed.talk(a, packets=1)
        assert len(b.heard()) == 1, "a new key begins anew"

    def test_forged_sources_take_no_place(self) -> None:
        bed, a, b = pair()
        forged = sealer(a.suite, master(a.suite, 9))
        for ssrc in range(2 * SOURCES_MAX):
            a.give_bytes(forged.protect(RtpPacket(PCMA, 1, 0, ssrc, b"\xd5" * 160).render()))
        bed.talk(a, packets=1)
        assert len(b.heard()) == 1


class TestKeys:
    def test_the_same_keys_again_go_on_where_they_were(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=3)
        a.connect(renewed=False)
        a.connect()
        a.give_bytes(a.given[-1])
        assert dropped(a, "replayed") == 1, "hold and resume open no door for a replay"
        bed.talk(a, b, packets=3)
        assert (len(a.heard()), len(b.heard())) == (6, 6)

    def test_the_peer_s_new_key(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=3)
        old = a.sealer
        a.rekey(3)
        a.connect()
        late = RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"\x11" * 160).render()
        a.give_bytes(old.protect(late))
        assert b.heard()[-1].payload == b"\x11" * 160, "what was on its way under the old key is not lost"
        a.sequence += 1
        bed.talk(a, b, packets=3)
        a.give_bytes(old.protect(RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"\x22" * 160).render()))
        assert dropped(a, "unauthentic") == 1, "the old key is dead from the first packet under the new one"
        assert (len(a.heard()), len(b.heard())) == (6, 3)

    @pytest.mark.parametrize("keeps", [True, False])
    @pytest.mark.parametrize("suite", [SUITES[0], AEAD_AES_256_GCM], ids=lambda suite: suite.name)
    def test_a_new_key_after_a_rollover(self, suite: Suite, keeps: bool) -> None:
        """RFC 3711 section 3.3.1 wants the rollover counter kept; many begin at 0."""
        bed, a, b = pair(suite)
        a.sequence = 65_530
        bed.talk(a, packets=20)
        assert len(b.heard()) == 20
        a.rekey(3, keep_rollover=keeps)
        a.connect()
        bed.talk(a, packets=20)
        assert len(b.heard()) == 20
        assert dropped(a, "unauthentic") == 0

    def test_from_srtp_to_plain_rtp_and_back(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=2)
        assert len(a.heard()) == 2
        bed.table.set_remote(a.stream, remote_plan(a.address), bed.now)
        Party.give(a, RtpPacket(PCMA, 900, 0, a.ssrc, b"\x01" * 160))
        b.send(b"\x02" * 160)
        plain = parse_packet(a.wire.sent.pop())
        assert plain is not None
        assert plain.payload == b"\x02" * 160
        a.connect()
        bed.talk(a, b, packets=2)
        assert len(a.heard()) == 2
        assert len(b.heard()) == 5

    def test_no_packet_number_is_sealed_twice_when_a_key_is_taken_up_again(self) -> None:
        """Early answers of two forks in turn: two contexts of one key would both begin SRTCP at the same number."""
        bed, a, b = pair()
        bed.talk(a, b, packets=300)
        first = len(a.wire.control)
        assert first
        bed.table.set_remote(a.stream, remote_plan(a.address)._replace(keying=fork_keying(a, 7)), bed.now)
        a.connect()
        bed.talk(a, b, packets=600)
        mine = opener(a.suite, master(a.suite, a.our_key))
        reports = [packet for packet, _ in a.wire.control]
        assert len(reports) > first
        for packet in reports:
            assert mine.unprotect_rtcp(packet), "a number that came before would be refused as a replay"

    def test_contexts_that_are_kept_are_few(self) -> None:
        bed, a, _ = pair()
        for number in range(10, 10 + 3 * SENDERS_MAX):
            bed.table.set_remote(a.stream, remote_plan(a.address)._replace(keying=fork_keying(a, number)), bed.now)
        inside = a.in_python
        if inside is None:
            assert a.stream.inside.senders == SENDERS_MAX
        else:
            assert inside.protection is not None
            assert len(inside.protection._senders) == SENDERS_MAX

    def test_keys_are_not_shown(self) -> None:
        keying = Keying(SUITES[0], b"secret-one", b"secret-two")
        assert "secret" not in repr(keying)


def fork_keying(party: SecureParty, number: int) -> Keying:
    return Keying(party.suite, master(party.suite, number), master(party.suite, number + 1))


class TestTheRestOfTheRelay:
    def test_tones_are_sealed(self) -> None:
        bed = RelayBed()
        a = secure_party(bed, "a")
        bed.play(a, prepare(RINGBACK))
        bed.run(0.5)
        assert 24 <= len(a.heard()) <= 26

    def test_digits_both_ways(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=2)
        a.heard(), b.heard()
        for party in (a, b):
            for payload in event_payloads("5", 160):
                party.send_event(payload, party.timestamp)
        assert [event.leg for event in bed.events if isinstance(event, DigitPressed)] == ["a", "b"]
        assert {packet.payload_type for packet in a.heard() + b.heard()} == {101}

    def test_a_tap_gets_what_was_said(self) -> None:
        bed, a, _ = pair()
        kept: list[bytes] = []

        class Keeping:
            def put(self, channel: int, arrival: float, timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
                kept.append(payload)

        bed.table.set_tap(a.stream, 0, Keeping())
        a.send(b"\x2a" * 160)
        assert kept == [b"\x2a" * 160]

    def test_started_once_by_authentic_media(self) -> None:
        bed, a, _ = pair()
        Party.give(a, RtpPacket(PCMA, 1, 0, a.ssrc, b"\xd5" * 160))
        assert bed.events == []
        a.send()
        assert [type(event) for event in bed.events] == [MediaStarted]

    def test_rtcp_that_is_multiplexed_though_nobody_asked_for_it(self) -> None:
        """RFC 5761: SRTCP on the port of SRTP is read as such."""
        bed, a, _ = pair()
        bed.run(1.0)
        a.give_bytes(a.sealer.protect_rtcp(build_report(Report(a.ssrc, None, ())) + build_cname(a.ssrc, "a")))
        assert a.heard_at == bed.now
        assert a.stream.figures().packets_received == 0

    @pytest.mark.parametrize("sequence", [1000, 1000 - 500])
    def test_a_number_that_was_or_may_have_been_sealed_is_not_sealed_again(self, sequence: int) -> None:
        keying = Keying(SUITES[0], master(SUITES[0], 1), master(SUITES[0], 2))
        protection = Protection()
        protection.rekey(keying, Reception())
        sent: list[bytes] = []
        send = protection.sealing(sent.append)
        send(RtpPacket(PCMA, 1000, 0, 7, b"\xd5" * 160).render())
        with pytest.raises(OSError, match="sealed"):
            send(RtpPacket(PCMA, sequence, 0, 7, b"\xd6" * 160).render())
        assert len(sent) == 1

    def test_both_kinds_of_leg_are_removed(self) -> None:
        bed, a, b = pair()
        bed.talk(a, b, packets=2)
        for party in (a, b):
            bed.table.remove(party.stream, bed.now)
        assert len(bed.table) == 0
        assert a.wire.closed
