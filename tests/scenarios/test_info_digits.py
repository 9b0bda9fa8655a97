"""Digits in INFO, from the phone that presses them to the one that hears them."""

import pytest

from media.rtp.dtmf import DigitWatch
from tests.scenarios.conftest import OpenHouse
from tests.support.house import House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import PCMA, Phone, answers

PRESS = "Signal=5\r\nDuration=160\r\n"


def pair(house: House, who: str) -> tuple[Phone, Phone]:
    return (house.alice, house.bob) if who == "a" else (house.bob, house.alice)


def without_events(phone: Phone) -> None:
    """The phone agrees to no telephone-event."""

    def answer(called: Phone, event: object) -> None:
        lines = called.persona.sdp().decode().replace(f"RTP/AVP {PCMA} 101", f"RTP/AVP {PCMA}").splitlines()
        body = "\r\n".join(line for line in lines if not line.startswith(("a=rtpmap:101", "a=fmtp:101"))) + "\r\n"
        called.clock.call_later(1.0, lambda: called.respond(200, body.encode()))

    phone.on_invite = answer


def pressed(phone: Phone) -> str:
    """The key presses that a phone has received."""
    watch = DigitWatch()
    events = [packet for packet in phone.heard() if packet.payload_type == 101]
    return "".join(p.digit for e in events for p in watch.packet(e.ssrc, e.timestamp, e.payload, 0.0))


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize(
    ("content_type", "body"), [("application/dtmf-relay", PRESS), ("application/dtmf", "5"), ("APPLICATION/DTMF", "5")]
)
async def test_a_digit_in_info_reaches_the_other_leg_as_one_event(
    house: House, who: str, content_type: str, body: str
) -> None:
    presser, hearer = pair(house, who)
    without_events(presser)
    call = await house.bridged()
    presser.tell_digit(body, content_type)
    await house.run(0.1)
    assert presser.answers()[-1].status == 200
    await house.run(1.0)
    assert pressed(hearer) == "5"
    assert pressed(presser) == ""
    assert not hearer.requests("INFO"), "nothing of the INFO itself goes across"
    house.bob.hang_up()
    await house.ended(call)


async def test_every_press_arrives_once_and_in_order(house: House) -> None:
    without_events(house.alice)
    call = await house.bridged()
    for digit in "10#*":
        house.alice.tell_digit(f"Signal={digit}\r\nDuration=100\r\n")
        await house.run(0.05)
    await house.run(2.0)
    assert pressed(house.bob) == "10#*"
    house.bob.hang_up()
    await house.ended(call)


async def test_a_phone_that_agreed_to_events_and_sends_info_alone_is_heard(house: House) -> None:
    call = await house.bridged()
    house.alice.tell_digit(PRESS)
    await house.run(0.5)
    assert pressed(house.bob) == ""
    await house.run(1.0)
    assert pressed(house.bob) == "5"
    house.alice.tell_digit("Signal=6")
    await house.run(0.4)
    assert pressed(house.bob) == "56"
    house.bob.hang_up()
    await house.ended(call)


async def test_a_key_said_to_have_been_down_for_a_quarter_of_an_hour_does_not_keep_those_behind_it_waiting(
    house: House,
) -> None:
    call = await house.bridged()
    for digit, said_ms in (("5", 999_999), ("6", 160)):
        house.alice.tell_digit(f"Signal={digit}\r\nDuration={said_ms}")
    await house.run(20.0)
    assert pressed(house.bob) == "56"
    house.bob.hang_up()
    await house.ended(call)


@pytest.mark.parametrize("info_first", [True, False])
async def test_a_phone_that_sends_both_is_heard_once(house: House, info_first: bool) -> None:
    call = await house.bridged()
    for digit in "112":
        if info_first:
            house.alice.tell_digit(f"Signal={digit}\r\nDuration=100")
            await house.run(0.05)
        house.alice.press(digit)
        await house.run(0.05)
        if not info_first:
            house.alice.tell_digit(f"Signal={digit}\r\nDuration=100")
        await house.run(0.5)
    await house.run(2.0)
    assert pressed(house.bob) == "112"
    house.bob.hang_up()
    await house.ended(call)


