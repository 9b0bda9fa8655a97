"""Hard cases of carrier trunks, for calls that are placed over the API."""

from typing import Any

import pytest

from tests.support.house import ORG, House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, nothing, rejects, rings

FRAMES_PER_S = 50


@pytest.mark.parametrize("first", ["alice", "bob"])
async def test_trunk_case_06_changes_of_both_parties_at_once_are_both_taken(open_house: Any, first: str) -> None:
    """Each dialog has glare of its own: what goes on in the other leg is no reason for a 491."""
    house: House = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(1.0)
    phones = [house.alice, house.bob] if first == "alice" else [house.bob, house.alice]
    for phone in phones:
        phone.reinvite(phone.persona.sdp(direction="sendonly", version=2))
    await house.run(1.0)
    assert [[answer.status for answer in phone.answers()] for phone in phones] == [[200], [200]]
    house.alice.hang_up()
    await house.relayed(call)


async def test_trunk_case_06_a_change_of_a_s_is_taken_while_b_still_rings(house: House) -> None:
    """Never 491 because the other leg is not ready."""
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings()
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    house.alice.reinvite(ALICE.sdp(version=2, port=41500))
    await house.run(1.0)
    assert [answer.status for answer in house.alice.answers()] == [200]
    assert house.bob.methods() == ["INVITE"]
    house.alice.hang_up()
    await house.ended(call)


async def test_trunk_case_17_each_leg_has_its_own_times(house: House) -> None:
    """Setup, ringing, answer and end of each leg, in wall-clock milliseconds; talk is none of the ringing."""
    house.alice.on_invite = answers(3.0)
    house.bob.on_invite = answers(5.0)
    call = await house.bridged()
    await house.run(20.0)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert cdr.started_at is not None
    times = [
        tuple(at and at - cdr.started_at for at in (leg.ringing_at, leg.answered_at, leg.ended_at)) for leg in cdr.legs
    ]
    assert times == [(0, 3_000, 29_000), (3_000, 8_000, 29_000)]
    assert cdr.answered_at == cdr.started_at + 8_000
    assert cdr.ended_at == cdr.started_at + 29_000
    assert (cdr.duration_s, cdr.bill_duration_s) == (21, 60)


async def _api_hangs_up(house: House, call_id: str) -> None:
    await house.switch.hang_up(ORG, call_id)


async def _media_stops(house: House, _call_id: str) -> None:
    house.alice.fall_silent()
    house.bob.fall_silent()


async def _limit_comes(house: House, _call_id: str) -> None:
    await house.run(60.0)


async def _b_hangs_up(house: House, _call_id: str) -> None:
    house.bob.hang_up()


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (_api_hangs_up, "api_hangup"),
        (_media_stops, "media_timeout"),
        (_limit_comes, "max_duration"),
        (_b_hangs_up, "normal"),
    ],
)
async def test_trunk_case_17_any_cause_with_an_answer_time_is_billable(house: House, end: Any, cause: str) -> None:
    call = await house.bridged(max_duration_s=60)
    await end(house, call.call_id)
    cdr = await house.ended(call)
    assert cdr.hangup_cause == cause
    assert cdr.answered_at is not None
    assert cdr.price_paise == 150


@pytest.mark.parametrize("behaviour", [nothing, rings(), rings(183), rings(183, sdp=True)])
async def test_trunk_case_24_a_hears_a_frame_every_20_ms_until_b_answers(house: House, behaviour: Any) -> None:
    """Ringback of ours whatever B says, until B's own media comes: never silence of the line."""
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = behaviour
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    before = len(house.alice.heard())
    await house.run(6.0)
    heard = house.alice.heard()[before:]
    assert len(heard) == pytest.approx(6 * FRAMES_PER_S, abs=2)
    assert len({packet.payload for packet in heard}) > 1, "a tone, with its pauses"
    house.alice.hang_up()
    await house.ended(call)


async def test_trunk_case_24_b_is_busy_so_a_hears_a_tone_and_then_bye(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rejects(486)
    call = await house.place()
    await house.until(lambda: house.state(call) == "telling_a")
    before = len(house.alice.heard())
    await house.run(1.0)
    assert len(house.alice.heard()) - before == pytest.approx(FRAMES_PER_S, abs=2)
    assert not house.alice.was_hung_up
    assert (await house.ended(call)).hangup_cause == "b_busy"
    assert house.alice.was_hung_up


async def test_trunk_case_20_nothing_of_either_party_reaches_the_other_in_a_placed_call(house: House) -> None:
    """All that reached each phone is searched for the other's marks when the house comes to rest, here after much."""

    def tell_much(phone: Phone, event: Any) -> None:
        phone.respond(183, phone.persona.sdp(), to=event)
        phone.respond(180, to=event)
        phone.clock.call_later(1.0, lambda: phone.answer(to=event))

    house.alice.on_invite = house.bob.on_invite = tell_much
    call = await house.bridged()
    for phone in (house.alice, house.bob):
        phone.reinvite(phone.persona.sdp(direction="sendonly", version=2))
        await house.run(1.0)
        phone.reinvite(phone.persona.sdp(version=3))
        await house.run(1.0)
        assert phone.usage is not None
        told = f"Signal=5\r\nX={phone.persona.word} {phone.persona.number}".encode()
        phone.endpoint.request_in_dialog(phone.usage, "INFO", body=told, content_type="application/dtmf-relay")
        phone.report()
    await house.run(1.0)
    house.bob.hang_up()
    await house.ended(call)
    assert all(len(phone.received) > 6 and len(phone.heard()) > 10 for phone in (house.alice, house.bob))
    house.masked_on(house.alice)
    house.masked_on(house.bob)
    assert not any(BOB.number.encode() in content for content in house.alice.received)
    house.check_secrecy()
