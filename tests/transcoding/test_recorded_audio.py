"""Recordings of parties that speak something else than G.711."""

import pytest

from media.codecs.linear import SAMPLE_BYTES, from_alaw
from media.codecs.opus import NO_WISHES
from media.codecs.speech import frame_bytes, new_encoder
from media.codecs.table import BY_NUMBER, G722, OPUS, PCMA, PCMU
from media.recording.timeline import Timeline
from media.transcoding.recorded import RecordedAudio
from tests.support.spectrum import levels_db, sine

WIDE_HZ = 16_000
NARROW_HZ = 8000


@pytest.mark.parametrize("codec", [OPUS, G722])
def test_a_party_is_recorded_at_8_khz_on_its_own_timeline(codec: int) -> None:
    encoder = new_encoder(codec, WIDE_HZ, NO_WISHES)
    size = frame_bytes(codec, 20, WIDE_HZ)
    samples = sine(1000, WIDE_HZ, WIDE_HZ)
    ticks = BY_NUMBER[codec].clock_rate_hz // 50
    audio, timeline = RecordedAudio(), Timeline(100.0)
    for index in range(50):
        timestamp = 2**32 - 10 * ticks + index * ticks & 0xFFFFFFFF
        payload = encoder.encode(samples[index * size :][:size])
        timeline.put(*audio.as_g711((1, 100.1 + index * 0.02, timestamp, 7, codec, payload)))
    pcm = b"".join(timeline.finish(101.1))
    right = b"".join(pcm[at + 2 : at + 4] for at in range(0, len(pcm), 4))
    assert timeline.discarded == 0
    assert timeline.reanchored == 0
    assert set(right[: 790 * SAMPLE_BYTES]) == {0}
    tone_db, rest_db = levels_db(right[3200 * SAMPLE_BYTES : 7200 * SAMPLE_BYTES], 1000, NARROW_HZ)
    assert tone_db == pytest.approx(0, abs=1)
    assert rest_db < -20


@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_g711_passes_as_it_is(codec: int) -> None:
    packet = (0, 1.0, 5, 7, codec, b"\x55" * 160)
    assert RecordedAudio().as_g711(packet) is packet


def test_what_cannot_be_decoded_has_no_audio_and_its_place() -> None:
    assert RecordedAudio().as_g711((0, 1.0, 960, 7, OPUS, b"\xff\xff\xff")) == (0, 1.0, 160, 7, PCMA, b"")


def test_two_sources_of_a_channel_do_not_mix() -> None:
    audio = RecordedAudio()
    one, two = (new_encoder(G722, NARROW_HZ, NO_WISHES) for _ in range(2))
    for index in range(20):
        loud = audio.as_g711((0, 1.0, index * 160, 7, G722, one.encode(sine(500, NARROW_HZ, 160))))
        quiet = audio.as_g711((0, 1.0, index * 160, 8, G722, two.encode(bytes(320))))
    assert levels_db(from_alaw(loud[5]), 500, NARROW_HZ)[0] > -2
    assert max(abs(value) for value in memoryview(from_alaw(quiet[5])).cast("h")) < 100
