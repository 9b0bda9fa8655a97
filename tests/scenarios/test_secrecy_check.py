"""The check that runs after every scenario finds what it looks for; and what it must find with other set-ups."""

from typing import Any

import pytest

from tests.support.agents import request_from_peer
from tests.support.house import House, direct_trunk
from tests.support.scripted_phone import ALICE, BOB, Persona, answers


@pytest.mark.parametrize(
    "leak",
    [
        f"sip:+91{ALICE.number}@x",
        f"Contact: <sip:x@{ALICE.sip.host}>",
        f"c=IN IP4 {ALICE.media_host}",
        f"m=audio {ALICE.media_port} RTP/AVP 8",
        "User-Agent: ALICE-phone/9.1",
        f"Via: SIP/2.0/UDP 192.0.2.1:{ALICE.sip.port}",
    ],
)
async def test_trunk_case_20_a_leak_is_found(house: House, leak: str) -> None:
    house.bob.received.append(request_from_peer("INFO", headers=f"X-Planted: {leak}"))
    with pytest.raises(AssertionError, match="was told"):
        house.check_secrecy()
    house.bob.received.clear()


async def test_a_leaked_dialog_identifier_and_rtp_source_are_found(house: House) -> None:
    call = await house.bridged()
    assert house.alice.invite is not None
    assert len(house.bob.heard()) > 0
    for mark in (house.alice.invite.call_id, house.alice.invite.from_tag):
        house.bob.received.append(request_from_peer("INFO", headers=f"X-Planted: {mark}"))
        with pytest.raises(AssertionError, match="was told"):
            house.check_secrecy()
        house.bob.received.pop()
    for mark_bytes in house.alice.source_marks():
        house.bob.received_rtcp.append(b"...." + mark_bytes)
        with pytest.raises(AssertionError, match="heard"):
            house.check_secrecy()
        house.bob.received_rtcp.pop()
    house.alice.hang_up()
    await house.ended(call)


async def test_a_body_that_does_not_say_what_it_is_is_found(house: House) -> None:
    typed = request_from_peer("INFO", body="Signal=1", content_type="application/dtmf-relay")
    house.bob.received.append(typed)
    house.check_secrecy()
    house.bob.received.append(typed.replace(b"Content-Type: application/dtmf-relay\r\n", b""))
    with pytest.raises(AssertionError, match="without a type"):
        house.check_secrecy()
    house.bob.received.clear()


async def test_a_number_in_the_log_is_found(house: House) -> None:
    house.log.lines.append(f"INFO x: calling 0{BOB.number}")
    with pytest.raises(AssertionError, match="Bob's number"):
        house.check_log()
    house.log.lines.clear()


async def test_trunk_case_20_each_party_gets_a_source_of_ours_in_rtp_and_rtcp(house: House) -> None:
    call = await house.bridged()
    await house.run(20.0)
    house.bob.hang_up()
    await house.ended(call)
    for phone in (house.alice, house.bob):
        sources = {packet.ssrc for packet in phone.heard()}
        assert len(sources) == 1, "one SSRC from ringback to the end"
        assert sources.isdisjoint({ALICE.ssrc, BOB.ssrc})
        assert phone.received_rtcp, "no RTCP came"


DIRECT = {"config": "[calls]\nsip_parties = true", "trunks": direct_trunk(ALICE) + direct_trunk(BOB)}


async def test_sip_parties_on_trunks_of_their_own(open_house: Any) -> None:
    house = await open_house(**DIRECT)
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answers(1.0, ringing=183, early=True)
    call = await house.bridged(party_a=_uri(ALICE), party_b=_uri(BOB))
    await house.run(10.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert [leg.trunk for leg in cdr.legs] == ["alice-trunk", "bobby-trunk"]
    house.masked_on(house.alice)
    house.masked_on(house.bob)
    assert house.alice.invite.request_uri == f"sip:{ALICE.number}@{ALICE.sip.host}:{ALICE.sip.port}"


def _uri(persona: Persona) -> str:
    return f"sip:{persona.number}@{persona.sip.host}:{persona.sip.port}"
