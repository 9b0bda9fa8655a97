"""The sixteen keys' tones (DTMF, ITU-T Q.23) found in 16-bit samples at 8 kHz, within the limits of ITU-T Q.24.

Each frequency of the keypad is measured over 12.75 ms, every 6.4 ms: how strong it is, and by how far its phase has
moved on since, which tells how far it is off. A press is four such looks in a row that show the same key, at its
frequencies.
"""

import itertools
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from media.codecs.linear import SAMPLE_BYTES, loudness, projection, without
from media.codecs.table import CLOCK_RATE_HZ
from media.digit_tones import HIGH_HZ, KEYPAD, LOW_HZ
from media.rtp.dtmf import PressedDigit

# Two neighbours of the keypad, 73 Hz apart and more, do not disturb each other over this many samples.
_BLOCK: Final = 102
_HOP: Final = 51
# Together 255 samples, 32 ms: what lasts 40 ms is always found, what lasts less than 23 ms never.
_HITS_TO_BEGIN: Final = 4
# More than an interruption of 10 ms spoils, fewer than a pause of 40 ms has.
_MISSES_TO_END: Final = 5

# A full-scale sine is 3.14 dBm0, and each tone has to have -30 dBm0.
_PEAK_MIN: Final = 32767 * 10 ** (-33.14 / 20)
# How much stronger the high tone may be than the low one, and the low one than the high one: 4 and 8 dB, and a margin.
_HIGH_OVER_LOW: Final = 10 ** (4.5 / 20)
_LOW_OVER_HIGH: Final = 10 ** (8.5 / 20)
# Each tone stands out of its neighbours by 6 dB. Both together have most of all there is: how much is seen where they
# are off, and how much there is when that is known, which is what tells them from a voice.
_OVER_NEIGHBOURS: Final = 2.0
_SHARE_MIN: Final = 0.7
_SHARE_MIN_TO_BEGIN: Final = 0.9
# Off by 1.5 % is a tone still, off by 3.5 % is none. A tone is off by the same all the time, and as strong; a voice is
# not.
_OFF_MAX: Final = 0.025
_OFF_CHANGE_MAX: Final = 0.012
_PEAK_CHANGE_MAX: Final = 10 ** (3 / 20)

_REFERENCE_PEAK: Final = 16_000


class _Reference(NamedTuple):
    frequency_hz: int
    cosine: bytes
    sine: bytes
    step: float  # by how much its phase moves on in a hop


class _Found(NamedTuple):
    """A frequency of a group: which, and how much there is of its cosine and its sine."""

    place: int
    cosine: float
    sine: float

    @property
    def peak(self) -> float:
        return math.hypot(self.cosine, self.sine) * _REFERENCE_PEAK

    @property
    def phase(self) -> float:
        return math.atan2(-self.sine, self.cosine)


@dataclass(slots=True)
class _Look:
    """`power`: that of the whole block, of which a sine has half its peak squared."""

    low: _Found
    high: _Found
    power: float

    @property
    def key(self) -> str:
        return KEYPAD[self.low.place][self.high.place]

    def share(self, low_off: float = 0.0, high_off: float = 0.0) -> float:
        """What share of the block the two tones are, being off by so much, which makes them seem weaker."""
        low = self.low.peak / _seen(low_off * LOW_HZ[self.low.place])
        high = self.high.peak / _seen(high_off * HIGH_HZ[self.high.place])
        return (low * low + high * high) / (2 * self.power)


