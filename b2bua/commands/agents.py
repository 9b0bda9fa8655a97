"""Commands about agents, on the database, beside a running server."""

import argparse
import re
from typing import Final

from b2bua.clock import SystemClock
from b2bua.commands.audit import typed
from b2bua.commands.databases import looked_up, moment, written
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.tokens import SystemTokens
from control_api.agent_ring import new_agent_token
from control_api.agent_schemas import (
    AGENT_NAME,
    AGENT_REQUIREMENTS,
    LONGEST_LIFE_S,
    SHORTEST_LIFE_S,
    agent_representation,
    agent_token_representation,
    display_name_of,
)
from storage.agent_records import MAX_AGENTS, Agent, AgentState
from storage.errors import UnknownRecord
from storage.units import Reader, UnitOfWork

_NAME: Final = re.compile(AGENT_NAME, re.ASCII)


async def add(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`agent add --org ORG_ID NAME [--display-name TEXT]`."""
    if not _NAME.fullmatch(options.name):
        raise CommandFailed(f"an agent's name must be {AGENT_REQUIREMENTS['name']}")
    shown = _display_name(options.display_name or options.name)
    agent = Agent(options.org, options.name, shown, AgentState.AVAILABLE, SystemClock().wall_ms())
    told = agent_representation(agent)

    def work(unit: UnitOfWork) -> None:
        try:
            unit.accounts.organisation(agent.org_id)
        except UnknownRecord:
            raise CommandFailed(f"there is no organisation {agent.org_id}") from None
        present = {each.name for each in unit.agents.of(agent.org_id)}
        if agent.name in present:
            raise CommandFailed(f"there is an agent {agent.name} already")
        if len(present) >= MAX_AGENTS:
            raise CommandFailed(f"an organisation has at most {MAX_AGENTS} agents")
        unit.agents.add(agent)
        unit.audit.add(typed("agent.create", agent.name, agent.org_id, told))

    await written(config, work)
    output.one({name: told[name] for name in ("name", "party", "display_name", "state")})
    return 0


async def list_agents(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`agent list --org ORG_ID`."""

    def look(reader: Reader) -> list[Agent]:
        try:
            reader.organisation(options.org)
        except UnknownRecord:
            raise CommandFailed(f"there is no organisation {options.org}") from None
        return reader.agents(options.org)

    rows: list[dict[str, object]] = [
        {
            "name": agent.name,
            "display_name": agent.display_name,
            "state": agent.state,
            "person_id": agent.person_id,
            "created_at": moment(agent.created_at),
        }
        for agent in await looked_up(config, look)
    ]
    output.rows(rows, ("name", "display_name", "state", "person_id", "created_at"))
    return 0


async def token(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`agent token --org ORG_ID NAME [--life-s SECONDS]`: shown once."""
    if not SHORTEST_LIFE_S <= options.life_s <= LONGEST_LIFE_S:
        raise CommandFailed(f"--life-s must be from {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}")
    at = SystemClock().wall_ms()
    fresh = new_agent_token(SystemTokens(), options.org, options.name, at, options.life_s)
    shown = agent_token_representation(fresh.token, fresh.text)
    told = {"token_id": shown["token_id"], "expires_at": shown["expires_at"]}

    def work(unit: UnitOfWork) -> None:
        try:
            unit.agents.agent(options.org, options.name)
        except UnknownRecord:
            raise CommandFailed(f"there is no agent {options.name} in {options.org}") from None
        unit.agents.add_token(fresh.token)
        unit.audit.add(typed("agent.token", options.name, options.org, told))

    await written(config, work)
    output.one(shown)
    return 0


def _display_name(text: str) -> str:
    try:
        return display_name_of(text)
    except ValueError:
        raise CommandFailed(f"--display-name must be {AGENT_REQUIREMENTS['display_name']}") from None
