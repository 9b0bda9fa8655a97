"""What an agent asks and says about itself and its calls; its media as WHIP has them (RFC 9725)."""

from dataclasses import replace
from typing import Final

from aiohttp import web

from b2bua.call.agent_calls import IceServerTold, MediaAnswer
from b2bua.call.errors import AgentsOff
from control_api.agent_facade import AgentsFacade
from control_api.agent_schemas import (
    AGENT_REQUIREMENTS,
    AgentCallBody,
    AgentStateBody,
    DigitsBody,
    own_agent_representation,
)
from control_api.agent_streams import stream_to_page
from control_api.errors import PreconditionRequired, UnsupportedMediaType
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from control_api.json_body import canonical_sha256
from control_api.rendering import json_text
from control_api.request_body import media_type_of, read_json, read_text
from control_api.rights import Right
from control_api.routes.account import reply_of, written
from control_api.routes.agents import presence_of, told_agent
from control_api.routes.of_call import call_id_of
from control_api.schemas import check_place_call, checked, placed_call_representation

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_MEDIA: Final = "/v1/agent/calls/{call_sid}/media"
_ANY: Final = ("*", '"*"')  # the quotes are in the examples of RFC 9725, and in what its clients send


async def show_me(api: Api, exchange: Exchange) -> Reply:
    """The agent that asks, and what its browser needs to know."""
    agent = exchange.agent
    servers = () if api.agents is None else api.agents.ice_servers(agent)
    return reply_of(own_agent_representation(agent, presence_of(api, agent), servers))


async def set_state(api: Api, exchange: Exchange) -> Reply:
    """Whether the agent wants calls from now on."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    state = checked(AgentStateBody, body, AGENT_REQUIREMENTS).state
    agent = exchange.agent
    await written(api, lambda unit: unit.agents.set_state(agent.org_id, agent.name, state), "No such agent.")
    if api.agents is not None:
        api.agents.set_state(agent, state)
    return reply_of(told_agent(api, replace(agent, state=state)))


async def stream_events(api: Api, exchange: Exchange) -> web.StreamResponse:
    """What the agent's page is told."""
    return await stream_to_page(exchange, _agents(api), api.clock)


async def place_call(api: Api, exchange: Exchange) -> Reply:
    """A masked call from the agent to somebody: the agent's pages ring first."""
    agents = _agents(api)  # without a line nobody could answer
    agent = exchange.agent
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(AgentCallBody, body, AGENT_REQUIREMENTS).model_dump(exclude_none=True)
    key = idempotency_key(exchange.request.headers.getall(IDEMPOTENCY_HEADER, ()))
    party_a = f"agent:{agent.name}"
    body_sha256 = "" if key is None else canonical_sha256({"agent": party_a, "body": body})
    command = check_place_call({**wanted, "party_a": party_a}).command(
        agent.org_id, exchange.request_id, key, body_sha256, tests_only=False
    )
    placed = await api.switch.place_call(command)
    agents.expects(agent, placed.record.call_id)  # before anything else runs, and so before it is dialled
    return Reply(
        data=json_text(placed_call_representation(placed.record)),
        status=201,
        request_id=placed.request_id or None,
        at_ms=placed.record.created_at,
    )


async def offer_media(api: Api, exchange: Exchange) -> web.StreamResponse:
    """A browser's SDP offer answers a call that rings, or goes on with one after its page was loaded anew."""
    call_id = call_id_of(exchange)
    offer = await read_text(exchange.request, api.settings.max_body_bytes, (SDP,))
    query = exchange.request.query
    answer = await _agents(api).answer(exchange.agent, call_id, offer, query.get("page"), query.get("media"))
    exchange.headers["Location"] = _MEDIA.replace("{call_sid}", call_id)
    for server in _agents(api).ice_servers(exchange.agent):
        exchange.headers.add("Link", _link(server))
    return _described(exchange, answer, SDP, 201)


