"""Where converted audio lies in time: loss, disorder, pauses, drift, new beginnings, and what waits."""

import itertools
from collections.abc import Iterable, Sequence

import pytest

from media.codecs.linear import SAMPLE_BYTES, from_alaw, loudness
from media.codecs.opus import NO_WISHES, OpusWishes
from media.codecs.speech import new_decoder, new_encoder
from media.codecs.table import COMFORT_NOISE, G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48000
from media.packet_path.repacketiser import Frame
from media.transcoding.conversion import NOISE_S, PAUSE_S, STALE_S, Conversion, Target
from media.transcoding.packets import HELD_MAX, HELD_S, Packet, PacketQueue
from tests.support.spectrum import levels_db, sine

NARROW_HZ = 8000
FRAME = 160
OPUS_FRAME = 960
QUIET = b"\xd5" * FRAME


def alaw(index: int, *, skew: int = 0, payload: bytes | None = None, ssrc: int = 7) -> Packet:
    """The packet of one 20 ms: a tone without end, its timestamp `skew` ahead."""
    if payload is None:
        payload = new_encoder(PCMA, NARROW_HZ, NO_WISHES).encode(sine(500, NARROW_HZ, FRAME))
    return Packet(index * 0.02, ssrc, index & 0xFFFF, index * FRAME + skew & 0xFFFFFFFF, 0, PCMA, payload)


def opus_packets(count: int, frequency_hz: int = 500, *, fec: bool = False) -> list[Packet]:
    encoder = new_encoder(OPUS, NARROW_HZ, OpusWishes(fec=fec))
    samples = sine(frequency_hz, NARROW_HZ, count * FRAME)
    size = FRAME * SAMPLE_BYTES
    return [
        Packet(index * 0.02, 7, index, index * OPUS_FRAME, 0, OPUS, encoder.encode(samples[index * size :][:size]))
        for index in range(count)
    ]


def through(conversion: Conversion, packets: Iterable[Packet]) -> list[Frame]:
    return [frame for packet in packets for frame in conversion.put(packet)]


def timestamps(frames: Sequence[Frame]) -> list[int]:
    return [timestamp for timestamp, _, _ in frames]


def test_order_is_restored_without_waiting_longer_than_for_the_missing_one() -> None:
    conversion = Conversion(Target(PCMA))
    first, second, third, fourth = opus_packets(4)
    assert len(conversion.put(first)) == 1
    assert conversion.put(third) == []
    dues = [conversion.due]
    assert len(conversion.put(second)) == 2
    dues.append(conversion.due)
    assert dues == [pytest.approx(third.arrival + HELD_S), pytest.approx(third.arrival + 0.02 + PAUSE_S)]
    assert timestamps(conversion.put(fourth)) == [3 * FRAME]
    assert conversion.lost == 0


def test_a_missing_packet_is_given_up_when_enough_later_ones_are_there() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(6)
    through(conversion, packets[:2])
    assert through(conversion, packets[3 : 3 + HELD_MAX - 1]) == []
    frames = conversion.put(packets[3 + HELD_MAX - 1])
    assert timestamps(frames) == [FRAME * index for index in range(2, 3 + HELD_MAX)]
    assert conversion.lost == 1
    assert conversion.put(packets[2]) == []
    assert conversion.late == 1


def test_a_missing_packet_is_given_up_when_its_time_has_come() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(3)
    conversion.put(packets[0])
    conversion.put(packets[2])
    assert conversion.advance(packets[2].arrival + HELD_S / 2) == []
    assert timestamps(conversion.advance(packets[2].arrival + HELD_S)) == [FRAME, 2 * FRAME]


