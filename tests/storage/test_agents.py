"""Agents of organisations, and their tokens."""

from functools import partial

import pytest

from storage.agent_records import Agent, AgentState, AgentToken
from storage.errors import IllegalState, UnknownRecord
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_organisation

ASHA = Agent(ORG, "asha", "Asha", AgentState.AVAILABLE, 1_000)
TOKEN = AgentToken("a" * 64, "t-1", ORG, "asha", 1_000, 61_000)


def _add(agent: Agent, unit: UnitOfWork) -> None:
    unit.agents.add(agent)


def _add_token(token: AgentToken, unit: UnitOfWork) -> None:
    unit.agents.add_token(token)


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


async def test_agents_of_one_name_in_two_organisations_have_nothing_in_common(store: Store) -> None:
    theirs = Agent("org-2", "asha", "Asha of theirs", AgentState.AWAY, 2_000)
    their_token = AgentToken("b" * 64, "t-2", "org-2", "asha", 1_000, 61_000)
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await store.run(lambda unit: unit.agents.add(theirs))
    await store.run(lambda unit: unit.agents.add_token(TOKEN))
    await store.run(lambda unit: unit.agents.add_token(their_token))

    assert await store.read(lambda reader: reader.agents(ORG)) == [ASHA]
    assert await store.read(lambda reader: reader.agent("org-2", "asha")) == theirs
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "asha", 2_000)) == [TOKEN]
    assert await store.run(lambda unit: unit.agents.live_tokens("org-2", "asha", 2_000)) == [their_token]
    await store.run(lambda unit: unit.agents.set_state(ORG, "asha", AgentState.AWAY))
    await store.run(lambda unit: unit.agents.change(Agent(ORG, "asha", "New", AgentState.AVAILABLE, 1_000)))
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-2", 2_000)) is False
    assert await store.run(lambda unit: unit.agents.revoke_tokens(ORG, "asha", 2_000)) == 1
    await store.run(lambda unit: unit.agents.delete(ORG, "asha"))
    assert await store.read(lambda reader: reader.agent("org-2", "asha")) == theirs
    assert await store.read(lambda reader: reader.agent_token("b" * 64)) == their_token


async def test_of_an_agent_s_tokens_the_one_that_is_named_is_revoked(store: Store) -> None:
    await store.run(lambda unit: unit.agents.add(Agent(ORG, "ravi", "Ravi", AgentState.AVAILABLE, 1_000)))
    younger = AgentToken("c" * 64, "a-2", ORG, "asha", 2_000, 61_000)
    of_ravi = AgentToken("d" * 64, "t-3", ORG, "ravi", 1_000, 61_000)
    for token in (younger, TOKEN, of_ravi):
        await store.run(partial(_add_token, token))
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "asha", 3_000)) == [TOKEN, younger]
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-3", 3_000)) is False
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-1", 61_000)) is False  # it is over
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-1", 3_000)) is True
    assert await store.run(lambda unit: unit.agents.revoke_token(ORG, "asha", "t-1", 4_000)) is False
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "asha", 3_000)) == [younger]
    assert await store.run(lambda unit: unit.agents.revoke_tokens(ORG, "asha", 5_000)) == 1
    assert await store.run(lambda unit: unit.agents.live_tokens(ORG, "ravi", 5_000)) == [of_ravi]
