"""Hard case 14 in whole calls: phones whose SDP names an address that nobody reaches, on trunks with `nat`."""

from functools import partial
from typing import Any

import pytest

from b2bua.sip.events import IncomingInvite
from b2bua.sip.routing import TransportAddress
from media.rtp.packet import RtpPacket
from tests.support.house import House
from tests.support.routes import DIALLED, SHOWN, peer, route
from tests.support.scripted_phone import ALICE, BOB, PCMA, Phone

PRIVATE = "10.0.0.7"
LOUD = b"\x66" * 160
STRANGER = TransportAddress("udp", "198.51.100.66", 4000)
NAT = "nat = true"
TRUNKS = peer("west", ALICE, more=NAT) + peer("east", BOB, numbers=f'["{SHOWN}"]', more=NAT) + route()


def inside(phone: Phone, *, direction: str = "sendrecv", version: int = 1, port: int | None = None) -> bytes:
    """A phone's SDP, as it knows itself behind its NAT."""
    text = phone.persona.sdp(direction=direction, version=version, port=port)
    return text.replace(phone.persona.media_host.encode(), PRIVATE.encode())


def answers_late(after_s: float, *, early: int | None = None, early_after_s: float = 0.0) -> Any:
    """Answer, with the same SDP in a provisional response before where `early` is its status."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(180)
        if early is not None:
            phone.clock.call_later(early_after_s, partial(phone.respond, early, inside(phone), to=event))
        phone.clock.call_later(after_s, partial(phone.respond, 200, inside(phone), to=event))

    return behave


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A route from Alice's trunk to Bob's, both behind NAT."""
    opened: House = await open_house(trunks=TRUNKS)
    return opened


async def talk(house: House, seconds: float) -> None:
    """Both send 20 ms packets."""
    for _ in range(round(seconds * 50)):
        house.alice.say_once()
        house.bob.say_once()
        await house.run(0.02)


async def connected(house: House) -> Any:
    call = await house.arrive(DIALLED, body=inside(house.alice))
    await house.until(lambda: house.alice.is_connected)
    return call


async def assert_both_are_heard(house: House, call: Any) -> None:
    for phone in (house.alice, house.bob):
        phone.received_rtp.clear()
    await talk(house, 1.0)
    assert len(house.alice.heard()) >= 49
    assert len(house.bob.heard()) >= 49
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize("rings_s", [1.0, 7.0, 40.0])
async def test_a_caller_is_heard_however_long_it_rang(relay: House, rings_s: float) -> None:
    """It sends nothing before our 200: its window begins there once more."""
    relay.bob.on_invite = answers_late(rings_s)
    call = await connected(relay)
    await talk(relay, 0.1)
    await assert_both_are_heard(relay, call)


async def test_who_is_asked_is_heard_after_a_long_early_session_with_the_sdp_of_its_answer(relay: House) -> None:
    relay.bob.on_invite = answers_late(7.0, early=183)
    call = await connected(relay)
    await talk(relay, 0.1)
    await assert_both_are_heard(relay, call)


async def test_early_media_that_come_late_reach_a_caller_that_sends_once_it_has_our_answer(relay: House) -> None:
    relay.bob.on_invite = answers_late(12.0, early=183, early_after_s=7.0)
    call = await relay.arrive(DIALLED, body=inside(relay.alice))
    await relay.until(lambda: 183 in relay.alice.statuses())
    await talk(relay, 1.0)
    assert relay.state(call) == "alerting"
    assert len(relay.alice.heard()) >= 45
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.hang_up()
    await relay.relayed(call)


def stolen(house: House) -> list[bytes]:
    """What the stranger is sent from now on."""
    taken: list[bytes] = []
    house.media_network.attach(STRANGER, lambda content, _source, _to: taken.append(content))
    return taken


def inject(house: House) -> None:
    """A stranger's packet to Alice's leg."""
    [far] = house.alice.remote_media()
    packet = RtpPacket(PCMA, 7, 7, 7, LOUD, False).render()
    house.media_network.carry(packet, STRANGER, far)


async def test_a_provisional_response_said_again_lets_no_stranger_in(relay: House) -> None:
    """Each would hold the door open for another while, as long as somebody rings."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        for second in range(8):
            phone.clock.call_later(second, partial(phone.respond, 183, inside(phone), to=event, reliable=False))
        phone.clock.call_later(9.0, partial(phone.respond, 200, inside(phone), to=event))

    relay.bob.on_invite = behave
    taken = stolen(relay)
    call = await relay.arrive(DIALLED, body=inside(relay.alice))
    await relay.until(lambda: relay.alice.statuses().count(183) == 8)
    inject(relay)
    for _ in range(5):
        relay.bob.say_once()
        await relay.run(0.02)
    assert taken == []
    await relay.until(lambda: relay.alice.is_connected)
    await talk(relay, 0.1)
    await assert_both_are_heard(relay, call)


@pytest.mark.parametrize("direction", ["sendrecv", "recvonly"])
async def test_a_changed_offer_with_the_same_address_keeps_a_phone_that_is_silent(relay: House, direction: str) -> None:
    """A mute button, or a refresh whose o= counts on: it hears on, and nobody takes its place."""
    relay.bob.on_invite = answers_late(1.0)
    call = await connected(relay)
    await talk(relay, 0.5)
    relay.alice.reinvite(inside(relay.alice, direction=direction, version=2))
    await relay.run(0.5)
    taken = stolen(relay)
    inject(relay)
    relay.alice.received_rtp.clear()
    for _ in range(300):
        relay.bob.say_once()
        await relay.run(0.02)
    assert len(relay.alice.heard()) >= 300
    assert taken == []
    relay.alice.reinvite(inside(relay.alice, version=3))
    await relay.run(0.5)
    await assert_both_are_heard(relay, call)
    assert not any(packet.payload == LOUD for packet in relay.bob.heard())


async def test_a_changed_port_is_sent_to_as_said_until_the_new_source_shows(relay: House) -> None:
    relay.bob.on_invite = answers_late(1.0)
    call = await connected(relay)
    await talk(relay, 0.5)
    heard: list[bytes] = []
    there = TransportAddress("udp", PRIVATE, 43000)
    relay.media_network.attach(there, lambda content, _source, _to: heard.append(content))
    relay.alice.reinvite(inside(relay.alice, version=2, port=there.port))
    await relay.run(0.5)
    relay.alice.received_rtp.clear()
    relay.bob.say_once()
    await relay.run(0.1)
    assert len(heard) >= 1
    assert relay.alice.received_rtp == []
    await talk(relay, 0.1)
    await assert_both_are_heard(relay, call)


async def test_a_phone_that_talks_on_while_its_port_changes_is_heard_at_the_new_one(relay: House) -> None:
    """Until it has our 200 it sends from the old port."""
    relay.bob.on_invite = answers_late(1.0)
    call = await connected(relay)
    await talk(relay, 0.5)
    relay.alice.reinvite(inside(relay.alice, version=2, port=43000))
    await talk(relay, 0.1)
    relay.alice.change_port(43000)
    await talk(relay, 0.1)
    await assert_both_are_heard(relay, call)


async def test_no_media_are_missed_of_phones_that_rang_for_long(relay: House) -> None:
    house = relay
    house.bob.on_invite = answers_late(9.0, early=183)
    call = await connected(house)
    house.bob.speak()
    house.alice.speak()
    await house.run(50.0)
    assert house.state(call) == "bridged", "nothing is missed of either"
    house.alice.fall_silent()
    house.bob.fall_silent()
    await assert_both_are_heard(house, call)
