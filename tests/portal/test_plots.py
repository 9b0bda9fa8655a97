"""Plots: what is drawn where, and what is said about it."""

from itertools import pairwise
from typing import Any

import pytest

from control_api.portal.plots import FLOOR, LEFT, TOP, WIDTH, Plot, minutes, plots_of, step_name
from control_api.timestamps import render_timestamp

HOUR_MS = 3_600_000
FIRST_MS = 1_735_732_800_000 - 1_800_000  # 17:00 in India on 1 January 2025


def a_step(position: int, total: int = 0, answered: int = 0, failed: int = 0, spoken: float = 0.0) -> dict[str, Any]:
    ended = answered + failed
    return {
        "start": render_timestamp(FIRST_MS + position * HOUR_MS),
        "total_calls": total,
        "answered_calls": answered,
        "failed_calls": failed,
        "answer_ratio": answered / ended if ended else None,
        "total_minutes": spoken,
        "total_cost": spoken * 1.5,
    }


def plotted(*steps: dict[str, Any], by: str = "hour") -> dict[str, Plot]:
    return {plot.name: plot for plot in plots_of(by, steps)}


def test_a_bar_is_answered_not_answered_and_under_way_one_on_the_other() -> None:
    calls = plotted(a_step(0, 8, 4, 2), a_step(1))["calls"]
    assert [bar.look for bar in calls.bars] == ["bar", "bar second", "bar live"]
    assert calls.bars[0].y + calls.bars[0].height == FLOOR
    for below, above in pairwise(calls.bars):
        assert above.y + above.height == pytest.approx(below.y)
    assert calls.bars[-1].y == TOP  # 8 is the top of its scale
    assert (calls.figure, calls.told) == ("8", "Most in one hour: 8, 1 Jan, 17:00.")


@pytest.mark.parametrize(
    ("most", "top"), [(0, "4"), (4, "4"), (7, "8"), (11, "12"), (126, "150"), (950, "1k"), (1_400_000, "1.5M")]
)
def test_a_scale_ends_at_a_round_number_that_nothing_is_above(most: int, top: str) -> None:
    calls = plotted(a_step(0, most, most))["calls"]
    assert (calls.scale[-1].text, calls.scale[-1].at) == (top, TOP)
    assert all(bar.y >= TOP for bar in calls.bars)


def test_bars_stay_within_the_drawing_and_off_each_other() -> None:
    bars = plotted(*(a_step(n, 1, 1, spoken=2.0) for n in range(24)))["minutes"].bars
    assert (bars[0].x >= LEFT, bars[-1].x + bars[-1].width <= WIDTH) == (True, True)
    assert all(left.x + left.width < right.x for left, right in pairwise(bars))


def test_the_ratio_is_a_line_that_breaks_where_there_is_none() -> None:
    answered = plotted(a_step(0, 2, 1, 1), a_step(1, 1, 1), a_step(2), a_step(3, 1, 0, 1), a_step(4))["answered"]
    assert (len(answered.lines), len(answered.dots)) == (1, 3)
    assert [y for _, y in answered.dots] == [(FLOOR + TOP) / 2, TOP, FLOOR]
    assert (answered.figure, answered.told) == ("50 %", "2 of 4 calls that are over were answered.")


def test_nothing_is_told_as_nothing() -> None:
    for plot in plotted(a_step(0), a_step(1)).values():
        assert (plot.empty, plot.bars, plot.dots) == (True, (), ())
    assert plotted()["calls"].told == "No calls."


def test_every_step_can_be_looked_up() -> None:
    plots = plotted(a_step(0, 3, 2, 1, 4.5), a_step(1))
    assert [mark.text for mark in plots["calls"].look_ups] == [
        "1 Jan, 17:00: 3 calls, 2 answered",
        "1 Jan, 18:00: 0 calls, 0 answered",
    ]
    assert plots["minutes"].look_ups[0].text == "1 Jan, 17:00: 4.5 minutes"
    assert plots["answered"].look_ups[0].text == "1 Jan, 17:00: 67 % of 3 answered"


def test_the_last_step_is_named_under_the_axis() -> None:
    plot = plotted(*(a_step(n) for n in range(24)))["calls"]
    assert [mark.text for mark in plot.times] == ["22:00", "04:00", "10:00", "16:00"]
    assert step_name("day", a_step(0)) == "Wed, 1 Jan"


@pytest.mark.parametrize(("amount", "words"), [(0, "0"), (0.5, "0.5"), (9.96, "10.0"), (12.4, "12"), (1e5, "1,00,000")])
def test_minutes(amount: float, words: str) -> None:
    assert minutes(amount) == words
