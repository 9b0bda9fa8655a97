"""An organisation's agents, and the tokens by which their browsers are known."""

from dataclasses import replace
from typing import Final

from aiohttp import web

from b2bua.call.agent_calls import AgentPresence
from control_api.agent_ring import new_agent_token
from control_api.agent_schemas import (
    AGENT_REQUIREMENTS,
    AgentTokenBody,
    ChangeAgentBody,
    CreateAgentBody,
    agent_representation,
    agent_token_representation,
    present_agent_representation,
)
from control_api.auditing import audit_entry
from control_api.errors import Conflict, InvalidRequest, NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.request_body import read_json, read_optional_json
from control_api.routes.account import reply_of, written
from control_api.schemas import checked
from storage.agent_records import MAX_AGENTS, Agent
from storage.errors import UnknownRecord
from storage.records import Scope
from storage.units import UnitOfWork

_NO_AGENT: Final = "No such agent."


def presence_of(api: Api, agent: Agent) -> AgentPresence | None:
    """How an agent does; None where no browsers are met."""
    return None if api.agents is None else api.agents.presence(agent)


def told_agent(api: Api, agent: Agent) -> dict[str, object]:
    """An agent as replies have it."""
    return present_agent_representation(agent, presence_of(api, agent))


async def list_agents(api: Api, exchange: Exchange) -> Reply:
    """All of the organisation's, by name."""
    org_id = exchange.org_id
    agents = await api.store.read(lambda reader: reader.agents(org_id))
    return reply_of([told_agent(api, agent) for agent in agents])


async def create_agent(api: Api, exchange: Exchange) -> Reply:
    """A new agent."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(CreateAgentBody, body, AGENT_REQUIREMENTS)
    now_ms = api.clock.wall_ms()
    shown = wanted.display_name or wanted.name
    agent = Agent(exchange.org_id, wanted.name, shown, wanted.state, now_ms, wanted.person_id)
    entry = audit_entry(api, exchange, "agent.create", agent.name, agent_representation(agent))

    def work(unit: UnitOfWork) -> None:
        if unit.agents.count(agent.org_id) >= MAX_AGENTS:
            raise Conflict(f"An organisation has at most {MAX_AGENTS} agents.")
        if any(agent.name == present.name for present in unit.agents.of(agent.org_id)):
            raise Conflict("There is an agent of this name already.", "name")
        _check_person(unit, agent)
        unit.agents.add(agent)
        unit.audit.add(entry)

    await written(api, work, _NO_AGENT)
    return reply_of(told_agent(api, agent), 201)


async def show_agent(api: Api, exchange: Exchange) -> Reply:
    """One agent."""
    return reply_of(told_agent(api, await _agent(api, exchange)))


async def change_agent(api: Api, exchange: Exchange) -> Reply:
    """Change what is named of an agent."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(ChangeAgentBody, body, AGENT_REQUIREMENTS)
    changes = wanted.model_dump(exclude_unset=True)
    for name in ("display_name", "state"):
        if name in changes and changes[name] is None:
            raise InvalidRequest(f"{name} must be {AGENT_REQUIREMENTS[name]}.", name)
    org_id, name = exchange.org_id, exchange.request.match_info["agent"]
    entry = audit_entry(api, exchange, "agent.change", name, changes)

    def work(unit: UnitOfWork) -> Agent:
        agent = replace(unit.agents.agent(org_id, name), **changes)
        if "person_id" in changes:
            _check_person(unit, agent)
        unit.agents.change(agent)
        unit.audit.add(entry)
        return agent

    agent = await written(api, work, _NO_AGENT)
    if api.agents is not None and "state" in changes:
        api.agents.set_state(agent, agent.state)
    return reply_of(told_agent(api, agent))


