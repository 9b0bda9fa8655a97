"""Browsers that answer an agent's call while something else becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from b2bua.call.agent_calls import AgentCallEnded, AgentStopped, MediaAnswer
from b2bua.call.errors import AgentCallConflict, AgentCallNotFound
from tests.support.agents_desk import ASHA, Desk, told
from tests.support.scripted_phone import ALICE, answers

TO_ASHA = {"party_a": ALICE.number, "party_b": "agent:asha"}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    opened = await Desk.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("talking_already", [False, True])
async def test_a_call_that_ends_as_its_browser_is_aimed_is_answered_by_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, talking_already: bool
) -> None:
    house, aim, page = desk.house, desk.gateway.aim, desk.page()
    other = desk.page()
    house.alice.on_invite = answers(1.0)
    call = await desk.ringing(**TO_ASHA)
    if talking_already:
        desk.gateway.vanish(await desk.connected(call))
        await house.run(1.0)
    for each in (page, other):
        told(each)

    async def as_a_hangs_up(*arguments: Any) -> None:
        await aim(*arguments)
        house.alice.hang_up()
        await house.run(1.0)

    monkeypatch.setattr(desk.gateway, "aim", as_a_hangs_up)
    with pytest.raises(AgentCallNotFound):
        await desk.line.answer(ASHA, call.call_id, "an offer", page.page_id)
    end = AgentCallEnded(call.call_id, "other_party") if talking_already else AgentStopped(call.call_id, "cancelled")
    assert [told(each) for each in (page, other)] == [[end], [end]]
    steps = [step.name for step in await house.trace(call)]
    assert steps[-1] != "agent.answering"


async def test_of_two_pages_that_take_a_lost_call_up_at_once_one_has_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.page()
    desk.house.alice.on_invite = answers(1.0)
    call = await desk.ringing(**TO_ASHA)
    name = await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.gateway.vanish(name)
    await desk.house.run(1.0)
    aim, both_answered = desk.gateway.aim, asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        await aim(*arguments)
        if len(desk.gateway.wishes) == 3:
            both_answered.set()
        await both_answered.wait()

    monkeypatch.setattr(desk.gateway, "aim", slowly)
    offers = ("one page's offer", "another page's offer")
    first, second = await asyncio.gather(
        *(desk.line.answer(ASHA, call.call_id, offer) for offer in offers), return_exceptions=True
    )
    assert isinstance(first, AgentCallConflict)
    assert isinstance(second, MediaAnswer)
    assert second.media_id == desk.line._calls[name].media_id
    desk.line.hang_up(ASHA, call.call_id)
