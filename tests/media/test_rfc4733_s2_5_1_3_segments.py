"""RFC 4733 section 2.5.1.3: a key that is held for longer than a duration can tell stays one key on its way through."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.codecs.table import OPUS, PCMA
from media.events import DigitBegun, DigitPressed, MediaStarted
from media.rtp.dtmf import DURATION_MAX, END_REPEATS, DigitWatch, EventPayload, PressedDigit, parse_event
from media.rtp.packet import RtpPacket
from tests.support.relay_bed import FRAME_S, Party, RelayBed, assert_continuous, signed

pytestmark = pytest.mark.usefixtures("each_table")

RATES_HZ = {PCMA: 8000, OPUS: 48000}


class Discarding:
    """A converter of which nothing comes back."""

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        pass


def held(units: int, step: int, event: int = 1) -> Iterator[tuple[int, EventPayload]]:
    """What a sender says of a key: how far its segment begins behind the key's beginning, and the payload."""
    began = 0
    for now in range(step, units, step):
        if now - began > DURATION_MAX:
            yield began, EventPayload(event, False, 10, DURATION_MAX)
            began += DURATION_MAX
        yield began, EventPayload(event, False, 10, now - began)
    if units - began > DURATION_MAX:
        yield began, EventPayload(event, False, 10, DURATION_MAX)
        began += DURATION_MAX
    for _ in range(END_REPEATS):
        yield began, EventPayload(event, True, 10, units - began)


def parties(codec_a: int, codec_b: int) -> tuple[RelayBed, Party, Party]:
    """A's events are in the clock of its codec, and so are those that B is sent."""
    bed = RelayBed()
    a, b = bed.party("a", codec=codec_a), bed.party("b", codec=codec_b)
    if codec_a != codec_b:
        bed.table.set_converter(a.stream, Discarding())
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.run(0.035)
    return bed, a, b


