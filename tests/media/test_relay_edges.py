"""Where exactly the packet path does something else: the edges of its times and counts."""

from typing import Any

import pytest

from media.events import DigitPressed, PlaybackFinished
from media.packet_path.gate import LATCH_WINDOW_S
from media.packet_path.pacing import CATCH_UP_FRAMES
from media.rtp.dtmf import DURATION_MAX, EventPayload, event_payloads
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import Report, parse_compound
from media.rtp.srtp import SUITES
from media.tones import BUSY, RINGBACK, prepare
from tests.support.relay_bed import FRAME_S, RelayBed, bridged, signed
from tests.support.srtp_party import SecureParty, secure_party

pytestmark = pytest.mark.usefixtures("each_table")

STRANGER = ("203.0.113.66", 4000)
ONE_SECOND = 8000
ANSWERED_WITH = 160  # timestamps from the last packet to one that is placed by the clock a frame later


@pytest.mark.parametrize(("marker", "off_s", "believed"), [(True, 0.15, True), (True, 0.3, False), (False, 0.3, True)])
def test_a_new_talk_spurt_is_believed_less(marker: bool, off_s: float, believed: bool) -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    before = b.heard()[-1]
    bed.run(0.2)
    by_clock = round((0.2 + FRAME_S) * ONE_SECOND)
    said = by_clock + round(off_s * ONE_SECOND)
    a.timestamp += said - 160
    a.send(marker=marker)
    (heard,) = b.heard()
    assert signed(heard.timestamp - before.timestamp, 32) == (said if believed else by_clock)


@pytest.mark.parametrize(("off_s", "believed"), [(1.9, True), (-1.9, True), (2.1, False), (-2.1, False)])
def test_an_events_timestamp_is_believed_up_to_two_seconds(off_s: float, believed: bool) -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=200)
    before = b.heard()[-1]
    off = round(off_s * ONE_SECOND)
    a.send_event(event_payloads("5", 100)[0], (a.timestamp + off) & 0xFFFFFFFF, marker=True)
    (heard,) = b.heard()
    assert signed(heard.timestamp - before.timestamp, 32) == ANSWERED_WITH + (off if believed else 0)


def test_a_digit_in_the_audio_keeps_to_the_clock_after_a_stall() -> None:
    bed = RelayBed()
    a = bed.party("a", dtmf=None)
    bed.send_digit(a, "5", 500)
    bed.run(0.1)
    before = a.heard()[-1]
    bed.run(1.0, step_s=1.0)
    after, *_ = a.heard()
    assert after.marker
    assert abs(signed(after.timestamp - before.timestamp, 32) - ONE_SECOND) <= 160


@pytest.mark.parametrize("stall_ms", range(40, 120, 5))
def test_no_stall_makes_a_longer_burst_than_three_frames(stall_ms: int) -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, prepare(RINGBACK))
    bed.run(0.1)
    before = a.heard()[-1]
    bed.run(stall_ms / 1000, step_s=stall_ms / 1000)
    burst = a.heard()
    assert burst
    assert len(burst) <= CATCH_UP_FRAMES
    assert abs(signed(burst[-1].timestamp - before.timestamp, 32) - stall_ms * 8) <= 160


def test_once_nobody_came_in_time_the_kernel_may_check_the_source() -> None:
    bed = RelayBed()
    a = bed.party("a", nat=True)
    bed.run(LATCH_WINDOW_S + 0.1)
    learning = a.wire.exclusive
    a.send(source=STRANGER)
    assert (learning, a.wire.exclusive) == (False, True)
    assert a.wire.target == a.address


def of_network(**changes: Any) -> tuple[RelayBed, SecureParty]:
    bed = RelayBed()
    first, last = (int.from_bytes(bytes(parts)) for parts in ((192, 0, 2, 0), (192, 0, 2, 255)))
    return bed, secure_party(bed, "a", SUITES[0], nat=True, networks=((4, first, last),), **changes)


