"""A cable cut before and after each message of each leg, for good or for five seconds, both ways or one way only: the
call ends as a whole, the other party is let go, and nothing is held on to. RFC 3261 sections 13.3.1.4, 15 and 17."""

import pytest

from tests.scenarios.conftest import OpenHouse
from tests.support.cut_cable import Cable
from tests.support.fault_course import Course

pytestmark = pytest.mark.no_cover  # it goes where other tests go, many times over

KINDS = ("placed", "callback", "routed")
MOST_MESSAGES = 40
MESSAGES = 12  # at least as many as a leg has when nothing is lost
ONE_WAY = (("routed", "to"), ("routed", "from"))
END = "A hangs up"


async def _played(
    open_house: OpenHouse, kind: str, leg: str, at: int, *, end: str = END, **how: object
) -> tuple[Course, Cable]:
    course = await Course.open(open_house, kind, end, seed=f"cut {kind} {leg} {at}")
    cable = Cable(course, leg, at, **how)  # type: ignore[arg-type]
    await course.play()
    await course.rest()
    return course, cable


@pytest.mark.parametrize("at", range(MESSAGES))
@pytest.mark.parametrize("leg", ["a", "b"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_cut_line_takes_the_call_with_it(open_house: OpenHouse, kind: str, leg: str, at: int) -> None:
    course, cable = await _played(open_house, kind, leg, at)
    course.house.phones_forget = False
    assert cable.cut_at is not None or at >= cable.passed
    await course.check(vanished=cable.phone)


@pytest.mark.parametrize(("kind", "direction"), [*((kind, "both") for kind in KINDS), *ONE_WAY])
@pytest.mark.parametrize("at", range(MESSAGES))
@pytest.mark.parametrize("leg", ["a", "b"])
async def test_a_line_that_heals_after_five_seconds_leaves_nobody_behind(
    open_house: OpenHouse, kind: str, leg: str, at: int, direction: str
) -> None:
    course, _ = await _played(open_house, kind, leg, at, direction=direction, heals_after_s=5.0)
    await course.check()
    if kind == "routed" and leg == "b" and (at == 0 or (at == 1 and direction != "to")):
        assert await course.outcome() == ("failed", "b_unreachable", "system"), (
            "nothing came back to the INVITE for 4 s"
        )
    else:
        await course.check_came_about()


@pytest.mark.parametrize("end", ["A gives up while B rings", "B does not answer"])
async def test_no_phone_rings_on_for_a_call_that_was_given_up(open_house: OpenHouse, end: str) -> None:
    """B has the INVITE, and all of its responses are lost until the call has failed (RFC 3261 9.1, 17.1.1.2)."""
    course, _ = await _played(open_house, "routed", "b", 1, end=end, heals_after_s=5.0)
    assert course.house.bob.was_cancelled
    await course.check()


@pytest.mark.parametrize("leg", ["a", "b"])
@pytest.mark.parametrize(
    "end", ["with PRACK", "held and resumed", "kept alive", "A gives up while B rings", "B is busy"]
)
async def test_every_course_may_be_cut_at_every_message(open_house: OpenHouse, end: str, leg: str) -> None:
    for at in range(MOST_MESSAGES):
        course, cable = await _played(open_house, "routed", leg, at, end=end)
        course.house.phones_forget = False
        if cable.cut_at is None:
            return
        await course.check(vanished=cable.phone)
    raise AssertionError("the course has more messages than that")


@pytest.mark.parametrize("leg", ["a", "b"])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_cuts_are_at_every_message(open_house: OpenHouse, kind: str, leg: str) -> None:
    course, cable = await _played(open_house, kind, leg, 1000)
    assert 0 < cable.passed < MESSAGES
    assert await course.outcome() == ("completed", "normal", "a")
