"""Every way a call is hung up: by A early, by either side, by both, by the API, by the process."""

import asyncio
from typing import Any

import pytest

from b2bua.call.errors import BalanceInsufficient, CallAlreadyEnded, CallNotFound, CapacityExhausted
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import answer_to
from tests.support.house import ORG, House
from tests.support.scripted_phone import Phone, answers, nothing, rejects, rings


@pytest.mark.parametrize("ringing", [True, False])
async def test_trunk_case_24_a_hangs_up_while_b_rings(house: House, ringing: bool) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings() if ringing else nothing
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    await house.run(5.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "a_hangup_before_bridge", "a")
    assert cdr.price_paise == 0
    assert house.bob.was_cancelled
    assert house.bob.methods() == ["INVITE", "CANCEL", "ACK"]
    assert await house.words(call) == ["initiated", "ringing", "answered", "failed"]


class CrossingPhone:
    """B's phone, whose 200 to the INVITE crosses our CANCEL."""

    def __init__(self, phone: Phone, cancel_status: int, answers_first: bool, sdp: bool = True) -> None:
        self.phone = phone
        self.cancel_status = cancel_status
        self.answers_first = answers_first
        self.sdp = sdp
        phone.raw = self.take

    def take(self, message: Request | Response, source: TransportAddress) -> None:
        phone = self.phone
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if message.method == "INVITE":
            phone.send(answer_to(message, 180, to_tag="bobby-tag", contact=self.contact), source)
        elif message.method == "BYE":
            phone.send(answer_to(message, 200), source)
        elif message.method == "CANCEL":
            assert phone.invite is not None
            body = phone.persona.sdp().decode() if self.sdp else ""
            accept = answer_to(
                phone.invite,
                200,
                to_tag="bobby-tag",
                contact=self.contact,
                headers="Content-Type: application/sdp" if body else "",
                body=body,
            )
            refuse = answer_to(message, self.cancel_status, to_tag="bobby-tag")
            for content in (accept, refuse) if self.answers_first else (refuse, accept):
                phone.send(content, source)

    @property
    def contact(self) -> str:
        at = self.phone.persona.sip
        return f"<sip:bobby@{at.host}:{at.port}>"


@pytest.mark.parametrize("cancel_status", [200, 481])
@pytest.mark.parametrize("answers_first", [True, False])
@pytest.mark.parametrize("sdp", [True, False])
async def test_trunk_case_01_the_200_that_crosses_the_cancel_is_acknowledged_and_ended(
    house: House, cancel_status: int, answers_first: bool, sdp: bool
) -> None:
    CrossingPhone(house.bob, cancel_status, answers_first, sdp)
    house.alice.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    await house.run(3.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "a_hangup_before_bridge")
    assert (cdr.answered_at, cdr.duration_s, cdr.price_paise) == (None, 0, 0)
    assert house.bob.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert "bridged" not in await house.words(call)
    assert (await house.wallet()).balance_paise == 100_000
    assert house.recorder.paths == {}


async def test_trunk_case_01_the_200_that_crosses_the_cancel_of_a_ring_timeout(house: House) -> None:
    CrossingPhone(house.bob, 481, answers_first=True)
    house.alice.on_invite = answers(1.0)
    call = await house.place(ring_timeout_s=10)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_no_answer", 0)
    assert house.bob.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]


async def test_trunk_case_02_a_hangs_up_before_b_has_said_anything_so_the_cancel_waits(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    silent = house.bob
    silent.raw = lambda message, source: None
    call = await house.place()
    await house.until(lambda: silent.invite)
    await house.run(1.0)
    house.alice.hang_up()
    await house.run(0.5)
    assert set(silent.methods()) == {"INVITE"}, "a CANCEL before any provisional is forbidden (RFC 3261 9.1)"
    CrossingPhone(silent, 200, answers_first=False)
    assert silent.invite is not None
    silent.send(answer_to(silent.invite, 180, to_tag="bobby-tag", contact=None), house.user_agent_address)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "a_hangup_before_bridge")
    assert silent.methods()[-3:] == ["CANCEL", "ACK", "BYE"]


async def test_trunk_case_23_both_hang_up_at_once(house: House) -> None:
    call = await house.bridged()
    house.alice.hang_up()
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert cdr.hangup_party in ("a", "b")
    assert (await house.words(call)).count("completed") == 1
    assert cdr.price_paise == 150


async def test_trunk_case_23_b_hangs_up_in_the_very_instant_it_answers(house: House) -> None:
    def answer_and_leave(phone: Phone, _event: object) -> None:
        phone.answer()
        phone.hang_up()

    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answer_and_leave
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")
    assert cdr.duration_s == 0


async def test_the_api_hangs_up_while_a_is_dialled(house: House) -> None:
    house.alice.on_invite = nothing
    call = await house.place()
    await house.run(0.5)
    await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "api_hangup", "system")
    assert house.alice.was_cancelled


async def test_the_api_hangs_up_while_a_rings(house: House) -> None:
    house.alice.on_invite = rings()
    call = await house.place()
    await house.run(2.0)
    assert house.state(call) == "ringing_a"
    await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "api_hangup")
    assert house.alice.was_cancelled


