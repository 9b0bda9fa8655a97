"""Audio that is decoded and encoded anew on its way: what the relay hands out, and how it sends what comes back."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from media.codecs.opus import NO_WISHES
from media.codecs.speech import WIDE_HZ, new_encoder
from media.codecs.table import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48000
from media.events import DigitPressed
from media.packet_path.repacketiser import Frame
from media.rtp.dtmf import event_payloads, parse_event
from media.rtp.packet import RtpPacket
from media.tones import BALANCE_WARNING, RINGBACK, encode, prepare
from media.transcoding.conversion import Target
from media.transcoding.transcoder import Transcoder
from tests.support.relay_bed import (
    FRAME_S,
    OPUS_PAYLOAD_TYPE,
    Party,
    RelayBed,
    assert_continuous,
    assert_timestamps_grow,
)
from tests.support.spectrum import sine

pytestmark = pytest.mark.usefixtures("each_table")

OPUS_FRAME = 960
G711_FRAME = 160
SENDER_REPORT = 200
PAYLOAD = b"\x78" * 60


class KeptPackets:
    """A converter that keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, int, int, int, int, int, bytes]] = []

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        self.packets.append((arrival, ssrc, sequence, timestamp, marker, codec, payload))

    def sequences(self, codec: int) -> list[int]:
        return [packet[2] for packet in self.packets if packet[5] == codec]


def opus_and_alaw() -> tuple[RelayBed, Party, Party, KeptPackets, KeptPackets]:
    """A speaks Opus, B G.711; both directions have a converter."""
    bed = RelayBed()
    a, b = bed.party("a", codec=OPUS), bed.party("b", codec=PCMA)
    to_b, to_a = KeptPackets(), KeptPackets()
    bed.table.set_converter(a.stream, to_b)
    bed.table.set_converter(b.stream, to_a)
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b, to_b, to_a


def say_opus(party: Party, payload: bytes = PAYLOAD, *, marker: bool = False) -> None:
    """The next packet of 20 ms."""
    party.give(RtpPacket(OPUS_PAYLOAD_TYPE, party.sequence, party.timestamp, party.ssrc, payload, marker))
    party.sequence = (party.sequence + 1) & 0xFFFF
    party.timestamp = (party.timestamp + OPUS_FRAME) & 0xFFFFFFFF


def to_alaw(bed: RelayBed, a: Party, b: Party, *frames: Frame) -> None:
    bed.table.send_audio(b.stream, a.stream, PCMA, frames, bed.now)


def frames(first: int, count: int, ticks: int = G711_FRAME) -> list[Frame]:
    return [(first + index * ticks, 0, bytes([index]) * 160) for index in range(count)]


def test_audio_of_another_codec_goes_to_the_converter_with_its_numbers() -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    say_opus(a, marker=True)
    bed.run(FRAME_S)
    say_opus(a)
    assert to_b.packets == [
        (1000.0, a.ssrc, 100, 16000, 0x80, OPUS, PAYLOAD),
        (1000.02, a.ssrc, 101, 16000 + OPUS_FRAME, 0, OPUS, PAYLOAD),
    ]
    assert b.heard() == []


def test_a_late_packet_goes_to_the_converter_and_a_repetition_does_not() -> None:
    _, a, _, to_b, _ = opus_and_alaw()
    for sequence in (100, 102, 101, 102, 101):
        a.give(RtpPacket(OPUS_PAYLOAD_TYPE, sequence, 16000 + (sequence - 100) * 960, a.ssrc, PAYLOAD, False))
    assert to_b.sequences(OPUS) == [100, 102, 101]


def test_without_a_converter_it_is_dropped_and_counted() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    bed.table.set_converter(a.stream, None)
    say_opus(a)
    assert a.stream.dropped()["unmapped"] == 1
    assert b.heard() == []


def test_what_the_sink_takes_is_relayed_and_not_converted() -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    bed.talk(a, packets=3)
    assert to_b.packets == []
    assert [packet.payload_type for packet in b.heard()] == [PCMA] * 3


