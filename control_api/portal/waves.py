"""A recording as a drawing: A's audio above, B's below, a bar for each stretch. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

MOST_BARS: Final = 240
HEIGHT: Final = 80  # of the drawing; each party has half of it
_MIDDLES: Final = (20, 60)
_HIGHEST: Final = 18  # of a bar, up and down from its middle
_LOWEST: Final = 0.4
_BAR: Final = 0.62  # of a bar's place
_FLOOR: Final = 26  # a recording without a louder sample is drawn against this: hiss is not to look like speech
_EXPONENT: Final = 0.7  # so that what is said softly is seen


@dataclass(frozen=True, slots=True)
class Wave:
    """What is drawn: `bars` wide, a path of each party, and `pauses` as pairs of where they begin and how wide."""

    bars: int
    a: str
    b: str
    pauses: tuple[tuple[float, float], ...]


def wave_of(peaks: Mapping[str, Any], pauses: Sequence[Mapping[str, int]]) -> Wave:
    """The drawing of what the API tells of a recording's peaks and pauses."""
    channels = [merged(channel["peaks"], MOST_BARS) for channel in peaks["channels"]]
    loudest = max(_FLOOR, *(max(channel, default=0) for channel in channels))
    a, b = (_path(channel, loudest, middle) for channel, middle in zip(channels, _MIDDLES, strict=True))
    bars, duration_ms = max(1, len(channels[0])), max(1, peaks["duration_ms"])
    edges = ((bars * pause["from_ms"] / duration_ms, bars * pause["to_ms"] / duration_ms) for pause in pauses)
    return Wave(bars, a, b, tuple((round(start, 2), round(end - start, 2)) for start, end in edges))


def merged(peaks: Sequence[int], most: int) -> list[int]:
    """At most so many, each the loudest of those that it stands for."""
    count = min(len(peaks), most)
    edges = [at * len(peaks) // count for at in range(count + 1)] if count else []
    return [max(peaks[start:end]) for start, end in pairwise(edges)]


def _path(peaks: Sequence[int], loudest: int, middle: int) -> str:
    bars = []
    for at, peak in enumerate(peaks):
        half = max(_LOWEST, round(_HIGHEST * (peak / loudest) ** _EXPONENT, 1))
        bars.append(f"M{at} {round(middle - half, 1)}h{_BAR}v{round(2 * half, 1)}h-{_BAR}z")
    return "".join(bars)
