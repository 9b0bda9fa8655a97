"""Totals over a period."""

from typing import Final

from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.query import single_values
from control_api.schemas import StatsQuery, check_stats_query, stats_representation
from storage.records import Scope


async def show_stats(api: Api, exchange: Exchange) -> Reply:
    """The organisation's totals; the last 30 days unless told otherwise."""
    query = check_stats_query(single_values(exchange.request.query, StatsQuery.model_fields))
    start, end = query.period(api.clock.wall_ms())
    org_id = exchange.org_id
    test = query.test or exchange.caller.tests_only
    stats = await api.store.read(lambda reader: reader.stats(org_id, start, end, test=test))
    return Reply(json_text(stats_representation(stats)))


ROUTES: Final = (Route("GET", "/v1/masking/stats", show_stats, Scope.CALLS_READ),)