@pytest.mark.parametrize(("codec", "ticks", "size"), [(OPUS, 960, 57), (G722, 160, 160)])
def test_the_same_codec_is_relayed_untouched_whatever_the_packet_time(codec: int, ticks: int, size: int) -> None:
    bed = RelayBed()
    a, b = bed.party("a", codec=codec), bed.party("b", codec=codec, ptime_ms=40)
    converter = KeptPackets()
    bed.table.set_converter(a.stream, converter)
    bed.table.bridge(a.stream, b.stream, bed.now)
    payload_type = OPUS_PAYLOAD_TYPE if codec == OPUS else codec
    for index in range(5):
        a.give(RtpPacket(payload_type, 100 + index, 16000 + ticks * index, a.ssrc, bytes([index]) * size, False))
        bed.run(FRAME_S)
    heard = b.heard()
    assert [packet.payload for packet in heard] == [bytes([index]) * size for index in range(5)]
    assert [packet.timestamp - heard[0].timestamp & 0xFFFFFFFF for packet in heard] == [ticks * n for n in range(5)]
    assert_continuous(heard)
    assert converter.packets == []


def test_converted_frames_are_numbered_as_they_are_sent_and_placed_on_one_shift() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(5_000_000, 2))
    bed.run(0.06)
    to_alaw(bed, a, b, (5_000_000 + 5 * G711_FRAME, 0, b"\xd5" * 160))
    heard = b.heard()
    assert_continuous(heard)
    assert [packet.timestamp - heard[0].timestamp & 0xFFFFFFFF for packet in heard] == [0, 160, 800]
    assert [packet.marker for packet in heard] == [True, False, False]
    assert {packet.payload_type for packet in heard} == {PCMA}
    assert heard[1].payload == b"\x01" * 160


def test_frames_for_opus_are_placed_on_its_own_clock() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    bed.table.send_audio(a.stream, b.stream, OPUS, frames(100, 3, OPUS_FRAME), bed.now)
    heard = a.heard()
    assert [packet.timestamp - heard[0].timestamp & 0xFFFFFFFF for packet in heard] == [0, 960, 1920]
    assert {packet.payload_type for packet in heard} == {OPUS_PAYLOAD_TYPE}
    bed.run(0.1)
    bed.table.set_converter(b.stream, KeptPackets())
    bed.table.send_audio(a.stream, b.stream, OPUS, frames(7, 1, OPUS_FRAME), bed.now)
    (anew,) = a.heard()
    assert anew.timestamp - heard[-1].timestamp & 0xFFFFFFFF == 4800


def test_frames_of_a_codec_or_a_pair_that_is_no_more_are_not_sent() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    c = bed.party("c")
    bed.table.send_audio(b.stream, a.stream, PCMU, frames(0, 1), bed.now)
    bed.table.send_audio(c.stream, a.stream, PCMA, frames(0, 1), bed.now)
    bed.table.set_converter(a.stream, None)
    to_alaw(bed, a, b, *frames(0, 1))
    assert b.heard() == c.heard() == []


def test_a_timeline_that_goes_back_is_aligned_anew() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(80_000, 2))
    bed.run(FRAME_S)
    to_alaw(bed, a, b, *frames(400, 2))
    heard = b.heard()
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert [packet.marker for packet in heard] == [True, False, True, False]


def test_hold_keeps_converted_audio_out_and_it_goes_on_by_the_clock() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(0, 1))
    bed.connect(b, may_send=False, on_hold=True, renewed=False)
    bed.run(1.0)
    to_alaw(bed, a, b, *frames(160, 1))
    assert b.stream.dropped()["held"] == 1
    bed.connect(b, renewed=False)
    to_alaw(bed, a, b, *frames(320, 1))
    first, resumed = b.heard()
    assert resumed.sequence == (first.sequence + 1) & 0xFFFF
    assert resumed.timestamp - first.timestamp & 0xFFFFFFFF == 8000
    assert resumed.marker


def test_a_tone_gives_way_to_converted_audio_or_keeps_it_out() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    bed.play(b, prepare(RINGBACK))
    bed.run(0.1)
    say_opus(a)
    to_alaw(bed, a, b, *frames(0, 2))
    heard = b.heard()
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert heard[-1].payload == b"\x01" * 160
    bed.play(b, encode("warning", [1000] * 800, endless=False), overrides=True)
    to_alaw(bed, a, b, *frames(320, 1))
    bed.run(0.05)
    assert b"\x00" * 160 not in {packet.payload for packet in b.heard()}
    assert b.stream.dropped()["overridden"] == 1