@pytest.mark.parametrize(("codec", "sink"), [(PCMU, G722), (G722, PCMA)])
def test_lost_audio_is_made_up_from_what_was_heard(codec: int, sink: int) -> None:
    conversion = Conversion(Target(sink))
    encoder = new_encoder(codec, NARROW_HZ, NO_WISHES)
    samples = sine(400, NARROW_HZ, 30 * FRAME)
    packets = [
        Packet(i * 0.02, 7, i, i * FRAME, 0, codec, encoder.encode(samples[i * FRAME * 2 :][: FRAME * 2]))
        for i in range(30)
        if i != 20
    ]
    frames = through(conversion, packets)
    decoder = new_decoder(sink, NARROW_HZ)
    decoded = [decoder.decode(payload) for _, _, payload in frames]
    assert len(frames) == 30
    tone_db, rest_db = levels_db(decoded[20], 400, NARROW_HZ)
    assert tone_db > -3
    assert rest_db < -10


def test_opus_takes_a_lost_packet_from_the_copy_in_the_next() -> None:
    packets = opus_packets(40, 440, fec=True)
    frames = through(Conversion(Target(PCMA)), [packet for packet in packets if packet.sequence != 30])
    assert len(frames) == 40
    assert loudness(from_alaw(frames[30][2])) > 3000


def test_more_is_not_made_up_than_sounds_like_anything() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(60)
    frames = through(conversion, [*packets[:20], *packets[50:]])
    placed = timestamps(frames)
    assert placed[:25] == [FRAME * index for index in range(25)]
    assert placed[25:] == [FRAME * index for index in range(50, 60)]


def test_a_pause_of_the_source_is_a_pause_and_not_a_loss() -> None:
    conversion = Conversion(Target(OPUS))
    frames = through(conversion, [alaw(0), alaw(1)._replace(timestamp=FRAME), alaw(2)._replace(timestamp=20 * FRAME)])
    assert timestamps(frames) == [0, OPUS_FRAME, 20 * OPUS_FRAME]
    assert conversion.lost == 0


@pytest.mark.parametrize("codec", [TELEPHONE_EVENT, COMFORT_NOISE])
def test_what_is_no_audio_is_no_gap(codec: int) -> None:
    conversion = Conversion(Target(OPUS))
    through(conversion, [alaw(0)])
    for index in range(1, 9):
        assert conversion.put(alaw(index)._replace(codec=codec, payload=b"")) == []
    frames = conversion.put(alaw(9))
    assert timestamps(frames) == [9 * OPUS_FRAME]
    assert conversion.lost == 0


def test_packets_of_no_known_format_are_no_loss_and_end_no_pause() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(40)
    made = through(conversion, packets[:4])
    made += conversion.advance(packets[10].arrival)
    made += conversion.put(packets[10]._replace(sequence=4, codec=-1, payload=b""))
    made += conversion.advance(packets[20].arrival)
    made += through(conversion, [packet._replace(sequence=packet.sequence - 15) for packet in packets[20:]])
    assert timestamps(made) == [FRAME * index for index in range(40)]
    assert conversion.lost == 0


def test_a_frame_that_was_begun_goes_out_when_its_source_is_quiet() -> None:
    conversion = Conversion(Target(OPUS, 40))
    assert conversion.put(alaw(0)) == []
    assert conversion.due == STALE_S
    assert conversion.advance(STALE_S / 2) == []
    assert timestamps(conversion.advance(STALE_S)) == [0]
    assert conversion.due is None


def test_the_marker_of_a_talk_spurt_stays_on_its_first_frame() -> None:
    conversion = Conversion(Target(OPUS))
    frames = through(conversion, [alaw(0)._replace(marker=0x80), alaw(1), alaw(9)._replace(sequence=2, marker=0x80)])
    assert [marker for _, marker, _ in frames] == [0x80, 0, 0x80]


def test_a_new_source_goes_on_by_the_clock() -> None:
    conversion = Conversion(Target(OPUS))
    frames = through(conversion, [alaw(0), alaw(1), alaw(12, skew=900_000, ssrc=8), alaw(13, skew=900_000, ssrc=8)])
    assert timestamps(frames) == [0, OPUS_FRAME, 12 * OPUS_FRAME + OPUS_FRAME, 13 * OPUS_FRAME + OPUS_FRAME]


