"""What happened in a call."""

from typing import Final

from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import json_text
from control_api.routes.calls import call_id_of
from control_api.trace_schemas import events_representation
from storage.records import Scope, TraceStep
from storage.units import Reader


async def show_events(api: Api, exchange: Exchange) -> Reply:
    """The timeline of a call, up to about a second ago."""
    call_id, org_id = call_id_of(exchange), exchange.org_id

    def look(reader: Reader) -> list[TraceStep] | None:
        return None if reader.call(org_id, call_id) is None else reader.trace(call_id, org_id)

    steps = await api.store.read(look)
    if steps is None:
        raise NotFound("No such call.")
    return Reply(json_text(events_representation(call_id, steps)))


ROUTES: Final = (Route("GET", "/v1/masking/calls/{call_sid}/events", show_events, Scope.CALLS_READ),)
