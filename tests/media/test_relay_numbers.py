"""One SSRC, one run of sequence numbers and one clock of timestamps per outgoing leg, whatever is relayed or played."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ALAW_TO_ULAW
from media.codecs.table import PCMA, PCMU
from media.events import MediaStarted, PlaybackFinished
from media.rtp.packet import RtpPacket
from media.tones import BALANCE_WARNING, RINGBACK, prepare
from tests.support.relay_bed import (
    FRAME_S,
    Party,
    RelayBed,
    assert_continuous,
    assert_timestamps_grow,
    bridged,
    signed,
)

pytestmark = pytest.mark.usefixtures("each_table")

RINGBACK_TONE = prepare(RINGBACK)
WARNING_TONE = prepare(BALANCE_WARNING)


def test_bridged_audio_arrives_under_our_own_numbers() -> None:
    bed, a, b = bridged()
    bed.talk(a, b, packets=5)
    for heard, ours, theirs in ((b.heard(), b, a), (a.heard(), a, b)):
        assert len(heard) == 5
        assert_continuous(heard)
        assert {packet.ssrc for packet in heard} == {ours.our_ssrc}
        assert theirs.ssrc not in {packet.ssrc for packet in heard}
        assert [packet.marker for packet in heard] == [True, False, False, False, False]
        assert [signed(after.timestamp - before.timestamp, 32) for before, after in itertools.pairwise(heard)] == [
            160
        ] * 4
    assert bed.events == [MediaStarted("a", 1000.0), MediaStarted("b", 1000.0)]


def test_numbers_wrap_around() -> None:
    bed, a, b = bridged()
    a.sequence, a.timestamp = 65530, 2**32 - 1000
    bed.talk(a, packets=20)
    heard = b.heard()
    assert len(heard) == 20
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert a.stream.figures().packets_lost == 0
    assert a.extended_highest == 65530 + 19
    assert a.stream.figures().jitter_ms < 0.1


def test_trunk_case_13_ringback_to_early_media_to_bridge_is_one_stream() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.play(a, RINGBACK_TONE)
    bed.run(1.0)
    ringing = a.heard()
    assert 49 <= len(ringing) <= 51
    assert [packet.marker for packet in ringing[:2]] == [True, False]
    bed.table.join(b.stream, a.stream)
    bed.run(0.2)
    still_ringing = a.heard()
    assert len(still_ringing) == 10
    bed.talk(b, packets=10)
    early = a.heard()
    assert len(early) == 10
    assert early[0].marker
    assert {packet.payload for packet in early} == {b"\xd5" * 160}
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, b, packets=10)
    talking = a.heard()
    assert not any(packet.marker for packet in talking)
    everything = ringing + still_ringing + early + talking
    assert_continuous(everything)
    assert_timestamps_grow(everything)
    # True to the clock: 1.2 s of tone and 0.4 s of audio, within a frame.
    elapsed = signed(everything[-1].timestamp - everything[0].timestamp, 32)
    assert abs(elapsed - 1.6 * 8000) <= 320


def test_early_media_goes_one_way() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.table.join(b.stream, a.stream)
    bed.talk(a, b, packets=3)
    assert len(a.heard()) == 3
    assert b.heard() == []


def test_trunk_case_13_a_new_source_is_taken_at_any_time() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    a.ssrc, a.sequence, a.timestamp = 12345, 40000, 77
    bed.talk(a, packets=3)
    heard = b.heard()
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert [packet.marker for packet in heard] == [True, False, False, True, False, False]


def test_trunk_case_13_a_source_that_begins_anew_under_its_ssrc_is_taken() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    a.sequence, a.timestamp = 30000, 5
    bed.talk(a, packets=3)
    heard = b.heard()
    assert len(heard) == 6
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert a.stream.figures().packets_lost == 0


def test_trunk_case_13_a_pause_without_timestamps_is_made_true_to_the_clock() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    before = b.heard()[-1]
    # Ten seconds later it goes on as if nothing had been; the bridge has sent silence meanwhile.
    bed.run(10.0)
    silence = b.heard()
    bed.talk(a, packets=2)
    after = b.heard()
    assert abs(signed(after[0].timestamp - before.timestamp, 32) - 80160) <= 320
    assert_continuous([before, *silence, *after])
    assert_timestamps_grow([before, *silence, *after])
    assert len(silence) > 450


@pytest.mark.parametrize(("pause_s", "marker"), [(5.0, False), (1.0, True)])
def test_early_media_that_pauses_without_timestamps_is_made_true_to_the_clock(pause_s: float, marker: bool) -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.table.join(a.stream, b.stream)
    bed.talk(a, packets=2)
    bed.run(pause_s)
    a.send(marker=marker)
    _, before, after = b.heard()
    assert (after.sequence - before.sequence) & 0xFFFF == 1
    assert abs(signed(after.timestamp - before.timestamp, 32) - (pause_s + FRAME_S) * 8000) <= 160
    assert after.marker


def test_packets_that_were_held_up_keep_their_timestamps() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.table.join(a.stream, b.stream)
    bed.talk(a, packets=2)
    bed.run(1.0)
    for _ in range(50):
        a.send()
    heard = b.heard()
    assert signed(heard[-1].timestamp - heard[0].timestamp, 32) == 51 * 160
    assert not any(packet.marker for packet in heard[1:])


def test_a_late_packet_never_takes_a_number_that_closing_a_gap_gave_away() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    late = RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"L" * 160)
    a.sequence += 1
    a.send(b"?", 13)
    a.give(late)
    bed.talk(a, packets=1)
    numbers = [packet.sequence for packet in b.heard()]
    assert len(set(numbers)) == len(numbers) == 4


def test_a_packet_as_long_as_the_buffer_was_cut_and_is_dropped() -> None:
    bed, a, b = bridged()
    a.give_bytes(RtpPacket(PCMA, 1, 1, 1, bytes(4084)).render())
    assert b.heard() == []
    assert a.stream.figures().dropped["malformed"] == 1
    assert bed.events == []


def test_trunk_case_12_a_change_of_the_sinks_codec_changes_what_is_relayed_to_it() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=1)
    bed.connect(b, codec=PCMU, dtmf=None, renewed=False)
    content = bytes(range(160))
    a.send(content)
    assert [(packet.payload_type, packet.payload) for packet in b.heard()][1] == (PCMU, content.translate(ALAW_TO_ULAW))


def test_loss_stays_visible_as_a_gap() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    a.sequence += 2
    a.timestamp += 320
    bed.run(2 * FRAME_S)
    bed.talk(a, packets=1)
    heard = b.heard()
    assert (heard[2].sequence - heard[1].sequence) & 0xFFFF == 3
    assert signed(heard[2].timestamp - heard[1].timestamp, 32) == 480
    assert not heard[2].marker


def test_reordered_packets_keep_their_own_numbers() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=1)
    second = RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"2" * 160)
    third = RtpPacket(PCMA, a.sequence + 1, a.timestamp + 160, a.ssrc, b"3" * 160)
    a.give(third)
    a.give(second)
    heard = b.heard()
    assert [packet.payload[:1] for packet in heard] == [b"\xd5", b"3", b"2"]
    assert [(packet.sequence - heard[0].sequence) & 0xFFFF for packet in heard] == [0, 2, 1]
    assert [signed(packet.timestamp - heard[0].timestamp, 32) for packet in heard] == [0, 320, 160]


@pytest.mark.parametrize("minutes", [1, 12, 21, 23, 35])
def test_reordered_packets_are_in_time_however_long_the_talk_has_lasted(minutes: int) -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.table.join(a.stream, b.stream)
    bed.talk(a, packets=1)
    for _ in range(minutes):  # of which all but a packet is lost
        a.sequence = (a.sequence + 2999) & 0xFFFF
        a.timestamp += 2999 * 160
        bed.run(2999 * FRAME_S, step_s=2.0)
        bed.talk(a, packets=1)
    assert len(b.heard()) == minutes + 1
    for ahead, said in ((1, b"3"), (0, b"2")):
        a.give(RtpPacket(PCMA, a.sequence + ahead & 0xFFFF, a.timestamp + 160 * ahead, a.ssrc, said * 160))
    assert [packet.payload[:1] for packet in b.heard()] == [b"3", b"2"]
    assert a.stream.dropped()["late"] == 0


def test_a_repeated_packet_is_not_sent_twice() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=1)
    again = RtpPacket(PCMA, a.sequence - 1, a.timestamp - 160, a.ssrc, b"\xd5" * 160)
    a.give(again)
    assert len(b.heard()) == 1
    assert a.stream.figures().dropped["repeated"] == 1


@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_a_late_duplicate_of_a_reordered_packet_is_not_sent_twice(codec: int) -> None:
    bed, a, b = bridged(codec_b=codec)
    bed.talk(a, packets=1)
    second = RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"2" * 160)
    third = RtpPacket(PCMA, a.sequence + 1, a.timestamp + 160, a.ssrc, b"3" * 160)
    for packet in (third, second, second, third, second):
        a.give(packet)
    assert [(packet.sequence - 65531) & 0xFFFF for packet in b.heard()] == [0, 2, 1]
    assert a.stream.figures().dropped["repeated"] == 3
    assert a.stream.figures().packets_received == 3


@pytest.mark.parametrize("back", [6, 40, 99])
def test_a_source_that_begins_its_numbers_anew_is_heard_again(back: int) -> None:
    """Its SSRC is as it was, and all of its new numbers look like repetitions."""
    bed, a, b = bridged()
    bed.talk(a, packets=100)
    a.sequence, a.timestamp = a.sequence - back & 0xFFFF, a.timestamp - back * 160 & 0xFFFFFFFF
    bed.talk(a, packets=100)
    heard = b.heard()
    assert len(heard) == 200 - 4
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    figures = a.stream.figures()
    assert (figures.packets_received, figures.packets_lost, figures.dropped["repeated"]) == (196, 0, 4)


@pytest.mark.parametrize("again", [5, 10, 25])
def test_a_burst_that_a_network_sends_twice_is_heard_once(again: int) -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=100)
    a.sequence, a.timestamp = a.sequence - again & 0xFFFF, a.timestamp - again * 160 & 0xFFFFFFFF
    for _ in range(again):
        a.send()
    assert len(b.heard()) == 100
    bed.talk(a, packets=10)
    assert len(b.heard()) == 10
    figures = a.stream.figures()
    assert (figures.packets_received, figures.packets_lost, figures.dropped["repeated"]) == (110, 0, again)


def test_a_packet_from_before_a_switch_is_too_late() -> None:
    bed, a, b = bridged()
    bed.play(b, WARNING_TONE, overrides=True)
    bed.run(0.1)
    b.heard()
    bed.table.stop_playing(b.stream)
    bed.talk(a, packets=1)
    late = RtpPacket(PCMA, a.sequence - 2, a.timestamp - 320, a.ssrc, b"L" * 160)
    a.give(late)
    assert [packet.payload[:1] for packet in b.heard()] == [b"\xd5"]
    assert a.stream.figures().dropped["late"] == 1


def test_trunk_case_12_unmapped_payload_types_never_pass_and_leave_no_gap() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    for payload_type in (13, 18, 96, 127):
        a.send(b"?" * 20, payload_type)
    bed.talk(a, packets=2)
    heard = b.heard()
    assert len(heard) == 4
    assert_continuous(heard)
    assert a.stream.figures().dropped["unmapped"] == 4


def test_trunk_case_12_alaw_and_mulaw_are_translated_each_way() -> None:
    _bed, a, b = bridged(PCMA, PCMU)
    content = bytes(range(160))
    a.send(content, PCMA)
    b.send(content, PCMU)
    at_b, at_a = b.heard()[0], a.heard()[0]
    assert (at_b.payload_type, at_b.payload) == (PCMU, content.translate(ALAW_TO_ULAW))
    assert at_a.payload_type == PCMA
    assert at_a.payload != content


def test_csrcs_extension_and_padding_do_not_cross() -> None:
    _bed, a, b = bridged()
    packet = RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"").render()
    decorated = (
        bytes([packet[0] | 0x31]) + packet[1:] + b"CSRC" + b"\xbe\xde\x00\x01EXTN" + b"\xd5" * 160 + b"\0\0\0\x04"
    )
    a.give_bytes(decorated)
    assert b.wire.sent[0][12:] == b"\xd5" * 160
    assert b.wire.sent[0][0] == 0x80


def test_a_bridge_stops_tones() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.play(a, RINGBACK_TONE)
    bed.run(0.1)
    a.heard()
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.run(0.2)
    assert a.heard() == []


def test_a_warning_replaces_the_audio_for_its_length_only() -> None:
    bed, a, b = bridged()
    bed.talk(a, b, packets=5)
    before = a.heard()
    bed.play(a, WARNING_TONE, overrides=True)
    bed.talk(a, b, packets=75)
    heard = a.heard()
    everything = before + heard
    assert_continuous(everything)
    assert_timestamps_grow(everything)
    warned = [packet for packet in heard if packet.payload != b"\xd5" * 160]
    assert PlaybackFinished("a", "balance_warning") in bed.events
    assert 30 <= len(warned) <= 50
    assert 74 <= len(heard) <= 76
    assert abs(a.stream.figures().dropped["overridden"] - 50) <= 2
    # The other side has heard all of it.
    assert len(b.heard()) == 80


def test_trunk_case_07_a_leg_on_hold_is_sent_nothing_and_resumes_in_order() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    bed.connect(b, may_send=False, on_hold=True, renewed=False)
    bed.talk(a, packets=50)
    bed.connect(b, renewed=False)
    bed.talk(a, packets=3)
    heard = b.heard()
    assert len(heard) == 6
    assert_continuous(heard)
    assert heard[3].marker
    assert abs(signed(heard[3].timestamp - heard[2].timestamp, 32) - 51 * 160) <= 160
    assert a.stream.figures().dropped["held"] == 0
    assert b.stream.figures().dropped["held"] == 50


def test_what_cannot_be_sent_is_counted_and_nothing_stops() -> None:
    bed, a, b = bridged()
    b.wire.broken = True
    bed.talk(a, packets=3)
    b.wire.broken = False
    bed.talk(a, packets=3)
    assert len(b.heard()) == 3
    assert b.stream.figures().dropped["send_failed"] == 3


def test_trunk_case_10_a_starved_leg_gets_silence_until_its_source_comes_back() -> None:
    bed, a, b = bridged()
    bed.talk(a, b, packets=5)
    before = b.heard()
    bed.talk(a, packets=0)
    for _ in range(100):
        b.send()
        bed.run(FRAME_S)
    silence = b.heard()
    assert {packet.payload for packet in silence} == {b"\xd5" * 160}
    assert len(silence) > 50
    bed.talk(a, packets=3)
    after = b.heard()
    assert_continuous(before + silence + after)
    assert_timestamps_grow(before + silence + after)
    assert sum(packet.marker for packet in after) == 1


Move = Callable[[RelayBed, Party, Party], None]


def talk(bed: RelayBed, a: Party, b: Party) -> None:
    bed.talk(a, b, packets=3)


def new_source(bed: RelayBed, a: Party, b: Party) -> None:
    a.ssrc += 1
    a.sequence = (a.sequence * 7 + 3) & 0xFFFF
    a.timestamp = (a.timestamp * 13) & 0xFFFFFFFF


def restart(bed: RelayBed, a: Party, b: Party) -> None:
    a.sequence = (a.sequence + 20000) & 0xFFFF
    a.timestamp = (a.timestamp + 2**31 + 5) & 0xFFFFFFFF


def ring(bed: RelayBed, a: Party, b: Party) -> None:
    bed.play(b, RINGBACK_TONE)
    bed.run(0.1)


def warn(bed: RelayBed, a: Party, b: Party) -> None:
    bed.play(b, WARNING_TONE, overrides=True)
    bed.run(0.15)


def stop(bed: RelayBed, a: Party, b: Party) -> None:
    bed.table.stop_playing(b.stream)


def wait(bed: RelayBed, a: Party, b: Party) -> None:
    bed.run(0.7, step_s=0.01)


def stall(bed: RelayBed, a: Party, b: Party) -> None:
    bed.run(0.5, step_s=0.5)


def hold(bed: RelayBed, a: Party, b: Party) -> None:
    bed.connect(b, may_send=False, on_hold=True, renewed=False)


def resume(bed: RelayBed, a: Party, b: Party) -> None:
    bed.connect(b, renewed=False)


def unmapped(bed: RelayBed, a: Party, b: Party) -> None:
    a.send(b"x", 13)


def rejoin(bed: RelayBed, a: Party, b: Party) -> None:
    bed.table.bridge(a.stream, b.stream, bed.now)


MOVES: list[Move] = [talk, new_source, restart, ring, warn, stop, wait, stall, hold, resume, unmapped, rejoin]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(MOVES), max_size=14))
def test_trunk_case_13_whatever_happens_numbers_are_continuous_and_timestamps_keep_to_the_clock(
    moves: list[Move],
) -> None:
    bed, a, b = bridged()
    began = bed.now
    first: RtpPacket | None = None
    heard: list[RtpPacket] = []
    for move in moves:
        move(bed, a, b)
        heard += b.heard()
        if first is None and heard:
            first = heard[0]
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    if heard:
        # Never ahead of the clock by more than what a source sent in a burst.
        span_s = signed(heard[-1].timestamp - heard[0].timestamp, 32) / 8000
        assert span_s <= bed.now - began + 0.2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(st.binary(max_size=60), st.binary(min_size=12, max_size=40).map(lambda tail: b"\x80" + tail)),
        ),
        max_size=30,
    )
)
def test_any_bytes_leave_the_relay_sound(packets: list[tuple[int, bytes]]) -> None:
    bed, a, b = bridged()
    for which, content in packets:
        (a, b)[which].give_bytes(content)
        (a, b)[which].give_control(content)
        bed.run(FRAME_S)
    b.heard()
    a.ssrc = 0x5A5A5A5A
    bed.talk(a, packets=3)
    heard = b.heard()
    assert len(heard) == 3
    assert_continuous(heard)
