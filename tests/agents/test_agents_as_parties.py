"""Agents as parties of masked calls, whole calls on a manual clock: rung, answered, held, lost and found."""

import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from b2bua.call.agent_calls import (
    AgentCallEnded,
    AgentConnected,
    AgentDisconnected,
    AgentRinging,
    AgentStopped,
)
from b2bua.call.errors import (
    AgentCallConflict,
    AgentCallNotFound,
    BalanceInsufficient,
    BrowserOfferRefused,
    CapacityExhausted,
    InvalidParties,
)
from b2bua.call.model import PlaceCall
from b2bua.sip.routing import TransportAddress
from media.errors import UnusableBrowserOffer
from storage.agent_records import AgentState
from storage.records import Organisation, WebhookEvent
from tests.support.agents_desk import AGENTS_LINE, ASHA, RAVI, Desk, told
from tests.support.house import MASKED, ORG, OURS, House
from tests.support.memory_media import MEDIA_HOST
from tests.support.scripted_phone import ALICE, BOB, answers


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    opened = await Desk.open()
    yield opened
    await opened.close()


TO_ASHA = {"party_a": ALICE.number, "party_b": "agent:asha"}
FROM_ASHA = {"party_a": "agent:asha", "party_b": ALICE.number}


async def test_an_agent_is_called_answered_recorded_billed_and_hung_up_on(desk: Desk) -> None:
    house = desk.house
    house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA, reference="order-7")
    assert told(page) == [AgentRinging(call.call_id, MASKED, "incoming", "order-7")]
    name = await desk.connected(call)
    await house.until(lambda: house.state(call) == "bridged")
    stopped, connected = told(page)
    assert isinstance(stopped, AgentStopped)
    assert isinstance(connected, AgentConnected)
    assert (stopped.reason, stopped.media_id) == ("answered_elsewhere", connected.media_id)
    (host, _port), types = desk.gateway.aims[name]
    assert (host, types.codec, types.telephone_event) == (MEDIA_HOST, 8, 101)
    await house.run(10.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party, cdr.price_paise) == ("completed", "normal", "a", 150)
    assert [leg.codec for leg in cdr.legs] == ["PCMA", "PCMA"]
    assert cdr.recording_path is not None
    assert told(page) == [AgentCallEnded(call.call_id, "other_party")]
    assert desk.gateway.closed == [name]
    words = [step.name for step in await house.store.read(lambda reader: reader.trace(call.call_id))]
    for word in ("agent.ringing", "agent.answering", "agent.connected", "agent.ended"):
        assert word in words


async def test_how_an_agent_does_is_seen(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    seen = [desk.line.presence(ASHA)]
    page = desk.page()
    seen.append(desk.line.presence(ASHA))
    desk.line.set_state(ASHA, AgentState.AWAY)
    seen.append(desk.line.presence(ASHA))
    desk.line.set_state(ASHA, AgentState.AVAILABLE)
    call = await desk.ringing(**TO_ASHA)
    seen.append(desk.line.presence(ASHA))
    await desk.line.answer(ASHA, call.call_id, "an offer")
    seen.append(desk.line.presence(ASHA))
    desk.gateway.connect(next(iter(desk.gateway.sessions)))
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    page.leave()  # the call goes on
    seen.append(desk.line.presence(ASHA))
    desk.line.hang_up(ASHA, call.call_id)
    await desk.house.ended(call)
    seen.append(desk.line.presence(ASHA))
    assert seen == ["offline", "available", "away", "ringing", "busy", "busy", "offline"]
    assert desk.line.presence(RAVI) == "offline"


async def test_nothing_that_an_agents_page_is_told_shows_the_other_party(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA)
    await desk.connected(call)
    await desk.house.run(5.0)
    desk.line.hang_up(ASHA, call.call_id)
    await desk.house.ended(call)
    assert ALICE.number not in str(told(page))
    to_line = b"".join(each.content for each in desk.house.network.carried if each.destination == AGENTS_LINE)
    assert b"INVITE" in to_line
    assert ALICE.number.encode() not in to_line


async def test_an_agent_is_party_a_and_hangs_up(desk: Desk) -> None:
    house = desk.house
    house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**FROM_ASHA)
    assert told(page) == [AgentRinging(call.call_id, MASKED, "outgoing", None)]
    await desk.connected(call)
    await house.until(lambda: house.state(call) == "bridged")
    desk.line.hang_up(ASHA, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.hangup_party, cdr.hangup_cause) == ("a", "normal")
    assert told(page)[-1] == AgentCallEnded(call.call_id, "hung_up")


