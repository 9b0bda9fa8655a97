"""Call-progress tones: frequency, cadence, level and frames."""

import math

import pytest

from media.codecs.g711 import alaw_to_linear, ulaw_to_linear
from media.codecs.table import BY_NUMBER, COMFORT_NOISE, PCMA, PCMU
from media.tones import (
    BALANCE_WARNING,
    BUSY,
    CADENCES,
    CONGESTION,
    RINGBACK,
    UNREACHABLE,
    Cadence,
    prepare,
    silence,
)


def samples_of(cadence: Cadence, codec: int = PCMA) -> list[int]:
    decode = alaw_to_linear if codec == PCMA else ulaw_to_linear
    return decode(prepare(cadence).encoded[codec])


def power_at(samples: list[int], frequency_hz: float) -> float:
    """Goertzel: the share of the samples' power that is at a frequency, 0..1."""
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / 8000)
    before = latest = 0.0
    for sample in samples:
        before, latest = latest, sample + coefficient * latest - before
    power = latest * latest + before * before - coefficient * latest * before
    total = sum(sample * sample for sample in samples)
    return 2 * power / (total * len(samples)) if total else 0.0


def sounding(samples: list[int]) -> list[bool]:
    """Whether each 10 ms is loud."""
    return [max(map(abs, samples[at : at + 80])) > 1000 for at in range(0, len(samples), 80)]


def runs(loud: list[bool]) -> list[tuple[bool, int]]:
    found: list[tuple[bool, int]] = []
    for value in loud:
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1] + 10)
        else:
            found.append((value, 10))
    return found


@pytest.mark.parametrize("codec", [PCMA, PCMU])
@pytest.mark.parametrize("cadence", CADENCES, ids=lambda cadence: cadence.name)
def test_the_tone_is_at_its_frequency_and_nowhere_else(cadence: Cadence, codec: int) -> None:
    burst = samples_of(cadence, codec)[400:1200]
    assert power_at(burst, cadence.frequency_hz) > 0.98
    for other in (cadence.frequency_hz / 2, cadence.frequency_hz * 1.5, cadence.frequency_hz * 2):
        assert power_at(burst, other) < 0.01


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        (RINGBACK, [(True, 400), (False, 200), (True, 400), (False, 2000)]),
        (BUSY, [(True, 750), (False, 750)] * 2 + [(True, 750), (False, 250)]),
        (CONGESTION, [(True, 250), (False, 250)] * 8),
        (UNREACHABLE, [(True, 2500), (False, 500), (True, 1000)]),
        (BALANCE_WARNING, [(True, 200), (False, 150), (True, 200), (False, 150), (True, 200), (False, 100)]),
    ],
    ids=lambda value: value.name if isinstance(value, Cadence) else "",
)
def test_trunk_case_24_the_cadence(cadence: Cadence, expected: list[tuple[bool, int]]) -> None:
    assert runs(sounding(samples_of(cadence))) == expected


@pytest.mark.parametrize("cadence", CADENCES, ids=lambda cadence: cadence.name)
@pytest.mark.parametrize("samples", [80, 160, 240, 320])
def test_frames_are_whole_and_the_level_is_10_dbm0_down(cadence: Cadence, samples: int) -> None:
    tone = prepare(cadence)
    for codec, encoded in tone.encoded.items():
        cut = [tone.frame(codec, at, samples) for at in range(0, 2 * tone.samples, samples)]
        assert {len(frame) for frame in cut} == {samples}
        followed_by = encoded if tone.endless else bytes([BY_NUMBER[codec].silence]) * tone.samples
        assert b"".join(cut)[: 2 * tone.samples] == encoded + followed_by
    assert tone.frame(COMFORT_NOISE, 0, samples) == b""
    assert tone.endless == (cadence is RINGBACK)
    burst = samples_of(cadence)[400:1200]
    level_dbm0 = 10 * math.log10(sum(value * value for value in burst) / len(burst) / (32768**2 / 2)) + 3.14
    assert level_dbm0 == pytest.approx(-10, abs=0.5)


def test_bursts_begin_and_end_softly() -> None:
    samples = samples_of(RINGBACK)
    for edge in (0, 3200 - 8, 4800):
        assert max(map(abs, samples[edge : edge + 8])) < 1800


def test_silence_is_silent_and_endless() -> None:
    assert silence().endless
    assert max(map(abs, alaw_to_linear(silence().encoded[PCMA]))) <= 8
    assert set(ulaw_to_linear(silence().encoded[PCMU])) == {0}