async def delete_agent(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Delete an agent with its tokens."""
    org_id, name = exchange.org_id, exchange.request.match_info["agent"]
    entry = audit_entry(api, exchange, "agent.delete", name)

    def work(unit: UnitOfWork) -> None:
        unit.agents.delete(org_id, name)
        unit.audit.add(entry)

    await written(api, work, _NO_AGENT)
    if api.agents is not None:
        api.agents.removed(org_id, name)
    return web.Response(status=204, headers=exchange.headers)


async def create_token(api: Api, exchange: Exchange) -> Reply:
    """A token for the agent's browser; the only reply that ever shows it."""
    body = await read_optional_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(AgentTokenBody, {} if body is None else body, AGENT_REQUIREMENTS)
    org_id, name = exchange.org_id, exchange.request.match_info["agent"]
    fresh = new_agent_token(api.tokens, org_id, name, api.clock.wall_ms(), wanted.life_sec)
    shown = agent_token_representation(fresh.token, fresh.text)
    told = {"token_id": fresh.token.token_id, "expires_at": shown["expires_at"]}
    entry = audit_entry(api, exchange, "agent.token", name, told)

    def work(unit: UnitOfWork) -> None:
        unit.agents.agent(org_id, name)
        unit.agents.add_token(fresh.token)
        unit.audit.add(entry)

    await written(api, work, _NO_AGENT)
    return reply_of(shown, 201)


async def revoke_tokens(api: Api, exchange: Exchange) -> web.StreamResponse:
    """End all of an agent's tokens."""
    org_id, name = exchange.org_id, exchange.request.match_info["agent"]
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "agent.revoke_tokens", name)

    def work(unit: UnitOfWork) -> None:
        unit.agents.agent(org_id, name)
        if unit.agents.revoke_tokens(org_id, name, now_ms):
            unit.audit.add(entry)

    await written(api, work, _NO_AGENT)
    return web.Response(status=204, headers=exchange.headers)


async def revoke_token(api: Api, exchange: Exchange) -> web.StreamResponse:
    """End one token of an agent."""
    org_id, match = exchange.org_id, exchange.request.match_info
    name, token_id, now_ms = match["agent"], match["token_id"], api.clock.wall_ms()
    entry = audit_entry(api, exchange, "agent.revoke_token", name, {"token_id": token_id})

    def work(unit: UnitOfWork) -> None:
        if not unit.agents.revoke_token(org_id, name, token_id, now_ms):
            raise NotFound("No such token, or it has ended.")
        unit.audit.add(entry)

    await written(api, work, _NO_AGENT)
    return web.Response(status=204, headers=exchange.headers)


def _check_person(unit: UnitOfWork, agent: Agent) -> None:
    """Raises InvalidRequest, or Conflict, for a person who cannot be this agent."""
    if agent.person_id is None:
        return
    if unit.people.membership(agent.org_id, agent.person_id) is None:
        raise InvalidRequest(f"person_id must be {AGENT_REQUIREMENTS['person_id']}.", "person_id")
    present = unit.agents.of_person(agent.org_id, agent.person_id)
    if present is not None and present.name != agent.name:
        raise Conflict("This person is another agent already.", "person_id")


async def _agent(api: Api, exchange: Exchange) -> Agent:
    org_id, name = exchange.org_id, exchange.request.match_info["agent"]
    try:
        return await api.store.read(lambda reader: reader.agent(org_id, name))
    except UnknownRecord:
        raise NotFound(_NO_AGENT) from None


ROUTES: Final = (
    Route("GET", "/v1/agents", list_agents, Scope.AGENTS_READ),
    Route("POST", "/v1/agents", create_agent, Scope.AGENTS_WRITE),
    Route("GET", "/v1/agents/{agent}", show_agent, Scope.AGENTS_READ),
    Route("PATCH", "/v1/agents/{agent}", change_agent, Scope.AGENTS_WRITE),
    Route("DELETE", "/v1/agents/{agent}", delete_agent, Scope.AGENTS_WRITE),
    Route("POST", "/v1/agents/{agent}/tokens", create_token, Scope.AGENTS_WRITE),
    Route("DELETE", "/v1/agents/{agent}/tokens", revoke_tokens, Scope.AGENTS_WRITE),
    Route("DELETE", "/v1/agents/{agent}/tokens/{token_id}", revoke_token, Scope.AGENTS_WRITE),
)
