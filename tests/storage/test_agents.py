"""Agents of organisations, and their tokens."""

from functools import partial

import pytest

from storage.agent_records import Agent, AgentState, AgentToken
from storage.errors import IllegalState, UnknownRecord
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG

ASHA = Agent(ORG, "asha", "Asha", AgentState.AVAILABLE, 1_000)
TOKEN = AgentToken("a" * 64, "t-1", ORG, "asha", 1_000, 61_000)


def _add(agent: Agent, unit: UnitOfWork) -> None:
    unit.agents.add(agent)


@pytest.fixture
async def store(funded: Store) -> Store:
    await funded.run(lambda unit: unit.agents.add(ASHA))
    return funded


async def test_agents_are_kept_by_name(store: Store) -> None:
    other = Agent(ORG, "Ravi".lower(), "Ravi", AgentState.AWAY, 2_000)
    await store.run(lambda unit: unit.agents.add(other))
    assert await store.read(lambda reader: reader.agents(ORG)) == [ASHA, other]
    with pytest.raises(IllegalState):
        await store.run(lambda unit: unit.agents.add(ASHA))
    for name in ("", "Asha", "x" * 65):
        with pytest.raises(IllegalState):
            await store.run(partial(_add, Agent(ORG, name, "", AgentState.AWAY, 1)))


async def test_what_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(UnknownRecord):
        await store.read(lambda reader: reader.agent(ORG, "ravi"))
    with pytest.raises(UnknownRecord):
        await store.run(lambda unit: unit.agents.set_state(ORG, "ravi", AgentState.AWAY))
    with pytest.raises(UnknownRecord):
        await store.run(lambda unit: unit.agents.delete(ORG, "ravi"))
    with pytest.raises(IllegalState):
        await store.run(lambda unit: unit.agents.add_token(AgentToken("b" * 64, "t", ORG, "ravi", 1, 2)))


async def test_tokens_end_are_revoked_once_and_are_forgotten(store: Store) -> None:
    await store.run(lambda unit: unit.agents.add_token(TOKEN))
    assert await store.read(lambda reader: reader.agent_token("a" * 64)) == TOKEN
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "asha", 60_999)) == [TOKEN]
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "asha", 61_000)) == []
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-1", 2_000)) is True
    assert await store.run(lambda unit: unit.agents.revoke_tokens(ORG, "asha", 3_000)) == 0
    assert await store.run(lambda unit: unit.agents.forget_tokens(61_000)) == 0
    assert await store.run(lambda unit: unit.agents.forget_tokens(61_001)) == 1
    assert await store.read(lambda reader: reader.agent_token("a" * 64)) is None


async def test_a_deleted_agent_leaves_no_token(store: Store) -> None:
    await store.run(lambda unit: unit.agents.add_token(TOKEN))
    await store.run(lambda unit: unit.agents.delete(ORG, "asha"))
    assert await store.read(lambda reader: reader.agent_token("a" * 64)) is None
    assert await store.read(lambda reader: reader.agents(ORG)) == []
