"""What a trunk's media may ask for beside speech: packets of another length, comfort noise; and how good it was."""

from itertools import pairwise
from typing import Any

import pytest

from media.rtp.packet import RtpPacket
from tests.support.house import House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import PCMA, SILENCE, Phone, answers, rejects

NOISE = 13
LOUDNESS = b"\x3c"  # -60 dBov


def saying(phone: Phone, *lines: str, formats: str = "8 101", version: int = 1) -> bytes:
    """A phone's SDP with these formats, and these lines behind the others."""
    text = phone.persona.sdp(version=version).decode().replace("RTP/AVP 8 101", f"RTP/AVP {formats}")
    return (text + "".join(f"{line}\r\n" for line in lines)).encode()


async def talk(house: House, seconds: float, *, loss_of_bob: int = 0) -> None:
    """Both send 20 ms packets; every so many of Bob's are lost."""
    for number in range(round(seconds * 50)):
        house.alice.say_once()
        if loss_of_bob and number % loss_of_bob == loss_of_bob // 2:
            house.bob._sequence += 1
            house.bob._timestamp += 160
        else:
            house.bob.say_once()
        await house.run(0.02)


@pytest.mark.parametrize(
    ("asked", "samples"),
    [
        (("a=ptime:40",), 320),
        (("a=ptime:30",), 240),
        (("a=ptime:10",), 80),
        (("a=ptime:40", "a=maxptime:30"), 240),
        (("a=maxptime:10",), 80),
        (("a=ptime:25",), 160),
        (("a=ptime:0", "a=maxptime:0"), 160),
    ],
)
async def test_trunk_case_12_each_leg_is_sent_packets_of_the_length_it_asks_for(
    house: House, asked: tuple[str, ...], samples: int
) -> None:
    house.alice.on_invite = lambda phone, _event: phone.respond(200, saying(phone, "a=ptime:30"))
    house.bob.on_invite = lambda phone, _event: phone.respond(200, saying(phone, *asked))
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    await talk(house, 1.0)
    for phone in (house.alice, house.bob):
        phone.received_rtp.clear()
    await talk(house, 3.0)
    for phone, length in ((house.alice, 240), (house.bob, samples)):
        heard = phone.heard()
        assert {len(packet.payload) for packet in heard} == {length}
        assert len(heard) * length == pytest.approx(24_000, abs=2 * length)
        for before, after in pairwise(heard):
            assert (after.sequence, after.timestamp) == (before.sequence + 1, before.timestamp + length)
    house.bob.hang_up()
    assert (await house.ended(call)).status == "completed"


async def test_the_record_says_how_good_each_leg_was(house: House) -> None:
    call = await house.bridged()
    house.alice.fall_silent()
    house.bob.fall_silent()
    await talk(house, 10.0, loss_of_bob=10)
    house.bob.hang_up()
    cdr = await house.ended(call)
    of_a, of_b = cdr.legs
    assert (of_a.packets_lost, of_b.packets_lost) == (0, 50)
    assert of_a.mos is not None
    assert of_b.mos is not None
    assert 1.0 <= of_b.mos < of_a.mos - 0.3
    assert of_a.mos > 4.0


async def test_the_record_says_nothing_of_the_media_of_a_leg_that_sent_none(house: House) -> None:
    house.alice.on_invite = rejects(486)
    cdr = await house.ended(await house.place())
    for leg in cdr.legs:
        assert (leg.packets_lost, leg.jitter_ms, leg.mos) == (None, None, None)


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A route from Alice's trunk to Bob's."""
    opened: House = await open_house(trunks=RELAYED)
    return opened


async def relayed_call(house: House) -> Any:
    """Alice, who has comfort noise, has reached Bob, whom nobody has asked."""
    house.bob.on_invite = answers(1.0)
    body = saying(house.alice, "a=rtpmap:13 CN/8000", formats="8 13 101")
    call = await house.arrive(DIALLED, body=body)
    await house.until(lambda: house.alice.is_connected)
    return call


def fall_quiet(phone: Phone) -> None:
    """Say by one packet that what follows is noise (RFC 3389)."""
    phone.say_packet(RtpPacket(NOISE, phone._sequence, phone._timestamp, phone.persona.ssrc, LOUDNESS, False))
    phone._sequence += 1


async def test_rfc3389_comfort_noise_is_agreed_to_and_heard_by_who_knows_none(relay: House) -> None:
    call = await relayed_call(relay)
    [answer] = [response for response in relay.alice.responses() if response.status == 200]
    assert b" 8 101 13\r\n" in answer.body
    assert b"a=rtpmap:13 CN/8000" in answer.body
    assert b" 13" not in next(line for line in relay.bob.invites[0].body.splitlines() if line.startswith(b"m="))
    await talk(relay, 1.0)
    relay.bob.received_rtp.clear()
    fall_quiet(relay.alice)
    await relay.run(1.0)
    heard = relay.bob.heard()
    assert {packet.payload_type for packet in heard} == {PCMA}
    assert len(heard) == pytest.approx(50, abs=2)
    assert any(packet.payload != SILENCE for packet in heard), "its noise, and no dead line"
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_rfc3389_comfort_noise_reaches_who_knows_it_and_speech_takes_over(relay: House) -> None:
    """What it makes of that packet must not be cut off by silence of ours, so that its line seems dead."""
    call = await relayed_call(relay)
    relay.bob.reinvite(saying(relay.bob, "a=rtpmap:13 CN/8000", formats="8 13 101", version=2))
    await talk(relay, 1.0)
    relay.bob.received_rtp.clear()
    fall_quiet(relay.alice)
    await relay.run(1.0)
    first, *others = relay.bob.heard()
    assert (first.payload_type, first.payload) == (NOISE, LOUDNESS)
    assert {packet.payload_type for packet in others} == {PCMA}
    assert len(others) == pytest.approx(35, abs=2), "from 0.3 s on"
    assert all(len(set(packet.payload)) > 2 for packet in others), "noise, no silence"
    assert (others[0].timestamp - first.timestamp) / 8000 == pytest.approx(0.3, abs=0.02)
    relay.alice._timestamp += 50 * 160
    relay.bob.received_rtp.clear()
    await talk(relay, 0.5)
    assert [packet.payload for packet in relay.bob.heard()] == [SILENCE] * 25
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_trunk_case_10_comfort_noise_alone_keeps_a_call_alive(relay: House) -> None:
    call = await relayed_call(relay)
    relay.bob.speak()
    for _ in range(8):
        fall_quiet(relay.alice)
        relay.alice._timestamp += 40 * 8000
        await relay.run(40.0)
    assert call.call_id in relay.switch._calls
    await relay.run(10.0)
    assert call.call_id not in relay.switch._calls, "nothing came for 45 s"
    await relay.relayed(call)
