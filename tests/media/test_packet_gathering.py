"""When a packet thread of the compiled path lets packets gather before it looks for them."""

import math
from typing import TYPE_CHECKING

import pytest

from media.packet_paths import NATIVE_BUILT

if TYPE_CHECKING or NATIVE_BUILT:
    from media.packet_path._native import BUSY_PACKETS_PER_S, PAUSE_S, RATE_WINDOW_S, Gathering
else:
    pytest.skip("the packet path in C has not been built", allow_module_level=True)

NEVER = math.inf


def windows(gathering: Gathering, packets_per_s: float, seconds: float, begin: float = 0.0) -> float:
    """Turns of one packet each, at a steady rate; the time of the last."""
    for number in range(round(packets_per_s * seconds)):
        now = begin + (number + 1) / packets_per_s
        gathering.turn(1, now)
    return now


def test_a_thread_that_begins_does_not_pause() -> None:
    assert Gathering(0.0).pause_s(0.0, NEVER) == 0.0


def test_below_the_rate_packets_go_on_as_they_come() -> None:
    gathering = Gathering(0.0)
    now = windows(gathering, 0.9 * BUSY_PACKETS_PER_S, 0.5)
    assert gathering.pause_s(now, NEVER) == 0.0


def test_from_the_rate_on_it_pauses_until_the_rate_falls() -> None:
    gathering = Gathering(0.0)
    now = windows(gathering, 1.1 * BUSY_PACKETS_PER_S, 0.5)
    assert gathering.pause_s(now, NEVER) == PAUSE_S
    now = windows(gathering, 0.5 * BUSY_PACKETS_PER_S, 3 * RATE_WINDOW_S, now)
    assert gathering.pause_s(now, NEVER) == 0.0


def test_many_packets_of_one_turn_are_not_a_rate_yet() -> None:
    gathering = Gathering(0.0)
    gathering.turn(256, RATE_WINDOW_S / 10)
    assert gathering.pause_s(RATE_WINDOW_S / 10, NEVER) == 0.0


@pytest.mark.parametrize(
    ("due_in_s", "pause_s"), [(-1.0, 0.0), (0.0, 0.0), (PAUSE_S / 2, PAUSE_S / 2), (2 * PAUSE_S, PAUSE_S)]
)
def test_what_is_due_is_not_late(due_in_s: float, pause_s: float) -> None:
    gathering = Gathering(0.0)
    now = windows(gathering, 2 * BUSY_PACKETS_PER_S, 0.5)
    assert gathering.pause_s(now, now + due_in_s) == pytest.approx(pause_s)
