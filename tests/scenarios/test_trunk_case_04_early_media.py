"""Hard case 4: early media from several To-tags, and a 200 that has another SDP or none, all of it reliable.

The same with provisional responses that are not reliable is in test_media_courses.
"""

import pytest

from b2bua.sip.routing import TransportAddress
from media.rtp.packet import RtpPacket
from tests.support.house import House
from tests.support.raw_dialog import RawBob, raw_call
from tests.support.scripted_phone import PCMA, PCMU


def ears(house: House, *ports: int) -> dict[int, list[bytes]]:
    """What arrives at these ports of Bob's."""
    heard: dict[int, list[bytes]] = {port: [] for port in ports}

    def hear(content: bytes, _source: TransportAddress, to: TransportAddress) -> None:
        heard[to.port].append(content)

    for port in ports:
        house.media_network.attach(TransportAddress("udp", house.bob.persona.media_host, port), hear)
    return heard


async def speak(house: House) -> None:
    house.alice.speak()
    await house.run(2.0)


def contacts(bob: RawBob) -> list[tuple[str | None, str]]:
    """The To-tag and request URI of each PRACK."""
    return [(prack.to_tag, prack.request_uri) for prack in bob.requests("PRACK")]


async def test_each_fork_has_its_own_prack_and_the_200_without_sdp_takes_that_of_its_dialog(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=500)
    await house.run(0.2)
    bob.respond(183, "two", port=42200, rseq=7)
    await house.run(0.2)
    bob.respond(180, "one", rseq=501)
    await house.run(0.2)
    at = house.bob.persona.sip
    uri = f"sip:bobby-{{}}@{at.host}:{at.port}"
    assert contacts(bob) == [("one", uri.format("one")), ("two", uri.format("two")), ("one", uri.format("one"))]
    assert [str(prack.rack) for prack in bob.requests("PRACK")] == ["500 1 INVITE", "7 1 INVITE", "501 1 INVITE"]
    heard = ears(house, 42100, 42200)
    bob.respond(200, "one")
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42100]
    assert not heard[42200]
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")


async def test_the_sdp_of_the_200_replaces_that_of_a_reliable_183(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    heard = ears(house, 42100, 42200)
    bob.respond(200, "one", port=42200)
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42200]
    assert not heard[42100]
    bob.request("BYE", "one")
    await house.ended(call)


async def test_the_newest_sdp_of_an_early_dialog_is_what_a_200_without_sdp_confirms(house: House) -> None:
    """Another fork has spoken last, which that 200 is not of."""
    call, bob = await raw_call(house)
    for tag, port in (("one", 42100), ("one", 42200), ("two", 42300)):
        bob.respond(183, tag, port=port)
        await house.run(0.2)
    heard = ears(house, 42100, 42200, 42300)
    bob.respond(200, "one")
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert [port for port, packets in heard.items() if packets] == [42200]
    bob.request("BYE", "one")
    await house.ended(call)


async def test_a_body_in_an_ack_that_owes_no_answer_moves_nothing(house: House) -> None:
    """Hard case 7 the other way round: our 200 held the answer, and RFC 3261 13.2.1 knows no other after it."""
    call, bob = await raw_call(house)
    bob.respond(200, "one", port=42100)
    await house.until(lambda: house.state(call) == "bridged")
    bob.request("INVITE", "one", body=house.bob.persona.sdp(port=42200, version=2).decode())
    await house.run(0.1)
    assert [answer.status for answer in bob.answers("INVITE")] == [100, 200]
    heard = ears(house, 42200, 42300)
    bob.request("ACK", "one", body=house.bob.persona.sdp(port=42300, version=3).decode())
    await speak(house)
    assert [port for port, packets in heard.items() if packets] == [42200]
    bob.request("BYE", "one")
    await house.ended(call)


async def test_one_fork_reliably_and_another_unreliably(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    bob.respond(183, "two", port=42200)
    await house.run(0.2)
    assert bob.tags("PRACK") == ["one"]
    heard = ears(house, 42100, 42200)
    bob.respond(200, "two")
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42200]
    assert not heard[42100]
    bob.request("BYE", "two")
    await house.ended(call)


async def test_an_update_before_the_200_is_what_a_200_without_sdp_confirms(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    moved = house.bob.persona.sdp(port=42300, version=2).decode()
    bob.request("UPDATE", "one", body=moved)
    await house.run(0.2)
    [answer] = bob.answers("UPDATE")
    assert (answer.status, b"m=audio" in answer.body) == (200, True)
    heard = ears(house, 42100, 42300)
    bob.respond(200, "one")
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42300]
    assert not heard[42100]
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.legs[1].codec) == ("completed", "PCMA")


@pytest.mark.parametrize("port", [42100, 42300])
async def test_the_sdp_of_a_200_undoes_no_update_that_came_before_it(house: House, port: int) -> None:
    """RFC 3261 13.2.1: the reliable 183 had the answer, and what repeats it in the 200 is ignored."""
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    bob.request("UPDATE", "one", body=house.bob.persona.sdp(port=42300, version=2).decode())
    await house.run(0.2)
    heard = ears(house, 42100, 42300)
    bob.respond(200, "one", port=port)
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42300]
    assert not heard[42100]
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.legs[1].codec) == ("completed", "PCMA")


