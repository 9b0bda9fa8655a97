"""A call handed on: frames of both parties on one clock, ears that come and go, and what is not to be heard."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from media.codecs.linear import from_alaw
from media.codecs.table import PCMA
from media.errors import MediaOverloaded
from media.forking.forks import Ear, Forks, HeardFrame
from media.forking.playout import LONGEST_WAIT_S
from media.packet_path.converter import Converter
from media.packet_path.repacketiser import Frame
from media.transcoding.packets import QUEUE_PACKETS, NewQueue, new_packet_queue

CALL = "3f2b1c0d"
A_SAYS, B_SAYS = b"\x11" * 160, b"\x22" * 160


class PathOfForks:
    """What of a packet path is needed: where each stream's packets go."""

    def __init__(self) -> None:
        self.forks: dict[int, Converter] = {}
        self.refuses: int | None = None

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        if stream == self.refuses:
            raise MediaOverloaded("too many commands")
        if fork is None:
            self.forks.pop(stream, None)
        else:
            self.forks[stream] = fork

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        raise AssertionError("nothing is said to anybody")


class Talk:
    """A call that goes on by 20 ms at a time."""

    def __init__(self, new_queue: NewQueue = new_packet_queue) -> None:
        self.path = PathOfForks()
        self.now = 100.0
        self.forks = Forks(self.path, lambda: self.now, self.post, new_queue, threaded=False)
        self.number = 0
        self.posted = 0

    def post(self, work: Callable[[], None]) -> None:
        self.posted += 1
        work()

    def listen(self, take: Callable[[HeardFrame], None], rate_hz: int = 8000, **how: bool) -> Ear:
        return self.forks.listen(CALL, (1, 2), rate_hz, take, **how)

    def step(self, frames: int = 1, *, a: bytes = A_SAYS, b: bytes = B_SAYS) -> None:
        for _ in range(frames):
            for stream, payload in ((1, a), (2, b)):
                fork = self.path.forks.get(stream)
                if fork is not None and payload:
                    fork.put(self.now, stream, self.number, self.number * 160, 0, PCMA, payload)
            self.forks.turn(self.now)
            self.number += 1
            self.now += 0.02


def test_both_parties_are_heard_apart_on_one_clock() -> None:
    talk, heard = Talk(), list[HeardFrame]()
    talk.listen(heard.append)
    talk.step(10)
    assert [frame.at_ms for frame in heard] == [20 * n for n in range(10)]
    spoken = [frame for frame in heard if frame.a is not None]
    assert len(spoken) >= 8
    assert {frame.a for frame in spoken} == {from_alaw(A_SAYS)}
    assert {frame.b for frame in spoken} == {from_alaw(B_SAYS)}
    assert talk.posted == 10


def test_who_says_nothing_is_silent_and_time_goes_on() -> None:
    talk, heard = Talk(), list[HeardFrame]()
    talk.listen(heard.append)
    talk.step(10, b=b"")
    assert {frame.b for frame in heard} == {None}
    assert [frame.at_ms for frame in heard] == [20 * n for n in range(10)]


def test_ears_of_two_rates_hear_the_same_and_each_from_when_it_came() -> None:
    talk, narrow, wide = Talk(), list[HeardFrame](), list[HeardFrame]()
    talk.listen(narrow.append)
    talk.step(5)
    talk.listen(wide.append, 16_000)
    talk.step(5)
    assert {len(frame.a) for frame in narrow if frame.a} == {320}
    assert {len(frame.a) for frame in wide if frame.a} == {640}
    assert [frame.at_ms for frame in wide] == [0, 20, 40, 60, 80]


def test_the_last_ear_to_go_takes_the_fork_off_the_packet_path() -> None:
    talk, first, second = Talk(), list[HeardFrame](), list[HeardFrame]()
    ears = [talk.listen(first.append), talk.listen(second.append)]
    talk.step(3)
    talk.forks.stop(ears[0])
    talk.step(2)
    assert (len(first), len(second)) == (3, 5)
    assert set(talk.path.forks) == {1, 2}
    talk.forks.stop(ears[1])
    talk.forks.stop(ears[1])
    assert talk.path.forks == {}
    assert talk.forks.turn(talk.now) is None


