"""RFC 4568 and 3711 in whole calls: a leg with SRTP beside one without, and both with it."""

from typing import Any

import pytest

from b2bua.sip.events import Answered
from media.rtp.dtmf import event_payloads
from media.rtp.rtcp import parse_compound
from media.rtp.srtp import AEAD_AES_128_GCM, AEAD_AES_256_GCM, AES_CM_128_HMAC_SHA1_80, Suite
from storage.records import CallRecord
from tests.support.house import House, direct_trunk
from tests.support.routes import DIALLED, EAST, peer, route
from tests.support.scripted_phone import ALICE, BOB, Persona, Phone, answers
from tests.support.srtp_phone import PhoneSrtp

A_SAYS, B_SAYS = b"\x2a" * 160, b"\x17" * 160


async def house_of(open_house: Any, *, alice: str = "off", bob: str = "off") -> House:
    """Each phone behind a trunk of its own, with SRTP as given."""
    trunks = f'{direct_trunk(ALICE)}srtp = "{alice}"\n{direct_trunk(BOB)}srtp = "{bob}"\n'
    house: House = await open_house("[calls]\nsip_parties = true", trunks=trunks)
    house.alice.on_invite, house.bob.on_invite = answers(1.0), answers(1.0)
    return house


def address_of(persona: Persona) -> str:
    return f"sip:{persona.number}@{persona.sip.host}:{persona.sip.port}"


async def placed(house: House, **changes: Any) -> CallRecord:
    return await house.place(party_a=address_of(ALICE), party_b=address_of(BOB), **changes)


async def bridged(house: House, **changes: Any) -> CallRecord:
    call = await placed(house, **changes)
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(1.0)
    return call


async def say(house: House, phone: Phone, payload: bytes, times: int = 5) -> None:
    for _ in range(times):
        phone.say_once(payload=payload)
        await house.run(0.02)


def sent_to(phone: Phone) -> bytes:
    return b"\n".join(phone.received + phone.received_rtp + phone.received_rtcp)


def check_keys(house: House, *secured: PhoneSrtp) -> None:
    """No key of a leg is in anything the other leg is sent, nor in a log; no packet of it is in clear."""
    for srtp in secured:
        other = house.bob if srtp.phone is house.alice else house.alice
        for secret in srtp.secrets():
            assert secret not in sent_to(other)
            assert secret not in "\n".join(house.log.lines).encode()
        for said in (A_SAYS, B_SAYS):
            assert said[:8] not in b"".join(srtp.phone.received_rtp)
        assert b"cname" not in b"".join(srtp.phone.received_rtcp)


@pytest.mark.parametrize("policy", ["optional", "required"])
@pytest.mark.parametrize("suite", [AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM, AEAD_AES_256_GCM])
async def test_srtp_on_b_s_leg_and_plain_rtp_on_a_s(open_house: Any, suite: Suite, policy: str) -> None:
    house = await house_of(open_house, bob=policy)
    srtp = PhoneSrtp(house.bob, suite)
    house.bob.on_invite = srtp.answers()
    call = await bridged(house, record=True)

    await say(house, house.alice, A_SAYS)
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in srtp.heard()].count(A_SAYS) == 5
    assert [packet.payload for packet in house.alice.heard()].count(B_SAYS) == 5
    heard_a, heard_b = house.recorder.taps[call.call_id].payloads
    assert A_SAYS in heard_a
    assert B_SAYS in heard_b

    for phone in (house.alice, house.bob):
        for payload in event_payloads("7", 160):
            phone.say_once(101, payload)
        await house.run(0.2)
    assert 101 in {packet.payload_type for packet in srtp.heard()}
    assert 101 in {packet.payload_type for packet in house.alice.heard()}

    await house.run(12.0)
    reports = srtp.reports()
    assert reports
    assert all(parse_compound(report) for report in reports)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    srtp.heard()
    check_keys(house, srtp)
    assert house.alice.invite is not None
    assert b"RTP/AVP" in house.alice.invite.body
    assert b"crypto" not in house.alice.invite.body
    assert len(house.bob.received[0]) < 1300, "hard case 22: an INVITE with keys still fits a datagram"


