"""A call that is ended, by whomever, just before each step on its way to the talk: it ends for everybody, is settled
once, and nothing is held on to. RFC 3261 sections 9, 13.2.2.4, 14.1 and 15; RFC 3262."""

import os
from collections.abc import Callable
from typing import Final

import pytest

from b2bua.call.events import HangupRequested
from tests.support.fault_course import Course, agreeing
from tests.support.house import House
from tests.support.loose_ends import loose_ends
from tests.support.lossy_network import Conditions
from tests.support.scripted_phone import Phone
from tests.support.step_clock import StepClock
from tests.support.ways_to_talk import REFRESH_S, WAYS

pytestmark = pytest.mark.no_cover  # it goes where other tests go, many times over

# Each step rather than one in so many: STEP_STRIDE=1.
STRIDE: Final = int(os.environ.get("STEP_STRIDE", "19"))
MOST_STEPS: Final = 120
DELAY_S: Final = 0.05


def _hang_up(phone: Phone) -> None:
    if phone.usage is not None:
        phone.hang_up()


def the_api(house: House) -> None:
    for task in tuple(house.switch._calls.values()):
        if task.machine.record.ended_at is None:
            task.post(HangupRequested())


def both_parties(house: House) -> None:
    _hang_up(house.alice)
    _hang_up(house.bob)


def the_second_signal(house: House) -> None:
    house.switch.drain(lambda: None)
    house.switch.end_all_calls()


def a_as_a_drain_begins(house: House) -> None:
    house.switch.drain(lambda: None)
    _hang_up(house.alice)


ENDERS: Final[dict[str, Callable[[House], None]]] = {
    "the API": the_api,
    "A": lambda house: _hang_up(house.alice),
    "B": lambda house: _hang_up(house.bob),
    "both parties": both_parties,
    "the second signal": the_second_signal,
    "A as a drain begins": a_as_a_drain_begins,
}


async def _ended_before(way: str, ender: str, step: int) -> bool:
    """Play it; whether there was such a step."""
    houses: list[House] = []
    try:
        return await _played(houses, way, ender, step)
    finally:
        for house in houses:
            await house.close()


async def _played(houses: list[House], way: str, ender: str, step: int) -> bool:
    clock = StepClock(step, lambda: ENDERS[ender](houses[0]), REFRESH_S if way == "in glare" else 0.0)

    async def open_one(*arguments: object, **settings: object) -> House:
        houses.append(await House.open(*arguments, clock=clock, **settings))  # type: ignore[arg-type]
        return houses[0]

    house, begin = await WAYS[way](open_one)
    house.network.conditions = Conditions(delay_s=DELAY_S)
    for phone in (house.alice, house.bob):
        phone.on_request = agreeing(phone)
    await begin()
    for _ in range(16):
        await house.run(0.5)
        if clock.acted_at is not None and clock.time() > clock.acted_at + 3.0:
            break
    clock.count_no_more()
    the_api(house)
    both_parties(house)
    await house.until(lambda: not house.switch._calls and not house.switch._being_admitted(), 200.0)
    house.alice.fall_silent()
    house.bob.fall_silent()
    await house.run(30.0)  # and as long again, and more, until it is looked at what is left
    await house.at_rest()
    await _check(house)
    return clock.acted_at is not None


async def _check(house: House) -> None:
    assert loose_ends(house.network) == []
    assert house.switch._on_empty is None, "a drain waits for nothing"
    for task in house.tasks:
        course = Course(house, "placed", "", record=task.machine.record)
        await course.check_money(None)
        await course.check_told()
    if house.bob.raw is None:
        course = Course(house, "placed", "")
        course.check_peers()
        if len(house.tasks) == 1:
            course.check_ends_together()


@pytest.mark.parametrize("ender", ENDERS)
@pytest.mark.parametrize("way", WAYS)
async def test_it_is_over_for_everybody(way: str, ender: str) -> None:
    first = (list(WAYS).index(way) + list(ENDERS).index(ender)) % STRIDE
    for step in range(first, MOST_STEPS, STRIDE):
        if not await _ended_before(way, ender, step):
            return
    raise AssertionError("the way has more steps than that")