async def test_two_agents_talk_to_each_other(desk: Desk) -> None:
    asha, ravi = desk.page(), desk.page(RAVI)
    call = await desk.ringing(party_a="agent:asha", party_b="agent:ravi")
    name = await desk.connected(call)
    await desk.house.until(lambda: len(desk.line) == 2)
    assert [type(event) for event in told(ravi)] == [AgentRinging]
    await desk.line.answer(RAVI, call.call_id, "an offer")
    desk.gateway.connect(next(each for each in desk.gateway.sessions if each != name))
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.line.hang_up(RAVI, call.call_id)
    assert (await desk.house.ended(call)).hangup_party == "b"
    assert told(asha)[-1] == AgentCallEnded(call.call_id, "other_party")


async def test_a_browser_that_has_nothing_but_opus_is_taken(desk: Desk) -> None:
    """Keys go beside Opus at its own clock (RFC 4733 section 2.1)."""
    desk.house.alice.on_invite = answers(1.0)
    desk.gateway.speaks = ("opus",)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA)
    name = await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    _, types = desk.gateway.aims[name]
    offered = next(each.content for each in desk.house.network.carried if each.destination == AGENTS_LINE)
    assert f"a=rtpmap:{types.codec} opus/48000/2".encode() in offered
    assert f"a=rtpmap:{types.telephone_event} telephone-event/48000".encode() in offered
    desk.line.hold(ASHA, call.call_id, held=True)
    await desk.house.run(1.0)
    desk.line.hold(ASHA, call.call_id, held=False)
    await desk.house.run(1.0)
    desk.house.alice.hang_up()
    cdr = await desk.house.ended(call)
    assert [leg.codec for leg in cdr.legs] == ["PCMA", "opus"]
    assert isinstance(told(page)[-1], AgentCallEnded)


async def test_two_browsers_have_opus_between_them(desk: Desk) -> None:
    pages = desk.page(), desk.page(RAVI)
    call = await desk.ringing(party_a="agent:asha", party_b="agent:ravi")
    name = await desk.connected(call)
    await desk.house.until(lambda: len(desk.line) == 2)
    await desk.line.answer(RAVI, call.call_id, "an offer")
    desk.gateway.connect(next(each for each in desk.gateway.sessions if each != name))
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.line.hang_up(RAVI, call.call_id)
    cdr = await desk.house.ended(call)
    assert [leg.codec for leg in cdr.legs] == ["opus", "opus"]
    assert [type(told(page)[-1]) for page in pages] == [AgentCallEnded, AgentCallEnded]


async def test_what_browsers_speak_is_configured() -> None:
    desk = await Desk.open(browsers='codecs = ["opus", "PCMU"]\n')
    desk.house.alice.on_invite = answers(1.0)
    desk.page()
    call = await desk.ringing(**FROM_ASHA)
    await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.line.hang_up(ASHA, call.call_id)
    assert [leg.codec for leg in (await desk.house.ended(call)).legs] == ["opus", "PCMA"]
    await desk.close()


@pytest.mark.parametrize(("free", "price"), [("false", 150), ("true", 75)])
async def test_a_leg_to_an_agent_may_cost_nothing(free: str, price: int) -> None:
    desk = await Desk.open(browsers=f"free_agent_legs = {free}\n")
    desk.page()
    call_id, _ = await talking(desk)
    await desk.house.run(10.0)
    desk.house.alice.hang_up()
    first = await desk.house.ended(desk.house.tasks[-1].machine.record)
    assert (first.call_id, first.price_paise) == (call_id, price)
    called_back = await desk.house.arrive(MASKED)
    await desk.house.until(lambda: len(desk.line) == 1)
    await desk.connected(called_back)
    await desk.house.until(lambda: desk.house.state(called_back) == "bridged")
    desk.house.alice.hang_up()
    assert (await desk.house.ended(called_back)).price_paise == price
    await desk.close()


