"""A store that cannot be written from any message of a call on, a recorder without room, a wall clock that is set:
calls that are placed, called back and routed are carried on with, charged once and told in order."""

from collections.abc import Callable

import pytest

from tests.scenarios.conftest import OpenHouse
from tests.support.fault_course import Course

pytestmark = pytest.mark.no_cover  # it goes where other tests go, many times over

KINDS = ("placed", "callback", "routed")
MESSAGES = 14  # of both legs together
END = "A hangs up"


def at_message(course: Course, number: int, act: Callable[[], None]) -> None:
    """Do something as the message with this number, of either leg, is sent."""
    sent = 0

    def count(*_datagram: object) -> bool:
        nonlocal sent
        if sent == number:
            act()
        sent += 1
        return True

    course.house.network.gate = count


@pytest.mark.parametrize("lasts_s", [3.0, 300.0])
@pytest.mark.parametrize("number", range(MESSAGES))
@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_that_cannot_be_written_from_any_message_on(
    open_house: OpenHouse, kind: str, number: int, lasts_s: float
) -> None:
    course = await Course.open(open_house, kind, END)
    house = course.house

    def take_down() -> None:
        house.take_store_down()
        house.clock.call_later(lasts_s, house.bring_store_back)

    at_message(course, number, take_down)
    await course.play()
    await house.run(lasts_s)
    await course.rest()
    if course.record is None:
        assert number <= 1, "the INVITE and our 100"
        assert house.alice.rejected.status == 503, "nobody is called on credit"
        assert "Retry-After" in house.alice.rejected.headers
        assert house.bob.invite is None
        assert (await house.wallet()).reserved_paise == 0
    else:
        await course.check_came_about()
        await course.check(slack_s=1.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_talks_for_long_on_credit_while_the_store_is_down(open_house: OpenHouse, kind: str) -> None:
    course = await Course.open(open_house, kind, "kept alive")  # more than three minutes
    house = course.house
    house.clock.call_later(40.0, house.take_store_down)
    house.clock.call_later(100.0, house.bring_store_back)
    await course.play()
    await course.rest()
    assert await course.outcome() == ("completed", "network_error", "system")
    cdr = await course.finished()
    assert cdr is not None
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (90, 120, 300)
    await course.check(slack_s=1.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recorder_without_room_costs_the_recording_alone(open_house: OpenHouse, kind: str) -> None:
    course = await Course.open(open_house, kind, END)
    course.house.recorder.failure = "disk full"
    await course.play()
    await course.rest()
    await course.check_came_about()
    await course.check(slack_s=1.0)
    cdr = await course.finished()
    assert cdr is not None
    assert "recording.ready" not in await course.house.words(cdr)
    assert course.house.media.counters()["legs"] == 0


@pytest.mark.parametrize("step_s", [-3600, 3600])
@pytest.mark.parametrize("number", range(MESSAGES))
@pytest.mark.parametrize("kind", KINDS)
async def test_a_wall_clock_that_is_set_changes_neither_length_nor_price(
    open_house: OpenHouse, kind: str, number: int, step_s: int
) -> None:
    course = await Course.open(open_house, kind, END)
    at_message(course, number, lambda: course.house.clock.step_wall(step_s * 1000))
    await course.play()
    await course.rest()
    await course.check_came_about()
    course.check_peers()
    await course.check_money(1.0)
    await course.check_told(times_rise=step_s > 0)
    assert len(course.house.network.carried) == MESSAGES
    cdr = await course.finished()
    assert cdr is not None
    assert (cdr.duration_s, cdr.price_paise) == (20, 150)
    assert cdr.answered_at is not None
    assert cdr.ended_at is not None
    assert cdr.ended_at - cdr.answered_at == 20_000
