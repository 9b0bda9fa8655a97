"""What waits to be sent has its limits: whole frames go, the oldest first, and are counted."""

from control_api.streams.backlog import FRAMES_MAX, MARKS_MAX, Backlog, Frame, Mark


def drained(backlog: Backlog) -> list[Frame | Mark]:
    taken = []
    while (entry := backlog.take()) is not None:
        taken.append(entry)
    return taken


def test_frames_and_marks_come_in_their_order() -> None:
    backlog = Backlog()
    first, hold, second = Frame(0, b"a", None), Mark("hold", "a", 0), Frame(20, None, b"b")
    backlog.put_frame(first)
    backlog.put_mark(hold)
    backlog.put_frame(second)
    assert len(backlog) == 3
    assert drained(backlog) == [first, hold, second]
    assert (len(backlog), backlog.dropped_frames) == (0, 0)


def test_a_full_one_drops_its_oldest_frames_and_no_mark() -> None:
    backlog = Backlog()
    backlog.put_mark(Mark("bridged", None, 0))
    for number in range(FRAMES_MAX + 7):
        backlog.put_frame(Frame(number * 20, None, None))
    taken = drained(backlog)
    assert taken[0] == Mark("bridged", None, 0)
    assert [entry.at_ms for entry in taken[1:]] == [number * 20 for number in range(7, FRAMES_MAX + 7)]
    assert backlog.dropped_frames == 7


def test_marks_have_a_limit_of_their_own() -> None:
    backlog = Backlog()
    for number in range(MARKS_MAX + 3):
        backlog.put_mark(Mark("dtmf", "a", number))
    assert backlog.dropped_marks == 3
    assert drained(backlog)[-1].at_ms == MARKS_MAX - 1
    backlog.put_mark(Mark("dtmf", "a", 0))
    assert len(backlog) == 1


def test_frames_that_nobody_takes_are_dropped_and_marks_stay() -> None:
    backlog = Backlog()
    backlog.put_frame(Frame(0, None, None))
    backlog.put_mark(Mark("hold", "b", 0))
    backlog.drop_frames()
    assert backlog.dropped_frames == 1
    assert drained(backlog) == [Mark("hold", "b", 0)]
