"""The Reason of each BYE and CANCEL that ends a call says what ended it (RFC 3326), by the one table of causes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from b2bua.call.hangup import CLEARINGS, Q850_TEXTS, q850_reason
from b2bua.call.model import HangupCause
from storage.records import CallRecord
from tests.support.house import ORG, House
from tests.support.scripted_phone import Phone, answers, rejects, rings


def reasons(phone: Phone, method: str = "BYE") -> set[str | None]:
    """What the requests of that method said, each once."""
    return {request.headers.get("Reason") for request in phone.requests(method)}


def said(cause: HangupCause) -> set[str]:
    q850 = CLEARINGS[cause].q850
    return {f'Q.850;cause={q850};text="{Q850_TEXTS[q850]}"'}


async def _by_the_api(house: House, call: CallRecord) -> None:
    await house.switch.hang_up(ORG, call.call_id)


async def _by_silence(house: House, call: CallRecord) -> None:
    house.alice.fall_silent()


async def _by_its_length(house: House, call: CallRecord) -> None:
    await house.run(40.0)


async def _by_a_restart(house: House, call: CallRecord) -> None:
    house.switch.end_all_calls()


ENDS = {
    HangupCause.API_HANGUP: _by_the_api,
    HangupCause.MEDIA_TIMEOUT: _by_silence,
    HangupCause.MAX_DURATION: _by_its_length,
    HangupCause.SYSTEM_RESTART: _by_a_restart,
}


@pytest.mark.parametrize("cause", ENDS)
async def test_both_parties_of_a_talk_are_told_the_same(house: House, cause: HangupCause) -> None:
    end: Callable[[House, CallRecord], Awaitable[None]] = ENDS[cause]
    call = await house.bridged(max_duration_s=30 if cause is HangupCause.MAX_DURATION else None)
    await end(house, call)
    assert (await house.ended(call)).hangup_cause == cause
    assert reasons(house.alice) == reasons(house.bob) == said(cause)


async def test_when_the_money_is_used_up(open_house: Any) -> None:
    house: House = await open_house(paise=150)
    call = await house.bridged()
    assert (await house.ended(call)).hangup_cause == HangupCause.BALANCE_EXHAUSTED
    assert reasons(house.alice) == reasons(house.bob) == said(HangupCause.BALANCE_EXHAUSTED)


async def test_a_party_that_hangs_up_is_normal_to_the_other_and_its_own_words_stay_its_own(house: House) -> None:
    call = await house.bridged()
    house.alice.hang_up()
    await house.ended(call)
    assert reasons(house.bob) == said(HangupCause.NORMAL)
    assert reasons(house.alice) == set()


@pytest.mark.parametrize(
    ("a_gives_up", "cause"), [(True, HangupCause.A_HANGUP_BEFORE_BRIDGE), (False, HangupCause.B_NO_ANSWER)]
)
async def test_a_ringing_party_is_told_why_it_rings_no_longer(
    house: House, a_gives_up: bool, cause: HangupCause
) -> None:
    house.alice.on_invite, house.bob.on_invite = answers(1.0), rings()
    call = await house.place(ring_timeout_s=20)
    await house.run(5.0)
    if a_gives_up:
        house.alice.hang_up()
    assert (await house.ended(call)).hangup_cause == cause
    assert reasons(house.bob, "CANCEL") == said(cause)
    assert reasons(house.alice) == (set() if a_gives_up else said(cause))


@pytest.mark.parametrize(
    ("status", "cause", "q850"),
    [
        (486, HangupCause.B_BUSY, 17),
        (603, HangupCause.B_REJECTED, 21),
        (480, HangupCause.B_UNREACHABLE, 18),
        (404, HangupCause.B_UNREACHABLE, 1),
        (500, HangupCause.B_UNREACHABLE, 41),
        (499, HangupCause.B_UNREACHABLE, 31),
    ],
)
async def test_a_is_told_why_b_was_not_reached(house: House, status: int, cause: HangupCause, q850: int) -> None:
    """Not found, away, could not be asked: three different things, all of them b_unreachable."""
    house.alice.on_invite, house.bob.on_invite = answers(1.0), rejects(status)
    call = await house.place()
    assert (await house.ended(call)).hangup_cause == cause
    assert reasons(house.alice) == {q850_reason(q850)}


async def test_a_is_told_that_nothing_came_back_and_not_that_b_is_away(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.carrier.reachable.discard(house.bob.persona.number)
    call = await house.place()
    cdr = await house.ended(call)
    assert cdr.hangup_cause == HangupCause.B_UNREACHABLE
    assert reasons(house.alice) == {q850_reason(102)}


async def test_a_hears_what_ended_the_call_where_that_was_not_b_s_failure(house: House) -> None:
    house.alice.on_invite, house.bob.on_invite = answers(1.0), rejects(500)
    call = await house.place()
    await house.until(lambda: house.state(call) == "telling_a")
    await house.switch.hang_up(ORG, call.call_id)
    assert (await house.ended(call)).hangup_cause == HangupCause.API_HANGUP
    assert reasons(house.alice) == said(HangupCause.API_HANGUP)
