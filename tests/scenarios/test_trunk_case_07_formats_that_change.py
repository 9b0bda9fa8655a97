"""Hard case 7, re-INVITEs that change formats: nothing on the way to the new ones is lost (RFC 3264 5.1, 8.3.2)."""

from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket
from tests.support.house import House
from tests.support.raw_dialog import RawBob, raw_call
from tests.support.scripted_phone import PCMA, PCMU

WORDS = b"\x41" * 160


async def connected(house: House, *payload_types: int) -> RawBob:
    """A call with Bob, who has these formats."""
    call, bob = await raw_call(house)
    bob.respond(200, "one", port=house.bob.persona.media_port)
    await house.until(lambda: house.state(call) == "bridged")
    if payload_types:
        bob.request("INVITE", "one", body=house.bob.persona.sdp(*payload_types, version=2).decode())
        await house.run(0.1)
        bob.request("ACK", "one")
        await house.run(5.0)
    return bob


async def say(house: House, payload_type: int, packets: int) -> int:
    """Bob says something: how much of it Alice has heard."""
    house.alice.received_rtp.clear()
    for _ in range(packets):
        house.bob.say_once(payload_type, WORDS)
        await house.run(0.02)
    await house.run(0.1)
    return sum(packet.payload[1:] != b"\xd5" * 159 for packet in house.alice.heard())


async def over(house: House, bob: RawBob) -> None:
    bob.request("BYE", "one")
    await house.run(60.0)


async def test_the_old_format_is_heard_until_bob_has_our_answer_and_not_for_long_after(house: House) -> None:
    bob = await connected(house)
    assert await say(house, PCMA, 5) == 5
    bob.request("INVITE", "one", body=house.bob.persona.sdp(PCMU, version=2).decode())
    await house.run(0.1)
    assert [answer.status for answer in bob.answers("INVITE")] == [100, 200]
    assert await say(house, PCMA, 10) == 10
    bob.request("ACK", "one")
    assert await say(house, PCMU, 10) == 10
    await house.run(5.0)
    assert await say(house, PCMA, 5) == 0
    assert await say(house, PCMU, 5) == 5
    await over(house, bob)


async def test_a_key_that_was_down_when_the_events_number_changed_comes_up(house: House) -> None:
    bob = await connected(house)
    await say(house, PCMA, 5)
    house.alice.received_rtp.clear()
    timestamp, payloads = house.bob._timestamp, event_payloads("9", 100)
    for number, payload in enumerate(payloads):
        if number == 2:
            body = house.bob.persona.sdp(version=2).replace(b" 8 101\r\n", b" 8 96\r\n").replace(b":101 ", b":96 ")
            bob.request("INVITE", "one", body=body.decode())
            await house.run(0.1)
            bob.request("ACK", "one")
        house.bob.say_packet(RtpPacket(101, house.bob._sequence, timestamp, 0x5B0B5B0B, payload, number == 0))
        house.bob._sequence += 1
        await house.run(0.02)
    await house.run(0.1)
    events = [packet for packet in house.alice.heard() if packet.payload_type == 101]
    assert len(events) == len(payloads)
    assert events[-1].payload[1] & 0x80
    await over(house, bob)


async def test_what_our_200_offers_may_come_before_the_answer_in_the_ack(house: House) -> None:
    bob = await connected(house, PCMU)
    assert await say(house, PCMU, 5) == 5
    assert await say(house, PCMA, 5) == 0
    bob.request("INVITE", "one")
    await house.run(0.1)
    offer = next(answer for answer in reversed(bob.answers("INVITE")) if answer.status == 200)
    assert b" 8 " in offer.body
    assert await say(house, PCMA, 10) == 10
    bob.request("ACK", "one", body=house.bob.persona.sdp(PCMA, version=3).decode())
    assert await say(house, PCMA, 10) == 10
    await over(house, bob)