def test_nothing_of_a_pause_is_heard_and_nothing_of_before_its_end_once_it_is_over() -> None:
    talk, heard = Talk(), list[HeardFrame]()
    talk.listen(heard.append)
    talk.step(10)
    talk.forks.pause(CALL)
    heard.clear()
    talk.step(50, a=b"\x55" * 160)
    assert {(frame.a, frame.b) for frame in heard} == {(None, None)}
    talk.forks.resume(CALL)
    heard.clear()
    talk.step(50)
    assert from_alaw(b"\x55" * 160) not in {frame.a for frame in heard}
    first = next(frame for frame in heard if frame.a is not None)
    assert first.at_ms - heard[0].at_ms <= LONGEST_WAIT_S * 1000 + 40


def test_who_comes_during_a_pause_hears_nothing_until_it_is_over() -> None:
    talk, heard = Talk(), list[HeardFrame]()
    talk.listen(heard.append, muted=True)
    talk.step(20)
    assert {(frame.a, frame.b) for frame in heard} == {(None, None)}
    talk.forks.resume(CALL)
    talk.step(20)
    assert heard[-1].a == from_alaw(A_SAYS)


def test_a_thread_that_was_held_up_leaves_frames_out_and_keeps_to_the_clock() -> None:
    talk, heard = Talk(), list[HeardFrame]()
    talk.listen(heard.append)
    talk.step(5)
    talk.now += 0.06
    talk.step()
    assert [frame.at_ms for frame in heard] == [20 * n for n in range(9)]
    talk.now += 2.0
    talk.step(2)
    assert [frame.at_ms for frame in heard[9:]] == [2180, 2200]
    assert talk.forks.counters()["forked_frames_late"] == 100


def test_packets_that_nobody_takes_are_dropped_and_counted() -> None:
    talk = Talk()
    talk.listen(lambda _frame: None)
    for number in range(QUEUE_PACKETS + 5):
        talk.path.forks[1].put(talk.now, 1, number, number * 160, 0, PCMA, A_SAYS)
    assert talk.forks.counters()["forked_packets_dropped"] == 5
    talk.forks.forget(CALL)
    assert talk.forks.counters()["forked_packets_dropped"] == 5
    assert talk.forks.counters()["forked_calls"] == 0


@pytest.mark.parametrize("stream", [1, 2])
def test_a_packet_path_that_takes_no_more_leaves_nothing_behind(stream: int) -> None:
    talk = Talk()
    talk.path.refuses = stream
    with pytest.raises(MediaOverloaded):
        talk.listen(lambda _frame: None)
    assert talk.path.forks == {}
    assert talk.forks.turn(talk.now) is None


class BrokenQueue:
    """One that nothing can be taken of."""

    dropped = 0

    def put(self, *_packet: object) -> None:
        """Nothing is kept."""

    def take(self) -> list[tuple[float, int, int, int, int, int, bytes]]:
        raise RuntimeError("unheard of")


def test_a_call_that_cannot_be_heard_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    broken: list[Any] = [BrokenQueue(), BrokenQueue()]
    talk, heard = Talk(lambda *told: broken.pop() if broken else new_packet_queue(*told)), list[HeardFrame]()
    talk.listen(lambda _frame: None)
    talk.forks.listen("another", (3, 4), 8000, heard.append)
    talk.step(5)
    assert len(heard) == 5
    assert talk.forks.counters()["forked_calls"] == 1
    assert caplog.text.count("RuntimeError: unheard of") == 1


def test_a_rate_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="heard at"):
        Talk().listen(lambda _frame: None, 44_100)


def test_its_thread_starts_with_the_first_ear_and_ends_with_it() -> None:
    path = PathOfForks()
    enough, heard = threading.Event(), list[HeardFrame]()

    def take(frame: HeardFrame) -> None:
        heard.append(frame)
        if len(heard) == 3:
            enough.set()

    def clock() -> float:
        return 50.0 + len(heard) * 0.021  # goes on with what is heard, so that nothing is waited for

    forks = Forks(path, clock, lambda work: work(), new_packet_queue)
    before = set(threading.enumerate())
    forks.listen(CALL, (1, 2), 8000, take)
    assert len(set(threading.enumerate()) - before) == 1
    assert enough.wait(10)
    forks.close()
    assert set(threading.enumerate()) <= before
