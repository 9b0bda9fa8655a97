"""Peaks of a recording: those of its samples, however it comes in pieces, and sealed with it."""

import math
import os
import struct
import wave
from pathlib import Path

import pytest

from media.recording.mp3_sealing import WavSource
from media.recording.mp3_worker import Exporter
from media.recording.peaks import MOST_PEAKS, PeakMeter, Peaks, opened, sealed, unpack
from media.recording.sealing import Seal, SealDamaged

RATE_HZ = 8000
SEAL = Seal("call-1", b"k" * 32)
PEAKS = Peaks(20, bytes((0, 255, 7)), bytes((1, 2, 3)))


class Mono:
    """A channel as pydub has it: cut by milliseconds, its loudest sample."""

    max_possible_amplitude = 32768

    def __init__(self, samples: list[int]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples) * 1000 // RATE_HZ

    def __getitem__(self, cut: slice) -> "Mono":
        return Mono(self._samples[cut.start * RATE_HZ // 1000 : cut.stop * RATE_HZ // 1000])

    @property
    def max(self) -> int:
        return max((abs(sample) for sample in self._samples), default=0)


def measured(left: list[int], right: list[int], pieces_ms: list[int]) -> Peaks:
    meter = PeakMeter(len(left) * 1000 // RATE_HZ)
    start = 0
    for piece_ms in pieces_ms:
        end = start + piece_ms * RATE_HZ // 1000
        meter.measure((Mono(left[start:end]), Mono(right[start:end])))
        start = end
    return meter.peaks


def a_tone(length_ms: int, amplitude: int) -> list[int]:
    return [round(amplitude * math.sin(n / 3)) for n in range(length_ms * RATE_HZ // 1000)]


@pytest.mark.parametrize("pieces_ms", [[200], [70, 130], [10] * 20, [199, 1]])
def test_they_are_the_loudest_of_each_stretch_however_it_is_cut(pieces_ms: list[int]) -> None:
    left = [0] * 800 + [-32768] + [0] * 799
    right = a_tone(200, 16384)
    peaks = measured(left, right, pieces_ms)
    assert (peaks.interval_ms, list(peaks.left)) == (20, [0, 0, 0, 0, 0, 255, 0, 0, 0, 0])
    assert all(abs(peak - 127) <= 1 for peak in peaks.right)


@pytest.mark.parametrize(
    ("duration_ms", "interval_ms", "count"),
    [(0, 20, 1), (19, 20, 1), (20_000, 20, 1000), (20_001, 21, 953), (7_200_000, 7_200, 1000)],
)
def test_there_are_never_more_than_a_thousand(duration_ms: int, interval_ms: int, count: int) -> None:
    peaks = PeakMeter(duration_ms).peaks
    assert (peaks.interval_ms, len(peaks.left), len(peaks.right)) == (interval_ms, count, count)
    assert count <= MOST_PEAKS


def test_what_is_packed_comes_out_again() -> None:
    assert unpack(PEAKS.pack()) == PEAKS
    for damaged in (b"", PEAKS.pack()[:-1], PEAKS.pack() + b"x"):
        with pytest.raises(SealDamaged):
            unpack(damaged)


def test_what_is_sealed_opens_with_its_own_key_alone() -> None:
    content = sealed(PEAKS, SEAL, os.urandom)
    assert opened(content, SEAL) == PEAKS
    assert PEAKS.left not in content
    others = (Seal("call-2", SEAL.key), Seal("call-1", b"o" * 32))
    for seal, given in ((others[0], content), (others[1], content), (SEAL, content[:-1]), (SEAL, b"")):
        with pytest.raises(SealDamaged):
            opened(given, seal)


def test_the_worker_measures_what_it_encodes(tmp_path: Path) -> None:
    left, right = a_tone(400, 20_000), [0] * 3200
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(b"".join(struct.pack("<hh", *pair) for pair in zip(left, right, strict=True)))
    made = Exporter().export(WavSource(tmp_path / "a.wav"), tmp_path / "a.part", tmp_path / "a.mp3", {})
    peaks = unpack(made.peaks)
    assert (len(peaks.left), set(peaks.right)) == (20, {0})
    assert all(abs(peak - 156) <= 1 for peak in peaks.left)
