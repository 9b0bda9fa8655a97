"""Server-sent events for an agent's pages (the event stream format of the HTML standard, 9.2)."""

import asyncio
from typing import Final

from aiohttp import hdrs, web

from b2bua.clock import Clock
from control_api.agent_facade import AgentPage, AgentsFacade
from control_api.agent_schemas import agent_event
from control_api.event_streams import EVENT_STREAM, HEARTBEAT_S, WRITE_TIMEOUT_S, event_frame
from control_api.exchange import Exchange
from storage.agent_records import Agent

_RECONNECT_MS: Final = 1_000


async def stream_to_page(exchange: Exchange, agents: AgentsFacade, clock: Clock) -> web.StreamResponse:
    """What an agent's page is told from now on. Its last event is `end` with a `reason`."""
    transport = exchange.request.transport
    agent = exchange.agent
    page = agents.listen(agent, lambda: transport is not None and not transport.is_closing())
    try:
        headers = exchange.headers
        headers[hdrs.CONTENT_TYPE] = f"{EVENT_STREAM}; charset=utf-8"
        headers["X-Accel-Buffering"] = "no"  # a proxy in front has to pass each event on at once
        response = web.StreamResponse(headers=headers)
        await response.prepare(exchange.request)
        if exchange.request.method != hdrs.METH_HEAD:
            await _follow(exchange, response, page, agent, clock)
        return response
    finally:
        page.leave()


async def _follow(
    exchange: Exchange, response: web.StreamResponse, page: AgentPage, agent: Agent, clock: Clock
) -> None:
    content = f"retry: {_RECONNECT_MS}\n\n".encode() + event_frame("page", {"page": page.page_id})
    reason: str | None = None
    looked_up_at = clock.monotonic()
    while await _write(exchange, response, content) and reason is None:
        events = await page.take(HEARTBEAT_S)
        reason = page.end
        content = b"".join(event_frame(*agent_event(event)) for event in events) or b": heartbeat\n\n"
        # Looked up in every pause, and where there is none, as with a page that is busy, at its time.
        if reason is None and (not events or clock.monotonic() - looked_up_at >= HEARTBEAT_S):
            looked_up_at = clock.monotonic()
            if not await _is_good(exchange, agent):
                reason, content = "unauthorized", b""
        if reason is not None:
            content += event_frame("end", {"reason": reason})


async def _is_good(exchange: Exchange, agent: Agent) -> bool:
    """Whether its token or session is good still, and that agent's."""
    return await exchange.still_good() and exchange.agent.name == agent.name


async def _write(exchange: Exchange, response: web.StreamResponse, content: bytes) -> bool:
    """Whether it was taken; a client that takes nothing for `WRITE_TIMEOUT_S` has gone."""
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await response.write(content)
    except (TimeoutError, ConnectionError):
        if exchange.request.transport is not None:
            exchange.request.transport.abort()
        return False
    return True
