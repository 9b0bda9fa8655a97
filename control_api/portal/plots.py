"""Calls through time as drawings: what is drawn where, in the units of an SVG of `WIDTH` by `HEIGHT`. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from control_api.portal.formats import day_of_month, day_of_week, grouped, hour_of_day, percent

WIDTH: Final = 320
HEIGHT: Final = 150
LEFT: Final = 30  # what the scale's figures take
TOP: Final = 8
FLOOR: Final = 128  # where nothing is; below it stand the hours or days
_GAP: Final = 0.28  # of a step's width, between two bars
_SCALE: Final = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)  # tenths of a power of ten
_LABELS: Final = {"hour": 6, "day": 7}

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a bar; `look` is its class."""

    x: float
    y: float
    width: float
    height: float
    look: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A text at a place on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing. `figure` sums it up, `told` says in words what it shows, `look_ups` what each step is."""

    name: str
    title: str
    figure: str
    told: str
    scale: tuple[Mark, ...]
    times: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    look_ups: tuple[Mark, ...]
    step_width: float
    empty: bool
    keys: tuple[tuple[str, str], ...] = ()  # pairs of look and words


def plots_of(by: str, steps: Sequence[Step]) -> tuple[Plot, ...]:
    """Calls, minutes and answer-seizure ratio of the API's steps."""
    return (_calls(by, steps), _minutes(by, steps), _answered(by, steps))


def step_name(by: str, step: Step) -> str:
    """Which hour or day it is."""
    start = step["start"]
    return f"{day_of_month(start)}, {hour_of_day(start)}" if by == "hour" else day_of_week(start)


def totals_of(steps: Sequence[Step]) -> dict[str, Any]:
    """The steps' sums."""
    names = ("total_calls", "answered_calls", "failed_calls", "total_minutes", "total_cost")
    return {name: sum(step[name] for step in steps) for name in names}


def _calls(by: str, steps: Sequence[Step]) -> Plot:
    most = _round_up(max((step["total_calls"] for step in steps), default=0))
    bars: list[Bar] = []
    for position, step in enumerate(steps):
        answered, failed = step["answered_calls"], step["failed_calls"]
        live = step["total_calls"] - answered - failed
        below = 0
        for look, count in (("bar", answered), ("bar second", failed), ("bar live", live)):
            if count:
                bars.append(_bar(len(steps), position, below / most, (below + count) / most, look))
            below += count
    sums = totals_of(steps)
    told = f"{_peak(by, steps, 'total_calls', 'calls')}"
    return Plot(
        "calls",
        "Calls",
        grouped(sums["total_calls"]),
        told,
        _scale(most),
        _times(by, steps),
        tuple(bars),
        (),
        (),
        _look_ups(by, steps, lambda step: f"{grouped(step['total_calls'])} calls, {step['answered_calls']} answered"),
        _step_width(len(steps)),
        not sums["total_calls"],
        (("bar", "answered"), ("bar second", "not answered"), ("bar live", "live")),
    )


def _minutes(by: str, steps: Sequence[Step]) -> Plot:
    most = _round_up(max((step["total_minutes"] for step in steps), default=0))
    bars = (
        _bar(len(steps), position, 0, step["total_minutes"] / most, "bar")
        for position, step in enumerate(steps)
        if step["total_minutes"]
    )
    sums = totals_of(steps)
    return Plot(
        "minutes",
        "Minutes",
        minutes(sums["total_minutes"]),
        _peak(by, steps, "total_minutes", "minutes"),
        _scale(most),
        _times(by, steps),
        tuple(bars),
        (),
        (),
        _look_ups(by, steps, lambda step: f"{minutes(step['total_minutes'])} minutes"),
        _step_width(len(steps)),
        not sums["total_minutes"],
    )


def _answered(by: str, steps: Sequence[Step]) -> Plot:
    width = _step_width(len(steps))
    lines: list[list[str]] = [[]]
    dots: list[tuple[float, float]] = []
    for position, step in enumerate(steps):
        ratio = step["answer_ratio"]
        if ratio is None:
            lines.append([])
            continue
        dots.append((round(LEFT + width * (position + 0.5), 2), _height(ratio)))
        lines[-1].append(f"{dots[-1][0]},{dots[-1][1]}")
    sums = totals_of(steps)
    ended = sums["answered_calls"] + sums["failed_calls"]
    return Plot(
        "answered",
        "Answered",
        percent(sums["answered_calls"], ended),
        f"{grouped(sums['answered_calls'])} of {grouped(ended)} calls that are over were answered.",
        tuple(Mark(_height(part), f"{round(part * 100)} %") for part in (0, 0.5, 1)),
        _times(by, steps),
        (),
        tuple(" ".join(line) for line in lines if len(line) > 1),
        tuple(dots),
        _look_ups(by, steps, _ratio_words),
        width,
        not ended,
    )


def _ratio_words(step: Step) -> str:
    ended = step["answered_calls"] + step["failed_calls"]
    return f"{percent(step['answered_calls'], ended)} of {ended} answered" if ended else "no call is over"


def minutes(amount: float) -> str:
    """Whole minutes, and tenths where there are few."""
    return f"{amount:.1f}" if 0 < amount < 10 else grouped(round(amount))


def _look_ups(by: str, steps: Sequence[Step], words: Any) -> tuple[Mark, ...]:
    width = _step_width(len(steps))
    return tuple(
        Mark(round(LEFT + width * position, 2), f"{step_name(by, step)}: {words(step)}")
        for position, step in enumerate(steps)
    )


def _peak(by: str, steps: Sequence[Step], name: str, unit: str) -> str:
    top = max(steps, key=lambda step: step[name], default=None)
    if top is None or not top[name]:
        return f"No {unit}."
    return f"Most in one {by}: {minutes(top[name]) if unit == 'minutes' else grouped(top[name])}, {step_name(by, top)}."


def _bar(count: int, position: int, below: float, above: float, look: str) -> Bar:
    width = _step_width(count)
    top = _height(above)
    return Bar(
        round(LEFT + width * (position + _GAP / 2), 2),
        top,
        round(width * (1 - _GAP), 2),
        round(_height(below) - top, 2),
        look,
    )


def _step_width(count: int) -> float:
    return round((WIDTH - LEFT) / max(count, 1), 4)


def _height(part: float) -> float:
    return round(FLOOR - part * (FLOOR - TOP), 2)


def _scale(most: int) -> tuple[Mark, ...]:
    marks = (0, most // 2, most) if most % 2 == 0 else (0, most)
    return tuple(Mark(_height(value / most), _short(value)) for value in marks)


def _short(value: int) -> str:
    """A figure of at most four characters beside the scale: 950, 1.5k, 20k, 3M."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if value >= size:
            return f"{value / size:.1f}".removesuffix(".0") + unit
    return str(value)


def _round_up(value: float) -> int:
    """The least round number that is no less, 4 at least: what stands at the top of a scale."""
    size = 1
    while True:
        for tenths in _SCALE:
            top, rest = divmod(tenths * size, 10)
            if not rest and top >= max(value, 4):
                return top
        size *= 10


def _times(by: str, steps: Sequence[Step]) -> tuple[Mark, ...]:
    """A few of the steps' names under the axis, the last one among them."""
    width, apart = _step_width(len(steps)), _LABELS[by]
    chosen = range(len(steps) - 1, -1, -apart)
    name = hour_of_day if by == "hour" else day_of_month
    return tuple(Mark(round(LEFT + width * (at + 0.5), 2), name(steps[at]["start"])) for at in reversed(chosen))
