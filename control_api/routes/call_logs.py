"""The list of calls, page by page and whole as a table."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from b2bua.billing.documents import csv_heads, csv_rows
from b2bua.call.masking import normalise_mobile
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.query import single_values
from control_api.schemas import (
    CallConditions,
    CallLogQuery,
    CallView,
    call_representation,
    check_query,
    page_representation,
)
from control_api.tables import send_table
from storage.records import CallFilter, CallRecord, Scope

ROWS_AT_ONCE: Final = 500
# Rows are counted with 64 bits below; no list is this long.
_LAST_PAGE: Final = 10**12
# The same as call_sid, and what is no single value.
_NOT_IN_TABLE: Final = ("id", "legs")
_COLUMNS: Final = tuple(name for name in CallView.model_fields if name not in _NOT_IN_TABLE)


async def list_calls(api: Api, exchange: Exchange) -> Reply:
    """A page of the organisation's calls, newest first."""
    query = check_query(CallLogQuery, single_values(exchange.request.query, CallLogQuery.model_fields))
    wanted = _filter_of(query, exchange)
    org_id, page, per_page = exchange.org_id, min(query.page, _LAST_PAGE), query.page_size
    records, total = await api.store.read(lambda reader: reader.calls(org_id, wanted, page, per_page))
    style = api.settings.log_number_style
    return Reply(
        json_text([call_representation(record, style) for record in records]),
        meta=page_representation(total, query.page, per_page),
    )


async def export_calls(api: Api, exchange: Exchange) -> web.StreamResponse:
    """All of them as a table, newest first, written while they are read."""
    query = check_query(CallConditions, single_values(exchange.request.query, CallConditions.model_fields))
    pieces = _pieces(api, exchange.org_id, _filter_of(query, exchange))
    return await send_table(api, exchange, "calls.csv", pieces)


def _filter_of(query: CallConditions, exchange: Exchange) -> CallFilter:
    party = query.party
    if party is not None:
        party = normalise_mobile(party.strip()) or party.strip()
    return query.call_filter(party, tests_only=exchange.caller.tests_only)


async def _pieces(api: Api, org_id: str, wanted: CallFilter) -> AsyncIterator[bytes]:
    style = api.settings.log_number_style
    records = await _before(api, org_id, wanted, None)
    yield csv_heads(_COLUMNS)
    while records:
        yield csv_rows([_row(record, style) for record in records])
        records = await _before(api, org_id, wanted, records[-1])


async def _before(api: Api, org_id: str, wanted: CallFilter, last: CallRecord | None) -> list[CallRecord]:
    return await api.store.read(lambda reader: reader.calls_before(org_id, wanted, last, ROWS_AT_ONCE))


def _row(record: CallRecord, style: str) -> dict[str, object]:
    shown = call_representation(record, style)
    return {name: shown[name] for name in _COLUMNS} | {"test": "true" if record.test else "false"}


ROUTES: Final = (
    Route("GET", "/v1/masking/call-logs", list_calls, Scope.CALLS_READ),
    Route("GET", "/v1/masking/call-logs/csv", export_calls, Scope.CALLS_READ),
)