def test_an_event_of_48000_hz_reaches_a_party_of_8000_hz_with_its_length() -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(0, 1))
    bed.run(FRAME_S)
    for payload in event_payloads("5", 100):
        event = parse_event(payload)
        assert event is not None
        longer = payload[:2] + (event.duration * 6).to_bytes(2, "big")
        a.send_event(longer, 99_000)
        bed.run(FRAME_S)
    audio, *events = b.heard()
    assert_continuous([audio, *events])
    parsed = [parse_event(packet.payload) for packet in events]
    assert [event.duration for event in parsed if event is not None] == [160, 320, 480, 640, 800, 800, 800]
    assert {packet.timestamp for packet in events} == {audio.timestamp + 160 & 0xFFFFFFFF}
    assert DigitPressed("a", "5", 100) in bed.events
    assert to_b.sequences(TELEPHONE_EVENT_48000) == list(range(100, 107))


def test_an_event_of_8000_hz_reaches_opus_in_its_clock() -> None:
    bed, a, b, _, to_a = opus_and_alaw()
    bed.table.send_audio(a.stream, b.stream, OPUS, frames(0, 1, OPUS_FRAME), bed.now)
    bed.run(FRAME_S)
    payloads = event_payloads("#", 60)
    for payload in payloads:
        b.send_event(payload, 32000)
    audio, *events = a.heard()
    parsed = [parse_event(packet.payload) for packet in events]
    assert [event.duration for event in parsed if event is not None] == [960, 1920, 2880, 2880, 2880]
    assert {packet.timestamp for packet in events} == {audio.timestamp + OPUS_FRAME & 0xFFFFFFFF}
    assert to_a.sequences(TELEPHONE_EVENT) == list(range(200, 200 + len(payloads)))


def test_the_longest_event_keeps_the_longest_duration_there_is() -> None:
    _, a, b, _, _ = opus_and_alaw()
    b.send_event(event_payloads("1", 4000)[-1], 32000)
    (heard,) = a.heard()
    event = parse_event(heard.payload)
    assert event is not None
    assert event.duration == 0xFFFF


def test_converted_audio_goes_on_undisturbed_behind_an_event() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(0, 2))
    a.send_event(event_payloads("5", 40)[0], 99_000)
    bed.run(FRAME_S)
    to_alaw(bed, a, b, *frames(320, 1))
    first, second, event, third = b.heard()
    assert_continuous([first, second, event, third])
    assert third.timestamp - first.timestamp & 0xFFFFFFFF == 320
    assert not third.marker


def test_comfort_noise_tells_the_converter_its_number() -> None:
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b", codec=OPUS)
    converter = KeptPackets()
    bed.table.set_converter(a.stream, converter)
    bed.table.bridge(a.stream, b.stream, bed.now)
    a.send(b"\x40", 13)
    assert [packet[2:] for packet in converter.packets] == [(100, 16000, 0, 13, b"")]
    assert b.heard() == []


def test_opus_and_g711_of_one_source_take_turns_on_one_run_of_numbers() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    to_alaw(bed, a, b, *frames(0, 2))
    bed.run(0.04)
    bed.talk(a, packets=2)
    to_alaw(bed, a, b, *frames(640, 2))
    heard = b.heard()
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    assert [packet.marker for packet in heard] == [True, False, True, False, True, False]


def test_the_converter_is_told_when_audio_passes_it_by_after_what_it_has_made() -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    for passed in (1, 2):
        to_alaw(bed, a, b, *frames(160 * passed, 1))
        bed.talk(a, packets=3)
        assert [packet[2:] for packet in to_b.packets[passed - 1 :]] == [
            (a.sequence - 3 & 0xFFFF, a.timestamp - 480 & 0xFFFFFFFF, 0, PCMA, b"")
        ]


@pytest.mark.parametrize(("payload_type", "payload"), [(126, b"x"), (OPUS_PAYLOAD_TYPE, b""), (101, b"\x05\x0a")])
def test_who_is_given_the_audio_is_told_of_what_is_not_passed_on(payload_type: int, payload: bytes) -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    listener, fork = KeptPackets(), KeptPackets()
    bed.table.set_listener(a.stream, listener)
    bed.table.set_fork(a.stream, fork)
    say_opus(a)
    a.give(RtpPacket(payload_type, a.sequence, a.timestamp, a.ssrc, payload, True))
    a.give(RtpPacket(payload_type, a.sequence, a.timestamp, a.ssrc, payload, True))
    a.sequence += 1
    say_opus(a)
    for ear in (to_b, listener, fork):
        assert [packet[2] for packet in ear.packets] == [100, 101, 102]
        assert ear.packets[1][4:] == (0, -1, b"")
    assert a.stream.dropped()["unmapped"] + a.stream.dropped()["malformed"] == 1
    assert b.heard() == []


