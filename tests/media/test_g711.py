"""ITU-T G.711: both laws by table."""

from collections.abc import Callable, Iterable

import pytest

from media.codecs.g711 import (
    ALAW_SILENCE,
    ALAW_TO_LINEAR,
    ALAW_TO_ULAW,
    ULAW_SILENCE,
    ULAW_TO_ALAW,
    ULAW_TO_LINEAR,
    alaw_to_linear,
    linear_to_alaw,
    linear_to_ulaw,
    ulaw_to_linear,
)

# Encoder and decoder.
Law = tuple[Callable[[Iterable[int]], bytes], Callable[[bytes], list[int]]]


# Codes and values of the recommendation's tables 1a and 2a, scaled to 16 bits.
@pytest.mark.parametrize(
    ("code", "value"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xD4, 24), (0xC5, 264), (0x80, 5504)]
)
def test_alaw_code_has_its_value(code: int, value: int) -> None:
    assert ALAW_TO_LINEAR[code] == value


@pytest.mark.parametrize(
    ("code", "value"), [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0xEF, 132)]
)
def test_ulaw_code_has_its_value(code: int, value: int) -> None:
    assert ULAW_TO_LINEAR[code] == value


def test_every_code_survives_decoding_and_encoding() -> None:
    codes = bytes(range(256))
    assert linear_to_alaw(alaw_to_linear(codes)) == codes
    # mu-law has two zeros; the negative one becomes the positive.
    assert linear_to_ulaw(ulaw_to_linear(codes)) == codes.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize("law", [(linear_to_alaw, alaw_to_linear), (linear_to_ulaw, ulaw_to_linear)])
def test_quantisation_error_is_within_half_a_step(law: Law) -> None:
    encode, decode = law
    samples = list(range(-32768, 32768, 7))
    for sample, back in zip(samples, decode(encode(samples)), strict=True):
        assert abs(sample - back) <= (abs(sample) + 264) / 31 or abs(sample) > 32000


def test_transcoding_takes_each_code_to_the_nearest_of_the_other_law() -> None:
    for table, source, target in (
        (ALAW_TO_ULAW, ALAW_TO_LINEAR, ULAW_TO_LINEAR),
        (ULAW_TO_ALAW, ULAW_TO_LINEAR, ALAW_TO_LINEAR),
    ):
        for code in range(256):
            error = abs(source[code] - target[table[code]])
            assert error <= max(abs(source[code]) // 24, 8)


def test_silence_stays_silent_in_the_other_law() -> None:
    assert bytes([ALAW_SILENCE]).translate(ALAW_TO_ULAW) == b"\xfe"
    assert bytes([ULAW_SILENCE]).translate(ULAW_TO_ALAW) == bytes([ALAW_SILENCE])
