"""Supervisors of live calls: joining by a browser's offer, whom they speak to, leaving."""

from typing import Final

from aiohttp import web

from b2bua.switch.supervisors import SupervisorDesk
from control_api.auditing import audit_entry
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.request_body import read_json
from control_api.routes.account import reply_of
from control_api.routes.of_call import call_id_of, check_seen
from control_api.schemas import checked
from control_api.supervisor_schemas import (
    SUPERVISOR_REQUIREMENTS,
    ChangeSupervisorBody,
    JoinCallBody,
    ice_servers_representation,
    supervisor_representation,
)
from storage.records import Scope


async def list_supervisors(api: Api, exchange: Exchange) -> Reply:
    """Who takes part in a live call."""
    call_id = await _live_call_id(api, exchange)
    return reply_of([supervisor_representation(one) for one in _desk(api).of(call_id)])


async def ice_servers(api: Api, exchange: Exchange) -> Reply:
    """Where a supervisor's browser finds candidates."""
    desk = _desk(api)
    await _live_call_id(api, exchange)
    return reply_of(ice_servers_representation(desk.ice_servers()))


async def join_call(api: Api, exchange: Exchange) -> Reply:
    """Take part in a live call from now on."""
    call_id = call_id_of(exchange)
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(JoinCallBody, body, SUPERVISOR_REQUIREMENTS)
    await check_seen(api, exchange, call_id)
    desk = _desk(api)
    call = await api.switch.supervised_call(exchange.org_id, call_id)
    joined = await desk.join(call, wanted.sdp, wanted.mode, exchange.still_good)
    await _audit(api, exchange, "join", {"supervisor": joined.supervisor.supervisor_id, "mode": wanted.mode.value})
    return reply_of(supervisor_representation(joined.supervisor) | {"sdp": joined.sdp}, 201)


async def change_supervisor(api: Api, exchange: Exchange) -> Reply:
    """Speak to somebody else, bring further candidates, or restart ICE."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(ChangeSupervisorBody, body, SUPERVISOR_REQUIREMENTS)
    call_id = await _live_call_id(api, exchange)
    desk, supervisor_id = _desk(api), exchange.request.match_info["supervisor_id"]
    if wanted.candidates is not None:
        await desk.trickle(call_id, supervisor_id, wanted.candidates)
    sdp = None if wanted.sdp is None else await desk.restart(call_id, supervisor_id, wanted.sdp)
    supervisor = next((one for one in desk.of(call_id) if one.supervisor_id == supervisor_id), None)
    if supervisor is None:
        raise NotFound("No such supervisor of this call.")
    if wanted.mode is not None and wanted.mode is not supervisor.mode:
        desk.change(call_id, supervisor_id, wanted.mode)
        await _audit(api, exchange, "mode", {"supervisor": supervisor_id, "mode": wanted.mode.value})
    return reply_of(supervisor_representation(supervisor) | {"sdp": sdp})


async def end_supervision(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Take part no more; the call goes on."""
    call_id = await _live_call_id(api, exchange)
    supervisor_id = exchange.request.match_info["supervisor_id"]
    _desk(api).leave(call_id, supervisor_id)
    await _audit(api, exchange, "leave", {"supervisor": supervisor_id})
    return web.Response(status=204, headers=exchange.headers)


async def _live_call_id(api: Api, exchange: Exchange) -> str:
    """The id of the live call in the path, which this caller may see. Raises CallNotFound, CallAlreadyEnded."""
    call_id = call_id_of(exchange)
    await check_seen(api, exchange, call_id)
    return (await api.switch.supervised_call(exchange.org_id, call_id)).call_id


async def _audit(api: Api, exchange: Exchange, what: str, change: dict[str, object]) -> None:
    entry = audit_entry(api, exchange, f"supervisor.{what}", call_id_of(exchange), change)
    await api.store.run(lambda unit: unit.audit.add(entry))


def _desk(api: Api) -> SupervisorDesk:
    if api.supervisors is None:
        raise NotFound("No browsers are met here, so calls cannot be supervised.")
    return api.supervisors


_ICE_SERVERS: Final = "ice-servers"
_ALL: Final = "/v1/masking/calls/{call_sid}/supervisors"
_ONE: Final = _ALL + "/{supervisor_id}"
ROUTES: Final = (
    Route("GET", _ALL, list_supervisors, Scope.SUPERVISE),
    Route("GET", f"{_ALL}/{_ICE_SERVERS}", ice_servers, Scope.SUPERVISE),
    Route("POST", _ALL, join_call, Scope.SUPERVISE),
    Route("PATCH", _ONE, change_supervisor, Scope.SUPERVISE, beside=_ICE_SERVERS),
    Route("DELETE", _ONE, end_supervision, Scope.SUPERVISE, beside=_ICE_SERVERS),
)