@pytest.mark.parametrize("back_ms", [60, 150, 1000, 9000])
def test_a_source_whose_timestamps_jump_back_goes_on(back_ms: int) -> None:
    conversion = Conversion(Target(OPUS))
    through(conversion, [alaw(index) for index in range(500)])
    made = [conversion.put(alaw(500 + index, skew=-back_ms * 8)) for index in range(20)]
    assert [len(frames) for frames in made] == [1] * 20
    stamps = timestamps([frame for frames in made for frame in frames])
    assert stamps == [501 * OPUS_FRAME + index * OPUS_FRAME for index in range(20)]


def test_speech_that_was_held_up_does_not_put_the_listener_behind() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(60)
    made = through(conversion, packets[:10])
    made += conversion.advance(packets[40].arrival)
    made += through(conversion, [packet._replace(arrival=packets[40].arrival) for packet in packets[10:40]])
    made += through(conversion, packets[40:])
    assert timestamps(made) == sorted(set(timestamps(made)))
    assert timestamps(made)[-1] < 66 * FRAME


def test_a_source_that_changes_its_codec_goes_on() -> None:
    conversion = Conversion(Target(G722))
    encoder = new_encoder(OPUS, 16_000, NO_WISHES)
    wide = [
        Packet(0.04 + i * 0.02, 7, 2 + i, 5000 + i * OPUS_FRAME, 0, OPUS, encoder.encode(sine(500, 16_000, 320)))
        for i in range(3)
    ]
    frames = through(conversion, [alaw(0), alaw(1), *wide, alaw(5)])
    steps = [after - before for before, after in itertools.pairwise(timestamps(frames))]
    assert len(frames) == 6
    assert min(steps) >= FRAME
    assert {len(payload) for _, _, payload in frames} == {FRAME}


@pytest.mark.parametrize("step", [159, 161, 158, 163])
@pytest.mark.parametrize("payload", [None, QUIET], ids=["talking", "quiet"])
def test_timestamps_and_audio_that_drift_apart_are_kept_together(step: int, payload: bytes | None) -> None:
    conversion = Conversion(Target(OPUS))
    packets = [alaw(i, payload=payload)._replace(timestamp=i * step) for i in range(2000)]
    frames = through(conversion, packets)
    placed = timestamps(frames)
    assert all(after > before for before, after in itertools.pairwise(placed))
    assert abs(packets[-1].timestamp * 6 - placed[-1]) <= 6 * (5 if payload is None else 2) * FRAME
    assert conversion.lost == 0


def test_timestamps_wrap_around() -> None:
    conversion = Conversion(Target(OPUS))
    start = 2**32 - 3 * FRAME
    frames = through(conversion, [alaw(i)._replace(timestamp=start + i * FRAME & 0xFFFFFFFF) for i in range(6)])
    assert timestamps(frames) == [OPUS_FRAME * i for i in range(6)]


def test_the_background_noise_of_opus_goes_on_while_it_pauses() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(5)
    through(conversion, packets[:4])
    pausing = packets[4]._replace(payload=packets[4].payload[:1])
    assert timestamps(conversion.put(pausing)) == [4 * FRAME]
    assert conversion.due == pytest.approx(pausing.arrival + 0.03)
    noise = conversion.advance(pausing.arrival + 0.215)
    assert timestamps(noise) == [FRAME * index for index in range(5, 15)]
    conversion.advance(pausing.arrival + NOISE_S + 1)
    assert conversion.due is None


def test_opus_that_pauses_without_a_word_is_a_pause_once_it_is_quiet_for_long() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(30)
    through(conversion, packets[:4])
    quiet_from = packets[3].arrival + 0.02
    assert conversion.due == pytest.approx(quiet_from + PAUSE_S)
    assert conversion.advance(quiet_from + PAUSE_S - 0.001) == []
    # What has been missing until then is made up at once, so that the listener does not fall behind.
    assert timestamps(conversion.advance(quiet_from + PAUSE_S)) == [4 * FRAME, 5 * FRAME, 6 * FRAME]
    assert timestamps(conversion.advance(packets[20].arrival)) == [FRAME * index for index in range(7, 20)]
    resumed = [packet._replace(sequence=packet.sequence - 16) for packet in packets[20:]]
    assert timestamps(through(conversion, resumed)) == [FRAME * index for index in range(20, 30)]
    assert conversion.lost == 0


