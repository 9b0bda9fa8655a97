"""A phone that rings for ever: before the CANCEL, after it, and whatever it says to it. Nobody waits for it."""

from typing import Any

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import answer_to
from tests.support.house import OURS, House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import Phone, answers

RING_TIMEOUT_S = 20
NO_ANSWER = 'Q.850;cause=19;text="No answer from user"'
PATIENCE_S = 20 + 2 * 32  # to the CANCEL, its own transaction, and 64*T1 after its answer


class Phantom:
    """A phone by hand that says 180 every two seconds, whatever it is told. `at_cancel`: its answer to a CANCEL, None
    for none."""

    def __init__(self, phone: Phone, at_cancel: int | None) -> None:
        self.phone = phone
        self.at_cancel = at_cancel
        self.rung = 0
        self.is_ringing = False
        phone.raw = self.take

    def take(self, message: Request | Response, source: TransportAddress) -> None:
        if not isinstance(message, Request):
            return
        if message.method == "INVITE" and not self.is_ringing:
            self.is_ringing = True
            self._ring()
        elif message.method == "CANCEL" and self.at_cancel is not None:
            self.phone.send(answer_to(message, self.at_cancel, to_tag="phantom"), source)

    def stop(self) -> None:
        self.is_ringing = False

    def _ring(self) -> None:
        if not self.is_ringing:
            return
        assert self.phone.invite is not None
        at = self.phone.persona.sip
        contact = f"<sip:{self.phone.persona.word}@{at.host}:{at.port}>"
        self.phone.send(answer_to(self.phone.invite, 180, to_tag="phantom", contact=contact), OURS)
        self.rung += 1
        self.phone.clock.call_later(2.0, self._ring)


@pytest.mark.parametrize("at_cancel", [200, 481, None])
@pytest.mark.parametrize("who", ["a", "b"])
async def test_a_party_that_rings_for_ever_is_cancelled_in_time_and_then_forgotten(
    house: House, who: str, at_cancel: int | None
) -> None:
    phone, other = (house.alice, house.bob) if who == "a" else (house.bob, house.alice)
    phantom = Phantom(phone, at_cancel)
    other.on_invite = answers(1.0)
    call = await house.place(ring_timeout_s=RING_TIMEOUT_S)
    cdr = await house.over(call)
    assert cdr.hangup_cause == ("no_answer" if who == "a" else "b_no_answer")
    assert cdr.price_paise == 0
    dialled_at = cdr.started_at if who == "a" else cdr.a_answered_at
    assert dialled_at is not None
    assert cdr.ended_at == dialled_at + RING_TIMEOUT_S * 1000 + (0 if who == "a" else 4_000)
    assert house.trunk().live_calls == 0, "the channel does not wait for the phone"
    await house.run(PATIENCE_S)
    assert phantom.rung > 40, "it rings on"
    assert house.user_agent.table_sizes().usages == 0, "nobody waits for it any more"
    methods = phone.methods()
    assert methods[:2] == ["INVITE", "CANCEL"]
    assert set(methods[2:]) <= ({"CANCEL"} if at_cancel is None else set())
    assert {cancel.headers.get("Reason") for cancel in phone.requests("CANCEL")} == {NO_ANSWER}
    words = await house.words(call)
    assert words == (
        ["initiated", "ringing", "no-answer"] if who == "a" else ["initiated", "ringing", "answered", "failed"]
    )
    phantom.stop()


@pytest.mark.parametrize("at_cancel", [200, None])
async def test_a_caller_that_gave_up_is_let_go_at_once_though_the_called_party_rings_on(
    open_house: Any, at_cancel: int | None
) -> None:
    relay: House = await open_house(trunks=RELAYED)
    phantom = Phantom(relay.bob, at_cancel)
    call = await relay.arrive(DIALLED)
    await relay.run(5.0)
    relay.alice.hang_up()
    await relay.run(0.1)
    assert relay.alice.rejected.status == 487
    assert (await relay.relayed(call)).hangup_cause == "a_hangup_before_bridge"
    await relay.run(PATIENCE_S)
    assert relay.user_agent.table_sizes().usages == 0
    assert set(relay.bob.methods()) == {"INVITE", "CANCEL"}
    phantom.stop()


async def test_another_call_is_not_kept_waiting_by_a_phantom(open_house: Any) -> None:
    """The trunk takes one call at a time: the next one gets its channel while the first phone still rings."""
    house: House = await open_house(
        trunks="""
[[trunks]]
name = "carrier"
uri = "sip:203.0.113.1:5060"
addresses = ["203.0.113.0/24"]
numbers = ["917969002802"]
options_interval_s = 0
max_calls = 2
"""
    )
    phantom = Phantom(house.bob, None)
    house.alice.on_invite = answers(1.0)
    await house.over(await house.place(ring_timeout_s=10))
    second = await house.place(ring_timeout_s=10)
    await house.until(lambda: house.state(second) == "dialling_b")
    assert len(house.alice.invites) == 2
    await house.over(second)
    await house.run(PATIENCE_S)
    phantom.stop()