async def test_another_forks_200_is_not_held_to_what_an_update_changed(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    bob.request("UPDATE", "one", body=house.bob.persona.sdp(port=42300, version=2).decode())
    await house.run(0.2)
    heard = ears(house, 42200, 42300)
    bob.respond(200, "two", port=42200)
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert heard[42200]
    assert not heard[42300]
    bob.request("BYE", "two")
    await house.ended(call)


@pytest.mark.parametrize("sdp_in", [183, 200])
async def test_another_forks_200_answers_the_offer_of_the_invite_and_not_what_an_update_made_of_it(
    house: House, sdp_in: int
) -> None:
    """A ringback server has narrowed its own early dialog down to one codec, and looped it; who answers has another."""
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    changed = house.bob.persona.sdp(PCMU, port=42300, version=2, direction="sendonly") + b"m=video 0 RTP/AVP 31\r\n"
    bob.request("UPDATE", "one", body=changed.decode())
    await house.run(0.2)
    heard = ears(house, 42200, 42300)
    if sdp_in == 183:
        bob.respond(183, "two", port=42200, rseq=1)
        await house.run(0.2)
    bob.respond(200, "two", port=42200 if sdp_in == 200 else None)
    await house.until(lambda: house.state(call) in ("bridged", "telling_a"))
    assert house.state(call) == "bridged"
    await speak(house)
    assert (bool(heard[42200]), bool(heard[42300])) == (True, False)
    bob.request("INVITE", "two")
    await house.run(0.1)
    offer = bob.answers("INVITE")[-1].body
    assert (offer.count(b"m="), b"m=audio" in offer, b"a=sendrecv" in offer) == (1, True, True)
    bob.request("ACK", "two", body=house.bob.persona.sdp(port=42200, version=2).decode())
    await house.run(0.2)
    bob.request("BYE", "two")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.legs[1].codec) == ("completed", "PCMA")


async def test_an_update_before_the_offer_is_answered_gets_491_and_the_call_goes_on(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100)
    await house.run(0.2)
    bob.request("UPDATE", "one", body=house.bob.persona.sdp(port=42300, version=2).decode())
    await house.run(0.2)
    assert [answer.status for answer in bob.answers("UPDATE")] == [491]
    bob.respond(200, "one", port=42100)
    await house.until(lambda: house.state(call) == "bridged")
    bob.request("BYE", "one")
    await house.ended(call)


def say(house: House, port: int, payload: bytes) -> None:
    """One RTP packet from this port of Bob's side, to wherever our INVITE wants its media."""
    packet = RtpPacket(PCMA, 1, 160, port, payload, marker=True)
    source = TransportAddress("udp", house.bob.persona.media_host, port)
    for far in house.bob.remote_media():
        house.media_network.carry(packet.render(), source, far)


async def test_trunk_case_04_a_hears_the_early_dialog_that_spoke_last_and_no_other(house: House) -> None:
    first, second = b"\x11" * 160, b"\x22" * 160
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100)
    await house.run(0.2)
    say(house, 42100, first)
    await house.run(0.2)
    assert any(first in packet for packet in house.alice.received_rtp)
    bob.respond(183, "two", port=42200)
    await house.run(0.2)
    heard = len(house.alice.received_rtp)
    say(house, 42100, first)
    say(house, 42200, second)
    await house.run(0.2)
    later = house.alice.received_rtp[heard:]
    assert any(second in packet for packet in later)
    assert not any(first in packet for packet in later)
    bob.respond(486, "two")
    assert (await house.ended(call)).hangup_cause == "b_busy"


@pytest.mark.parametrize("answers_by", ["one", "two"])
async def test_trunk_case_04_a_fork_that_speaks_after_another_ones_update_is_heard(
    house: House, answers_by: str
) -> None:
    first, second = b"\x11" * 160, b"\x22" * 160
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42100, rseq=1)
    await house.run(0.2)
    bob.request("UPDATE", "one", body=house.bob.persona.sdp(port=42300, version=2).decode())
    await house.run(0.2)
    bob.respond(180, "one", port=42100, rseq=2)  # says once more what the UPDATE has changed since
    await house.run(0.2)
    say(house, 42300, first)
    await house.run(0.2)
    assert any(first in packet for packet in house.alice.received_rtp)
    bob.respond(183, "two", port=42200, rseq=1)
    await house.run(0.2)
    heard = len(house.alice.received_rtp)
    say(house, 42300, first)
    say(house, 42200, second)
    await house.run(0.2)
    later = house.alice.received_rtp[heard:]
    assert any(second in packet for packet in later)
    assert not any(first in packet for packet in later)
    by_port = ears(house, 42100, 42200, 42300)
    bob.respond(200, answers_by)
    await house.until(lambda: house.state(call) == "bridged")
    await speak(house)
    assert [port for port, packets in by_port.items() if packets] == [42300 if answers_by == "one" else 42200]
    bob.request("BYE", answers_by)
    await house.ended(call)