async def change_media(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Trickled candidates, with the ICE session's ETag in If-Match; an ICE restart, with `*` (RFC 9725, 4.3)."""
    call_id, headers = call_id_of(exchange), exchange.request.headers
    body = await read_text(exchange.request, api.settings.max_body_bytes, (FRAGMENT, SDP))
    exchange.headers["Accept-Patch"] = FRAGMENT
    match = headers.getall("If-Match", ())
    if len(match) != 1:
        raise PreconditionRequired("If-Match must name the ICE session, or be * for a restart.")
    if match[0] in _ANY:
        answer = await _agents(api).restart(exchange.agent, call_id, body)
        return _described(exchange, answer, media_type_of(exchange.request), 200)
    if media_type_of(exchange.request) != FRAGMENT:
        raise UnsupportedMediaType(f"Candidates must be sent as Content-Type: {FRAGMENT}.")
    await _agents(api).trickle(exchange.agent, call_id, body, match[0])
    return web.Response(status=204, headers=exchange.headers)


async def hang_up(api: Api, exchange: Exchange) -> web.StreamResponse:
    """End a call that a browser answers."""
    _agents(api).hang_up(exchange.agent, call_id_of(exchange))
    return web.Response(status=204, headers=exchange.headers)


async def decline(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Refuse a call that rings."""
    _agents(api).decline(exchange.agent, call_id_of(exchange))
    return web.Response(status=204, headers=exchange.headers)


async def hold(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Let nothing pass either way."""
    _agents(api).hold(exchange.agent, call_id_of(exchange), held=True)
    return web.Response(status=204, headers=exchange.headers)


async def resume(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Go on with a call that is held."""
    _agents(api).hold(exchange.agent, call_id_of(exchange), held=False)
    return web.Response(status=204, headers=exchange.headers)


async def press(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Send digits to the other party."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    digits = checked(DigitsBody, body, AGENT_REQUIREMENTS).digits
    _agents(api).press(exchange.agent, call_id_of(exchange), digits)
    return web.Response(status=204, headers=exchange.headers)


def _agents(api: Api) -> AgentsFacade:
    if api.agents is None:
        raise AgentsOff
    return api.agents


def _link(server: IceServerTold) -> str:
    """A STUN or TURN server as a value of Link (RFC 9725 section 4.6)."""
    parts = [f"<{server.url}>", 'rel="ice-server"']
    if server.username:
        parts += [f'username="{server.username}"', f'credential="{server.credential}"', 'credential-type="password"']
    return "; ".join(parts)


def _described(exchange: Exchange, answer: MediaAnswer, content_type: str, status: int) -> web.Response:
    headers = exchange.headers
    headers["Content-Type"] = content_type
    headers["ETag"] = answer.etag
    headers["X-Media-Id"] = answer.media_id
    return web.Response(body=answer.sdp.encode(), status=status, headers=headers)


_TAKES: Final = Right.TAKE_CALLS
ROUTES: Final = (
    Route("GET", "/v1/agent/me", show_me, right=_TAKES),
    Route("PUT", "/v1/agent/state", set_state, right=_TAKES),
    Route("GET", "/v1/agent/events", stream_events, right=_TAKES),
    Route("POST", "/v1/agent/calls", place_call, right=_TAKES),
    Route("POST", _MEDIA, offer_media, right=_TAKES, takes=SDP),
    Route("PATCH", _MEDIA, change_media, right=_TAKES, takes=FRAGMENT),
    Route("DELETE", _MEDIA, hang_up, right=_TAKES),
    Route("POST", "/v1/agent/calls/{call_sid}/decline", decline, right=_TAKES),
    Route("POST", "/v1/agent/calls/{call_sid}/hold", hold, right=_TAKES),
    Route("POST", "/v1/agent/calls/{call_sid}/resume", resume, right=_TAKES),
    Route("POST", "/v1/agent/calls/{call_sid}/digits", press, right=_TAKES),
)
