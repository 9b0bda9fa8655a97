"""Recordings as drawings."""

import re

import pytest

from control_api.portal.waves import HEIGHT, MOST_BARS, merged, wave_of


def drawn(a: list[int], b: list[int]) -> tuple[int, str, str]:
    wave = wave_of({"channels": [{"peaks": a}, {"peaks": b}], "duration_ms": 10_000}, [])
    return wave.bars, wave.a, wave.b


def heights(path: str) -> list[float]:
    return [float(height) for height in re.findall(r"v([0-9.]+)h", path)]


@pytest.mark.parametrize(
    ("peaks", "most", "found"),
    [([], 4, []), ([3], 4, [3]), ([1, 9, 2, 3, 8, 4], 3, [9, 3, 8]), ([1, 2, 3, 4, 5], 2, [2, 5])],
)
def test_stretches_are_put_together_by_their_loudest(peaks: list[int], most: int, found: list[int]) -> None:
    assert merged(peaks, most) == found


def test_both_are_drawn_on_one_scale() -> None:
    bars, a, b = drawn([200, 100, 0], [50, 50, 50])
    assert bars == 3
    loud, soft, silent = heights(a)
    assert (loud, silent) == (36.0, 0.8)
    assert soft > heights(b)[0] > silent


def test_hiss_is_not_drawn_as_speech() -> None:
    assert heights(drawn([2], [1])[1])[0] < 36 / 4


def test_a_long_recording_has_no_more_bars_and_none_leaves_the_drawing() -> None:
    bars, a, b = drawn([255] * 1000, [255] * 1000)
    assert bars == MOST_BARS
    for path in (a, b):
        for top, height in zip(re.findall(r"M\d+ ([0-9.]+)", path), heights(path), strict=True):
            assert 0 <= float(top) <= float(top) + height <= HEIGHT


def test_pauses_stand_where_they_were() -> None:
    channels = [{"peaks": [1] * 100}, {"peaks": [1] * 100}]
    wave = wave_of({"channels": channels, "duration_ms": 10_000}, [{"from_ms": 2_500, "to_ms": 5_000}])
    assert wave.pauses == ((25.0, 25.0),)
