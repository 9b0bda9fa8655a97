"""Carriers put more into a body than SDP: ISUP beside it, ISUP in its place."""

from functools import partial

import pytest

from b2bua.sip.events import IncomingInvite
from tests.support.house import House
from tests.support.scripted_phone import Answering, Phone, answers

SDP_TYPE = "application/sdp"
ISUP_TYPE = "application/isup;version=itu-t92+"
ISUP = b"\x06\x01\x00"
Said = tuple[int, bytes, str | None]


def says(*responses: Said) -> Answering:
    """These responses to the INVITE, half a second apart."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        respond = phone.endpoint.respond
        for count, (status, body, content_type) in enumerate(responses):
            say = partial(respond, event.transaction, status, body=body, content_type=content_type)
            phone.clock.call_later(count * 0.5, say)

    return behave


def beside_isup(sdp: bytes) -> Said:
    body = (
        b"--xyz\r\nContent-Type: application/sdp\r\n\r\n"
        + sdp
        + b"\r\n--xyz\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n"
        + ISUP
        + b"\r\n--xyz--\r\n"
    )
    return 200, body, "multipart/mixed;boundary=xyz"


@pytest.mark.parametrize("case", ["beside", "ringing", "answer", "no type"])
async def test_bodies_that_are_not_sdp_alone(house: House, case: str) -> None:
    sdp = house.bob.persona.sdp()
    responses: dict[str, tuple[Said, ...]] = {
        "beside": ((180, b"", None), beside_isup(sdp)),
        "ringing": ((183, sdp, SDP_TYPE), (180, ISUP, ISUP_TYPE), (200, b"", None)),
        "answer": ((183, sdp, SDP_TYPE), (200, ISUP, ISUP_TYPE)),
        "no type": ((180, ISUP, ISUP_TYPE), (200, sdp, None)),
    }
    house.alice.on_invite = answers()
    house.bob.on_invite = says(*responses[case])
    call = await house.bridged()
    await house.run(5.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert cdr.legs[1].codec == "PCMA"


async def test_an_answer_that_is_isup_alone_is_the_called_party_s_failure(house: House) -> None:
    house.alice.on_invite = answers()
    house.bob.on_invite = says((180, b"", None), (200, ISUP, ISUP_TYPE))
    cdr = await house.ended(await house.place())
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_unreachable")
    assert house.bob.was_hung_up
