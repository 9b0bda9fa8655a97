"""The queue of deadlines, compiled and in Python."""

import random  # noqa: TID251 - a seeded walk

import pytest

from b2bua.sip.timers import PythonTimerQueue, TimerQueue

Kind = type[PythonTimerQueue]
both = pytest.mark.parametrize("kind", [TimerQueue, PythonTimerQueue])


class Owner:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.running: dict[str, int] = {}


@both
def test_timers_fall_due_in_the_order_of_their_time(kind: Kind) -> None:
    queue, one, other = kind(), Owner(), Owner()
    queue.arm(one, "late", 3.0)
    queue.arm(other, "early", 1.0)
    queue.arm(one, "middle", 2.0)
    assert queue.next_due() == 1.0
    assert queue.pop_due(0.999) is None
    assert queue.pop_due(2.0) == (other, "early")
    assert queue.pop_due(2.0) == (one, "middle")
    assert queue.pop_due(2.0) is None
    assert list(one.running) == ["late"]


@both
def test_arming_again_replaces_and_disarming_withdraws(kind: Kind) -> None:
    queue, owner = kind(), Owner()
    queue.arm(owner, "A", 1.0)
    queue.arm(owner, "A", 5.0)
    queue.arm(owner, "B", 2.0)
    queue.disarm(owner, "B")
    queue.disarm(owner, "never armed")
    assert queue.next_due() == 5.0
    assert len(queue) == 1
    assert queue.pop_due(9.0) == (owner, "A")
    assert queue.next_due() is None
    assert len(queue) == 0


@both
def test_all_but_those_named_are_stopped(kind: Kind) -> None:
    queue, owner = kind(), Owner()
    for timer in "ABC":
        queue.arm(owner, timer, 1.0)
    queue.keep(owner, ("B", "D"))
    assert list(owner.running) == ["B"]
    assert len(queue) == 1
    assert queue.pop_due(1.0) == (owner, "B")


@both
def test_withdrawn_deadlines_do_not_pile_up(kind: Kind) -> None:
    queue, owner, kept = kind(), Owner(), Owner()
    queue.arm(kept, "kept", 50.0)
    for step in range(10_000):
        queue.arm(owner, "A", 100.0 + step)
    assert len(queue) == 2
    assert len(queue._heap) < 1_000
    queue.disarm_all(owner)
    assert queue.pop_due(1e9) == (kept, "kept")
    assert queue.pop_due(1e9) is None


def _told(queue: PythonTimerQueue, seed: int, steps: int) -> list[object]:
    """What a queue says while the same things are done with it."""
    rng, told = random.Random(seed), list[object]()
    owners = [Owner(str(number)) for number in range(40)]
    now = 0.0
    for _ in range(steps):
        owner, timer = rng.choice(owners), rng.choice("ABCD")
        match rng.randrange(12):
            case 0 | 1 | 2 | 3 | 4 | 5:
                queue.arm(owner, timer, now + rng.choice((0.0, 0.5, 4.0, 32.0, rng.random() * 40)))
            case 6 | 7:
                queue.disarm(owner, timer)
            case 8:
                queue.disarm_all(owner)
            case 9:
                queue.keep(owner, tuple(rng.sample("ABCD", 2)))
            case 10:
                now += rng.random()
            case _:
                while (due := queue.pop_due(now)) is not None:
                    fallen, name = due
                    assert isinstance(fallen, Owner)
                    told.append((fallen.name, name))
        told.append((queue.next_due(), len(queue), len(queue._heap), dict(owner.running)))
    return told


@pytest.mark.parametrize("seed", range(20))
def test_the_compiled_queue_is_that_in_python(seed: int) -> None:
    assert _told(TimerQueue(), seed, 4_000) == _told(PythonTimerQueue(), seed, 4_000)
