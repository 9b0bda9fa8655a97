"""An organisation's calls through time, hour by hour or day by day of India."""

from dataclasses import dataclass

from storage.queries import Queries


@dataclass(frozen=True, slots=True)
class StepOfCalls:
    """The calls of one step of time. `position`: whole steps since 1970-01-01 00:00 in India. `ended_calls` are those
    that are over; `calls` has the live ones too."""

    position: int
    calls: int = 0
    answered_calls: int = 0
    ended_calls: int = 0
    billed_s: int = 0
    cost_paise: int = 0


class CallSeries:
    """Sums from a row an hour, which every CDR is counted into as it is written, and from the live calls."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def steps(self, org_id: str, first: int, last: int, step_h: int, *, test: bool) -> list[StepOfCalls]:
        """Steps of `step_h` hours from the `first` to the `last`, oldest first; those without a call are left out."""
        parameters: dict[str, object] = {
            "org_id": org_id,
            "test": test,
            "first": first * step_h,
            "last": (last + 1) * step_h - 1,
            "step": step_h,
        }
        return [StepOfCalls(*row) for row in self._queries.all("call_series.by_step", parameters)]
