"""ITU-T Q.23 and Q.24: which tones are a key press, and what is none, be it as like to one as speech is."""

import math
import random  # noqa: TID251 - seeded noise

import pytest

from media.codecs.linear import SAMPLE_BYTES, from_alaw, from_ulaw, to_alaw, to_ulaw
from media.listening.key_tones import KeyTones
from media.rtp.dtmf import DIGITS, PressedDigit
from tests.support.keypad import RATE_HZ, hush, key_tone, pcm, peak_of

FRAME_BYTES = 160 * SAMPLE_BYTES


def found(samples: list[float]) -> list[PressedDigit]:
    """What is found in them, as they come in packets of 20 ms of A-law."""
    keys = KeyTones()
    presses: list[PressedDigit] = []
    audio = from_alaw(to_alaw(pcm([*samples, *hush(80)])))
    for start in range(0, len(audio), FRAME_BYTES):
        presses += keys.put(audio[start : start + FRAME_BYTES])
    return presses


def digits(samples: list[float]) -> str:
    return "".join(press.digit for press in found(samples))


@pytest.mark.parametrize("digit", DIGITS)
def test_q23_every_key_is_known(digit: str) -> None:
    [press] = found([*hush(33), *key_tone(digit, 100)])
    assert press.digit == digit
    assert press.duration_ms == pytest.approx(100, abs=15)


@pytest.mark.parametrize("digit", DIGITS)
def test_q24_40_ms_are_a_press_wherever_they_begin_and_23_ms_are_none(digit: str) -> None:
    for begin in range(0, 102, 7):
        before = [0.0] * begin
        assert digits([*before, *key_tone(digit, 40, phase=begin / 9)]) == digit
        assert digits([*before, *key_tone(digit, 23, phase=begin / 9)]) == ""


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize(("low_off", "high_off"), [(0.015, 0.015), (-0.015, -0.015), (0.015, -0.015), (-0.015, 0.015)])
def test_q24_frequencies_that_are_off_by_1_5_percent_are_a_press(digit: str, low_off: float, high_off: float) -> None:
    assert digits(key_tone(digit, 60, low_off=low_off, high_off=high_off)) == digit
    assert digits(key_tone(digit, 60, low_off=low_off, high_off=high_off, low_dbm0=-8, high_dbm0=-15)) == digit
    assert digits(key_tone(digit, 60, low_off=low_off, high_off=high_off, low_dbm0=-14, high_dbm0=-10)) == digit


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("off", [0.035, -0.035, 0.05, -0.05])
def test_q24_frequencies_that_are_off_by_3_5_percent_are_none(digit: str, off: float) -> None:
    assert digits(key_tone(digit, 300, low_off=off)) == ""
    assert digits(key_tone(digit, 300, high_off=off)) == ""


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("level_dbm0", [0, -3, -10, -20, -25, -29])
def test_q24_levels_from_0_to_minus_29_dbm0_are_a_press(digit: str, level_dbm0: float) -> None:
    assert digits(key_tone(digit, 60, low_dbm0=level_dbm0, high_dbm0=level_dbm0)) == digit


@pytest.mark.parametrize("digit", "159D")
def test_q24_below_minus_36_dbm0_there_is_nothing(digit: str) -> None:
    assert digits(key_tone(digit, 300, low_dbm0=-36, high_dbm0=-36)) == ""


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize(("twist_db", "is_press"), [(4, True), (-8, True), (8, False), (-12, False)])
def test_q24_one_tone_may_be_stronger_by_so_much(digit: str, twist_db: float, is_press: bool) -> None:
    """High over low: 4 dB at most, and 8 the other way."""
    samples = key_tone(digit, 100, low_dbm0=-10 - twist_db / 2, high_dbm0=-10 + twist_db / 2)
    assert digits(samples) == (digit if is_press else "")


@pytest.mark.parametrize("digit", DIGITS)
def test_q24_an_interruption_of_10_ms_does_not_split_a_press(digit: str) -> None:
    for begin in range(0, 102, 17):
        samples = [*[0.0] * begin, *key_tone(digit, 60), *hush(10), *key_tone(digit, 60, phase=2.0)]
        assert digits(samples) == digit


@pytest.mark.parametrize("digit", DIGITS)
def test_q24_a_pause_of_40_ms_parts_two_presses(digit: str) -> None:
    for begin in range(0, 102, 17):
        samples = [*[0.0] * begin, *key_tone(digit, 45), *hush(40), *key_tone(digit, 45, phase=2.0)]
        assert digits(samples) == digit * 2


def test_two_keys_without_a_pause_are_two_presses() -> None:
    assert digits([*key_tone("1", 60), *key_tone("5", 60), *key_tone("D", 60)]) == "15D"


@pytest.mark.parametrize("seed", range(20))
def test_keys_are_known_in_noise_18_db_below(seed: int) -> None:
    dice = random.Random(seed)
    sigma = peak_of(-9 - 18) / math.sqrt(2)
    number = "".join(dice.choice(DIGITS) for _ in range(10))
    samples = [value for digit in number for value in (*key_tone(digit, 50), *hush(50))]
    assert digits([value + dice.gauss(0, sigma) for value in samples]) == number


@pytest.mark.parametrize("seed", range(3))
def test_mu_law_is_as_good(seed: int) -> None:
    dice = random.Random(seed)
    number = "".join(dice.choice(DIGITS) for _ in range(10))
    samples = [value for digit in number for value in (*key_tone(digit, 45), *hush(45))]
    keys = KeyTones()
    audio = from_ulaw(to_ulaw(pcm([*samples, *hush(80)])))
    assert "".join(press.digit for press in keys.put(audio)) == number


@pytest.mark.parametrize("frequency_hz", [400, 440, 697, 1000, 1209, 1400, 2100, 2600])
def test_single_tones_are_no_press(frequency_hz: int) -> None:
    step = 2 * math.pi * frequency_hz / RATE_HZ
    assert digits([8000 * math.sin(step * index) for index in range(RATE_HZ)]) == ""


def test_a_key_that_is_down_when_the_audio_stops_is_told_then() -> None:
    keys = KeyTones()
    assert list(keys.put(pcm(key_tone("7", 100)))) == []
    assert [press.digit for press in keys.stop()] == ["7"]
    assert list(keys.stop()) == []


def test_whether_a_key_is_down_is_known() -> None:
    keys = KeyTones()
    known = [keys.pressed]
    for samples in (key_tone("7", 100), hush(100)):
        list(keys.put(pcm(samples)))
        known.append(keys.pressed)
    assert known == [False, True, False]
