"""Calls through time: hours and days of India, bounded, and as a table."""

import csv
from collections.abc import AsyncIterator

import pytest

from control_api.series_schemas import MOST_STEPS, SeriesQuery, Step
from tests.support.api_world import OTHER_KEY, ApiWorld, api_world

SERIES = "/v1/masking/stats/series"
NOW = "2025-01-01T12:00:00Z"  # where the world's clock begins: 17:30 in India


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def test_the_last_day_by_the_hour_unless_told_otherwise(world: ApiWorld) -> None:
    await world.finish(await world.place())
    await world.place()
    series = (await world.get(SERIES)).json["data"]
    assert (series["by"], series["time_zone"], len(series["steps"])) == ("hour", "Asia/Kolkata", 24)
    assert series["steps"][0]["start"] == "2024-12-31T12:30:00Z"
    assert series["steps"][-1] == {
        "start": "2025-01-01T11:30:00Z",
        "total_calls": 2,
        "answered_calls": 1,
        "failed_calls": 0,
        "answer_ratio": 1.0,
        "total_minutes": 2.0,
        "total_cost": 3,
    }
    assert all(one["total_calls"] == 0 and one["answer_ratio"] is None for one in series["steps"][:-1])


async def test_the_last_thirty_days(world: ApiWorld) -> None:
    await world.finish(await world.place())
    failed = {"status": "failed", "answered_at": None, "price_paise": None, "bill_duration_s": None, "duration_s": None}
    await world.finish(await world.place(), **failed)
    world.clock.advance(86_400)
    steps = (await world.get(SERIES + "?by=day")).json["data"]["steps"]
    assert len(steps) == 30
    assert [one["total_calls"] for one in steps[-3:]] == [0, 2, 0]
    assert (steps[-2]["start"], steps[-2]["answer_ratio"]) == ("2024-12-31T18:30:00Z", 0.5)


async def test_every_step_that_the_dates_lie_in(world: ApiWorld) -> None:
    steps = (await world.get(f"{SERIES}?start_date=2025-01-01T00:00:00Z&end_date=2025-01-01T00:30:00Z")).json["data"]
    assert [one["start"] for one in steps["steps"]] == ["2024-12-31T23:30:00Z", "2025-01-01T00:30:00Z"]
    assert (await world.get(f"{SERIES}?start_date={NOW}&end_date=2025-01-01T00:00:00Z")).json["data"]["steps"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=week", "by"),
        ("start_date=yesterday", "start_date"),
        ("end_date=", "end_date"),
        ("test=yes", "test"),
        ("by=day&by=hour", "by"),
        ("start_date=2024-12-01T00:00:00Z", "start_date"),
        ("by=day&start_date=2023-12-31T00:00:00Z", "start_date"),
        ("by=day&end_date=0001-01-05T00:00:00Z", "end_date"),
        ("by=day&start_date=1969-12-01T00:00:00Z&end_date=1970-01-05T00:00:00Z", "start_date"),
    ],
)
async def test_a_bad_value_or_too_many_steps_are_400(world: ApiWorld, query: str, field: str) -> None:
    for path in (SERIES, SERIES + "/csv"):
        reply = await world.get(f"{path}?{query}")
        assert (reply.status, reply.json["error"]["field"]) == (400, field)


@pytest.mark.parametrize("by", Step)
def test_as_many_steps_as_there_may_be(by: Step) -> None:
    day_ms = 86_400_000
    start_ms = (31 if by is Step.HOUR else 366) * day_ms
    query = SeriesQuery(by=by, start_date=start_ms)
    assert len(query.positions(2 * start_ms - day_ms // (24 if by is Step.HOUR else 1))) == MOST_STEPS[by]


async def test_another_organisations_calls_and_test_calls_are_not_in_it(world: ApiWorld) -> None:
    await world.finish(await world.place())
    theirs = (await world.get(SERIES, key=OTHER_KEY)).json["data"]["steps"]
    tests = (await world.get(SERIES + "?test=true")).json["data"]["steps"]
    assert sum(one["total_calls"] for one in (*theirs, *tests)) == 0


async def test_the_table(world: ApiWorld) -> None:
    await world.finish(await world.place())
    reply = await world.get(SERIES + "/csv?by=day")
    assert 'filename="calls-by-day.csv"' in reply.headers["Content-Disposition"]
    rows = list(csv.DictReader(reply.body.decode().splitlines()))
    assert (len(rows), rows[-1]["total_calls"], rows[-1]["total_minutes"]) == (30, "1", "2.0")


async def test_the_table_of_a_period_that_ends_before_it_begins_has_its_heads(world: ApiWorld) -> None:
    await world.finish(await world.place())
    period = "start_date=2025-01-02T00:00:00Z&end_date=2025-01-01T00:00:00Z"
    for by in ("hour", "day"):
        empty = (await world.get(f"{SERIES}/csv?by={by}&{period}")).body
        assert empty == (await world.get(f"{SERIES}/csv?by={by}")).body.splitlines(keepends=True)[0]
