"""Hard case 12: legs whose packets have different lengths. What a source said stays at its time, in one stream."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ALAW_TO_ULAW
from media.codecs.table import PCMA, PCMU
from media.events import DigitPressed, PlaybackFinished
from media.packet_path.repacketiser import STALE_S, Repacketiser
from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket
from media.tones import BUSY, prepare
from tests.support.relay_bed import Party, RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

TIMES_MS = (10, 20, 30, 40)
SILENCE = 0xD5
EVERY_PAIR = list(itertools.product(TIMES_MS, TIMES_MS))


def spoken(first: int, samples: int) -> bytes:
    """Audio that says where it belongs; no sample of it is silence."""
    return bytes(1 + (at * 7 + at // 256) % 200 for at in range(first, first + samples))


def bridged(sink_ms: int, codec: int = PCMA) -> tuple[RelayBed, Party, Party]:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", codec=codec, ptime_ms=sink_ms)
    a.timestamp = 0
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b


def talk(bed: RelayBed, a: Party, source_ms: int, milliseconds: int) -> None:
    for _ in range(milliseconds // source_ms):
        a.send(spoken(a.timestamp, source_ms * 8))
        bed.run(source_ms / 1000)


def assert_one_stream(packets: list[RtpPacket]) -> None:
    assert len({packet.ssrc for packet in packets}) <= 1
    for before, after in itertools.pairwise(packets):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 0x80000000


@pytest.mark.parametrize(("source_ms", "sink_ms"), EVERY_PAIR)
@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_trunk_case_12_each_leg_gets_packets_of_its_own_length(source_ms: int, sink_ms: int, codec: int) -> None:
    bed, a, b = bridged(sink_ms, codec)
    talk(bed, a, source_ms, 1200)
    heard = b.heard()
    assert {len(packet.payload) for packet in heard} == {sink_ms * 8}
    assert {packet.payload_type for packet in heard} == {codec}
    assert_one_stream(heard)
    steps = {(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in itertools.pairwise(heard)}
    assert steps == {sink_ms * 8}
    said = spoken(0, 1200 * 8)
    assert b"".join(packet.payload for packet in heard) == (said if codec == PCMA else said.translate(ALAW_TO_ULAW))
    assert [packet.marker for packet in heard] == [True] + [False] * (len(heard) - 1)
    if b.in_python is not None:
        assert (b.in_python.outbound.repacketiser is None) is (source_ms == sink_ms)


def test_trunk_case_12_a_peer_that_changes_its_packets_without_a_word_is_served() -> None:
    bed, a, b = bridged(20)
    for source_ms in (20, 40, 10, 30, 20):
        talk(bed, a, source_ms, 600)
    heard = b.heard()
    assert_one_stream(heard)
    assert b"".join(packet.payload for packet in heard) == spoken(0, 3000 * 8)
    # The first of the longer ones passes as it is.
    assert sum(len(packet.payload) != 160 for packet in heard) == 1
    if b.in_python is not None:
        assert b.in_python.outbound.source is a.stream.inbound


@pytest.mark.parametrize("sink_ms", [10, 30, 40])
@pytest.mark.parametrize("before_ms", [60, 80, 100])
def test_trunk_case_12_a_lost_packet_is_silence_and_the_rest_stays_in_place(sink_ms: int, before_ms: int) -> None:
    bed, a, b = bridged(sink_ms)
    talk(bed, a, 20, before_ms)
    a.sequence += 1
    a.timestamp += 160
    bed.run(0.02)
    talk(bed, a, 20, 400)
    heard = b.heard()
    assert_one_stream(heard)
    assert {len(packet.payload) for packet in heard} == {sink_ms * 8}
    placed = bytearray([SILENCE]) * ((before_ms + 420) * 8)
    for packet in heard:
        at = (packet.timestamp - heard[0].timestamp) & 0xFFFFFFFF
        placed[at : at + sink_ms * 8] = packet.payload
    lost_at, said = before_ms * 8, spoken(0, len(placed))
    expected = said[:lost_at] + bytes([SILENCE]) * 160 + said[lost_at + 160 :]
    unfinished = sink_ms * 8 - 8
    assert placed[:-unfinished] == expected[:-unfinished]


def test_trunk_case_12_the_tail_of_a_talk_spurt_is_sent_by_the_clock() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b", ptime_ms=30)
    a.timestamp = 0
    bed.table.join(a.stream, b.stream)
    talk(bed, a, 20, 40)
    assert len(b.heard()) == 1
    bed.run(STALE_S + 0.26)
    [tail] = b.heard()
    assert tail.payload == spoken(240, 80) + bytes([SILENCE]) * 160
    bed.run(3.0)
    assert b.heard() == []
    # The source's clock went on: the next spurt is where it says, marked.
    a.timestamp += 8 * 3360
    a.send(spoken(0, 240), marker=True)
    [after] = b.heard()
    assert (after.timestamp - tail.timestamp) & 0xFFFFFFFF == 320 + 8 * 3360 - 240
    assert after.sequence == (tail.sequence + 1) & 0xFFFF
    assert after.marker


@pytest.mark.parametrize(("source_ms", "sink_ms"), EVERY_PAIR)
def test_trunk_case_11_an_event_passes_in_order_with_one_timestamp(source_ms: int, sink_ms: int) -> None:
    bed, a, b = bridged(sink_ms)
    talk(bed, a, source_ms, source_ms * 5)
    payloads = event_payloads("5", 120)
    began = a.timestamp
    for index, payload in enumerate(payloads):
        a.send_event(payload, began, marker=index == 0)
        bed.run(0.02)
    a.timestamp += len(payloads) * 160
    talk(bed, a, source_ms, 240)
    heard = b.heard()
    for before, after in itertools.pairwise(heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
    events = [packet for packet in heard if packet.payload_type == 101]
    assert [packet.payload for packet in events] == list(payloads)
    assert [packet.marker for packet in events] == [True] + [False] * (len(payloads) - 1)
    assert {(packet.timestamp - heard[0].timestamp) & 0xFFFFFFFF for packet in events} == {began}
    audio = [packet for packet in heard if packet.payload_type == PCMA]
    assert {len(packet.payload) for packet in audio} == {sink_ms * 8}
    assert {_misplaced(packet, heard[0].timestamp) for packet in audio} == {0}
    assert [event for event in bed.events if isinstance(event, DigitPressed)] == [DigitPressed("a", "5", 120)]


def _misplaced(packet: RtpPacket, first: int) -> int:
    """Samples of a packet that are neither silence nor what was spoken at their time."""
    at = (packet.timestamp - first) & 0xFFFFFFFF
    return sum(got not in (SILENCE, said) for got, said in zip(packet.payload, spoken(at, 2000), strict=False))


def test_trunk_case_12_no_pause_puts_the_clock_of_what_is_sent_back() -> None:
    """The tail of a spurt goes out a while after its place; the silence that follows and the next spurt do not."""
    bed, a, b = bridged(30)
    heard: list[tuple[int, float]] = []
    for _ in range(8):
        for _ in range(10):
            a.send(spoken(0, 160))
            bed.run(0.02)
            heard += [(packet.timestamp, bed.now) for packet in b.heard()]
        a.timestamp += 8000
        bed.run(1.0)
        b.heard()
    first, began = heard[0]
    behind_s = [(at - began) - ((timestamp - first) & 0xFFFFFFFF) / 8000 for timestamp, at in heard]
    assert max(behind_s) < 0.05


@pytest.mark.parametrize("ptime_ms", TIMES_MS)
def test_trunk_case_12_tones_and_silence_keep_to_the_legs_packet_time(ptime_ms: int) -> None:
    bed, a, b = bridged(ptime_ms)
    bed.play(b, prepare(BUSY), overrides=True)
    bed.run(4.2, step_s=0.0025)
    heard = b.heard()
    assert {len(packet.payload) for packet in heard} == {ptime_ms * 8}
    assert len(heard) == -(-4000 // ptime_ms)
    assert PlaybackFinished("b", "busy") in bed.events
    a.send()
    bed.run(2.0)
    silence = b.heard()
    assert {packet.payload for packet in silence[2:]} == {bytes([SILENCE]) * 8 * ptime_ms}
    assert len(silence) >= 1200 // ptime_ms
    assert_one_stream(heard + silence)


def test_trunk_case_12_a_new_sdp_with_another_packet_time_or_codec_is_obeyed_at_once() -> None:
    bed, a, b = bridged(30)
    talk(bed, a, 20, 100)
    bed.connect(b, ptime_ms=40, codec=PCMU, renewed=False)
    before = b.heard()
    talk(bed, a, 20, 400)
    bed.connect(b, ptime_ms=20, codec=PCMU, renewed=False)
    middle = b.heard()
    talk(bed, a, 20, 100)
    after = b.heard()
    assert [{len(packet.payload) for packet in part} for part in (before, middle, after)] == [{240}, {320}, {160}]
    assert {packet.payload_type for packet in middle + after} == {PCMU}
    said = spoken(800, 3200).translate(ALAW_TO_ULAW)
    assert b"".join(packet.payload for packet in middle) == said
    assert_one_stream(before + middle + after)


def test_trunk_case_12_hold_and_a_warning_leave_nothing_behind() -> None:
    bed, a, b = bridged(30)
    talk(bed, a, 20, 20)
    bed.connect(b, may_send=False, on_hold=True, renewed=False, ptime_ms=30)
    talk(bed, a, 20, 200)
    bed.connect(b, renewed=False, ptime_ms=30)
    resumed_at = a.timestamp
    talk(bed, a, 20, 120)
    heard = b.heard()
    assert_one_stream(heard)
    assert b"".join(packet.payload for packet in heard) == spoken(resumed_at, 960)


def test_the_repacketiser_never_holds_a_whole_frame_and_never_goes_back() -> None:
    cut = Repacketiser(object(), 240, SILENCE)
    # Its payloads are longer than its timestamps say.
    frames = [frame for at in range(50) for frame in cut.put(at * 160, 0, bytes(240), 0.0)]
    assert [frame[0] for frame in frames] == [at * 240 for at in range(50)]
    assert cut.pending_samples == 0
    assert cut.put(0xFFFFFFF0, 0x80, bytes(239), 0.0) == []
    assert cut.pending_samples == 239
    assert [len(frame[2]) for frame in cut.flush()] == [240]
    assert cut.flush() == []


MOVES = ("send", "send", "send", "lose", "swap", "repeat", "pause", "digit")


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([pair for pair in EVERY_PAIR if pair[0] != pair[1]]),
    st.lists(st.sampled_from(MOVES), min_size=1, max_size=40),
)
def test_trunk_case_12_whatever_is_lost_late_or_paused_every_sample_is_at_its_time(
    times: tuple[int, int], moves: list[str]
) -> None:
    source_ms, sink_ms = times
    samples = source_ms * 8
    bed, a, b = bridged(sink_ms)
    talk(bed, a, source_ms, source_ms)

    def packet(ahead: int = 0) -> RtpPacket:
        at = a.timestamp + ahead * samples
        return RtpPacket(PCMA, (a.sequence + ahead) & 0xFFFF, at, a.ssrc, spoken(at, samples))

    for move in moves:
        if move == "digit":
            for payload in event_payloads("1", 60):
                a.send_event(payload, a.timestamp)
                bed.run(0.02)
            a.timestamp += 5 * 160
            continue
        sent = {"swap": [packet(1), packet()], "repeat": [packet(), packet()]}.get(move, [packet()])
        passed = 2 if move == "swap" else 1
        if move in ("send", "swap", "repeat"):
            for each in sent:
                a.give(each)
        if move != "pause":
            a.sequence = (a.sequence + passed) & 0xFFFF
        a.timestamp += passed * samples
        bed.run(passed * source_ms / 1000)
        repacketiser = None if b.in_python is None else b.in_python.outbound.repacketiser
        assert repacketiser is None or repacketiser.pending_samples < sink_ms * 8
    bed.run(STALE_S + 0.26)
    heard = b.heard()
    for before, after in itertools.pairwise(heard):
        # A packet lost between those of a digit stays visible as a gap.
        assert 1 <= (after.sequence - before.sequence) & 0xFFFF <= 1 + moves.count("lose")
    audio = [each for each in heard if each.payload_type == PCMA]
    assert audio
    assert {_misplaced(each, audio[0].timestamp) for each in audio} == {0}
