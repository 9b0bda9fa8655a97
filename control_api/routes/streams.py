"""Streams of live calls, and the servers that calls may be streamed to."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from yarl import URL

from b2bua.call.model import StreamWish
from control_api.auditing import audit_entry
from control_api.errors import Conflict, Forbidden, InvalidRequest, NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.request_body import read_json, read_optional_json
from control_api.rights import Right
from control_api.routes.account import reply_of, written
from control_api.routes.of_call import call_id_of, check_seen
from control_api.schemas import StreamBody, checked
from control_api.stream_schemas import (
    STREAM_REQUIREMENTS,
    AddStreamEndpointBody,
    StartStreamBody,
    endpoint_representation,
    stream_representation,
)
from control_api.streams.desk import StreamDesk
from control_api.streams.stream import StopReason
from storage.records import Scope
from storage.streams import StreamEndpoint
from storage.units import UnitOfWork

MAX_ENDPOINTS: Final = 10
_NO_ENDPOINT: Final = "No such stream endpoint."


async def list_endpoints(api: Api, exchange: Exchange) -> Reply:
    """All of them, oldest first."""
    return reply_of([endpoint_representation(endpoint) for endpoint in await _endpoints(api, exchange)])


async def add_endpoint(api: Api, exchange: Exchange) -> Reply:
    """A new one; the only reply that ever shows its secret."""
    desk = _desk(api)
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(AddStreamEndpointBody, body, STREAM_REQUIREMENTS)
    if wanted.every_call and Right.STREAMS_WRITE not in exchange.caller.rights:
        raise Forbidden("To have every call streamed takes the scope streams:write.", "every_call")
    endpoint = StreamEndpoint(
        endpoint_id=api.tokens.uuid(),
        org_id=exchange.org_id,
        url=wanted.url,
        secret=f"strsec_{api.tokens.hex(64)}",
        rate_hz=wanted.rate,
        tracks=wanted.tracks,
        every_call=wanted.every_call,
        created_at=api.clock.wall_ms(),
    )
    change = {"url": endpoint.url, "every_call": endpoint.every_call}
    entry = audit_entry(api, exchange, "stream_endpoint.add", endpoint.endpoint_id, change)

    def work(unit: UnitOfWork) -> None:
        if len(unit.streams.of(endpoint.org_id)) >= MAX_ENDPOINTS:
            raise Conflict(f"An organisation has at most {MAX_ENDPOINTS} stream endpoints.")
        unit.streams.add(endpoint)
        unit.audit.add(entry)

    await written(api, work, _NO_ENDPOINT)
    await desk.refresh()
    return reply_of(endpoint_representation(endpoint) | {"secret": endpoint.secret}, 201)


async def remove_endpoint(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Stream nothing new there; what is being streamed goes on to its call's end."""
    desk = _desk(api)
    endpoint_id = exchange.request.match_info["endpoint_id"]
    entry = audit_entry(api, exchange, "stream_endpoint.remove", endpoint_id)

    def work(unit: UnitOfWork) -> None:
        if not unit.streams.remove(exchange.org_id, endpoint_id):
            raise NotFound(_NO_ENDPOINT)
        unit.audit.add(entry)

    await written(api, work, _NO_ENDPOINT)
    await desk.refresh()
    return web.Response(status=204, headers=exchange.headers)


async def list_streams(api: Api, exchange: Exchange) -> Reply:
    """A live call's streams, ended ones too."""
    call_id = await _live_call_id(api, exchange)
    return reply_of([stream_representation(stream) for stream in _desk(api).of(call_id)])


async def start_stream(api: Api, exchange: Exchange) -> Reply:
    """Stream a live call from now on."""
    call_id = call_id_of(exchange)
    body = await read_optional_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(StartStreamBody, {} if body is None else body, STREAM_REQUIREMENTS)
    await check_seen(api, exchange, call_id)
    desk = _desk(api)
    endpoint, wish = _chosen(await _endpoints(api, exchange), wanted, "")
    call = await api.switch.heard_call(exchange.org_id, call_id)
    stream = desk.begin(call, endpoint, wish)
    change = {"stream_id": stream.plan.stream_id, "endpoint_id": endpoint.endpoint_id}
    entry = audit_entry(api, exchange, "stream.start", call_id, change)
    await api.store.run(lambda unit: unit.audit.add(entry))
    return reply_of(stream_representation(stream), 201)


