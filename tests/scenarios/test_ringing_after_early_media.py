"""B's side says something first and rings then: 183 with media that end, and 180 (RFC 3960 section 3.2)."""

from typing import Any

from b2bua.sip.events import IncomingInvite
from storage.records import CallRecord
from tests.support.house import House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import Answering, Phone, answers

ANNOUNCEMENT = b"\x2a" * 160


def announces_then_rings(again_after_s: float | None = None) -> Answering:
    """183 with its description, and 180 without one after three seconds; the description again later."""
    reliable = None if again_after_s is None else False  # such a one comes once

    def behave(phone: Phone, _event: IncomingInvite) -> None:
        phone.respond(183, phone.persona.sdp(), reliable=reliable)
        phone.clock.call_later(3.0, lambda: phone.respond(180))
        if again_after_s is not None:
            phone.clock.call_later(again_after_s, lambda: phone.respond(183, phone.persona.sdp(), reliable=reliable))

    return behave


async def announce(house: House) -> None:
    for _ in range(50):
        house.bob.say_once(payload=ANNOUNCEMENT)
        await house.run(0.02)


async def announced(house: House) -> CallRecord:
    """A call that has got as far as the end of B's announcement."""
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = announces_then_rings()
    call = await house.place(ring_timeout_s=60)
    await house.until(lambda: house.bob.invite)
    house.alice.speak()
    await announce(house)
    return call


async def test_a_phone_that_rings_after_an_announcement_rings_for_its_whole_time(house: House) -> None:
    call = await announced(house)
    await house.run(52.0)
    assert house.state(call) == "dialling_b"
    heard = len(house.alice.heard())
    await house.run(3.0)
    assert len(house.alice.heard()) > heard + 100, "the ringback"
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, house.bob.was_cancelled) == ("b_no_answer", True)


async def test_such_a_phone_is_heard_when_it_answers_late_and_its_silence_counts_again_then(house: House) -> None:
    call = await announced(house)
    await house.run(45.0)
    house.bob.answer()
    await house.run(1.0)
    house.bob.say_once()
    await house.run(20.0)
    assert house.state(call) == "bridged"
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "media_timeout")


async def test_a_routed_call_to_such_a_phone_is_not_ended(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED, media="rtp_timeout_early_s = 10")
    house.bob.on_invite = announces_then_rings()
    call = await house.arrive(DIALLED)
    await announce(house)
    await house.run(20.0)
    assert house.state(call) == "alerting"
    assert house.alice.statuses() == [183, 180]
    house.bob.answer()
    await house.run(1.0)
    assert house.alice.is_connected
    house.alice.hang_up()
    await house.relayed(call)


async def test_what_is_to_be_heard_after_the_ringing_may_not_stop_either(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED, media="rtp_timeout_early_s = 10")
    house.bob.on_invite = announces_then_rings(5.0)
    call = await house.arrive(DIALLED)
    await house.run(6.0)
    await announce(house)
    await house.run(12.0)
    assert (await house.relayed(call)).hangup_cause == "media_timeout"
