"""Digits of ours: as telephone-event where the leg takes it, in the audio where it does not."""

import itertools
import math

import pytest

from media.codecs.g711 import alaw_to_linear, ulaw_to_linear
from media.codecs.table import PCMA, PCMU
from media.digit_tones import digit_tones, frequencies_hz
from media.events import DigitBegun, DigitPressed, MediaStarted, PlaybackFinished
from media.packet_path.digits import DIGITS_WAITING_MAX
from media.packet_path.python_path import PythonPacketPath
from media.rtp.dtmf import DIGITS, DigitWatch, event_payloads
from media.rtp.packet import RtpPacket
from media.tones import BALANCE_WARNING, prepare
from tests.support.relay_bed import FRAME_S, RelayBed, assert_continuous, assert_timestamps_grow, bridged, signed

pytestmark = pytest.mark.usefixtures("each_table")


def level_dbm0(samples: list[int], frequency_hz: int) -> float:
    """The level of one frequency in the samples."""
    real = sum(s * math.cos(2 * math.pi * frequency_hz * n / 8000) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(2 * math.pi * frequency_hz * n / 8000) for n, s in enumerate(samples))
    amplitude = 2 * math.hypot(real, imaginary) / len(samples)
    return 20 * math.log10(max(amplitude, 1e-9) / 32767) + 3.14


def split(packets: list[RtpPacket], payload_type: int = 101) -> tuple[list[RtpPacket], list[RtpPacket]]:
    """The events and everything else."""
    return (
        [packet for packet in packets if packet.payload_type == payload_type],
        [packet for packet in packets if packet.payload_type != payload_type],
    )


def test_a_digit_is_one_event_with_one_timestamp_that_grows_and_ends_thrice() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=96)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=5)
    bed.send_digit(b, "5", 160)
    bed.talk(a, packets=20)
    heard = b.heard()
    events, audio = split(heard, 96)
    durations = [int.from_bytes(packet.payload[2:]) for packet in events]
    assert durations == [160, 320, 480, 640, 800, 960, 1120, 1280, 1280, 1280]
    assert [packet.payload[0] for packet in events] == [5] * 10
    assert [packet.payload[1] >> 7 for packet in events] == [0] * 7 + [1] * 3
    assert [packet.marker for packet in events] == [True] + [False] * 9
    assert len({packet.timestamp for packet in events}) == 1
    assert_continuous(heard)
    # A telephone's audio is left out meanwhile, and finds its place by the clock afterwards.
    assert heard.index(events[-1]) - heard.index(events[0]) == 9
    assert 14 <= len(audio) <= 16
    assert audio[5].marker
    assert abs(signed(audio[-1].timestamp - audio[0].timestamp, 32) - 24 * 160) <= 160
    assert signed(events[0].timestamp - audio[4].timestamp, 32) == 160
    assert a.stream.figures().packets_sent == 0


def test_a_receiver_takes_it_for_one_press() -> None:
    bed, _, b = bridged()
    bed.send_digit(b, "#", 250)
    bed.run(1.0)
    watch = DigitWatch()
    events, _ = split(b.heard())
    (pressed,) = [press for p in events for press in watch.packet(p.ssrc, p.timestamp, p.payload, bed.now)]
    assert (pressed.digit, pressed.duration_ms) == ("#", 250)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40])
def test_an_event_packet_goes_out_every_packet_time(ptime_ms: int) -> None:
    bed = RelayBed()
    b = bed.party("b", ptime_ms=ptime_ms)
    bed.send_digit(b, "1", 200)
    bed.run(1.0)
    assert [packet.payload[2:] for packet in b.heard()] == [
        payload[2:] for payload in event_payloads("1", 200, ptime_ms)
    ]