async def test_the_api_hangs_up_before_the_invite_is_answered_at_all(house: House) -> None:
    house.alice.on_invite = rings()
    call = await house.place()
    await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "api_hangup")
    assert house.alice.methods() == ["INVITE", "CANCEL", "ACK"]


@pytest.mark.parametrize("behaviour", [rings(), rings(183, sdp=True), nothing])
async def test_the_api_hangs_up_while_b_is_dialled(house: House, behaviour: object) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = behaviour  # type: ignore[assignment]
    call = await house.place()
    await house.run(3.0)
    assert house.state(call) == "dialling_b"
    await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "api_hangup")
    assert house.alice.was_hung_up
    assert house.bob.was_cancelled


async def test_the_api_hangs_up_while_both_talk(house: House) -> None:
    call = await house.bridged()
    await house.switch.hang_up(ORG, call.call_id)
    with pytest.raises(CallAlreadyEnded):
        await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "api_hangup", 150)
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up
    with pytest.raises(CallAlreadyEnded):
        await house.switch.hang_up(ORG, call.call_id)


async def test_the_api_hangs_up_while_a_hears_why(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rejects(486)
    call = await house.place()
    await house.until(lambda: house.state(call) == "telling_a")
    await house.run(1.0)
    await house.switch.hang_up(ORG, call.call_id)
    cdr = await house.ended(call)
    assert cdr.status == "failed"
    assert cdr.hangup_cause == "api_hangup"
    assert house.alice.was_hung_up


async def test_a_hangs_up_while_it_hears_why(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rejects(486)
    call = await house.place()
    await house.until(lambda: house.state(call) == "telling_a")
    await house.run(1.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_busy")
    assert house.alice.methods() == ["INVITE", "ACK"]


async def test_another_organisation_cannot_hang_up(house: House) -> None:
    call = await house.bridged()
    with pytest.raises(CallNotFound):
        await house.switch.hang_up("org-2", call.call_id)
    with pytest.raises(CallNotFound):
        await house.switch.hang_up(ORG, "no-such-call")
    assert house.state(call) == "bridged"
    house.alice.hang_up()
    await house.ended(call)


async def test_a_store_that_cannot_be_written_for_a_while_is_told_to_load_balancers(
    house: House,
) -> None:
    call = await house.bridged()
    assert house.switch.ready()
    house.take_store_down()
    house.bob.hang_up()
    async with asyncio.timeout(10):
        while house.switch.ready():
            await house.run(1.0)
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.bring_store_back()
    await house.ended(call)
    assert house.switch.ready()


async def test_draining_takes_no_new_calls_and_lets_live_ones_finish(house: House) -> None:
    call = await house.bridged()
    empty: list[bool] = []
    house.switch.drain(lambda: empty.append(True))
    assert not house.switch.ready()
    with pytest.raises(CapacityExhausted):
        await house.place()
    await house.run(30.0)
    assert empty == []
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert empty == [True]


async def test_a_drain_waits_no_longer_for_a_call_that_is_refused_meanwhile(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store says only after the signal that nobody can pay for it: that was all there was to wait for."""
    house = await open_house(paise=0)
    run, empty = house.store.run, list[bool]()

    async def as_the_signal_comes(work: Any) -> Any:
        if house.switch._admitting:
            house.switch.drain(lambda: empty.append(True))
            assert empty == []
        return await run(work)

    monkeypatch.setattr(house.store, "run", as_the_signal_comes)
    with pytest.raises(BalanceInsufficient):
        await house.place()
    assert empty == [True]


async def test_the_second_signal_ends_the_live_calls_at_once(house: House) -> None:
    call = await house.bridged()
    empty: list[bool] = []
    house.switch.drain(lambda: empty.append(True))
    house.switch.end_all_calls()
    await house.run(1.0)
    assert empty == [True]
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "system_restart", 150)
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up


@pytest.mark.parametrize("answering", [rings(), nothing, None])
async def test_it_is_told_while_what_ends_a_call_is_on_its_way(house: House, answering: object) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answering or answers(1.0)  # type: ignore[assignment]
    call = await house.place()
    await house.run(4.0)
    house.phones_forget = False
    for at in (house.bob.persona.sip, TransportAddress("udp", "203.0.113.1", 5060)):
        house.network.attach(at, lambda content, source, local: None)  # deaf from now on
    assert house.switch.is_parting() == (answering is not None), "an INVITE is without a final response"
    house.switch.drain(lambda: None)
    house.switch.end_all_calls()
    await house.run(6.0)
    assert house.switch.live_calls() == 0
    assert house.switch.is_parting()
    await house.ended(call)
    assert not house.switch.is_parting()


@pytest.mark.parametrize("answering", [rings(), nothing])
async def test_the_second_signal_ends_calls_that_are_not_bridged(house: House, answering: object) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answering  # type: ignore[assignment]
    call = await house.place()
    await house.run(3.0)
    house.switch.drain(lambda: None)
    house.switch.end_all_calls()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "system_restart", 0)
