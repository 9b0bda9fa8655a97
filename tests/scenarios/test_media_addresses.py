"""Descriptions that would lead our media astray: to another port of ours, to loopback, to a group, to nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.house import OURS, House
from tests.support.memory_media import MEDIA_HOST
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import Phone, answers

FIRST_PORT = 20_000


def naming(phone: Phone, address: str, port: int | None = None, version: int = 1) -> bytes:
    """What a phone says, with its media at another address."""
    persona = phone.persona
    text = persona.sdp(version=version).decode()
    old = f"c=IN IP4 {persona.media_host}"
    text = text.replace(old, f"c=IN IP4 {address}")
    if port is not None:
        text = text.replace(f"m=audio {persona.media_port} ", f"m=audio {port} ")
    return text.encode()


ASTRAY: list[Callable[[Phone], bytes]] = [
    lambda phone: naming(phone, MEDIA_HOST, FIRST_PORT),
    lambda phone: naming(phone, MEDIA_HOST, phone.remote_media()[-1].port),  # the port of its own leg
    lambda phone: naming(phone, "127.0.0.1"),
    lambda phone: naming(phone, "224.0.1.75"),
    lambda phone: naming(phone, "255.255.255.255"),
    lambda phone: naming(phone, phone.persona.media_host, 0),
]
IDS = ["ours", "its own leg's", "loopback", "multicast", "broadcast", "port 0"]


@pytest.mark.parametrize("astray", ASTRAY, ids=IDS)
async def test_an_answer_of_b_s_that_leads_astray_is_b_s_failure(house: House, astray: Any) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = lambda phone, _event: phone.respond(200, astray(phone))
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_unreachable", 0)
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
    assert house.bob.received_rtp == []


@pytest.mark.parametrize("astray", ASTRAY, ids=IDS)
async def test_a_changed_offer_that_leads_astray_is_refused_and_the_call_goes_on(house: House, astray: Any) -> None:
    call = await house.bridged()
    house.bob.reinvite(astray(house.bob))
    await house.run(1.0)
    assert [response.status for response in house.bob.answers()] == [488]
    heard = len(house.alice.heard()), len(house.bob.heard())
    await house.run(2.0)
    assert len(house.alice.heard()) > heard[0]
    assert len(house.bob.heard()) > heard[1]
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


@pytest.mark.parametrize("astray", [ASTRAY[0], *ASTRAY[2:]], ids=[IDS[0], *IDS[2:]])
async def test_a_call_that_arrives_and_leads_astray_is_refused(open_house: Any, astray: Any) -> None:
    house = await open_house(trunks=RELAYED)
    house.alice.call(DIALLED, OURS, body=astray(house.alice))
    await house.run(5.0)
    assert house.alice.rejected.status == 488
    assert house.bob.received == []


async def test_an_offer_at_the_unspecified_address_is_a_call_on_hold(open_house: Any) -> None:
    """The old way of hold (RFC 3264 section 8.4): answered, and nothing is sent until an address comes."""
    house = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED, body=naming(house.alice, "0.0.0.0"))
    await house.until(lambda: house.alice.is_connected)
    house.bob.speak()
    house.alice.speak()
    await house.run(3.0)
    assert house.alice.received_rtp == []
    assert len(house.bob.heard()) > 3, "it may speak"
    house.alice.reinvite(house.alice.persona.sdp(version=2))
    await house.run(3.0)
    assert len(house.alice.heard()) > 3
    house.alice.hang_up()
    await house.relayed(call)
