"""What an organisation asks of its calls: one, a page of them, totals."""

from typing import Final

from storage.codec import call_of
from storage.queries import Queries
from storage.records import CallFilter, CallRecord, CallStats

# Every time there is lies strictly between these.
EARLIEST_MS: Final = -(2**62)
LATEST_MS: Final = 2**62
HOUR_MS: Final = 3_600_000
_ABOVE_ALL: Final = "\x7f"  # no call's id comes after it
_FAR: Final = 1_000
INDIA_MS: Final = 19_800_000  # ahead of UTC, all the year: `call_hours` counts by India's hours


class CallLogs:
    """Live and finished calls together, an organisation at a time.

    A call stands in time at its `started_at`, or its `created_at` while it has none: order, date filters and
    periods all go by that.
    """

    __slots__ = ("_far", "_queries")

    def __init__(self, queries: Queries, far: int = _FAR) -> None:
        """`far`: so many rows are passed over one by one before whole hours are sought to pass over."""
        self._queries = queries
        self._far = far

    def call(self, org_id: str, call_id: str) -> CallRecord | None:
        """A call of this organisation, live or finished."""
        record = self._call(call_id)
        return record if record is not None and record.org_id == org_id else None

    def page(self, org_id: str, wanted: CallFilter, page: int, per_page: int) -> tuple[list[CallRecord], int]:
        """Page `page` (from 1) of the calls that meet every condition, newest first, and how many meet them."""
        parameters = _conditions(org_id, wanted)
        kind = _kind_of(wanted)
        counted = parameters | _whole_hours(wanted) if kind == "by_time" else parameters
        total = self._queries.number(f"call_logs.count_{kind}", counted)
        if (page - 1) * per_page >= total:
            return [], total
        offset = (page - 1) * per_page
        if kind == "by_time" and offset > self._far:
            parameters, offset = self._nearer(counted, offset)
        return self._records(kind, parameters | {"limit": per_page, "offset": offset, "before_id": _ABOVE_ALL}), total

    def _nearer(self, counted: dict[str, object], offset: int) -> tuple[dict[str, object], int]:
        """The same page as one of the calls before a whole hour, so that those after it are not read one by one: with
        that hour's beginning as `before`, and the offset from there."""
        beside = self._queries.number("call_logs.count_beside_hours", counted | {"from": EARLIEST_MS})
        passed = self._queries.one("call_logs.hour_within", counted | {"offset": offset - beside})
        if passed is None:
            return counted, offset
        hour, ended = passed
        begins = hour * HOUR_MS - INDIA_MS
        beside = self._queries.number("call_logs.count_beside_hours", counted | {"from": begins})
        return counted | {"before": begins}, offset - beside - ended

    def before(self, org_id: str, wanted: CallFilter, last: CallRecord | None, limit: int) -> list[CallRecord]:
        """So many of the calls that meet every condition, newest first, that come after `last`; None: the first."""
        parameters = _conditions(org_id, wanted) | {"limit": limit, "offset": 0, "before_id": _ABOVE_ALL}
        if last is not None:
            listed_at = last.created_at if last.started_at is None else last.started_at
            parameters |= {"before": listed_at + 1, "before_id": last.call_id}
        return self._records(_kind_of(wanted), parameters)

    def _records(self, kind: str, parameters: dict[str, object]) -> list[CallRecord]:
        keys = self._queries.all(f"call_logs.page_{kind}", parameters)
        records = (
            self._queries.one("calls.live_call" if live else "calls.cdr", (call_id,)) for call_id, _, live in keys
        )
        return [call_of(row) for row in records if row is not None]

    def stats(self, org_id: str, start: int | None, end: int | None, *, test: bool = False) -> CallStats:
        """Totals over a period, both ends included; None: open. Of test calls, or of all others.

        `total_sessions` are the masking sessions whose life (first to last use) touches the period,
        `total_mappings` all that stand, whenever used; `active_sessions` are the calls alive now.
        """
        period: dict[str, object] = {
            "org_id": org_id,
            "start": EARLIEST_MS if start is None else start,
            "end": LATEST_MS if end is None else end,
            "test": test,
        }
        between = CallFilter(
            started_after=None if start is None else start - 1, started_before=None if end is None else end + 1
        )
        counted = _conditions(org_id, between) | _whole_hours(between) | {"test": test}
        finished, billed_s, cost_paise, completed = self._totals("call_logs.finished_totals", counted, 4)
        live, live_in_period = self._totals("call_logs.live_totals", period, 2)
        standing, in_use = (0, 0) if test else self._totals("call_logs.masking_totals", period, 2)
        return CallStats(
            total_sessions=in_use,
            active_sessions=live,
            total_mappings=standing,
            total_calls=finished + live_in_period,
            billed_s=billed_s,
            cost_paise=cost_paise,
            answered_calls=completed,
            failed_calls=finished - completed,
        )

    def _totals(self, statement: str, period: dict[str, object], columns: int) -> tuple[int, ...]:
        row = self._queries.one(statement, period)
        return (0,) * columns if row is None else tuple(row)

    def _call(self, call_id: str) -> CallRecord | None:
        row = self._queries.one("calls.live_call", (call_id,)) or self._queries.one("calls.cdr", (call_id,))
        return None if row is None else call_of(row)


def _conditions(org_id: str, wanted: CallFilter) -> dict[str, object]:
    return {
        "org_id": org_id,
        "status": wanted.status,
        "after": EARLIEST_MS if wanted.started_after is None else wanted.started_after,
        "before": LATEST_MS if wanted.started_before is None else wanted.started_before,
        "reference": wanted.reference,
        "party": wanted.party,
        "test": wanted.test,
    }


def _whole_hours(wanted: CallFilter) -> dict[str, object]:
    """The hours of India that lie wholly between the dates: `first` of them and the one `past` the last, and when these
    begin, `whole_from` and `whole_to`. Where there is none, both are the later date: all is counted one by one."""
    after = EARLIEST_MS if wanted.started_after is None else wanted.started_after
    before = LATEST_MS if wanted.started_before is None else wanted.started_before
    first, past = -(-(after + 1 + INDIA_MS) // HOUR_MS), (before + INDIA_MS) // HOUR_MS
    whole = first < past
    return {
        "first": first,
        "past": past,
        "whole_from": first * HOUR_MS - INDIA_MS if whole else before,
        "whole_to": past * HOUR_MS - INDIA_MS if whole else before,
        "test_from": 1 if wanted.test else 0,
        "test_to": 0 if wanted.test is False else 1,
    }


def _kind_of(wanted: CallFilter) -> str:
    """Which of the statements finds the fewest rows to look at."""
    if wanted.live:
        return "of_live"
    if wanted.reference is not None:
        return "by_reference"
    return "by_time" if wanted.party is None else "by_party"
