"""What happened in a call, and what is told of calls as it happens."""

from typing import Final

from aiohttp import web

from control_api.errors import NotFound
from control_api.event_streams import stream_call, stream_events, wants_stream
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.of_call import call_id_of
from control_api.trace_schemas import events_representation
from storage.records import Scope, TraceStep
from storage.units import Reader


async def show_events(api: Api, exchange: Exchange) -> Reply | web.StreamResponse:
    """The timeline of a call, up to about a second ago; where a stream is asked for, what is told of it from now on."""
    call_id, org_id = call_id_of(exchange), exchange.org_id

    def look(reader: Reader) -> list[TraceStep] | None:
        call = reader.call(org_id, call_id)
        return None if call is None or not exchange.caller.sees(call) else reader.trace(call_id, org_id)

    steps = await api.store.read(look)
    if steps is None:
        raise NotFound("No such call.")
    if wants_stream(exchange):
        return await stream_call(api, exchange, call_id)
    return Reply(json_text(events_representation(call_id, steps)))


ROUTES: Final = (
    Route("GET", "/v1/masking/events", stream_events, Scope.CALLS_READ),
    Route("GET", "/v1/masking/calls/{call_sid}/events", show_events, Scope.CALLS_READ),
)