def test_the_converter_is_told_of_what_comes_from_a_leg_that_is_to_send_nothing() -> None:
    bed, a, _, to_b, _ = opus_and_alaw()
    say_opus(a)
    bed.connect(a, codec=OPUS, may_receive=False, renewed=False)
    say_opus(a)
    bed.connect(a, codec=OPUS, renewed=False)
    say_opus(a)
    assert [packet[2] for packet in to_b.packets] == [100, 101, 102]
    assert to_b.packets[1][4:] == (0, -1, b"")
    assert a.stream.dropped()["unwanted"] == 1


@pytest.mark.parametrize("bar", ["hold", "tone", "digit"])
def test_the_converter_is_told_of_audio_that_is_not_to_be_heard(bar: str) -> None:
    bed, a, b, to_b, _ = opus_and_alaw()
    say_opus(a)
    if bar == "hold":
        bed.connect(b, may_send=False, on_hold=True, renewed=False)
    elif bar == "tone":
        bed.play(b, prepare(RINGBACK), overrides=True)
    else:
        bed.send_digit(b, "5", 100)
    say_opus(a, marker=True)
    assert [packet[2:] for packet in to_b.packets[1:]] == [(101, 16000 + OPUS_FRAME, 0, OPUS, b"")]


def converting(codec: int, ptime_ms: int = 20) -> tuple[RelayBed, Party, Party, Transcoder]:
    """A party of another codec bridged to one of G.711, and what turns the one into the other."""
    bed = RelayBed()
    a, b = bed.party("a", codec=codec), bed.party("b", ptime_ms=ptime_ms)
    streams = {1: a.stream, 2: b.stream}

    def send(sink: int, source: int, made: int, frames: Sequence[Frame]) -> None:
        bed.table.send_audio(streams[sink], streams[source], made, frames, bed.now)

    transcoder = Transcoder(lambda: bed.now, send, lambda: None)
    bed.table.set_converter(a.stream, transcoder.begin(1, 2, Target(PCMA, ptime_ms)))
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b, transcoder


