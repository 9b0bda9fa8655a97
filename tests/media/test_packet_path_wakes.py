"""Commands given in one turn of the loop wake the packet thread once, and its answers come back in one."""

from collections.abc import Callable

import pytest

from media.packet_path.interface import StreamPlan, Timeouts
from media.packet_path.python_path import PythonPacketPath
from media.ports import Ports

TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)


class CountedPath(PythonPacketPath):
    """Counts its wakes; no thread runs, so that whatever is commanded waits."""

    wakes = 0

    def _wake(self) -> None:
        self.wakes += 1


def opened(path: PythonPacketPath, ports: Ports) -> int:
    plan = StreamPlan("leg", 1, 1, 1, "cname", nat=False, networks=(), timeouts=TIMEOUTS)
    return path.open(plan, ports.open_pair())


def test_commands_of_one_turn_wake_it_once() -> None:
    turn: list[Callable[[], None]] = []
    posted: list[Callable[[], None]] = []
    ended: list[str] = []
    path = CountedPath(lambda: 1.0, lambda event: None, posted.append, soon=turn.append)
    ports = Ports("127.0.0.1", 30_000, 39_999, 1.0, lambda: 1.0)
    first, second = opened(path, ports), opened(path, ports)
    path.bridge(first, second)
    path.close_stream(first, lambda: ended.append("first"))
    path.close_stream(second, lambda: ended.append("second"))
    assert (path.wakes, len(turn)) == (0, 1)
    turn.pop()()
    assert path.wakes == 1
    path.after(lambda: ended.append("after"))
    assert len(turn) == 1, "the next turn wakes it again"
    path.close()
    assert len(posted) == 1, "what has ended is told together"
    posted.pop()()
    assert ended == ["first", "second", "after"]
    turn.pop()()
    assert path.wakes == 2, "one for the turn and one for the end, none once it is closed"


def test_without_turns_each_command_wakes_it() -> None:
    path = CountedPath(lambda: 1.0, lambda event: None, lambda work: work())
    path.after(lambda: None)
    path.after(lambda: None)
    assert path.wakes == 2
    path.close()


def test_what_has_ended_is_told_though_an_event_before_it_fails() -> None:
    posted: list[Callable[[], None]] = []
    path = CountedPath(lambda: 1.0, lambda event: None, posted.append)
    told: list[int] = []

    def fails(_event: object) -> None:
        raise ValueError("broken")

    path._deliver = fails
    path._events.append(None)  # type: ignore[arg-type]
    path.after(lambda: told.append(1))
    path.close()
    with pytest.raises(ValueError, match="broken"):
        posted.pop()()
    assert told == [1]