async def test_a_phone_that_sends_both_and_holds_its_first_key_is_heard_once(house: House) -> None:
    call = await house.bridged()
    house.alice.fall_silent()
    for digit, held_ms in (("1", 1500), ("2", 100), ("3", 1500)):
        house.alice.tell_digit(f"Signal={digit}\r\nDuration=160")
        house.alice.hold_down(digit, held_ms)
        await house.run(held_ms / 1000 + 1.0)
    assert pressed(house.bob) == "123"
    house.bob.hang_up()
    await house.ended(call)


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("both", [False, True])
async def test_a_call_that_has_moved_to_another_device_has_its_keys_heard_once(
    house: House, who: str, both: bool
) -> None:
    call = await house.bridged()
    presser, hearer = pair(house, who)
    presser.press("1")
    await house.run(1.0)
    presser.move(presser.persona.media_port + 40)
    await house.run(1.0)
    for digit in "23":
        presser.tell_digit(f"Signal={digit}\r\nDuration=160")
        if both:
            presser.press(digit)
        await house.run(1.0)
    assert pressed(hearer) == "123"
    house.bob.hang_up()
    await house.ended(call)


async def test_a_session_that_is_described_anew_and_has_not_moved_keeps_what_is_known(house: House) -> None:
    call = await house.bridged()
    house.alice.press("1")
    await house.run(1.0)
    for version, direction in ((2, "sendonly"), (3, "sendrecv")):
        house.alice.reinvite(house.alice.persona.sdp(version=version, direction=direction))
        await house.run(1.0)
    house.alice.tell_digit(PRESS)
    await house.run(1.0)
    house.alice.press("5")
    await house.run(1.0)
    assert pressed(house.bob) == "15"
    house.bob.hang_up()
    await house.ended(call)


async def test_a_leg_without_events_hears_the_tones(house: House) -> None:
    without_events(house.alice)
    without_events(house.bob)
    call = await house.bridged()
    house.alice.fall_silent()
    house.bob.received_rtp.clear()
    house.alice.tell_digit(PRESS)
    await house.run(0.25)
    heard = house.bob.heard()
    assert {packet.payload_type for packet in heard} == {PCMA}
    assert len({packet.payload for packet in heard}) >= 8, "160 ms of two frequencies, no packet like another"
    house.bob.hang_up()
    await house.ended(call)


@pytest.mark.parametrize("body", ["", "Signal=", "Signal=55", "Signal=5\r\nDuration=x"])
async def test_a_malformed_body_is_refused_and_the_call_goes_on(house: House, body: str) -> None:
    without_events(house.alice)
    call = await house.bridged()
    house.alice.tell_digit(body)
    await house.run(1.0)
    assert house.alice.answers()[-1].status == (400 if body else 200)
    assert house.state(call) == "bridged"
    house.alice.tell_digit("Signal=!\r\nDuration=160")
    await house.run(1.0)
    assert house.alice.answers()[-1].status == 200
    assert pressed(house.bob) == ""
    house.bob.hang_up()
    await house.ended(call)


async def test_a_waiting_partys_digits_go_nowhere(house: House) -> None:
    without_events(house.alice)
    house.bob.on_invite = answers(5.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "dialling_b")
    house.alice.tell_digit(PRESS)
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(2.0)
    assert house.alice.answers()[-1].status == 200
    assert pressed(house.bob) == ""
    house.bob.hang_up()
    await house.ended(call)


@pytest.mark.parametrize("who", ["a", "b"])
async def test_digits_cross_a_routed_call_too(open_house: OpenHouse, who: str) -> None:
    house = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(1.0)
    presser, hearer = pair(house, who)
    presser.tell_digit(PRESS)
    await house.run(2.0)
    assert pressed(hearer) == "5"
    house.bob.hang_up()
    await house.relayed(call)
