"""Browsers that answer an agent's call while something else becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from b2bua.call.agent_calls import AgentCallEnded, AgentStopped, MediaAnswer
from b2bua.call.errors import AgentCallConflict, AgentCallNotFound, BrowserOfferRefused
from media.errors import UnusableBrowserOffer
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


async def lost(desk: Desk) -> tuple[str, str]:
    """A call whose browser is gone: its id, and the browser's session."""
    desk.page()
    desk.house.alice.on_invite = answers(1.0)
    call = await desk.ringing(**TO_ASHA)
    name = await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.gateway.disconnect(name)
    return call.call_id, name


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_browser_that_offers_at_the_end_of_the_wait_has_time_to_connect(desk: Desk, restarts: bool) -> None:
    call_id, name = await lost(desk)
    await desk.house.run(29.0)
    if restarts:
        await desk.line.restart(ASHA, call_id, "an offer")
    else:
        await desk.line.answer(ASHA, call_id, "an offer")
    await desk.house.run(5.0)
    assert call_id in desk.house.switch._calls
    desk.gateway.reconnect(name)
    await desk.house.run(20.0)
    assert call_id in desk.house.switch._calls
    desk.line.hang_up(ASHA, call_id)


@pytest.mark.parametrize(("fails", "until_s"), [(False, 48.0), (True, 30.0)])
async def test_a_browser_that_offers_again_and_again_and_never_connects_has_that_time_once(
    desk: Desk, fails: bool, until_s: float
) -> None:
    call_id, name = await lost(desk)
    calls, at = desk.house.switch._calls, desk.house.clock.time()
    while call_id in calls:
        await desk.house.run(1.0)
        with suppress(AgentCallNotFound):
            await desk.line.answer(ASHA, call_id, "an offer")
        if fails:
            desk.gateway.fail(name)
    assert desk.house.clock.time() - at <= until_s + 1.0


async def test_an_offer_that_is_refused_makes_nobody_wait_longer(desk: Desk) -> None:
    call_id, _ = await lost(desk)
    at = desk.house.clock.time()
    await desk.house.run(29.0)
    desk.gateway.refuse_with = UnusableBrowserOffer("no audio in it")
    with pytest.raises(BrowserOfferRefused):
        await desk.line.answer(ASHA, call_id, "an offer")
    await desk.house.until(lambda: call_id not in desk.house.switch._calls)
    assert desk.house.clock.time() - at < 31.0


async def test_an_offer_that_is_refused_takes_no_time_from_a_browser_that_connects(desk: Desk) -> None:
    """Of another page of the agent's, say."""
    call_id, name = await lost(desk)
    await desk.house.run(28.0)
    await desk.line.restart(ASHA, call_id, "a fragment")
    await desk.house.run(1.0)
    desk.gateway.refuse_with = UnusableBrowserOffer("no audio in it")
    with pytest.raises(BrowserOfferRefused):
        await desk.line.answer(ASHA, call_id, "an offer")
    await desk.house.run(5.0)
    assert call_id in desk.house.switch._calls
    desk.gateway.reconnect(name)
    await desk.house.run(20.0)
    assert call_id in desk.house.switch._calls
    desk.line.hang_up(ASHA, call_id)


async def test_a_restart_that_another_browser_overtakes_leaves_that_one_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer would be told of the other's, and would make the other's ETag one of an ICE session that is over."""
    call_id, _ = await lost(desk)
    restart, asked, go_on = desk.gateway.restart, asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any) -> str:
        asked.set()
        await go_on.wait()
        return await restart(*arguments)

    monkeypatch.setattr(desk.gateway, "restart", slowly)
    restarting = asyncio.ensure_future(desk.line.restart(ASHA, call_id, "a fragment"))
    await asked.wait()
    other = await desk.line.answer(ASHA, call_id, "another page's offer")
    go_on.set()
    with pytest.raises(AgentCallConflict):
        await restarting
    await desk.line.trickle(ASHA, call_id, "a candidate", other.etag)
    assert desk.gateway.fragments == ["a candidate"]
    desk.line.hang_up(ASHA, call_id)


async def test_a_restart_of_a_call_that_ends_meanwhile_is_answered_by_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, _ = await lost(desk)
    restart = desk.gateway.restart

    async def as_it_ends(*arguments: Any) -> str:
        answer = await restart(*arguments)
        desk.line.hang_up(ASHA, call_id)
        return answer

    monkeypatch.setattr(desk.gateway, "restart", as_it_ends)
    with pytest.raises(AgentCallNotFound):
        await desk.line.restart(ASHA, call_id, "a fragment")


async def test_a_browser_that_is_being_replaced_restarts_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of its ICE would be taken for the new one's."""
    call_id, name = await lost(desk)
    answer, asked, go_on = desk.gateway.answer, asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any) -> Any:
        asked.set()
        await go_on.wait()
        return await answer(*arguments)

    monkeypatch.setattr(desk.gateway, "answer", slowly)
    answering = asyncio.ensure_future(desk.line.answer(ASHA, call_id, "another page's offer"))
    await asked.wait()
    with pytest.raises(AgentCallConflict):
        await desk.line.restart(ASHA, call_id, "a fragment")
    go_on.set()
    assert (await answering).media_id == desk.line._calls[name].media_id
    assert isinstance(await desk.line.restart(ASHA, call_id, "a fragment"), MediaAnswer)
    desk.line.hang_up(ASHA, call_id)
