"""What moved in the wallet: month by month as statements, and all of it as the ledger has it."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from b2bua.billing.documents import csv_heads, csv_rows, to_csv
from b2bua.billing.statements import IST_OFFSET_MS, Statement, bounds_of, month_of, months_between
from control_api.account_bodies import REQUIREMENTS
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.rights import Right
from control_api.routes.account import page_of, page_reply, reply_of
from control_api.routes.payments import file_reply
from control_api.routes.query import single_values
from control_api.schemas import checked, page_representation
from control_api.statement_schemas import (
    LedgerPeriodQuery,
    LedgerQuery,
    TransferView,
    statement_of,
    transfer_representation,
)
from control_api.tables import send_table
from storage.billing_records import Transfer
from storage.movements import BEGINNING
from storage.units import Reader

ROWS_AT_ONCE: Final = 1_000
_LAST_PAGE: Final = 10**12
_NO_STATEMENT: Final = "No statement of this month."


async def list_statements(api: Api, exchange: Exchange) -> Reply:
    """The months that there are statements of, the last one first."""
    wanted, org_id = page_of(exchange), exchange.org_id
    organisation = await api.store.read(lambda reader: reader.organisation(org_id))
    present = month_of(api.clock.wall_ms())
    months = months_between(month_of(organisation.created_at), present)
    start = (wanted.page - 1) * wanted.page_size
    rows: list[dict[str, object]] = [
        {"month": month, "complete": month < present} for month in months[start : start + wanted.page_size]
    ]
    return page_reply(rows, len(months), wanted)


async def show_statement(api: Api, exchange: Exchange) -> Reply:
    """The statement of a month."""
    return reply_of((await _statement(api, exchange)).to_json())


async def download_statement(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The same as PDF."""
    statement = await _statement(api, exchange)
    with api.downloads.place():
        content = await api.printer.pdf(exchange.org_id, statement)
    return file_reply(exchange, content, "application/pdf", f"statement-{statement.month}.pdf")


async def export_statement(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The same as a table."""
    statement = await _statement(api, exchange)
    return file_reply(exchange, to_csv(statement.table()), "text/csv", f"statement-{statement.month}.csv")


async def show_ledger(api: Api, exchange: Exchange) -> Reply:
    """A page of the ledger, newest first."""
    wanted, org_id = _wanted(exchange), exchange.org_id
    page = min(wanted.page, _LAST_PAGE)
    rows, total = await api.store.read(lambda reader: reader.transfers(org_id, wanted.period(), page, wanted.page_size))
    meta = page_representation(total, page, wanted.page_size)
    return Reply(json_text([transfer_representation(row) for row in rows]), meta=meta)


async def export_ledger(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The ledger as a table, oldest first, written while it is read."""
    query = single_values(exchange.request.query, LedgerPeriodQuery.model_fields)
    period = checked(LedgerPeriodQuery, query, _DATES).period()
    return await send_table(api, exchange, "ledger.csv", _pieces_of_ledger(api, exchange.org_id, period))


async def _pieces_of_ledger(api: Api, org_id: str, period: tuple[int, int]) -> AsyncIterator[bytes]:
    rows = await _rows_after(api, org_id, period, BEGINNING)
    yield csv_heads(TransferView.model_fields)
    while rows:
        yield csv_rows([transfer_representation(row) for row in rows])
        rows = await _rows_after(api, org_id, period, (rows[-1].created_at, rows[-1].row))


async def _rows_after(api: Api, org_id: str, period: tuple[int, int], after: tuple[int, int]) -> list[Transfer]:
    return await api.store.read(lambda reader: reader.transfers_after(org_id, period, after, ROWS_AT_ONCE))


async def _statement(api: Api, exchange: Exchange) -> Statement:
    org_id, month = exchange.org_id, exchange.request.match_info["month"]
    now_ms = api.clock.wall_ms()
    try:
        begins, ends = bounds_of(month)
    except ValueError:
        raise NotFound(_NO_STATEMENT) from None

    def look(reader: Reader) -> Statement:
        organisation = reader.organisation(org_id)
        if not month_of(organisation.created_at) <= month <= month_of(now_ms):
            raise NotFound(_NO_STATEMENT)
        return statement_of(organisation, month, reader.month_of_wallet(org_id, begins, ends, IST_OFFSET_MS), now_ms)

    # What was there before the month is the sum of all before it, for which no call's look-up is to wait.
    with api.downloads.place():
        return await api.store.read_apart(look)


def _wanted(exchange: Exchange) -> LedgerQuery:
    query = single_values(exchange.request.query, LedgerQuery.model_fields)
    return checked(LedgerQuery, query, REQUIREMENTS | _DATES)


_DATES: Final = dict.fromkeys(("start_date", "end_date"), "an RFC 3339 date-time")
_ONE: Final = "/v1/account/statements/{month}"
ROUTES: Final = (
    Route("GET", "/v1/account/statements", list_statements, right=Right.BILLING_READ),
    Route("GET", _ONE, show_statement, right=Right.BILLING_READ),
    Route("GET", _ONE + "/pdf", download_statement, right=Right.BILLING_READ),
    Route("GET", _ONE + "/csv", export_statement, right=Right.BILLING_READ),
    Route("GET", "/v1/account/ledger", show_ledger, right=Right.BILLING_READ),
    Route("GET", "/v1/account/ledger/csv", export_ledger, right=Right.BILLING_READ),
)
