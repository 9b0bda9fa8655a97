"""What happens often is told at once, then now and then, with how many were left out."""

from b2bua.switch.seldom import INTERVAL_S, Seldom


def test_the_first_is_told_and_the_next_with_how_many_were_not() -> None:
    seldom = Seldom()
    told = [seldom.untold("404", now) for now in (100.0, 100.0, 100.0 + INTERVAL_S - 0.001, 100.0 + INTERVAL_S)]
    assert told == [0, None, None, 2]
    assert seldom.untold("404", 100.0 + 2 * INTERVAL_S) == 0
    assert seldom.untold("404", 500.0) == 0


def test_each_kind_is_told_for_itself() -> None:
    seldom = Seldom()
    assert [seldom.untold(kind, 7.0) for kind in ("404", "503", "404", "503")] == [0, 0, None, None]