async def stop_stream(api: Api, exchange: Exchange) -> Reply:
    """End one stream; the call goes on."""
    call_id = await _live_call_id(api, exchange)
    stream_id = exchange.request.match_info["stream_id"]
    stream = next((found for found in _desk(api).of(call_id) if found.plan.stream_id == stream_id), None)
    if stream is None:
        raise NotFound("No such stream of this call.")
    stream.stop(StopReason.STOPPED)
    entry = audit_entry(api, exchange, "stream.stop", call_id, {"stream_id": stream_id})
    await api.store.run(lambda unit: unit.audit.add(entry))
    return reply_of(stream_representation(stream))


async def stream_wish(api: Api, exchange: Exchange, body: StreamBody | None) -> StreamWish | None:
    """Where a call that is being placed is to be streamed. Raises Forbidden, InvalidRequest."""
    if body is None:
        return None
    if Right.STREAMS_WRITE not in exchange.caller.rights:
        raise Forbidden("To have a call streamed takes the scope streams:write.")
    _desk(api)
    return _chosen(await _endpoints(api, exchange), body, "stream.")[1]


async def _live_call_id(api: Api, exchange: Exchange) -> str:
    """The id of the live call in the path, which this caller may see. Raises CallNotFound, CallAlreadyEnded."""
    call_id = call_id_of(exchange)
    await check_seen(api, exchange, call_id)
    return (await api.switch.heard_call(exchange.org_id, call_id)).call_id


async def _endpoints(api: Api, exchange: Exchange) -> Sequence[StreamEndpoint]:
    org_id = exchange.org_id
    return await api.store.read(lambda reader: reader.stream_endpoints(org_id))


def _desk(api: Api) -> StreamDesk:
    if api.streams is None:
        raise NotFound("Calls are not streamed here.")
    return api.streams


def _chosen(endpoints: Sequence[StreamEndpoint], wanted: StreamBody, prefix: str) -> tuple[StreamEndpoint, StreamWish]:
    """The endpoint that a URL belongs to, the one of just that URL first. Raises InvalidRequest."""
    url = wanted.url
    if url is None:
        fitting = list(endpoints)
    else:
        origin = _origin(url)
        fitting = [endpoint for endpoint in endpoints if endpoint.url == url] or [
            endpoint for endpoint in endpoints if origin is not None and _origin(endpoint.url) == origin
        ]
    if not fitting:
        raise InvalidRequest("The URL is at no stream endpoint of your organisation.", f"{prefix}url")
    endpoint = fitting[0]
    return endpoint, StreamWish(
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url if url is None else url,
        rate_hz=wanted.rate or endpoint.rate_hz,
        tracks=wanted.tracks or endpoint.tracks,
    )


def _origin(text: str) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port of a URL; None for what is none."""
    try:
        url = URL(text)
        return url.scheme, url.host, url.port
    except ValueError:
        return None


ROUTES: Final = (
    Route("GET", "/v1/account/stream-endpoints", list_endpoints, right=Right.WEBHOOKS_READ),
    Route("POST", "/v1/account/stream-endpoints", add_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("DELETE", "/v1/account/stream-endpoints/{endpoint_id}", remove_endpoint, right=Right.WEBHOOKS_WRITE),
    Route("GET", "/v1/masking/calls/{call_sid}/streams", list_streams, Scope.STREAMS_WRITE),
    Route("POST", "/v1/masking/calls/{call_sid}/streams", start_stream, Scope.STREAMS_WRITE),
    Route("DELETE", "/v1/masking/calls/{call_sid}/streams/{stream_id}", stop_stream, Scope.STREAMS_WRITE),
)
