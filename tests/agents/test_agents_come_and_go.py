"""Agents who are away and call all the same, and whose pages are loaded anew at the worst moment, on a manual clock."""

from collections.abc import AsyncIterator

import pytest

from b2bua.call.agent_calls import AgentConnected, AgentRinging
from b2bua.call.errors import AgentCallConflict
from storage.agent_records import AgentState
from tests.support.agents_desk import ASHA, Desk, told
from tests.support.house import MASKED
from tests.support.scripted_phone import ALICE, answers

TO_ASHA = {"party_a": ALICE.number, "party_b": "agent:asha"}
FROM_ASHA = {"party_a": "agent:asha", "party_b": ALICE.number}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    opened = await Desk.open()
    yield opened
    await opened.close()


async def test_an_agent_who_is_away_calls_somebody(desk: Desk) -> None:
    """Who wants no calls may place one; one that somebody else has placed from them does not come."""
    house = desk.house
    house.alice.on_invite = answers(1.0)
    page = desk.page()
    desk.line.set_state(ASHA, AgentState.AWAY)
    told(page)
    call = await house.place(**FROM_ASHA)
    desk.line.expects(ASHA, call.call_id)
    await house.until(lambda: len(desk.line) == 1)
    assert told(page) == [AgentRinging(call.call_id, MASKED, "outgoing", None)]
    await desk.connected(call)
    await house.until(lambda: house.state(call) == "bridged")
    desk.line.hang_up(ASHA, call.call_id)
    await house.ended(call)
    assert (await house.over(await house.place(**FROM_ASHA))).hangup_cause == "unreachable"
    page.leave()
    call = await house.place(**FROM_ASHA)
    desk.line.expects(ASHA, call.call_id)
    assert (await house.over(call)).hangup_cause == "unreachable", "nobody is there"


async def test_a_page_that_is_loaded_anew_while_it_connects_goes_on(desk: Desk) -> None:
    """Its browser is gone before it was there. Whoever names no browser, or another one, takes nothing from it."""
    desk.house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA)
    first = await desk.line.answer(ASHA, call.call_id, "an offer", page.page_id)
    for media_id in (None, "", "of another"):
        with pytest.raises(AgentCallConflict):
            await desk.line.answer(ASHA, call.call_id, "a late offer", media_id=media_id)
    again = await desk.line.answer(ASHA, call.call_id, "the same page's, loaded anew", media_id=first.media_id)
    assert (again.media_id != first.media_id, again.etag != first.etag) == (True, True)
    name = next(iter(desk.gateway.sessions))
    desk.gateway.connect(name)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    await desk.house.run(1.0)
    assert told(page)[-1] == AgentConnected(call.call_id, again.media_id, False)
    negotiated = desk.house.media._legs[name].leg.negotiated
    assert negotiated is not None
    assert negotiated.direction != "inactive"
    desk.line.hang_up(ASHA, call.call_id)