@pytest.mark.parametrize("codec", [PCMA, TELEPHONE_EVENT_48000])
@pytest.mark.parametrize("ptime_ms", [20, 30])
def test_no_noise_is_made_while_the_source_sends_what_goes_another_way(codec: int, ptime_ms: int) -> None:
    conversion = Conversion(Target(PCMA, ptime_ms))
    packets = opus_packets(60)
    through(conversion, packets[:4])
    aside = packets[4]._replace(codec=codec, payload=b"")
    assert conversion.put(aside) == []
    frames = conversion.advance(aside.arrival + 1.0)
    assert len(frames) <= 1  # what was begun, if it goes out
    assert conversion.due is None


def test_speech_is_heard_at_once_when_the_source_comes_back_from_another_codec() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(100)
    through(conversion, packets[:10])
    for index in range(10, 14):  # its timestamps have counted something else meanwhile
        stamp = 10 * OPUS_FRAME + (index - 10) * FRAME
        conversion.put(packets[index]._replace(timestamp=stamp, codec=PCMA, payload=b""))
    conversion.advance(packets[60].arrival)
    late = 10 * OPUS_FRAME + 50 * FRAME - packets[60].timestamp
    back = [packet._replace(timestamp=packet.timestamp + late & 0xFFFFFFFF) for packet in packets[60:70]]
    back = [packet._replace(sequence=packet.sequence - 46) for packet in back]
    assert [len(conversion.put(packet)) for packet in back] == [1] * 10
    assert conversion.lost == 0


def test_a_late_packet_is_no_pause() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(20)
    delayed = [
        packet._replace(arrival=packet.arrival + (0.05 if packet.sequence % 5 == 4 else 0)) for packet in packets
    ]
    frames = []
    for packet in sorted(delayed, key=lambda packet: packet.arrival):
        frames += conversion.advance(packet.arrival)
        frames += conversion.put(packet)
    assert timestamps(frames) == [FRAME * index for index in range(20)]
    assert conversion.lost == 0


def test_a_frame_that_was_begun_before_a_pause_goes_on_in_it() -> None:
    conversion = Conversion(Target(PCMA, 30))
    packets = opus_packets(4)
    frames = through(conversion, packets)
    frames += conversion.advance(packets[-1].arrival + 0.5)
    assert timestamps(frames) == [240 * index for index in range(len(frames))]
    assert conversion.due is not None
    assert conversion.due > packets[-1].arrival + 0.5


def test_rfc3389_comfort_noise_leaves_no_frame_that_was_begun() -> None:
    conversion = Conversion(Target(OPUS, 40))
    assert conversion.put(alaw(0)) == []
    assert conversion.put(alaw(1)._replace(codec=COMFORT_NOISE, payload=b"")) == []
    assert conversion.due is None
    assert conversion.advance(10.0) == []
    frames = through(conversion, [alaw(20)._replace(sequence=2), alaw(21)._replace(sequence=3)])
    assert timestamps(frames) == [20 * OPUS_FRAME]


def test_what_is_no_opus_is_counted_and_does_no_harm() -> None:
    conversion = Conversion(Target(PCMA))
    packets = opus_packets(4)
    frames = through(conversion, [packets[0], packets[1]._replace(payload=b"\xff\xff\xff"), *packets[2:]])
    assert conversion.undecodable == 1
    assert timestamps(frames) == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert conversion.lost == 1


def test_a_full_queue_drops_and_counts_and_every_packet_wakes() -> None:
    woken: list[None] = []
    queue = PacketQueue(lambda: woken.append(None), 2)
    for index in range(3):
        queue.put(*alaw(index))
    assert queue.dropped == 1
    assert len(woken) == 2
    assert [packet.sequence for packet in queue.take()] == [0, 1]
    assert queue.take() == []
