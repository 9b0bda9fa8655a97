"""Hard case 11: digits are neither doubled nor lost on their way through (RFC 4733)."""

import pytest

from media.codecs.table import PCMA
from media.events import DigitBegun, DigitPressed, MediaStarted
from media.rtp.dtmf import EventPayload, event_payloads
from media.tones import BALANCE_WARNING, prepare
from tests.support.relay_bed import FRAME_S, RelayBed, assert_continuous, bridged, signed

pytestmark = pytest.mark.usefixtures("each_table")

WARNING_TONE = prepare(BALANCE_WARNING)


class Discarding:
    """A converter of which nothing comes back."""

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        pass


def test_trunk_case_11_an_event_keeps_one_timestamp_its_marker_and_the_far_ends_payload_type() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=96)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=3)
    at = a.timestamp
    for index, payload in enumerate(event_payloads("5", 100)):
        a.send_event(payload, at, marker=index == 0)
        bed.run(FRAME_S)
    a.timestamp = at + 160 * 7
    bed.talk(a, packets=3)
    heard = b.heard()
    events = [packet for packet in heard if packet.payload_type == 96]
    assert len(events) == 7
    assert len({packet.timestamp for packet in events}) == 1
    assert [packet.marker for packet in events] == [True] + [False] * 6
    assert [packet.payload for packet in events] == list(event_payloads("5", 100))
    assert_continuous(heard)
    audio = [packet for packet in heard if packet.payload_type == PCMA]
    assert signed(events[0].timestamp - audio[2].timestamp, 32) == 160
    assert signed(audio[3].timestamp - events[0].timestamp, 32) == 160 * 7
    assert [event for event in bed.events if not isinstance(event, MediaStarted)] == [
        DigitBegun("a", "5"),
        DigitPressed("a", "5", 100),
    ]


def test_trunk_case_11_a_key_is_told_of_when_it_goes_down_and_when_it_comes_up() -> None:
    bed, a, _ = bridged()
    *growing, end, _, last = event_payloads("7", 1500)
    for payload in growing:
        a.send_event(payload, a.timestamp)
        bed.run(FRAME_S)
    assert bed.events[1:] == [DigitBegun("a", "7")]
    a.send_event(end, a.timestamp)
    a.send_event(last, a.timestamp)
    assert bed.events[2:] == [DigitPressed("a", "7", 1500)]
    a.send_event(EventPayload(1, True, 10, 800).render(), a.timestamp + 16000)
    assert bed.events[3:] == [DigitPressed("a", "1", 100)], "it was up again as soon as it was heard of"


@pytest.mark.parametrize("back_s", [30, 3600, 200_000])
def test_trunk_case_11_keys_are_told_of_whose_timestamps_have_jumped_back(back_s: int) -> None:
    bed, a, _ = bridged()
    for digit in "12":
        for payload in event_payloads(digit, 100):
            a.send_event(payload, a.timestamp)
        bed.talk(a, packets=20)
        a.timestamp = (a.timestamp - back_s * 8000) & 0xFFFFFFFF
    pressed = [event for event in bed.events if isinstance(event, DigitPressed)]
    assert pressed == [DigitPressed("a", "1", 100), DigitPressed("a", "2", 100)]


@pytest.mark.parametrize("back_s", [1, 5, 19])
@pytest.mark.parametrize(("apart", "anew"), [(110, False), (20, True)])
def test_trunk_case_11_keys_are_told_of_whose_timestamps_have_jumped_back_a_little(
    back_s: int, apart: int, anew: bool
) -> None:
    """What is late does not come seconds later, nor from a source that has begun its sequence numbers anew."""
    bed, a, _ = bridged()
    a.timestamp = 40 * 8000
    for digit in "12":
        for payload in event_payloads(digit, 100):
            a.send_event(payload, a.timestamp)
        bed.talk(a, packets=apart // 2)
        a.timestamp -= back_s * 8000 + apart * 160
        a.sequence = (a.sequence + 30_000 * anew) & 0xFFFF
        bed.talk(a, packets=apart - apart // 2)
    pressed = [event for event in bed.events if isinstance(event, DigitPressed)]
    assert pressed == [DigitPressed("a", "1", 100), DigitPressed("a", "2", 100)]


def test_trunk_case_11_a_source_that_begins_anew_in_the_middle_of_a_key_tells_of_it_once() -> None:
    bed, a, _ = bridged()
    payloads = event_payloads("3", 1000)
    for index, payload in enumerate(payloads):
        if index == len(payloads) // 2:
            a.sequence = (a.sequence + 30_000) & 0xFFFF
        a.send_event(payload, a.timestamp)
        bed.run(FRAME_S)
    bed.run(1.0)
    assert [event for event in bed.events if isinstance(event, DigitPressed)] == [DigitPressed("a", "3", 1000)]


def test_trunk_case_11_an_event_crosses_a_warning_with_one_timestamp() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    bed.play(b, WARNING_TONE, overrides=True)
    at = a.timestamp
    for index, payload in enumerate(event_payloads("1", 200)):
        a.send_event(payload, at, marker=index == 0)
        bed.run(FRAME_S)
    heard = b.heard()
    events = [packet for packet in heard if packet.payload_type == 101]
    assert len(events) == 12
    assert len({packet.timestamp for packet in events}) == 1
    assert_continuous(heard)


def test_trunk_case_11_audio_after_a_switch_in_the_middle_of_an_event_is_true_to_the_clock() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=3)
    at = a.timestamp
    payloads = event_payloads("1", 400)
    for index, payload in enumerate(payloads):
        if index == 5:
            bed.play(b, WARNING_TONE, overrides=True)
        if index == 10:
            bed.table.stop_playing(b.stream)
        a.send_event(payload, at, marker=index == 0)
        bed.run(FRAME_S)
    a.timestamp = at + 160 * len(payloads)
    bed.talk(a, packets=2)
    heard = b.heard()
    assert_continuous(heard)
    (event_timestamp,) = {packet.timestamp for packet in heard if packet.payload_type == 101}
    assert abs(signed(heard[-2].timestamp - event_timestamp, 32) - 160 * len(payloads)) <= 320
    assert signed(heard[-1].timestamp - heard[-2].timestamp, 32) == 160


@pytest.mark.parametrize("first", [True, False])
def test_trunk_case_11_an_event_with_a_timestamp_of_its_own_making_does_not_throw_the_audio(first: bool) -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=0 if first else 3)
    payloads = event_payloads("1", 100)
    for index, payload in enumerate(payloads):
        a.send_event(payload, 0x70000000, marker=index == 0)
        bed.run(FRAME_S)
    a.timestamp += 160 * len(payloads)
    bed.talk(a, packets=3)
    heard = b.heard()
    assert_continuous(heard)
    span = signed(heard[-1].timestamp - heard[0].timestamp, 32)
    assert abs(span - 160 * (len(heard) - 1)) <= 320
    (event_timestamp,) = {packet.timestamp for packet in heard if packet.payload_type == 101}
    assert abs(signed(event_timestamp - heard[0].timestamp, 32)) <= 160 * 3


