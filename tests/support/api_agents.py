"""Agents for tests of the API, and their tokens."""

from tests.support.api_world import ApiWorld

AGENTS = "/v1/agents"


async def add_agent(world: ApiWorld, name: str, **body: object) -> None:
    """An agent of the first organisation."""
    reply = await world.send("POST", AGENTS, json={"name": name, **body})
    assert reply.status == 201, reply.body


async def new_token(world: ApiWorld, name: str, **body: object) -> dict[str, str]:
    """A token of an agent that is there, with its id and end."""
    reply = await world.send("POST", f"{AGENTS}/{name}/tokens", json=body)
    assert reply.status == 201, reply.body
    data: dict[str, str] = reply.json["data"]
    return data


async def agent_token(world: ApiWorld, name: str) -> str:
    """The token of a new agent."""
    await add_agent(world, name)
    return (await new_token(world, name))["token"]