class KeyTones:
    """Finds presses in one talker's samples, which may come in pieces of any length."""

    __slots__ = ("_looks", "_misses", "_position", "_pressed", "_samples", "_since", "_until")

    def __init__(self) -> None:
        self._samples = b""
        self._position = 0  # of the first of them
        self._pressed = ""  # the key that is down
        self._since = self._until = 0  # where its tones began, and where they were heard last
        self._misses = 0
        self._looks: list[_Look] = []  # those that may show that a key is down

    @property
    def pressed(self) -> bool:
        """Whether a key is down."""
        return bool(self._pressed)

    def put(self, samples: bytes) -> Iterator[PressedDigit]:
        """Take the next samples; gives the presses that are over."""
        waiting = self._samples + samples
        start, size = 0, _BLOCK * SAMPLE_BYTES
        while start + size <= len(waiting):
            yield from self._take(_look_at(waiting[start : start + size]))
            start += _HOP * SAMPLE_BYTES
            self._position += _HOP
        self._samples = waiting[start:]

    def stop(self) -> Iterator[PressedDigit]:
        """There is no more, or something else comes: a key that is down is no more."""
        self._samples = b""
        self._forget()
        yield from self._release()

    def _take(self, look: _Look | None) -> Iterator[PressedDigit]:
        if look is not None and look.key == self._pressed:
            self._misses = 0
            self._until = self._position + _BLOCK
            self._forget()
            return
        if self._pressed:
            self._misses += 1
            if self._misses >= _MISSES_TO_END:
                yield from self._release()
        if look is None:
            self._forget()
        elif self._goes_on(look):
            yield from self._release()
            self._pressed, self._misses = look.key, 0
            self._since, self._until = self._position - (_HITS_TO_BEGIN - 1) * _HOP, self._position + _BLOCK
            self._forget()

    def _goes_on(self, look: _Look) -> bool:
        """Whether this look is the last that it takes to be sure of a key."""
        looks = self._looks
        if looks and (looks[-1].key != look.key or not _as_before(looks[-1], look)):
            looks.clear()
        looks.append(look)
        if len(looks) < _HITS_TO_BEGIN:
            return False
        if _are_tones(looks):
            return True
        del looks[0]
        return False

    def _forget(self) -> None:
        self._looks.clear()

    def _release(self) -> Iterator[PressedDigit]:
        if self._pressed:
            yield PressedDigit(self._pressed, (self._until - self._since) * 1000 // CLOCK_RATE_HZ)
        self._pressed, self._misses = "", 0


def _look_at(block: bytes) -> _Look | None:
    """The key whose two tones are all that is heard."""
    rms = loudness(block)
    if rms < _PEAK_MIN:
        return None
    low = _strongest(block, _low())
    if low is None:
        return None
    # Each is measured without the other, which would disturb it where it is much stronger.
    high = _strongest(_less(block, _low()[low.place], low), _high())
    if high is None:
        return None
    low = _measured(_less(block, _high()[high.place], high), _low()[low.place], low.place)
    if high.peak > low.peak * _HIGH_OVER_LOW or low.peak > high.peak * _LOW_OVER_HIGH:
        return None
    look = _Look(low, high, rms * rms)
    return look if look.share() >= _SHARE_MIN else None


def _strongest(block: bytes, references: tuple[_Reference, ...]) -> _Found | None:
    """The one frequency of a group that is there."""
    found = [_measured(block, reference, place) for place, reference in enumerate(references)]
    *_, second, best = sorted(found, key=lambda one: one.peak)
    return best if best.peak >= max(_PEAK_MIN, second.peak * _OVER_NEIGHBOURS) else None


def _measured(block: bytes, reference: _Reference, place: int) -> _Found:
    return _Found(place, projection(block, reference.cosine), projection(block, reference.sine))


def _less(block: bytes, reference: _Reference, found: _Found) -> bytes:
    """The block without a tone that was found in it."""
    return without(without(block, reference.cosine, found.cosine), reference.sine, found.sine)


def _as_before(before: _Look, look: _Look) -> bool:
    """Whether both tones are as strong."""
    pairs = ((before.low.peak, look.low.peak), (before.high.peak, look.high.peak))
    return all(max(pair) <= min(pair) * _PEAK_CHANGE_MAX for pair in pairs)


def _are_tones(looks: Sequence[_Look]) -> bool:
    """Whether successive looks show the frequencies of a key, and nothing else."""
    lows = [
        _deviation(_low()[look.low.place], before.low.phase, look.low.phase)
        for before, look in itertools.pairwise(looks)
    ]
    highs = [
        _deviation(_high()[look.high.place], before.high.phase, look.high.phase)
        for before, look in itertools.pairwise(looks)
    ]
    low_off, high_off = sum(lows) / len(lows), sum(highs) / len(highs)
    return (
        max(abs(low_off), abs(high_off)) <= _OFF_MAX
        and max(max(lows) - min(lows), max(highs) - min(highs)) <= _OFF_CHANGE_MAX
        and all(look.share(low_off, high_off) >= _SHARE_MIN_TO_BEGIN for look in looks)
    )


def _seen(off_hz: float) -> float:
    """How much of a tone is seen that is off by so much."""
    turned = math.pi * off_hz * _BLOCK / CLOCK_RATE_HZ
    return math.sin(turned) / turned if turned else 1.0


def _deviation(reference: _Reference, before: float, phase: float) -> float:
    moved = math.remainder(phase - before - reference.step, 2 * math.pi)
    return moved * CLOCK_RATE_HZ / (2 * math.pi * _HOP) / reference.frequency_hz


@cache
def _low() -> tuple[_Reference, ...]:
    return tuple(map(_reference, LOW_HZ))


@cache
def _high() -> tuple[_Reference, ...]:
    return tuple(map(_reference, HIGH_HZ))


def _reference(frequency_hz: int) -> _Reference:
    step = 2 * math.pi * frequency_hz / CLOCK_RATE_HZ
    return _Reference(frequency_hz, _wave(math.cos, step), _wave(math.sin, step), step * _HOP)


def _wave(shape: Callable[[float], float], step: float) -> bytes:
    return array("h", [round(_REFERENCE_PEAK * shape(step * index)) for index in range(_BLOCK)]).tobytes()