def test_digits_follow_one_another_with_a_pause() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    for digit in "112":
        bed.send_digit(b, digit, 100)
    bed.talk(a, packets=60)
    heard = b.heard()
    events, _ = split(heard)
    assert_continuous(heard)
    watch = DigitWatch()
    pressed = [press.digit for p in events for press in watch.packet(p.ssrc, p.timestamp, p.payload, bed.now)]
    assert pressed == ["1", "1", "2"]
    timestamps = sorted({packet.timestamp for packet in events}, key=lambda t: signed(t - events[0].timestamp, 32))
    # Its 100 ms, the two repeats of the end and the pause.
    assert [signed(after - before, 32) for before, after in itertools.pairwise(timestamps)] == [
        160 * 10,
        160 * 10,
    ]


def test_digits_beyond_the_limit_are_dropped_and_counted() -> None:
    bed, _, b = bridged()
    for _ in range(DIGITS_WAITING_MAX + 4):
        bed.send_digit(b, "1", 60)
    assert b.stream.figures().dropped["digits"] == 3
    bed.run(20.0)
    events, _ = split(b.heard())
    assert len({packet.timestamp for packet in events}) == DIGITS_WAITING_MAX + 1


@pytest.mark.parametrize(("asked_ms", "sent"), [(0, 480), (1, 480), (60, 480), (9_000, 64_000), (1_000_000, 64_000)])
def test_a_press_is_neither_too_short_nor_too_long(asked_ms: int, sent: int) -> None:
    bed, _, b = bridged()
    bed.send_digit(b, "1", asked_ms)
    bed.run(9.0)
    events, _ = split(b.heard())
    assert int.from_bytes(events[-1].payload[2:]) == sent


def test_events_of_the_other_leg_give_way_to_a_digit_of_ours() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    bed.send_digit(b, "7", 200)
    for index, payload in enumerate(event_payloads("8", 100)):
        bed.run(FRAME_S)
        a.send_event(payload, a.timestamp, marker=index == 0)
    bed.run(0.5)
    events, _ = split(b.heard())
    assert {packet.payload[0] for packet in events} == {7}
    assert DigitPressed("a", "8", 100) in bed.events


def test_a_warning_goes_on_behind_a_digit_and_ends_on_time() -> None:
    bed, a, b = bridged()
    bed.talk(a, packets=2)
    bed.play(b, prepare(BALANCE_WARNING), overrides=True)
    bed.run(0.2)
    bed.send_digit(b, "3", 100)
    bed.run(0.9)
    heard = b.heard()
    events, audio = split(heard)
    assert len(events) == 7
    assert_continuous(heard)
    assert 42 <= len(audio) - 2 <= 44
    resumed = heard[heard.index(events[-1]) + 1]
    assert resumed.marker
    assert PlaybackFinished("b", "balance_warning") in bed.events


def test_a_leg_on_hold_is_sent_no_digit() -> None:
    bed = RelayBed()
    b = bed.party("b", may_send=False)
    bed.send_digit(b, "3", 100)
    bed.run(0.5)
    assert b.heard() == []
    bed.connect(b)
    bed.run(0.5)
    assert b.heard() == [], "nor later"


def test_a_removed_leg_is_sent_no_more() -> None:
    bed, a, b = bridged()
    bed.send_digit(b, "3", 1000)
    bed.run(0.1)
    b.heard()
    bed.table.remove(b.stream, bed.now)
    bed.run(2.0)
    assert b.heard() == []
    bed.table.remove(a.stream, bed.now)
    bed.run(0.1)
    assert bed.table.next_due is None


def test_a_stall_makes_no_burst() -> None:
    bed, _, b = bridged()
    bed.send_digit(b, "3", 400)
    bed.run(0.1)
    b.heard()
    bed.run(3.0, step_s=3.0)
    assert len(b.heard()) == 1
    bed.run(1.0)
    events, _ = split(b.heard())
    assert [int.from_bytes(packet.payload[2:]) for packet in events][-3:] == [3200] * 3


