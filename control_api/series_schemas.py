"""What goes in and out about calls through time: hours or days of India, each with its totals."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import Field

from control_api.errors import InvalidRequest
from control_api.schemas import Moment, Timestamp, TrueOrFalse, Wire, enveloped, rupees
from control_api.timestamps import render_timestamp
from storage.call_series import StepOfCalls

TIME_ZONE: Final = "Asia/Kolkata"
_INDIA_MS: Final = 19_800_000  # ahead of UTC, all the year
_HOUR_MS: Final = 3_600_000


class Step(StrEnum):
    """How long the steps are."""

    HOUR = "hour"
    DAY = "day"


STEP_HOURS: Final[Mapping[Step, int]] = MappingProxyType({Step.HOUR: 1, Step.DAY: 24})
USUAL_STEPS: Final[Mapping[Step, int]] = MappingProxyType({Step.HOUR: 24, Step.DAY: 30})
MOST_STEPS: Final[Mapping[Step, int]] = MappingProxyType({Step.HOUR: 31 * 24, Step.DAY: 366})


class SeriesQuery(Wire):
    """Which steps: those that the dates lie in, and all between."""

    by: Step = Field(default=Step.HOUR, description="At most 744 hours or 366 days at once")
    start_date: Moment | None = Field(default=None, description="Default: 24 hours or 30 days in all")
    end_date: Moment | None = Field(default=None, description="Default: now")
    test: TrueOrFalse = Field(default=False, description="Of test calls instead of all others")

    def positions(self, now_ms: int) -> range:
        """The steps, counted from 1970-01-01 00:00 in India. Raises InvalidRequest for too many, or before."""
        last = self._position(now_ms if self.end_date is None else self.end_date)
        first = last - USUAL_STEPS[self.by] + 1 if self.start_date is None else self._position(self.start_date)
        most = MOST_STEPS[self.by]
        if last - first >= most:
            raise InvalidRequest(f"start_date must be at most {most} {self.by}s before end_date.", "start_date")
        if first < 0:
            field = "end_date" if self.start_date is None else "start_date"
            raise InvalidRequest("The steps must begin in 1970 or later.", field)
        return range(first, last + 1)

    def _position(self, at_ms: int) -> int:
        return (at_ms + _INDIA_MS) // (STEP_HOURS[self.by] * _HOUR_MS)


SERIES_REQUIREMENTS: Final = {
    "by": "one of " + ", ".join(Step),
    "start_date": "an RFC 3339 timestamp such as 2025-01-31T00:00:00Z",
    "end_date": "an RFC 3339 timestamp such as 2025-01-31T00:00:00Z",
    "test": "true or false",
}


class StepView(Wire):
    """An hour or a day. Live calls count in `total_calls` only."""

    start: Timestamp
    total_calls: int
    answered_calls: int
    failed_calls: int
    answer_ratio: float | None = Field(description="Answered of those that are over, 0 to 1; null where none is")
    total_minutes: float = Field(description="Billed seconds / 60")
    total_cost: float = Field(description="Rupees")


class SeriesView(Wire):
    """Calls through time, oldest step first; a call counts in the step that its `started_at` lies in."""

    by: Step
    time_zone: str = Field(description="Whose hours and days they are")
    steps: list[StepView]


SeriesReply: Final = enveloped("SeriesReply", SeriesView)


def series_representation(by: Step, positions: range, found: Iterable[StepOfCalls]) -> dict[str, object]:
    """The steps, those without a call too."""
    return {"by": by, "time_zone": TIME_ZONE, "steps": step_representations(by, positions, found)}


def step_representations(by: Step, positions: range, found: Iterable[StepOfCalls]) -> list[dict[str, object]]:
    """Each step in turn."""
    known = {one.position: one for one in found}
    return [_step(by, known.get(position) or StepOfCalls(position)) for position in positions]


def _step(by: Step, step: StepOfCalls) -> dict[str, object]:
    begins_ms = step.position * STEP_HOURS[by] * _HOUR_MS - _INDIA_MS
    return {
        "start": render_timestamp(begins_ms),
        "total_calls": step.calls,
        "answered_calls": step.answered_calls,
        "failed_calls": step.ended_calls - step.answered_calls,
        "answer_ratio": round(step.answered_calls / step.ended_calls, 4) if step.ended_calls else None,
        "total_minutes": round(step.billed_s / 60, 4),
        "total_cost": rupees(step.cost_paise),
    }
