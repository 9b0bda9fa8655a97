"""The line of a trunk's call rate: its order, its spacing, its limit, and who leaves it."""

import itertools

import pytest

from b2bua.switch.call_rate import CallRate, Pacing
from tests.support.manual_clock import ManualClock


class Peer:
    """A trunk as far as its rate goes."""

    def __init__(self, cps: int) -> None:
        self.rate = CallRate(cps)


def test_without_a_cap_every_turn_comes_at_once() -> None:
    rate = CallRate(0)
    for _ in range(1_000):
        assert rate.has_room(1.0)
        assert rate.join(lambda: None, 1.0) is None
    assert (rate.waiting, rate.next_due()) == (0, None)


@pytest.mark.parametrize("cps", [1, 3, 7, 50])
def test_turns_are_one_gap_apart_and_never_closer(cps: int) -> None:
    clock = ManualClock()
    peer = Peer(cps)
    pacing = Pacing([peer], clock)
    at: list[float] = []
    for _ in range(4 * cps):
        if pacing.join(peer, lambda: at.append(clock.time())) is None:
            at.append(clock.time())
    assert peer.rate.waiting == 4 * cps - 1
    clock.advance(10.0)
    assert at == pytest.approx([1000.0 + number / cps for number in range(4 * cps)])
    assert min(later - earlier for earlier, later in itertools.pairwise(at)) >= 1 / cps - 1e-5


def test_time_that_was_not_used_is_not_saved_up() -> None:
    rate = CallRate(2)
    assert rate.join(lambda: None, 1000.0) is None
    assert rate.join(lambda: None, 1060.0) is None
    assert rate.join(lambda: None, 1060.1) is not None
    assert rate.next_due() == pytest.approx(1060.5)


def test_new_calls_are_taken_up_to_a_second_s_worth_of_waiting() -> None:
    rate = CallRate(4)
    taken = 0
    while rate.has_room(1000.0):
        rate.booked += 1
        taken += 1
    assert taken == 1 + 4
    for _ in range(taken):
        rate.booked -= 1
        rate.join(lambda: None, 1000.0)
    assert (rate.waiting, rate.booked) == (4, 0)
    assert not rate.has_room(1000.0)
    assert rate.pop_due(1000.2) is None
    assert rate.pop_due(1000.25) is not None
    assert rate.has_room(1000.25)


def test_nobody_overtakes_whose_turn_has_come_and_not_been_called_yet() -> None:
    """The alarm of a busy loop is late."""
    rate = CallRate(1)
    assert rate.join(lambda: None, 1000.0) is None
    first = rate.join(lambda: None, 1000.5)
    assert first is not None
    second = rate.join(lambda: None, 1003.0)
    assert second is not None
    assert rate.pop_due(1003.0) is first
    assert rate.pop_due(1003.9) is None
    assert rate.pop_due(1004.0) is second
    assert rate.pop_due(1010.0) is None, "nobody is left"


def test_who_leaves_the_line_lets_those_behind_move_on() -> None:
    clock = ManualClock()
    peer = Peer(1)
    pacing = Pacing([peer], clock)
    gone: list[tuple[str, float]] = []
    turns = {}
    for name in "abcd":
        turns[name] = pacing.join(peer, lambda name=name: gone.append((name, clock.time())))  # type: ignore[misc]
    assert turns["a"] is None
    assert turns["b"] is not None
    pacing.leave(peer, turns["b"])
    pacing.leave(peer, turns["b"])  # harmless
    clock.advance(5.0)
    assert gone == [("c", 1001.0), ("d", 1002.0)]
    assert turns["d"] is not None
    pacing.leave(peer, turns["d"])
    assert peer.rate.waiting == 0


def test_an_empty_line_sets_no_alarm() -> None:
    clock = ManualClock()
    peer = Peer(1)
    pacing = Pacing([peer], clock)
    assert pacing.join(peer, lambda: None) is None
    turn = pacing.join(peer, lambda: None)
    assert clock.next_due() == 1001.0
    assert turn is not None
    pacing.leave(peer, turn)
    assert clock.next_due() is None