async def test_a_call_between_agents_that_cost_nothing_takes_no_balance() -> None:
    desk = await Desk.open(browsers="free_agent_legs = true\n")
    pages = desk.page(), desk.page(RAVI)
    before = await desk.house.store.read(lambda reader: reader.wallet(ORG))
    call = await desk.ringing(party_a="agent:asha", party_b="agent:ravi")
    name = await desk.connected(call)
    await desk.house.until(lambda: len(desk.line) == 2)
    await desk.line.answer(RAVI, call.call_id, "an offer")
    desk.gateway.connect(next(each for each in desk.gateway.sessions if each != name))
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    await desk.house.run(10.0)
    desk.line.hang_up(RAVI, call.call_id)
    assert (await desk.house.ended(call)).price_paise == 0
    assert await desk.house.store.read(lambda reader: reader.wallet(ORG)) == before
    assert len(told(pages[0])) > 1
    await desk.close()


async def test_who_can_pay_for_the_other_leg_alone_is_told_of_the_lack_of_capacity() -> None:
    desk = await Desk.open(browsers="free_agent_legs = true\n", paise=75)
    desk.house.switch._admitting = desk.house.config.calls.max_concurrent
    with pytest.raises(CapacityExhausted):
        await desk.house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b="agent:asha"))
    with pytest.raises(BalanceInsufficient):
        await desk.house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number))
    desk.house.switch._admitting = 0
    await desk.close()


async def test_a_caller_who_calls_back_gets_the_agent(desk: Desk) -> None:
    house = desk.house
    house.alice.on_invite = answers(1.0)
    page = desk.page()
    first = await desk.ringing(**TO_ASHA)
    desk.line.decline(ASHA, first.call_id)
    await house.ended(first)
    told(page)
    call = await house.arrive(MASKED)
    await house.until(lambda: len(desk.line) == 1)
    assert told(page) == [AgentRinging(call.call_id, MASKED, "incoming", None)]
    await desk.connected(call)
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.hang_up()
    assert (await house.ended(call)).party_b == "agent:asha"