@pytest.mark.parametrize(("codec", "to_linear"), [(PCMA, alaw_to_linear), (PCMU, ulaw_to_linear)])
@pytest.mark.parametrize("digit", ["1", "5", "#", "D", "0"])
def test_a_leg_without_events_hears_both_frequencies(codec: int, to_linear: object, digit: str) -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", codec=codec, dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=3)
    bed.send_digit(b, digit, 100)
    bed.talk(a, packets=12)
    heard = b.heard()
    assert_continuous(heard)
    assert {packet.payload_type for packet in heard} == {codec}
    tone = heard[3:8]
    assert [signed(packet.timestamp - tone[0].timestamp, 32) for packet in tone] == [0, 160, 320, 480, 640]
    assert callable(to_linear)
    samples = to_linear(b"".join(packet.payload for packet in tone))
    low, high = frequencies_hz(digit)
    assert level_dbm0(samples, low) == pytest.approx(-12.1, abs=0.5)
    assert level_dbm0(samples, high) == pytest.approx(-10.1, abs=0.5)
    assert heard[2].payload == heard[9].payload


def test_between_two_digits_in_the_audio_there_is_silence() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.send_digit(b, "1", 100)
    bed.send_digit(b, "1", 100)
    bed.run(0.3)
    heard = b.heard()
    assert_continuous(heard)
    loud = [packet.payload != b"\xd5" * 160 for packet in heard[:13]]
    assert loud == [True] * 5 + [False] * 3 + [True] * 5
    assert [signed(packet.timestamp - heard[0].timestamp, 32) for packet in heard[:13]] == [160 * n for n in range(13)]


@pytest.mark.parametrize(("between", "pause"), [(2, 3), (5, 3), (6, 3), (7, 3), (9, 4)])
def test_one_key_pressed_twice_stays_two_tones_though_little_audio_comes_between(between: int, pause: int) -> None:
    """While a key is down its leg sends no audio: a receiver that joins packet to packet would hear one long tone."""
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=2)
    for _ in range(2):
        at = a.timestamp
        for index, payload in enumerate(event_payloads("5", 100)):
            a.send_event(payload, at, marker=index == 0)
            bed.run(FRAME_S if index < 5 else 0)
        a.timestamp += 800
        bed.talk(a, packets=between)
    bed.talk(a, packets=10)
    heard = b.heard()
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    loud = "".join("-5"[packet.payload != b"\xd5" * 160] for packet in heard)
    assert loud.strip("-") == "55555" + "-" * pause + "55555"


def test_events_are_turned_into_tones_for_a_leg_that_takes_none() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=2)
    at = a.timestamp
    for index, payload in enumerate(event_payloads("9", 100)):
        a.send_event(payload, at, marker=index == 0)
        bed.run(FRAME_S)
    bed.run(0.2)
    heard = b.heard()
    assert [event for event in bed.events if not isinstance(event, MediaStarted)] == [
        DigitBegun("a", "9"),
        DigitPressed("a", "9", 100),
    ]
    assert_continuous(heard)
    assert {packet.payload_type for packet in heard} == {PCMA}
    samples = alaw_to_linear(b"".join(packet.payload for packet in heard[2:7]))
    for frequency in frequencies_hz("9"):
        assert level_dbm0(samples, frequency) > -13
    assert heard[7:] == []


def test_an_event_whose_end_was_lost_becomes_a_tone_too() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", dtmf=None)
    bed.table.bridge(a.stream, b.stream, bed.now)
    for payload in event_payloads("9", 100)[:3]:
        a.send_event(payload, a.timestamp)
    bed.run(1.0)
    assert DigitPressed("a", "9", 60) in bed.events
    assert sum(packet.payload != b"\xd5" * 160 for packet in b.heard()) == 3


def test_the_keypad_is_q23s() -> None:
    assert frequencies_hz("1") == (697, 1209)
    assert frequencies_hz("0") == (941, 1336)
    assert frequencies_hz("D") == (941, 1633)
    assert set(digit_tones()) == set(DIGITS)
    for wrong in ("", "x", "12"):
        with pytest.raises(ValueError, match="no key"):
            frequencies_hz(wrong)


@pytest.mark.parametrize("wrong", ["", "x", "12", "flash"])
def test_what_is_no_key_is_refused(wrong: str) -> None:
    path = PythonPacketPath(lambda: 0.0, lambda event: None, lambda callback: callback())
    try:
        with pytest.raises(ValueError, match="no key"):
            path.send_digit(1, wrong, 100)
    finally:
        path.close()