async def test_srtp_on_both_legs_with_keys_of_their_own(open_house: Any) -> None:
    house = await house_of(open_house, alice="required", bob="required")
    a, b = PhoneSrtp(house.alice), PhoneSrtp(house.bob, AEAD_AES_256_GCM)
    house.alice.on_invite, house.bob.on_invite = a.answers(), b.answers(4.0)
    b.own = bytes(range(44))
    call = await placed(house)
    await house.until(lambda: house.bob.invite)
    await house.run(2.0)
    assert len(a.heard()) >= 90, "ringback is sealed too"
    await house.until(lambda: house.state(call) == "bridged")
    await say(house, house.alice, A_SAYS)
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in b.heard()].count(A_SAYS) == 5
    assert [packet.payload for packet in a.heard()].count(B_SAYS) == 5
    house.bob.hang_up()
    await house.ended(call)
    assert len({a.own, a.ours, b.own, b.ours}) == 4
    check_keys(house, a, b)


async def test_trunk_case_07_hold_and_resume_of_a_leg_with_srtp(open_house: Any) -> None:
    house = await house_of(open_house, bob="required")
    srtp = PhoneSrtp(house.bob)
    house.bob.on_invite = srtp.answers()
    call = await bridged(house)
    ours = srtp.ours
    house.bob.fall_silent()
    house.bob.reinvite(srtp.sdp(direction="sendonly", version=2))
    await house.run(1.0)
    heard = len(srtp.heard())
    await house.run(30.0)
    assert len(srtp.heard()) == heard
    house.bob.reinvite(srtp.sdp(version=3))
    await house.run(1.0)
    for answer in house.bob.answers():
        assert answer.status == 200
        assert b" RTP/SAVP " in answer.body
        srtp.take(answer.body)
    assert srtp.ours == ours, "our key stays"
    house.bob.speak()
    await say(house, house.alice, A_SAYS)
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in srtp.heard()].count(A_SAYS) == 5
    assert [packet.payload for packet in house.alice.heard()].count(B_SAYS) == 5
    house.alice.hang_up()
    await house.ended(call)
    check_keys(house, srtp)


async def test_a_new_key_of_the_peer_s(open_house: Any) -> None:
    house = await house_of(open_house, bob="required")
    srtp = PhoneSrtp(house.bob)
    house.bob.on_invite = srtp.answers()
    call = await bridged(house)
    srtp.rekey(77)
    house.bob.reinvite(srtp.sdp(version=2))
    await house.run(1.0)
    srtp.take(house.bob.answers()[0].body)
    before = len(house.alice.heard())
    await say(house, house.bob, B_SAYS)
    await say(house, house.alice, A_SAYS)
    assert [packet.payload for packet in house.alice.heard()[before:]].count(B_SAYS) == 5
    assert [packet.payload for packet in srtp.heard()].count(A_SAYS) == 5
    house.alice.hang_up()
    await house.ended(call)
    check_keys(house, srtp)


async def test_a_peer_that_knows_no_srtp_answers_an_optional_offer_with_plain_rtp(open_house: Any) -> None:
    """RFC 8643: it passes over the a=crypto lines."""
    house = await house_of(open_house, bob="optional")
    call = await bridged(house)
    await say(house, house.alice, A_SAYS)
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in house.bob.heard()].count(A_SAYS) == 5
    assert [packet.payload for packet in house.alice.heard()].count(B_SAYS) == 5
    house.alice.hang_up()
    await house.ended(call)


async def test_a_plain_answer_where_srtp_is_required_is_b_s_failure(open_house: Any) -> None:
    house = await house_of(open_house, bob="required")
    call = await placed(house)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_unreachable", 0)
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
    assert house.bob.received_rtp == []


async def test_near_miss_an_srtp_answer_to_a_plain_offer_is_b_s_failure(open_house: Any) -> None:
    house = await house_of(open_house)
    srtp = PhoneSrtp(house.bob)
    srtp.tag = 1
    house.bob.on_invite = lambda phone, _event: phone.respond(200, srtp.sdp())
    call = await placed(house)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_unreachable", 0)
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]


