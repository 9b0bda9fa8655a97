"""Placing a call, looking at it, ending it."""

from dataclasses import replace
from typing import Final

from b2bua.switch.admission import replay
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from control_api.json_body import canonical_sha256
from control_api.rendering import json_text
from control_api.request_body import read_json, read_optional_json
from control_api.routes.of_call import call_id_of, check_seen
from control_api.routes.streams import stream_wish
from control_api.schemas import (
    call_representation,
    check_place_call,
    ending_call_representation,
    placed_call_representation,
)
from storage.records import Scope


async def place_call(api: Api, exchange: Exchange) -> Reply:
    """Admit a masked call and start it; a repeated Idempotency-Key gets the first reply again."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = check_place_call(body)
    key = idempotency_key(exchange.request.headers.getall(IDEMPOTENCY_HEADER, ()))
    tests_only = exchange.caller.tests_only
    # With a test key the same body is another request.
    body_sha256 = "" if key is None else canonical_sha256({"test": body} if tests_only else body)
    command = wanted.command(exchange.org_id, exchange.request_id, key, body_sha256, tests_only=tests_only)
    placed = None
    if wanted.stream is not None:
        # Where it is streamed to may have changed since: the first reply stands.
        at = api.clock.wall_ms()
        placed = await api.store.read(lambda reader: replay(reader, command, at))
    if placed is None:
        stream = await stream_wish(api, exchange, wanted.stream)
        placed = await api.switch.place_call(replace(command, stream=stream))
    return Reply(
        data=json_text(placed_call_representation(placed.record)),
        status=201,
        request_id=placed.request_id or None,
        at_ms=placed.record.created_at,
    )


async def show_call(api: Api, exchange: Exchange) -> Reply:
    """The call as it is now."""
    call_id = call_id_of(exchange)
    org_id = exchange.org_id
    record = await api.store.read(lambda reader: reader.call(org_id, call_id))
    if record is None or not exchange.caller.sees(record):
        raise NotFound("No such call.")
    return Reply(json_text(call_representation(record, api.settings.log_number_style)))


async def hang_up(api: Api, exchange: Exchange) -> Reply:
    """End the call on every leg at once."""
    call_id = call_id_of(exchange)
    await read_optional_json(exchange.request, api.settings.max_body_bytes)
    await check_seen(api, exchange, call_id)
    await api.switch.hang_up(exchange.org_id, call_id)
    return Reply(json_text(ending_call_representation(call_id)), status=202)


ROUTES: Final = (
    Route("POST", "/v1/masking/calls", place_call, Scope.CALLS_WRITE),
    Route("GET", "/v1/masking/calls/{call_sid}", show_call, Scope.CALLS_READ),
    Route("POST", "/v1/masking/calls/{call_sid}/hangup", hang_up, Scope.CALLS_WRITE),
)