def hold_down(bed: RelayBed, a: Party, codec: int, seconds: float) -> list[tuple[int, EventPayload]]:
    said = list(held(round(seconds * RATES_HZ[codec]), RATES_HZ[codec] // 50))
    for index, (began, payload) in enumerate(said):
        a.send_event(payload.render(), a.timestamp + began, marker=index == 0)
        if payload.duration != DURATION_MAX:
            bed.run(FRAME_S)
    return said


def events_of(packets: list[RtpPacket]) -> list[EventPayload]:
    events = [parse_event(packet.payload) for packet in packets]
    return [event for event in events if event is not None]


def told(bed: RelayBed) -> list[object]:
    return [event for event in bed.events if not isinstance(event, MediaStarted)]


def test_segments_that_fit_into_one_duration_of_the_other_clock_are_one_event() -> None:
    bed, a, b = parties(OPUS, PCMA)
    hold_down(bed, a, OPUS, 3.0)
    heard = b.heard()
    assert len({packet.timestamp for packet in heard}) == 1
    durations = [event.duration for event in events_of(heard)]
    assert durations == sorted(durations)
    assert durations[-1] == 3 * 8000
    assert [event.end for event in events_of(heard)] == [False] * (len(heard) - 3) + [True] * 3
    assert [packet.marker for packet in heard] == [True] + [False] * (len(heard) - 1)
    assert_continuous(heard)
    begun, pressed = told(bed)
    assert begun == DigitBegun("a", "1")
    assert isinstance(pressed, DigitPressed)
    assert pressed.duration_ms == pytest.approx(3000, abs=2)


def test_an_event_that_is_too_long_for_the_other_clock_goes_on_in_segments() -> None:
    bed, a, b = parties(PCMA, OPUS)
    hold_down(bed, a, PCMA, 3.0)
    heard = b.heard()
    began = heard[0].timestamp
    segments: dict[int, list[EventPayload]] = {}
    for packet, event in zip(heard, events_of(heard), strict=True):
        segments.setdefault(signed(packet.timestamp - began, 32), []).append(event)
    assert list(segments) == [0, DURATION_MAX, 2 * DURATION_MAX]
    first, second, last = segments.values()
    for segment in (first, second):
        assert segment[-1] == EventPayload(1, False, 10, DURATION_MAX)
        assert [event.duration for event in segment].count(DURATION_MAX) == 1
    assert last[-3:] == [EventPayload(1, True, 10, 3 * 48000 - 2 * DURATION_MAX)] * 3
    assert [packet.marker for packet in heard] == [True] + [False] * (len(heard) - 1)
    assert_continuous(heard)
    bed.talk(a, packets=2)
    assert told(bed) == [DigitBegun("a", "1"), DigitPressed("a", "1", 3000)]


def test_segments_go_through_as_they_are_where_both_clocks_are_alike() -> None:
    bed, a, b = parties(PCMA, PCMA)
    said = hold_down(bed, a, PCMA, 20.0)
    heard = b.heard()
    assert events_of(heard) == [payload for _, payload in said]
    assert [signed(packet.timestamp - heard[0].timestamp, 32) for packet in heard] == [began for began, _ in said]
    assert_continuous(heard)


def test_audio_after_a_segmented_key_is_numbered_behind_it() -> None:
    bed, a, b = parties(PCMA, PCMA)
    bed.talk(a, packets=2)
    said = hold_down(bed, a, PCMA, 9.0)
    a.timestamp += 9 * 8000
    bed.talk(a, packets=3)
    heard = b.heard()
    assert_continuous(heard)
    assert len(heard) == 2 + len(said) + 3
    assert signed(heard[-3].timestamp - heard[2].timestamp, 32) == 9 * 8000


def test_a_report_of_a_whole_segment_that_was_lost_is_made_good_and_not_said_twice() -> None:
    bed, a, b = parties(PCMA, PCMA)
    bed.talk(a, packets=2)
    before, last = EventPayload(1, False, 10, DURATION_MAX - 100).render(), EventPayload(1, True, 10, 100).render()
    whole = EventPayload(1, False, 10, DURATION_MAX).render()
    began = a.timestamp
    a.send_event(before, began)
    late = a.sequence
    a.sequence += 1
    a.send_event(last, began + DURATION_MAX)
    a.give(RtpPacket(101, late, began, a.ssrc, whole, False))
    a.timestamp += DURATION_MAX + 100
    bed.talk(a, packets=2)
    heard = b.heard()
    assert [packet.payload for packet in heard[2:5]] == [before, whole, last]
    assert [signed(packet.timestamp - heard[2].timestamp, 32) for packet in heard[2:5]] == [0, 0, DURATION_MAX]
    assert len({packet.sequence for packet in heard}) == len(heard) == 7


def test_a_key_that_begins_where_one_of_full_length_has_ended_is_another() -> None:
    bed, a, b = parties(OPUS, PCMA)
    a.send_event(EventPayload(1, True, 10, DURATION_MAX).render(), a.timestamp)
    bed.run(0.1)
    a.send_event(EventPayload(1, True, 10, 4800).render(), a.timestamp + DURATION_MAX)
    first, second = b.heard()
    assert first.timestamp != second.timestamp
    assert [event.duration for event in events_of([first, second])] == [DURATION_MAX // 6, 800]


def test_a_late_packet_of_the_segment_before_stays_in_it() -> None:
    bed, a, b = parties(PCMA, PCMA)
    bed.talk(a, packets=1)
    began, late = a.timestamp, a.sequence + 1
    for sequence, segment, duration in ((late - 1, 0, 65000), (late + 1, 0, DURATION_MAX), (late + 2, 1, 300)):
        payload = EventPayload(1, False, 10, duration).render()
        a.give(RtpPacket(101, sequence, began + segment * DURATION_MAX, a.ssrc, payload, False))
    a.give(RtpPacket(101, late, began, a.ssrc, EventPayload(1, False, 10, 65400).render(), False))
    _, *heard = b.heard()
    assert [event.duration for event in events_of(heard)] == [65000, DURATION_MAX, 300, 65400]
    assert [signed(packet.timestamp - heard[0].timestamp, 32) for packet in heard] == [0, 0, DURATION_MAX, 0]


@pytest.mark.parametrize(("codec_a", "codec_b"), [(PCMA, PCMA), (PCMA, OPUS), (OPUS, PCMA), (OPUS, OPUS)])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.1, 10.0), st.sets(st.integers(0, 520), max_size=150))
def test_whatever_is_lost_a_key_is_one_key_at_the_other_side(
    codec_a: int, codec_b: int, seconds: float, lost: set[int]
) -> None:
    bed, a, b = parties(codec_a, codec_b)
    rate_hz = RATES_HZ[codec_a]
    said = list(held(round(seconds * rate_hz), rate_hz // 50))
    for index, (began, payload) in enumerate(said):
        if index in lost and index != len(said) - 1 and any((index - n) not in lost for n in range(1, 10)):
            a.sequence += 1
        else:
            a.send_event(payload.render(), a.timestamp + began, marker=index == 0)
        bed.run(FRAME_S)
    watch, pressed = DigitWatch(), list[PressedDigit]()
    for packet in b.heard():
        pressed += watch.packet(packet.ssrc, packet.timestamp, packet.payload, 0.0, RATES_HZ[codec_b])
    (press,) = pressed
    assert press.duration_ms == pytest.approx(seconds * 1000, abs=15)


def test_a_long_digit_of_ours_is_sent_in_segments_too() -> None:
    bed, _, b = parties(PCMA, OPUS)
    bed.send_digit(b, "1", 5000)
    bed.run(5.5)
    heard = [packet for packet in b.heard() if packet.payload_type == 101]
    assert [packet.marker for packet in heard] == [True] + [False] * (len(heard) - 1)
    assert_continuous(heard)
    watch = DigitWatch()
    pressed = [press for p in heard for press in watch.packet(p.ssrc, p.timestamp, p.payload, 0.0, 48000)]
    assert [press.digit for press in pressed] == ["1"]
    assert pressed[0].duration_ms == pytest.approx(5000, abs=5)
    bed.send_digit(b, "2", 100)
    bed.run(0.5)
    after = next(packet for packet in b.heard() if packet.payload_type == 101)
    assert signed(after.timestamp - heard[0].timestamp, 32) == pytest.approx(5.5 * 48000, abs=0.05 * 48000)
