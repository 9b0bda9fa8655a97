"""How late the event loop is, on a clock that is moved by hand."""

from b2bua.loop_delay import LOOK_S, WINDOW_S, LoopDelay
from tests.support.manual_clock import ManualClock


class LateClock(ManualClock):
    """A loop that comes to each alarm so much too late."""

    late_s = 0.0

    def time(self) -> float:
        return super().time() + self.late_s


def worst(delay: LoopDelay) -> float:
    return round(delay.figures()["loop_delay_seconds"], 6)


def test_the_worst_delay_is_told_for_a_while_and_then_forgotten() -> None:
    clock = LateClock()
    delay = LoopDelay(clock)
    delay.start()
    clock.advance(1.0)
    assert worst(delay) == 0.0
    clock.late_s = 0.25
    clock.advance(2 * LOOK_S)
    clock.late_s = 0.0
    assert worst(delay) == 0.25
    clock.advance(WINDOW_S)
    assert worst(delay) == 0.25
    clock.advance(2 * WINDOW_S)
    assert worst(delay) == 0.0
    delay.stop()
    assert clock.next_due() is None
