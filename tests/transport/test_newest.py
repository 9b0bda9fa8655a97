"""The newest of what was added: which are remembered, and that it costs the same however many have gone."""

import time

import pytest

from b2bua.transport.newest import Newest


@pytest.mark.parametrize(("limit", "left"), [(1, {2}), (2, {1, 2}), (7, {0, 1, 2}), (3, {0, 1, 2})])
def test_the_newest_are_remembered(limit: int, left: set[int]) -> None:
    newest = Newest(limit)
    for number in range(3):
        newest.add(number)
    assert {number for number in range(3) if number in newest} == left


def test_what_is_added_again_is_the_newest() -> None:
    newest = Newest(2)
    for number in (1, 2, 1, 3):
        newest.add(number)
    assert (1 in newest, 2 in newest, 3 in newest) == (True, False, True)


def test_an_eighth_is_forgotten_at_once_and_never_more_kept_than_the_limit() -> None:
    newest = Newest(80)
    lengths = set()
    for number in range(1_000):
        newest.add(number)
        assert all(each in newest for each in range(max(0, number - 69), number + 1))
        lengths.add(len(newest))
    assert max(lengths) == 80


def test_one_more_costs_no_more_when_many_have_gone() -> None:
    newest = Newest(65_536)

    def seconds(numbers: range) -> float:
        began_at = time.process_time()
        for number in numbers:
            newest.add(number)
        return time.process_time() - began_at

    first = seconds(range(65_536))
    assert seconds(range(65_536, 4 * 65_536)) < 20 * 3 * first