@pytest.mark.parametrize(("policy", "secured"), [("required", False), ("off", True)])
async def test_an_offer_that_the_profile_forbids_is_refused_and_the_call_goes_on(
    open_house: Any, policy: str, secured: bool
) -> None:
    house = await house_of(open_house, bob=policy)
    srtp = PhoneSrtp(house.bob)
    if policy == "required":
        house.bob.on_invite = srtp.answers()
    call = await bridged(house)
    house.bob.reinvite(srtp.sdp(version=2) if secured else BOB.sdp(version=2))
    await house.run(1.0)
    assert [answer.status for answer in house.bob.answers()] == [488]
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in house.alice.heard()].count(B_SAYS) == 5
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_packets_of_somebody_without_the_key_keep_no_call_alive(open_house: Any) -> None:
    house = await house_of(open_house, bob="required")
    srtp = PhoneSrtp(house.bob)
    house.bob.on_invite = srtp.answers()
    call = await bridged(house)
    silent_at = house.clock.time()
    house.bob.seal_rtp = house.bob.seal_rtcp = bytes  # it goes on in clear
    await house.until(lambda: house.state(call) == "ending")
    assert house.clock.time() == pytest.approx(silent_at + 45, abs=1.0)
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, cdr.hangup_party) == ("media_timeout", "system")


async def test_a_lossy_network_costs_packets_and_no_more(open_house: Any) -> None:
    house = await house_of(open_house, bob="required")
    srtp = PhoneSrtp(house.bob)
    house.bob.on_invite = srtp.answers()
    call = await bridged(house)
    house.media_network.follow([1, 0, 2, 1, 1, 0, 0, 2] * 50)
    await say(house, house.alice, A_SAYS, times=40)
    assert len({packet.sequence for packet in _opened_or_replayed(srtp)}) > 20
    house.media_network.follow(())
    await say(house, house.bob, B_SAYS, times=10)
    assert [packet.payload for packet in house.alice.heard()].count(B_SAYS) == 10
    house.alice.hang_up()
    await house.ended(call)


def _opened_or_replayed(srtp: PhoneSrtp) -> list[Any]:
    """What the phone could open; the network's copies are replays to it."""
    phone = srtp.phone
    phone.received_rtp[:] = list(dict.fromkeys(phone.received_rtp))
    return srtp.heard()


def routed(policy: str) -> str:
    """A call of Alice's is relayed to Bob's plain trunk; SRTP on hers as given."""
    return peer("west", ALICE, more=f'srtp = "{policy}"') + EAST + route(more='trunk = "west"')


@pytest.mark.parametrize(
    ("policy", "protocol"),
    [("optional", "RTP/SAVP"), ("optional", "RTP/AVP"), ("required", "RTP/SAVP"), ("required", "RTP/SAVPF")],
)
async def test_a_call_that_arrives_with_srtp(open_house: Any, policy: str, protocol: str) -> None:
    house: House = await open_house(trunks=routed(policy))
    srtp = PhoneSrtp(house.alice, AEAD_AES_128_GCM, protocol=protocol)
    srtp.tag = 9
    house.bob.on_invite = answers(2.0)
    call = await house.arrive(DIALLED, body=srtp.sdp())
    await house.until(lambda: house.alice.is_connected)
    answer = next(event.body for event in house.alice.events if isinstance(event, Answered))
    assert f" {protocol} ".encode() in answer
    assert b"a=crypto:9 AEAD_AES_128_GCM inline:" in answer
    srtp.take(answer)
    await say(house, house.alice, A_SAYS)
    await say(house, house.bob, B_SAYS)
    assert [packet.payload for packet in house.bob.heard()].count(A_SAYS) == 5
    assert [packet.payload for packet in srtp.heard()].count(B_SAYS) == 5
    house.alice.hang_up()
    end = await house.relayed(call)
    assert (end.status, end.hangup_cause) == ("completed", "normal")
    check_keys(house, srtp)


@pytest.mark.parametrize(("policy", "secured"), [("required", False), ("off", True)])
async def test_a_call_that_arrives_with_what_the_profile_forbids_is_refused(
    open_house: Any, policy: str, secured: bool
) -> None:
    house: House = await open_house(trunks=routed(policy))
    srtp = PhoneSrtp(house.alice)
    srtp.tag = 1
    refusal = await house.refused(DIALLED, body=srtp.sdp() if secured else ALICE.sdp())
    assert refusal.status == 488
    assert house.bob.received == []