@pytest.mark.parametrize(
    ("why", "cause"),
    [("no page", "b_unreachable"), ("away", "b_unreachable"), ("busy", "b_busy"), ("no", "b_rejected")],
)
async def test_an_agent_who_takes_no_call(desk: Desk, why: str, cause: str) -> None:
    house = desk.house
    house.alice.on_invite = answers(1.0)
    page = None if why == "no page" else desk.page()
    first = None
    if why == "away":
        desk.line.set_state(ASHA, AgentState.AWAY)
    if why == "busy":
        first = await desk.ringing(party_a="agent:asha", party_b="9123456789")
    call = await house.place(**TO_ASHA)
    if why == "no":
        await house.until(lambda: len(desk.line) == 1)
        desk.line.decline(ASHA, call.call_id)
    cdr = await house.over(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", cause)
    if first is not None:
        desk.line.decline(ASHA, first.call_id)
        assert (await house.over(first)).hangup_cause == "rejected"
    if page is not None and why == "no":
        assert told(page)[-1] == AgentStopped(call.call_id, "declined")


async def test_of_several_pages_the_first_to_answer_wins_and_the_others_stop(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    pages = [desk.page() for _ in range(5)]
    with pytest.raises(AgentCallConflict):
        desk.page()
    call = await desk.ringing(**TO_ASHA)
    assert [[type(event) for event in told(page)] for page in pages] == [[AgentRinging]] * 5
    answer = await desk.line.answer(ASHA, call.call_id, "an offer", pages[2].page_id)
    with pytest.raises(AgentCallConflict):
        await desk.line.answer(ASHA, call.call_id, "another", pages[3].page_id)
    stopped = AgentStopped(call.call_id, "answered_elsewhere", answer.media_id)
    assert [told(page) for page in pages] == [[stopped]] * 2 + [[]] + [[stopped]] * 2
    desk.gateway.connect(f"{call.call_id}/b")
    await desk.house.run(1.0)
    desk.line.hang_up(ASHA, call.call_id)
    await desk.house.ended(call)


async def test_a_caller_gives_up_while_it_rings_and_while_a_browser_connects(desk: Desk) -> None:
    for answering in (False, True):
        desk.house.alice.on_invite = answers(1.0)
        page = desk.page()
        call = await desk.ringing(**TO_ASHA)
        if answering:
            await desk.line.answer(ASHA, call.call_id, "an offer", page.page_id)
        told(page)
        desk.house.alice.hang_up()
        cdr = await desk.house.ended(call)
        assert cdr.hangup_cause == "a_hangup_before_bridge"
        assert told(page) == [AgentStopped(call.call_id, "cancelled")]
        with pytest.raises(AgentCallNotFound):
            await desk.line.answer(ASHA, call.call_id, "too late")
        page.leave()


async def test_an_agent_lets_it_ring(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA, ring_timeout_s=10)
    cdr = await desk.house.ended(call)
    assert cdr.hangup_cause == "b_no_answer"
    assert told(page)[-1] == AgentStopped(call.call_id, "cancelled")


async def test_an_offer_that_cannot_be_used_leaves_it_ringing(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    desk.page()
    call = await desk.ringing(**TO_ASHA)
    desk.gateway.refuse_with = UnusableBrowserOffer("no audio in it")
    with pytest.raises(BrowserOfferRefused, match="no audio"):
        await desk.line.answer(ASHA, call.call_id, "an offer")
    await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    desk.line.hang_up(ASHA, call.call_id)
    await desk.house.ended(call)


async def test_a_browser_that_never_connects_costs_nothing(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    page = desk.page()
    call = await desk.ringing(**TO_ASHA)
    await desk.line.answer(ASHA, call.call_id, "an offer", page.page_id)
    desk.gateway.fail(f"{call.call_id}/b")
    cdr = await desk.house.ended(call)
    assert (cdr.hangup_cause, cdr.price_paise) == ("b_unreachable", 0)
    assert told(page)[-1] == AgentStopped(call.call_id, "failed")


async def talking(desk: Desk) -> tuple[str, str]:
    """A call between Alice and Asha: its id, and the browser's session."""
    desk.house.alice.on_invite = answers(1.0)
    call = await desk.ringing(**TO_ASHA)
    name = await desk.connected(call)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    return call.call_id, name


def on_hold(desk: Desk, call_id: str) -> bool:
    negotiated = desk.house.media._legs[f"{call_id}/b"].leg.negotiated
    assert negotiated is not None
    return negotiated.direction == "inactive"


async def test_an_agent_holds_and_resumes(desk: Desk) -> None:
    page = desk.page()
    call_id, _ = await talking(desk)
    told(page)
    desk.line.hold(ASHA, call_id, held=True)
    await desk.house.run(1.0)
    assert on_hold(desk, call_id)
    desk.line.hold(ASHA, call_id, held=False)
    await desk.house.run(1.0)
    assert not on_hold(desk, call_id)
    assert [event.held for event in told(page) if isinstance(event, AgentConnected)] == [True, False]
    desk.line.hang_up(ASHA, call_id)


async def test_a_call_that_is_held_while_its_browser_is_gone_is_told_as_connected_when_that_is_back(desk: Desk) -> None:
    page = desk.page()
    call_id, name = await talking(desk)
    desk.gateway.disconnect(name)
    told(page)
    desk.line.hold(ASHA, call_id, held=True)
    assert told(page) == []
    desk.gateway.reconnect(name)
    assert [event.held for event in told(page) if isinstance(event, AgentConnected)] == [True]
    await desk.house.run(1.0)
    assert on_hold(desk, call_id)
    desk.line.hang_up(ASHA, call_id)


async def test_a_browser_that_is_gone_comes_back_within_half_a_minute(desk: Desk) -> None:
    page = desk.page()
    call_id, name = await talking(desk)
    told(page)
    desk.gateway.disconnect(name)
    await desk.house.run(29.0)
    assert on_hold(desk, call_id)
    waiting = told(page)
    assert [type(event) for event in waiting] == [AgentDisconnected]
    assert told(desk.page()) == waiting  # one that opens now is not told that there is a browser in the call
    restarted = await desk.line.restart(ASHA, call_id, "a fragment")
    assert restarted.sdp == "restarted by a fragment"
    desk.gateway.reconnect(name)
    await desk.house.run(5.0)
    assert not on_hold(desk, call_id)
    assert [type(event) for event in told(page)] == [AgentConnected]
    assert call_id in desk.house.switch._calls
    desk.line.hang_up(ASHA, call_id)


async def test_a_page_that_was_loaded_anew_goes_on_from_another_port(desk: Desk) -> None:
    page = desk.page()
    call_id, name = await talking(desk)
    before = desk.gateway.sessions[name]
    desk.gateway.vanish(name)
    page.leave()
    again = desk.page()
    await desk.house.run(5.0)
    await desk.line.answer(ASHA, call_id, "a new offer", again.page_id)
    assert desk.gateway.wishes[-1].codecs == ("PCMA",)
    assert desk.gateway.sessions[name] != before
    desk.gateway.connect(name)
    await desk.house.run(2.0)
    assert not on_hold(desk, call_id)
    assert desk.line._calls[name]._agreed.port == desk.gateway.sessions[name][1]  # type: ignore[union-attr]
    desk.line.hang_up(ASHA, call_id)


async def test_a_page_that_answers_late_takes_no_call_from_the_first(desk: Desk) -> None:
    desk.page()
    call_id, name = await talking(desk)
    with pytest.raises(AgentCallConflict):
        await desk.line.answer(ASHA, call_id, "a late offer")
    media_id = desk.line._calls[name].media_id
    again = await desk.line.answer(ASHA, call_id, "the first one's page, loaded anew", media_id=media_id)
    assert again.media_id != media_id
    await desk.house.run(1.0)
    assert on_hold(desk, call_id)
    desk.gateway.connect(name)
    await desk.house.run(1.0)
    assert not on_hold(desk, call_id)
    desk.line.hang_up(ASHA, call_id)


async def test_a_browser_that_vanishes_ends_the_call_after_consent_and_grace_and_is_billed_once(desk: Desk) -> None:
    house, page = desk.house, desk.page()
    before = await house.store.read(lambda reader: reader.wallet(ORG))
    call_id, name = await talking(desk)
    call = house.tasks[-1].machine.record
    bridged_at = house.clock.time()
    await house.run(30.0)  # nothing is heard of it until its consent has run out
    desk.gateway.disconnect(name)
    await house.run(29.9)
    assert call_id in house.switch._calls
    assert on_hold(desk, call_id)
    await house.until(lambda: call_id not in house.switch._calls)
    assert house.clock.time() - bridged_at < 61
    assert told(page)[-1] == AgentCallEnded(call_id, "connection_lost")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (60, 60, 150)
    assert [event.event for event in await house.told(cdr)].count(WebhookEvent.COMPLETED) == 1
    after = await house.store.read(lambda reader: reader.wallet(ORG))
    assert before.available_paise - after.available_paise == cdr.price_paise


async def test_candidates_are_taken_for_the_present_ice_session_alone(desk: Desk) -> None:
    desk.page()
    desk.house.alice.on_invite = answers(1.0)
    call = await desk.ringing(**TO_ASHA)
    with pytest.raises(AgentCallNotFound):
        await desk.line.trickle(ASHA, call.call_id, "a fragment", "")
    answer = await desk.line.answer(ASHA, call.call_id, "an offer")
    await desk.line.trickle(ASHA, call.call_id, "a fragment", answer.etag)
    assert desk.gateway.fragments == ["a fragment"]
    desk.gateway.connect(f"{call.call_id}/b")
    await desk.house.run(1.0)
    desk.line.hang_up(ASHA, call.call_id)


async def test_digits_of_an_agent_reach_the_other_party(desk: Desk) -> None:
    desk.page()
    call_id, _ = await talking(desk)
    desk.line.press(ASHA, call_id, "42#")
    with pytest.raises(AgentCallConflict):
        desk.line.press(ASHA, call_id, "1" * 64)
    await desk.house.run(5.0)
    steps = await desk.house.store.read(lambda reader: reader.trace(call_id))
    assert [step.details["way"] for step in steps if step.name == "digit" and step.leg == "b"] == ["info"] * 3
    desk.line.hang_up(ASHA, call_id)


async def test_a_page_that_opens_late_is_told_of_what_rings(desk: Desk) -> None:
    desk.house.alice.on_invite = answers(1.0)
    desk.page()
    call = await desk.ringing(**TO_ASHA)
    assert [type(event) for event in told(desk.page())] == [AgentRinging]
    desk.line.removed(ORG, "asha")
    assert (await desk.house.ended(call)).hangup_cause == "b_unreachable"


async def test_who_is_no_agent_is_no_party(desk: Desk) -> None:
    for name in ("nobody", "Asha", ""):
        with pytest.raises(InvalidParties):
            await desk.house.place(party_b=f"agent:{name}")
    with pytest.raises(InvalidParties):
        await desk.house.place(party_a="agent:asha", party_b="agent:asha")
    await desk.house.store.run(lambda unit: unit.accounts.create_organisation(Organisation("org-2", "", 1)))
    with pytest.raises(InvalidParties):
        await desk.house.switch.place_call(PlaceCall("org-2", ALICE.number, "agent:asha"))


async def test_without_browsers_no_agent_is_a_party() -> None:
    house = await House.open()
    with pytest.raises(InvalidParties):
        await house.place(party_b="agent:asha")
    await house.close()


async def test_the_line_is_no_trunk_that_anybody_sees(desk: Desk) -> None:
    assert [state.name for state in desk.house.switch.trunk_states()] == ["carrier"]
    assert desk.house.trunks.agents is not None
    assert desk.house.trunks.agents not in list(desk.house.trunks)


async def test_a_leg_that_is_over_leaves_no_cycle(desk: Desk) -> None:
    page = desk.page()
    call_id, name = await talking(desk)
    held = weakref.ref(desk.line._calls[name])
    gc.collect()
    gc.disable()
    try:
        desk.gateway.disconnect(name)
        await desk.house.run(1.0)
        desk.gateway.reconnect(name)
        await desk.house.run(1.0)
        desk.line.hang_up(ASHA, call_id)
        await desk.house.run(60.0)
        assert held() is None
    finally:
        gc.enable()
    assert told(page)[-1] == AgentCallEnded(call_id, "hung_up")


async def test_the_line_takes_no_strangers_and_makes_no_calls(desk: Desk) -> None:
    house, page = desk.house, desk.page()
    stranger = TransportAddress("udp", "192.0.2.99", 5060)
    heard: list[bytes] = []
    wire = house.network.attach(stranger, lambda content, source, local: heard.append(content))
    call = await house.place(party_a=ALICE.number, party_b="9123456789")
    wire.send(an_invite(stranger, f"{call.call_id}/b"), AGENTS_LINE)
    await house.run(1.0)
    assert (heard, told(page), len(desk.line)) == ([], [], 0)
    from_line = desk.line.endpoint._transports[AGENTS_LINE]
    from_line.send(an_invite(AGENTS_LINE, f"{call.call_id}/b"), OURS)
    before = len(house.tasks)
    await house.run(1.0)
    assert len(house.tasks) == before
    house.switch.end_all_calls()
    await house.ended(call)


async def test_an_invite_that_names_no_leg_of_an_agent_is_refused(desk: Desk) -> None:
    house = desk.house
    page = desk.page()
    call = await house.place(party_a=ALICE.number, party_b="9123456789")
    names = (f"{call.call_id}/b", f"{call.call_id}/c", "nothing/a", "")
    answers_before = len(house.network.carried)
    ours = house.endpoint._transports[OURS]
    for name in names:
        ours.send(an_invite(OURS, name), AGENTS_LINE)
    await house.run(1.0)
    sent = [each.content for each in house.network.carried[answers_before:] if each.source == AGENTS_LINE]
    assert sum(content.startswith(b"SIP/2.0 404") for content in sent) >= len(names)
    assert told(page) == []
    house.switch.end_all_calls()
    await house.ended(call)


def an_invite(source: TransportAddress, leg: str) -> bytes:
    """An INVITE to an agent, as it might come from anywhere; each of a dialog of its own."""
    named = f"X-Agent-Leg: {leg}\r\n" if leg else ""
    token = f"{source.host}{leg}".replace("/", "").replace(".", "")
    return (
        f"INVITE sip:asha@127.0.0.1:5099 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {source.host}:{source.port};branch=z9hG4bK{token}\r\n"
        f"From: <sip:x@{source.host}>;tag=1\r\nTo: <sip:asha@127.0.0.1>\r\nCall-ID: {token}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:x@{source.host}:{source.port}>\r\nMax-Forwards: 70\r\n{named}Content-Length: 0\r\n\r\n"
    ).encode()