def test_while_an_address_is_learnt_packets_from_outside_the_networks_are_not_even_opened() -> None:
    _, a = of_network()
    a.give_bytes(b"\x80\x08" + bytes(170), source=STRANGER)
    a.give_bytes(b"\x80\x08" + bytes(170), source=("192.0.2.77", 9))
    dropped = a.stream.figures().dropped
    assert (dropped["stranger"], dropped["unauthentic"]) == (1, 1)


@pytest.mark.parametrize("rollovers", [1, 2, 5])
def test_a_new_key_that_keeps_a_rollover_counter_of_some_height(rollovers: int) -> None:
    bed = RelayBed()
    a, b = secure_party(bed, "a", SUITES[0]), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    beyond = rollovers * 0x10000 + 0x7000
    numbers = range(a.sequence, beyond, 2900)
    for number in numbers:
        a.give(RtpPacket(8, number & 0xFFFF, number, a.ssrc, bytes(160)))
    assert a.stream.figures().packets_received == len(numbers)
    a.own_key = 3
    a.__post_init__()
    for number in range(0, numbers[-1] + 1, 0x4000):
        a.sealer.protect(RtpPacket(8, number & 0xFFFF, 0, a.ssrc, b"").render())
    a.connect()
    a.give(RtpPacket(8, (numbers[-1] + 1) & 0xFFFF, numbers[-1] + 160, a.ssrc, bytes(160)))
    assert a.stream.figures().packets_received == len(numbers) + 1
    assert a.stream.figures().dropped["unauthentic"] == 0


def test_who_has_sent_nothing_since_its_last_report_sends_a_receivers() -> None:
    bed = RelayBed()
    a = bed.party("a")
    a.send()
    bed.play(a, prepare(BUSY))
    bed.run(30.0)
    assert bed.events[-1] == PlaybackFinished("a", "busy")
    reports = [report for packet, _ in a.wire.control for report in parse_compound(packet) or ()]
    told = [isinstance(report, Report) and report.sender is not None for report in reports]
    assert told[0]
    assert told == sorted(told, reverse=True)
    assert not any(told[2:])
    assert len(told) >= 4


def test_a_starved_leg_is_sent_silence_from_three_tenths_of_a_second_on() -> None:
    first_s: list[float] = []
    for phase in range(25):
        bed, a, b = bridged()
        bed.run(phase / 100)
        bed.talk(b, packets=3)
        a.heard()
        waited_s = FRAME_S
        while not a.wire.sent:
            bed.run(0.005)
            waited_s += 0.005
        first_s.append(waited_s)
    assert 0.3 <= min(first_s) < 0.33
    assert max(first_s) < 0.3 + 0.25 + 0.02


def test_a_new_sources_first_packet_is_no_jitter() -> None:
    bed, a, _ = bridged()
    bed.talk(a, packets=50)
    quiet = a.stream.figures().jitter_ms
    a.ssrc += 1
    a.timestamp += ONE_SECOND // 2
    bed.talk(a, packets=1)
    assert a.stream.figures().jitter_ms == pytest.approx(quiet, abs=0.01)


def test_a_press_of_many_segments_is_as_long_as_all_of_them() -> None:
    bed, a, _ = bridged()
    began_at = a.timestamp
    for segment in range(3):
        a.send_event(EventPayload(5, False, 10, DURATION_MAX).render(), began_at + segment * DURATION_MAX)
    a.send_event(EventPayload(5, True, 10, 800).render(), began_at + 3 * DURATION_MAX)
    assert bed.events[-1] == DigitPressed("a", "5", 3 * (DURATION_MAX // 8) + 100)


def test_a_press_is_as_long_as_the_longest_that_was_said_of_it() -> None:
    bed, a, _ = bridged()
    for duration in (160, 480, 320):
        a.send_event(EventPayload(5, False, 10, duration).render(), a.timestamp)
    bed.run(1.0)
    assert bed.events[-1] == DigitPressed("a", "5", 60)


def test_what_stands_behind_an_event_does_not_go_across() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    b.heard()
    event = event_payloads("5", 100)[0]
    a.send_event(event + b"9876543210", a.timestamp, marker=True)
    assert [heard.payload for heard in b.heard()] == [event]
    bed.run(1.0)
    assert bed.events[-1] == DigitPressed("a", "5", 20)
