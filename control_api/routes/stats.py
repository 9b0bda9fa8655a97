"""Totals over a period, and through time."""

from typing import Final

from aiohttp import web

from b2bua.billing.documents import csv_heads, csv_rows
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.payments import file_reply
from control_api.routes.query import single_values
from control_api.schemas import StatsQuery, check_query, checked, stats_representation
from control_api.series_schemas import (
    SERIES_REQUIREMENTS,
    STEP_HOURS,
    SeriesQuery,
    StepView,
    series_representation,
    step_representations,
)
from storage.call_series import StepOfCalls
from storage.records import Scope


async def show_stats(api: Api, exchange: Exchange) -> Reply:
    """The organisation's totals; the last 30 days unless told otherwise."""
    query = check_query(StatsQuery, single_values(exchange.request.query, StatsQuery.model_fields))
    start, end = query.period(api.clock.wall_ms())
    org_id = exchange.org_id
    test = query.test or exchange.caller.tests_only
    stats = await api.store.read(lambda reader: reader.stats(org_id, start, end, test=test))
    return Reply(json_text(stats_representation(stats)))


async def show_series(api: Api, exchange: Exchange) -> Reply:
    """The same hour by hour or day by day."""
    query, positions, found = await _steps(api, exchange)
    return Reply(json_text(series_representation(query.by, positions, found)))


async def export_series(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The same as a table."""
    query, positions, found = await _steps(api, exchange)
    table = csv_heads(StepView.model_fields) + csv_rows(step_representations(query.by, positions, found))
    return file_reply(exchange, table, "text/csv", f"calls-by-{query.by}.csv")


async def _steps(api: Api, exchange: Exchange) -> tuple[SeriesQuery, range, list[StepOfCalls]]:
    given = single_values(exchange.request.query, SeriesQuery.model_fields)
    query = checked(SeriesQuery, given, SERIES_REQUIREMENTS)
    positions, org_id = query.positions(api.clock.wall_ms()), exchange.org_id
    first, last, step_h = positions.start, positions.stop - 1, STEP_HOURS[query.by]
    test = query.test or exchange.caller.tests_only
    found = await api.store.read(lambda reader: reader.steps_of_calls(org_id, first, last, step_h, test=test))
    return query, positions, found


ROUTES: Final = (
    Route("GET", "/v1/masking/stats", show_stats, Scope.CALLS_READ),
    Route("GET", "/v1/masking/stats/series", show_series, Scope.CALLS_READ),
    Route("GET", "/v1/masking/stats/series/csv", export_series, Scope.CALLS_READ),
)
