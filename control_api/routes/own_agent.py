"""What an agent asks and says about itself."""

from dataclasses import replace
from typing import Final

from control_api.agent_schemas import AGENT_REQUIREMENTS, AgentStateBody, agent_representation
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.request_body import read_json
from control_api.rights import Right
from control_api.routes.account import reply_of, written
from control_api.schemas import checked


async def show_me(api: Api, exchange: Exchange) -> Reply:
    """The agent that asks."""
    return reply_of(agent_representation(exchange.agent))


async def set_state(api: Api, exchange: Exchange) -> Reply:
    """Whether the agent wants calls from now on."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    state = checked(AgentStateBody, body, AGENT_REQUIREMENTS).state
    agent = exchange.agent
    await written(api, lambda unit: unit.agents.set_state(agent.org_id, agent.name, state), "No such agent.")
    return reply_of(agent_representation(replace(agent, state=state)))


ROUTES: Final = (
    Route("GET", "/v1/agent/me", show_me, right=Right.TAKE_CALLS),
    Route("PUT", "/v1/agent/state", set_state, right=Right.TAKE_CALLS),
)
