"""Hard case 23: BYE in an early dialog, and BYE that the peer knows nothing of (RFC 3261 15.1)."""

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import answer_to, in_dialog_from_peer
from tests.support.house import House
from tests.support.scripted_phone import Phone, answers


class ByHand:
    """B's phone: rings or answers at once; what else it sends and how it answers a BYE the test says."""

    def __init__(self, phone: Phone, status: int, bye_status: int = 200) -> None:
        self.phone = phone
        self._status = status
        self._bye_status = bye_status
        phone.raw = self._take

    def _take(self, message: Request | Response, source: TransportAddress) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        status = {"INVITE": self._status, "BYE": self._bye_status}.get(message.method, 200)
        body = self.phone.persona.sdp().decode() if message.method == "INVITE" and status == 200 else ""
        at = self.phone.persona.sip
        answer = answer_to(
            message,
            status,
            to_tag="bobby-tag",
            contact=f"<sip:bobby@{at.host}:{at.port}>",
            headers="Content-Type: application/sdp" if body else "",
            body=body,
        )
        self.phone.send(answer, source)
        if message.method == "CANCEL" and self.phone.invite is not None:
            self.phone.send(answer_to(self.phone.invite, 487, to_tag="bobby-tag"), source)


async def test_trunk_case_23_b_says_bye_while_it_rings(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    ByHand(house.bob, 180)
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    await house.run(3.0)
    assert house.bob.invite is not None
    bye = in_dialog_from_peer(house.bob.invite, "BYE", from_tag="bobby-tag")
    house.bob.send(bye, house.user_agent_address)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.price_paise) == ("failed", 0)
    assert house.bob.methods() == ["INVITE", "CANCEL", "ACK"], "the INVITE of a call that is over is cancelled, no BYE"
    assert house.alice.was_hung_up
    assert (await house.words(call)).count("failed") == 1


@pytest.mark.parametrize("status", [481, 408, 500])
async def test_trunk_case_23_a_bye_that_is_refused_is_the_end_all_the_same(house: House, status: int) -> None:
    house.alice.on_invite = answers(1.0)
    ByHand(house.bob, 200, status)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    await house.run(5.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
