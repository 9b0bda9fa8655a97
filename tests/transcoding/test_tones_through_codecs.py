"""Audio truth: a tone through every pair of codecs comes out as that tone, as loud, and nothing with it."""

import itertools
from collections.abc import Sequence

import pytest

from media.codecs.g711 import ALAW_TO_LINEAR, ULAW_TO_LINEAR
from media.codecs.linear import SAMPLE_BYTES, from_alaw, from_ulaw, to_alaw, to_ulaw
from media.codecs.opus import NO_WISHES, OpusWishes
from media.codecs.speech import frame_bytes, new_decoder, new_encoder
from media.codecs.table import BY_NUMBER, CODECS, G722, OPUS, PCMA, PCMU, Codec
from media.packet_path.repacketiser import Frame
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet
from tests.support.spectrum import levels_db, sine

NARROW_HZ = 8000
WIDE_HZ = 16_000
FRAME_S = 0.02
PAIRS = [pair for pair in itertools.product(CODECS, CODECS) if pair[0] is not pair[1]]
IDS = [f"{source.name}-to-{sink.name}" for source, sink in PAIRS]


def rate_of(codec: int) -> int:
    return WIDE_HZ if codec in (G722, OPUS) else NARROW_HZ


def packets_of(codec: int, samples: bytes, rate_hz: int, ptime_ms: int = 20) -> list[Packet]:
    encoder = new_encoder(codec, rate_hz, NO_WISHES)
    size = frame_bytes(codec, ptime_ms, rate_hz)
    ticks = ptime_ms * BY_NUMBER[codec].clock_rate_hz // 1000
    return [
        Packet(
            50 + index * ptime_ms / 1000,
            7,
            65_500 + index & 0xFFFF,
            (0xFFFFFF00 + index * ticks) & 0xFFFFFFFF,
            0,
            codec,
            encoder.encode(samples[at : at + size]),
        )
        for index, at in enumerate(range(0, len(samples) - size + 1, size))
    ]


def through(conversion: Conversion, packets: Sequence[Packet]) -> list[Frame]:
    return [frame for packet in packets for frame in conversion.put(packet)]


def heard(codec: int, frames: Sequence[Frame], rate_hz: int) -> bytes:
    decoder = new_decoder(codec, rate_hz)
    return b"".join(decoder.decode(payload) for _, _, payload in frames)


@pytest.mark.parametrize(("source", "sink"), PAIRS, ids=IDS)
@pytest.mark.parametrize("frequency_hz", [300, 1000, 3000])
def test_a_tone_comes_out_as_itself(source: Codec, sink: Codec, frequency_hz: int) -> None:
    codec, sink_codec = source.number, sink.number
    packets = packets_of(codec, sine(frequency_hz, rate_of(codec), 2 * rate_of(codec)), rate_of(codec))
    frames = through(Conversion(Target(sink_codec)), packets)
    assert len(frames) == 100
    rate_hz = rate_of(sink_codec)
    settled = heard(sink_codec, frames, rate_hz)[rate_hz * SAMPLE_BYTES // 2 :][: rate_hz * SAMPLE_BYTES]
    tone_db, rest_db = levels_db(settled, frequency_hz, rate_hz)
    assert tone_db == pytest.approx(0, abs=1)
    assert rest_db < -20


@pytest.mark.parametrize("sink", [G722, OPUS])
def test_wide_band_stays_wide(sink: int) -> None:
    source = OPUS if sink == G722 else G722
    frames = through(Conversion(Target(sink)), packets_of(source, sine(6000, WIDE_HZ, WIDE_HZ * 2), WIDE_HZ))
    settled = heard(sink, frames, WIDE_HZ)[WIDE_HZ * SAMPLE_BYTES // 2 :][: WIDE_HZ * SAMPLE_BYTES]
    tone_db, _ = levels_db(settled, 6000, WIDE_HZ)
    assert tone_db == pytest.approx(0, abs=2)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
@pytest.mark.parametrize("sink", [PCMA, G722, OPUS])
def test_packets_have_the_length_that_the_sink_wants(sink: int, ptime_ms: int) -> None:
    packets = packets_of(PCMU, sine(1000, NARROW_HZ, NARROW_HZ * 3), NARROW_HZ, 30)
    conversion = Conversion(Target(sink, ptime_ms))
    frames = through(conversion, packets)
    step_ms = {30: 20, 50: 40}.get(ptime_ms, ptime_ms) if sink == OPUS else ptime_ms
    ticks = step_ms * BY_NUMBER[sink].clock_rate_hz // 1000
    steps = {after[0] - before[0] for before, after in itertools.pairwise(frames)}
    assert steps == {ticks}
    decoder = new_decoder(sink, NARROW_HZ)
    assert {len(decoder.decode(payload)) for _, _, payload in frames} == {step_ms * 16}


def test_g711_of_the_library_is_that_of_the_tables() -> None:
    codes = bytes(range(256))
    assert memoryview(from_alaw(codes)).cast("h").tolist() == list(ALAW_TO_LINEAR)
    assert memoryview(from_ulaw(codes)).cast("h").tolist() == list(ULAW_TO_LINEAR)
    assert to_alaw(from_alaw(codes)) == codes
    assert to_ulaw(from_ulaw(codes)) == codes.replace(b"\x7f", b"\xff")


def test_opus_keeps_to_what_its_receiver_asks_for() -> None:
    speech = sine(200, NARROW_HZ, NARROW_HZ * 4)
    sizes = {}
    for name, wishes in (
        ("free", NO_WISHES),
        ("slow", OpusWishes(bitrate_max=8000)),
        ("constant", OpusWishes(constant_bitrate=True)),
    ):
        encoder = new_encoder(OPUS, NARROW_HZ, wishes)
        sizes[name] = [len(encoder.encode(speech[at : at + 320])) for at in range(0, len(speech), 320)]
    assert sum(sizes["slow"]) * 8 / 4 < 9000 < sum(sizes["free"]) * 8 / 4
    assert len(set(sizes["constant"])) == 1
