"""Keys that a phone sends as nothing but tones in its audio (DTMF), where the trunk's profile has them heard."""

from collections.abc import Sequence

import pytest

from media.codecs.linear import SAMPLE_BYTES, to_alaw
from media.rtp.dtmf import DigitWatch, event_payloads
from media.rtp.packet import RtpPacket
from tests.scenarios.conftest import OpenHouse
from tests.support.house import ONE_TRUNK, House
from tests.support.keypad import hush, key_tone, pcm
from tests.support.scripted_phone import PCMA, Phone, answers

LISTENING = ONE_TRUNK + "dtmf_in_audio = true\n"
FRAME_BYTES = 160 * SAMPLE_BYTES
EVENT = 101


def spoken(phone: Phone, samples: list[float]) -> list[RtpPacket]:
    """Packets of 20 ms of A-law."""
    audio = pcm(samples)
    return [
        RtpPacket(PCMA, index, index * 160, phone.persona.ssrc, to_alaw(audio[at : at + FRAME_BYTES]))
        for index, at in enumerate(range(0, len(audio), FRAME_BYTES))
    ]


async def say(house: House, phone: Phone, packets: Sequence[RtpPacket]) -> None:
    for packet in packets:
        phone.say_packet(packet)
        await house.run(0.02)


def without_events(phone: Phone) -> None:
    """The phone agrees to no telephone-event."""

    def answer(called: Phone, event: object) -> None:
        lines = called.persona.sdp().decode().replace(f"RTP/AVP {PCMA} 101", f"RTP/AVP {PCMA}").splitlines()
        body = "\r\n".join(line for line in lines if not line.startswith(("a=rtpmap:101", "a=fmtp:101"))) + "\r\n"
        called.clock.call_later(1.0, lambda: called.respond(200, body.encode()))

    phone.on_invite = answer


def pressed(phone: Phone) -> str:
    """The key presses that a phone has received as events."""
    watch = DigitWatch()
    events = [packet for packet in phone.heard() if packet.payload_type == EVENT]
    return "".join(p.digit for e in events for p in watch.packet(e.ssrc, e.timestamp, e.payload, 0.0))


SAID = [*hush(100), *key_tone("4", 100), *hush(100), *key_tone("#", 80), *hush(1100)]


@pytest.mark.parametrize("agreed", [True, False])
async def test_each_key_reaches_the_other_party_as_one_event(open_house: OpenHouse, agreed: bool) -> None:
    house = await open_house(trunks=LISTENING)
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answers(1.0)
    if not agreed:
        without_events(house.alice)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    assert house.media.counters()["listeners"] == 2
    await say(house, house.alice, spoken(house.alice, SAID))
    assert pressed(house.bob) == "4#"
    assert pressed(house.alice) == ""
    house.bob.hang_up()
    await house.ended(call)
    assert house.media.counters()["listeners"] == 0


async def test_a_phone_that_sends_tones_and_events_is_heard_once(open_house: OpenHouse) -> None:
    house = await open_house(trunks=LISTENING)
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    sent = spoken(house.alice, SAID)
    # The gateway knows the key 60 ms into its tone, and from there on tells of it besides.
    events = [RtpPacket(EVENT, 0, 160 * 8, house.alice.persona.ssrc, payload) for payload in event_payloads("4", 100)]
    events += [RtpPacket(EVENT, 0, 160 * 18, house.alice.persona.ssrc, payload) for payload in event_payloads("#", 80)]
    mixed = [*sent[:8], *events[: len(event_payloads("4", 100))], *sent[8:18], *events[len(event_payloads("4", 100)) :]]
    mixed += sent[18:]
    numbered = [
        RtpPacket(packet.payload_type, index, packet.timestamp, packet.ssrc, packet.payload)
        for index, packet in enumerate(mixed)
    ]
    await say(house, house.alice, numbered)
    assert pressed(house.bob) == "4#"
    house.bob.hang_up()
    await house.ended(call)


async def test_who_takes_no_events_has_heard_the_tones(open_house: OpenHouse) -> None:
    house = await open_house(trunks=LISTENING)
    house.alice.on_invite = answers(1.0)
    without_events(house.bob)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.bob.heard()
    sent = spoken(house.alice, SAID)
    await say(house, house.alice, sent)
    heard = [packet.payload for packet in house.bob.heard()]
    said = [packet.payload for packet in sent]
    assert heard[-len(said) :] == said, "its audio has been touched"
    house.bob.hang_up()
    await house.ended(call)


async def test_nobody_listens_without_the_setting(open_house: OpenHouse) -> None:
    house = await open_house(trunks=ONE_TRUNK)
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    assert house.media.counters()["listeners"] == 0
    await say(house, house.alice, spoken(house.alice, SAID))
    assert pressed(house.bob) == ""
    house.bob.hang_up()
    await house.ended(call)
