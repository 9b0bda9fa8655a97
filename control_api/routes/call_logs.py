"""The list of calls."""

from typing import Final

from b2bua.call.masking import normalise_mobile
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.query import single_values
from control_api.schemas import CallLogQuery, call_representation, check_call_log_query, page_representation
from storage.records import Scope

# Rows are counted with 64 bits below; no list is this long.
_LAST_PAGE: Final = 10**12


async def list_calls(api: Api, exchange: Exchange) -> Reply:
    """A page of the organisation's calls, newest first."""
    query = check_call_log_query(single_values(exchange.request.query, CallLogQuery.model_fields))
    party = query.party
    if party is not None:
        party = normalise_mobile(party.strip()) or party.strip()
    wanted = query.call_filter(party, tests_only=exchange.caller.tests_only)
    org_id, page, per_page = exchange.org_id, min(query.page, _LAST_PAGE), query.page_size
    records, total = await api.store.read(lambda reader: reader.calls(org_id, wanted, page, per_page))
    style = api.settings.log_number_style
    return Reply(
        json_text([call_representation(record, style) for record in records]),
        meta=page_representation(total, query.page, per_page),
    )


ROUTES: Final = (Route("GET", "/v1/masking/call-logs", list_calls, Scope.CALLS_READ),)
