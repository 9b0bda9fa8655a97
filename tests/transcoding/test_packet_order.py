"""Packets to be converted come in their order: what is waited for, and for how long."""

from media.transcoding.packets import HELD_MAX, HELD_S, Ordering, Packet


def packet(sequence: int, arrival: float = 0.0, ssrc: int = 1) -> Packet:
    return Packet(arrival, ssrc, sequence, sequence * 160, 0, 8, b"\xd5" * 160)


def given(ordering: Ordering, *packets: Packet) -> list[tuple[int, int]]:
    """The numbers that come out, each with how many were lost before it."""
    return [(out.sequence, lost) for each in packets for out, lost in ordering.put(each)]


def test_one_that_is_missing_is_waited_for_until_three_later_ones_are_there() -> None:
    ordering = Ordering()
    assert given(ordering, packet(1), packet(3), packet(4)) == [(1, 0)]
    assert HELD_MAX == 3
    assert given(ordering, packet(5)) == [(3, 1), (4, 0), (5, 0)]
    assert given(ordering, packet(2)) == []
    assert ordering.late == 1


def test_one_that_comes_in_time_takes_its_place() -> None:
    ordering = Ordering()
    assert given(ordering, packet(65_535), packet(1), packet(0)) == [(65_535, 0), (0, 0), (1, 0)]
    assert ordering.due is None


def test_it_is_given_up_60_ms_after_the_first_that_waits() -> None:
    ordering = Ordering()
    given(ordering, packet(1, 10.0), packet(3, 10.02), packet(4, 10.04))
    assert ordering.due == 10.02 + HELD_S == 10.08
    assert list(ordering.give_up(10.079)) == []
    assert [(out.sequence, lost) for out, lost in ordering.give_up(10.08)] == [(3, 1), (4, 0)]


def test_a_new_source_takes_nothing_from_the_one_before() -> None:
    ordering = Ordering()
    assert given(ordering, packet(1), packet(3)) == [(1, 0)]
    assert given(ordering, packet(900, ssrc=2), packet(901, ssrc=2)) == [(3, 1), (900, 0), (901, 0)]


def test_a_source_that_goes_through_its_numbers_again_is_a_new_beginning() -> None:
    ordering = Ordering()
    given(ordering, *map(packet, range(90)))
    assert given(ordering, *map(packet, range(8))) == [(4, 0), (5, 0), (6, 0), (7, 0)]
    assert ordering.late == 4


def test_late_ones_of_which_some_come_in_a_row_begin_nothing() -> None:
    ordering = Ordering()
    given(ordering, *map(packet, range(90)))
    for first in (90, 91):
        assert given(ordering, *map(packet, range(20, 24)), packet(first)) == [(first, 0)]
    assert given(ordering, *map(packet, range(30, 20, -1)), packet(92)) == [(92, 0)]


def test_a_block_that_others_have_overtaken_is_late_and_begins_nothing() -> None:
    ordering = Ordering()
    given(ordering, *map(packet, range(11)), *map(packet, range(17, 31)))
    assert given(ordering, *map(packet, range(11, 17)), packet(31)) == [(31, 0)]
    assert ordering.late == 6


def test_nor_do_those_that_the_first_of_a_source_has_overtaken() -> None:
    ordering = Ordering()
    assert given(ordering, *map(packet, (10, *range(4, 10), 11))) == [(10, 0), (11, 0)]


def test_a_source_that_had_lost_some_is_heard_when_it_goes_through_its_numbers_again() -> None:
    ordering = Ordering()
    given(ordering, *map(packet, range(5)), *map(packet, range(7, 90)))
    assert given(ordering, *map(packet, range(3, 12))) == [(9, 0), (10, 0), (11, 0)]