@pytest.mark.parametrize("codec", [G722, OPUS])
def test_converted_audio_is_in_time_after_a_tone(codec: int) -> None:
    """What the tone has covered is not made up after it, nor does the listener wait for it from then on."""
    bed, a, b, transcoder = converting(codec)
    payload = new_encoder(codec, WIDE_HZ, NO_WISHES).encode(sine(500, WIDE_HZ, WIDE_HZ // 50))
    heard: list[tuple[int, float]] = []
    for number in range(100):
        if number == 10:
            bed.play(b, prepare(BALANCE_WARNING), overrides=True)
        ticks = OPUS_FRAME if codec == OPUS else G711_FRAME
        payload_type = OPUS_PAYLOAD_TYPE if codec == OPUS else codec
        a.give(RtpPacket(payload_type, number, number * ticks, a.ssrc, payload, False))
        transcoder.turn(bed.now)
        heard += [(packet.timestamp, bed.now) for packet in b.heard()]
        bed.run(FRAME_S)
    first, began = heard[0]
    ahead_s = [(timestamp - first & 0xFFFFFFFF) / 8000 - (at - began) for timestamp, at in heard]
    assert len(ahead_s) == pytest.approx(100, abs=1)
    assert ahead_s == pytest.approx([0] * len(ahead_s), abs=FRAME_S)
    assert transcoder.counters()["conversion_packets_lost"] == 0


@pytest.mark.parametrize("codec", [G722, OPUS])
@pytest.mark.parametrize("ptime_ms", [20, 40])
@pytest.mark.parametrize("packets", [17, 40, 80])
def test_converted_audio_is_in_time_after_an_outage(codec: int, ptime_ms: int, packets: int) -> None:
    """Its time was filled with silence: what is made up for it comes too late, and puts nothing off that follows."""
    ahead_s = ahead_of_clock(codec, range(11, 11 + packets), ptime_ms)
    assert max(ahead_s[-5:]) < 0.15


def ahead_of_clock(codec: int, lost: range, ptime_ms: int) -> list[float]:
    """How far each packet that the listener of a converted call has got is ahead of the clock, in seconds."""
    bed, a, b, transcoder = converting(codec, ptime_ms)
    payload = new_encoder(codec, WIDE_HZ, NO_WISHES).encode(sine(500, WIDE_HZ, WIDE_HZ // 50))
    ticks = OPUS_FRAME if codec == OPUS else G711_FRAME
    heard: list[tuple[int, float]] = []
    for number in range(lost.stop + 20):
        if number not in lost:
            payload_type = OPUS_PAYLOAD_TYPE if codec == OPUS else codec
            a.give(RtpPacket(payload_type, number, number * ticks, a.ssrc, payload, False))
        for _ in range(4):
            transcoder.turn(bed.now)
            heard += [(packet.timestamp, bed.now) for packet in b.heard()]
            bed.run(FRAME_S / 4)
    first, began = heard[0]
    return [(timestamp - first & 0xFFFFFFFF) / 8000 - (at - began) for timestamp, at in heard]


def test_jitter_is_measured_in_the_clock_of_the_codec() -> None:
    bed, a, _, _, _ = opus_and_alaw()
    for index in range(400):
        say_opus(a)
        bed.run(0.015 if index % 2 else 0.025)
    assert a.stream.figures().jitter_ms == pytest.approx(5.0, abs=0.3)


def test_jitter_is_measured_in_the_clock_of_what_comes_whatever_is_sent() -> None:
    bed = RelayBed()
    a = bed.party("a", codec=OPUS)
    for index in range(400):
        a.send()
        bed.run(0.015 if index % 2 else 0.025)
    assert a.stream.figures().jitter_ms == pytest.approx(5.0, abs=0.3)
    bed.connect(a, codec=PCMA)
    assert a.stream.figures().jitter_ms == pytest.approx(5.0, abs=0.3)
    bed.connect(a, codec=OPUS)
    say_opus(a)
    assert a.stream.figures().jitter_ms == pytest.approx(5.0, abs=0.6)


def test_reports_tell_the_time_in_the_clock_of_the_codec() -> None:
    bed, a, b, _, _ = opus_and_alaw()
    for index in range(1000):
        bed.table.send_audio(a.stream, b.stream, OPUS, frames(index * OPUS_FRAME, 1, OPUS_FRAME), bed.now)
        bed.run(FRAME_S)
    first, *_, last = [packet for packet, _ in a.wire.control if packet[1] == SENDER_REPORT]
    seconds = (int.from_bytes(last[8:16], "big") - int.from_bytes(first[8:16], "big")) / 2**32
    ticks = int.from_bytes(last[16:20], "big") - int.from_bytes(first[16:20], "big") & 0xFFFFFFFF
    assert seconds > 5
    assert ticks == pytest.approx(48_000 * seconds, abs=2)


def whole_alaw() -> tuple[RelayBed, Party, Party, KeptPackets]:
    """Two parties of one codec; what A says goes through a converter all the same."""
    bed = RelayBed()
    a, b = bed.party("a", codec=PCMA), bed.party("b", codec=PCMA)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=5)
    to_b = KeptPackets()
    bed.table.set_converter(a.stream, to_b, True)
    return bed, a, b, to_b


def test_whole_audio_goes_to_the_converter_though_the_sink_takes_it() -> None:
    bed, a, b, to_b = whole_alaw()
    b.heard()
    bed.talk(a, packets=3)
    assert [packet[5] for packet in to_b.packets] == [PCMA] * 3
    assert b.heard() == []
    bed.talk(b, packets=2)
    assert len(a.heard()) == 2


def test_numbers_go_on_when_whole_conversion_begins_and_ends() -> None:
    bed, a, b, _ = whole_alaw()
    for index in range(5):
        bed.run(FRAME_S)
        to_alaw(bed, a, b, (7000 + index * G711_FRAME, 0, bytes([index]) * 160))
    bed.table.set_converter(a.stream, None)
    bed.talk(a, packets=5)
    heard = b.heard()
    assert len(heard) == 15
    assert [packet.sequence - heard[0].sequence & 0xFFFF for packet in heard] == list(range(15))
    steps = [later.timestamp - packet.timestamp & 0xFFFFFFFF for packet, later in pairwise(heard)]
    assert all(G711_FRAME <= step <= 2 * G711_FRAME for step in steps), steps
    assert {packet.ssrc for packet in heard} == {b.our_ssrc}


def test_telephone_events_pass_a_whole_conversion() -> None:
    bed, a, b, _ = whole_alaw()
    for index in range(3):
        bed.run(FRAME_S)
        to_alaw(bed, a, b, (7000 + index * G711_FRAME, 0, b"\x01" * 160))
    for payload in event_payloads("5", 60):
        a.send_event(payload, a.timestamp)
    assert 101 in {packet.payload_type for packet in b.heard()}
