"""The queue of deadlines."""

from b2bua.sip.timers import TimerQueue


class Owner:
    def __init__(self) -> None:
        self.running: dict[str, int] = {}


def test_timers_fall_due_in_the_order_of_their_time() -> None:
    queue, one, other = TimerQueue(), Owner(), Owner()
    queue.arm(one, "late", 3.0)
    queue.arm(other, "early", 1.0)
    queue.arm(one, "middle", 2.0)
    assert queue.next_due() == 1.0
    assert queue.pop_due(0.999) is None
    assert queue.pop_due(2.0) == (other, "early")
    assert queue.pop_due(2.0) == (one, "middle")
    assert queue.pop_due(2.0) is None
    assert list(one.running) == ["late"]


def test_arming_again_replaces_and_disarming_withdraws() -> None:
    queue, owner = TimerQueue(), Owner()
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


def test_withdrawn_deadlines_do_not_pile_up() -> None:
    queue, owner, kept = TimerQueue(), Owner(), Owner()
    queue.arm(kept, "kept", 50.0)
    for step in range(10_000):
        queue.arm(owner, "A", 100.0 + step)
    assert len(queue) == 2
    assert len(queue._heap) < 1_000
    queue.disarm_all(owner)
    assert queue.pop_due(1e9) == (kept, "kept")
    assert queue.pop_due(1e9) is None