def test_trunk_case_11_events_do_not_go_to_a_leg_that_took_none() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=1)
    for payload in event_payloads("5", 60):
        a.send_event(payload, a.timestamp)
    bed.talk(a, packets=10)
    heard = b.heard()
    assert {packet.payload_type for packet in heard} == {PCMA}
    assert all(len(packet.payload) == 160 for packet in heard)
    assert_continuous(heard)
    assert DigitPressed("a", "5", 60) in bed.events


@pytest.mark.parametrize("converted", [True, False])
def test_trunk_case_11_nothing_is_inserted_into_a_key_that_is_held_for_long(converted: bool) -> None:
    bed, a, b = bridged()
    if converted:
        bed.table.set_converter(a.stream, Discarding(), True)
    bed.run(0.035)  # so that packets do not come in the same instant as what looks after the legs
    at = a.timestamp
    for index, payload in enumerate(event_payloads("1", 4000, interval_ms=50)):
        a.send_event(payload, at, marker=index == 0)
        bed.run(0.05)
    heard = b.heard()
    assert [packet.payload for packet in heard] == list(event_payloads("1", 4000, interval_ms=50))
    assert len({packet.timestamp for packet in heard}) == 1
    assert_continuous(heard)


def test_trunk_case_11_after_a_key_a_leg_that_is_sent_nothing_hears_silence_at_its_time() -> None:
    bed, a, b = bridged()
    for index, payload in enumerate(event_payloads("1", 1000)):
        a.send_event(payload, a.timestamp, marker=index == 0)
        bed.run(FRAME_S)
    began = b.heard()[0].timestamp
    bed.run(1.0)
    silence = b.heard()
    assert 20 <= len(silence) <= 35
    assert {packet.payload_type for packet in silence} == {PCMA}
    assert signed(silence[0].timestamp - began, 32) == pytest.approx((2.0 - FRAME_S * len(silence)) * 8000, abs=400)


def test_no_more_keys_are_told_of_than_anybody_presses() -> None:
    bed, a, _ = bridged()
    for number in range(40):
        a.send_event(EventPayload(5, False, 10, 400).render(), 200_000 + 1600 * number)
        a.send_event(EventPayload(5, True, 10, 800).render(), 200_000 + 1600 * number)
    told = [event for event in bed.events if not isinstance(event, MediaStarted)]
    assert told == [DigitBegun("a", "5"), DigitPressed("a", "5", 100)] * 32
    bed.run(0.3)
    a.send_event(EventPayload(6, True, 10, 800).render(), 400_000)
    assert bed.events[-1] == DigitPressed("a", "6", 100)


@pytest.mark.parametrize(("behind", "presses"), [(1, 1), (159_999, 1), (160_000, 2), (2**31, 2), (2**32 - 1, 2)])
def test_an_event_from_before_the_newest_is_late_unless_the_timestamps_have_jumped(behind: int, presses: int) -> None:
    bed, a, _ = bridged()
    newest = 4_000_000_000  # 20 s are 160,000
    a.send_event(EventPayload(5, True, 10, 800).render(), newest)
    a.send_event(EventPayload(6, True, 10, 800).render(), (newest - behind) & 0xFFFFFFFF)
    pressed = [event.digit for event in bed.events if isinstance(event, DigitPressed)]
    assert pressed == ["5", "6"][:presses]


@pytest.mark.parametrize("began_s", [0.0, 0.05, 0.1, 0.15, 0.2])
def test_a_key_whose_end_is_lost_is_told_of_soon_and_not_while_a_packet_may_only_be_late(began_s: float) -> None:
    bed, a, _ = bridged()
    bed.run(began_s)  # legs are looked after four times a second
    a.send_event(EventPayload(7, False, 10, 800).render(), 200_000)
    bed.run(0.29)
    assert DigitPressed("a", "7", 100) not in bed.events
    bed.run(0.28)
    assert DigitPressed("a", "7", 100) in bed.events
