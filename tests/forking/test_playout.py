"""One party's packets as frames on the taker's clock: jitter, loss, pauses, codecs, drift."""

from collections.abc import Iterable

import pytest

from media.codecs.linear import SAMPLE_BYTES, loudness
from media.codecs.opus import NO_WISHES
from media.codecs.speech import new_encoder
from media.codecs.table import BY_NUMBER, COMFORT_NOISE, G722, OPUS, PCMA, PCMU
from media.forking.playout import GATHERED_MS, LONGEST_WAIT_S, WAITING_MS_MAX, Playout
from media.transcoding.packets import Packet
from tests.support.spectrum import levels_db, sine

TONE_HZ = 700


def packets(count: int, codec: int = PCMA, *, first: int = 0, hz: int = TONE_HZ) -> list[Packet]:
    """20 ms each of a tone, as they come without jitter."""
    rate_hz = 16_000 if codec in (G722, OPUS) else 8000
    encoder = new_encoder(codec, rate_hz, NO_WISHES)
    audio = sine(hz, rate_hz, count * rate_hz // 50)
    size, ticks = rate_hz // 50 * SAMPLE_BYTES, BY_NUMBER[codec].clock_rate_hz // 50
    return [
        Packet(
            (first + n) / 50, 7, first + n & 0xFFFF, (first + n) * ticks & 0xFFFFFFFF, 0, codec, encoder.encode(piece)
        )
        for n, piece in enumerate(audio[at : at + size] for at in range(0, len(audio), size))
    ]


def is_tone(frames: list[bytes | None], rate_hz: int, hz: int = TONE_HZ) -> bool:
    """Whether a tone is there, loud, and little else."""
    tone, rest = levels_db(b"".join(frame or b"" for frame in frames), hz, rate_hz)
    return tone > -3 and rest < -20


def played(playout: Playout, given: Iterable[Packet], frames: int) -> list[bytes | None]:
    """What is taken every 20 ms while those packets come in their time."""
    waiting, taken = list(given), []
    for tick in range(frames):
        now = tick / 50 + 0.001
        while waiting and waiting[0].arrival <= now:
            playout.put(waiting.pop(0))
        taken.append(playout.take(now))
    return taken


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("codec", [PCMA, PCMU, G722, OPUS])
def test_every_codec_is_heard_at_either_rate(codec: int, rate_hz: int) -> None:
    taken = played(Playout(rate_hz), packets(60, codec), 60)
    heard = [frame for frame in taken if frame is not None]
    assert taken[: GATHERED_MS // 20 - 1] == [None] * (GATHERED_MS // 20 - 1)
    assert len(heard) >= 58
    assert {len(frame) for frame in heard} == {rate_hz // 50 * SAMPLE_BYTES}
    assert is_tone(taken[10:50], rate_hz)


def test_jitter_within_what_is_gathered_is_not_heard() -> None:
    sent = packets(50)
    late = [packet._replace(arrival=packet.arrival + (0.03 if n % 3 else 0.0)) for n, packet in enumerate(sent)]
    taken = played(Playout(8000), sorted(late, key=lambda packet: packet.arrival), 50)
    first = next(n for n, frame in enumerate(taken) if frame is not None)
    assert None not in taken[first:]


def test_packets_that_change_places_are_put_in_order() -> None:
    sent = packets(20)
    swapped = list(sent)
    swapped[8], swapped[9] = swapped[9], swapped[8]
    assert played(Playout(8000), swapped, 18) == played(Playout(8000), sent, 18)


def test_a_lost_packet_is_made_up_and_takes_no_time_away() -> None:
    sent = packets(30)
    whole, lossy = played(Playout(8000), sent, 40), played(Playout(8000), [*sent[:10], *sent[11:]], 40)
    assert sum(frame is not None for frame in lossy) == sum(frame is not None for frame in whole) == 30
    assert all(frame is None or loudness(frame) > 3000 for frame in lossy)


def test_a_pause_is_silence_and_what_follows_is_gathered_anew() -> None:
    sent = [*packets(10), *packets(10, first=30)]
    renumbered = [packet._replace(sequence=n) for n, packet in enumerate(sent)]
    taken = played(Playout(8000), renumbered, 50)
    spoken = [n for n, frame in enumerate(taken) if frame is not None]
    assert spoken == [*range(1, 11), *range(31, 41)]


def test_a_single_packet_is_heard_once_it_has_waited() -> None:
    taken = played(Playout(8000), packets(1), 10)
    assert [n for n, frame in enumerate(taken) if frame is not None] == [GATHERED_MS // 20]


def test_audio_that_comes_faster_than_it_is_taken_is_cut_to_what_is_gathered() -> None:
    playout = Playout(8000)
    for packet in packets(20):
        playout.put(packet)
    rest = 0
    while playout.take(1.0) is not None:
        rest += 1
    assert rest <= WAITING_MS_MAX // 20
    assert playout.cut == 20 - rest


def test_nothing_waits_for_longer_than_is_promised() -> None:
    playout = Playout(8000)
    sent = packets(20)
    for packet in [*sent[:3], *sent[4:]]:  # one is missing, so that the next are held
        playout.put(packet)
    taken_at = sent[-1].arrival
    while playout.take(taken_at) is not None:
        taken_at += 0.02
    assert taken_at - sent[-1].arrival <= LONGEST_WAIT_S


def test_another_source_and_another_codec_go_on_at_once() -> None:
    sent = [*packets(10), *(packet._replace(ssrc=8) for packet in packets(10, G722, first=10, hz=1200))]
    taken = played(Playout(8000), sent, 21)
    assert sum(frame is not None for frame in taken) == 20
    assert is_tone(taken[13:18], 8000, 1200)


@pytest.mark.parametrize("payload", [b"", b"\x40"])
def test_what_is_no_audio_is_silence(payload: bytes) -> None:
    noise = [Packet(n / 50, 7, n, n * 160, 0, COMFORT_NOISE, payload) for n in range(10)]
    assert set(played(Playout(8000), noise, 12)) == {None}


def test_what_cannot_be_decoded_is_passed_over() -> None:
    sent = packets(10, OPUS)
    sent[3] = sent[3]._replace(payload=b"\xff\xff\xff")
    assert sum(frame is not None for frame in played(Playout(16_000), sent, 14)) >= 9


def test_timestamps_and_sequence_numbers_wrap_around() -> None:
    sent = packets(40)
    wrapping = [
        packet._replace(
            sequence=packet.sequence + 65_520 & 0xFFFF, timestamp=packet.timestamp + 2**32 - 1600 & 0xFFFFFFFF
        )
        for packet in sent
    ]
    assert played(Playout(8000), wrapping, 42) == played(Playout(8000), sent, 42)
