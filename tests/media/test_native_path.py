"""The packet path in C behind its verbs: what is refused, what comes back, and that nothing is left behind."""

import asyncio
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from b2bua.packet_path import watch_on
from media.codecs.table import PCMA, TELEPHONE_EVENT
from media.errors import MediaOverloaded, PacketPathMissing, UnknownLeg
from media.events import MediaEvent, MediaStarted
from media.packet_path.interface import Keying, PlaybackPlan, RemotePlan, SocketPair, StreamPlan, Timeouts
from media.packet_paths import AUTO, NATIVE, NATIVE_BUILT, PYTHON, chosen, new_packet_path, new_tap_for, threads
from media.ports import Ports
from media.recording.tap import QueueTap
from media.rtp.packet import RtpPacket
from media.rtp.srtp import AES_CM_128_HMAC_SHA1_80
from media.tones import BUSY, prepare
from tests.support.free_ports import PortLease
from tests.support.until import until

if TYPE_CHECKING or NATIVE_BUILT:
    from media.packet_path.native_path import NativePacketPath
else:
    pytest.skip("the packet path in C has not been built", allow_module_level=True)

pytestmark = pytest.mark.sockets

TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)
KEY = bytes(range(AES_CM_128_HMAC_SHA1_80.master_bytes))


def plan(group: str = "c", leg: str = "c/a") -> StreamPlan:
    return StreamPlan(leg, 1, 1, 1, "cname", nat=False, networks=(), timeouts=TIMEOUTS, group=group)


def remote(port: int, keying: Keying | None = None, ptime_ms: int = 20) -> RemotePlan:
    at = ("127.0.0.1", port)
    receives = ((PCMA, PCMA), (101, TELEPHONE_EVENT))
    return RemotePlan(at, None, PCMA, PCMA, 101, receives, True, False, renewed=True, keying=keying, ptime_ms=ptime_ms)


def living_threads() -> set[str]:
    """Those of the process, with those that the interpreter knows nothing of."""
    return set(os.listdir("/proc/self/task"))


def open_descriptors() -> int:
    """How many there are, those aside that only wait for the collector."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


class Bench:
    """A path on the running loop, and the ports for its streams."""

    def __init__(self, ports: Ports, stack: ExitStack) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: list[MediaEvent] = []
        self.started = asyncio.Event()
        self.ports = ports
        self.stack = stack

    def deliver(self, event: MediaEvent) -> None:
        self.events.append(event)
        if isinstance(event, MediaStarted):
            self.started.set()

    def path(self, commands_max: int = 64, thread_count: int = 1, streams_max: int = 16) -> "NativePacketPath":
        path = self.made(commands_max, thread_count, streams_max)
        self.stack.callback(path.close)
        return path

    def made(self, commands_max: int = 64, thread_count: int = 1, streams_max: int = 16) -> "NativePacketPath":
        """A path that the test closes by itself."""
        return NativePacketPath(
            self.deliver,
            self.loop.call_soon_threadsafe,
            watch_on(self.loop),
            commands_max=commands_max,
            soon=self.loop.call_soon,
            threads=thread_count,
            streams_max=streams_max,
        )

    def pair(self) -> SocketPair:
        pair = self.ports.open_pair()
        # The path detaches what it takes over: closing is then harmless.
        self.stack.callback(pair.rtp.close)
        self.stack.callback(pair.rtcp.close)
        return pair

    async def settled(self, path: "NativePacketPath") -> None:
        """Wait until every command so far has been carried out."""
        done = asyncio.Event()
        path.after(done.set)
        await asyncio.wait_for(done.wait(), 5)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(32))
        yield Bench(Ports("127.0.0.1", first, first + 31, 0.0, asyncio.get_running_loop().time), stack)


async def test_what_has_been_closed_is_refused_and_told_of_once(bench: Bench) -> None:
    path = bench.path()
    path.start()
    stream, other = path.open(plan(), bench.pair()), path.open(plan(), bench.pair())
    ended: list[str] = []
    path.close_stream(stream, lambda: ended.append("closed"))
    tone = PlaybackPlan(prepare(BUSY), overrides=True)
    refused: tuple[Callable[[], object], ...] = (
        lambda: path.set_remote(stream, remote(9)),
        lambda: path.expect(stream),
        lambda: path.play(stream, tone),
        lambda: path.stop_playing(stream),
        lambda: path.send_digit(stream, "1", 100),
        lambda: path.bridge(stream, other),
        lambda: path.relay(other, stream),
        lambda: path.set_tap(stream, 0, None),
        lambda: path.set_converter(stream, None),
        lambda: path.set_listener(stream, None),
        lambda: path.set_fork(stream, None),
        lambda: path.figures(stream),
        lambda: path.close_stream(stream, lambda: None),
    )
    for verb in refused:
        with pytest.raises(UnknownLeg):
            verb()
    path.send_audio(stream, other, PCMA, [(0, 0, b"harmless")])
    await bench.settled(path)
    assert ended == ["closed"]
    assert path.counters()["streams"] == 1
    path.close()
    path.close()
    with pytest.raises(UnknownLeg):
        path.open(plan(), bench.pair())
    path.after(lambda: ended.append("at once"))
    assert ended[-1] == "at once"


async def test_a_full_queue_refuses_all_but_the_end_of_a_stream(bench: Bench) -> None:
    path = bench.path(commands_max=3)
    first, second = path.open(plan(), bench.pair()), path.open(plan(), bench.pair())
    before = open_descriptors()
    path.set_remote(first, remote(9, Keying(AES_CM_128_HMAC_SHA1_80, KEY, KEY)))
    tone = PlaybackPlan(prepare(BUSY), overrides=True)
    tap = new_tap_for(NATIVE)(8)
    refused: tuple[Callable[[], object], ...] = (
        lambda: path.set_remote(second, remote(9, Keying(AES_CM_128_HMAC_SHA1_80, KEY, KEY))),
        lambda: path.set_remote(second, remote(9)),
        lambda: path.expect(second),
        lambda: path.play(second, tone),
        lambda: path.set_tap(second, 0, tap),
        lambda: path.after(lambda: None),
        lambda: path.open(plan(), bench.pair()),
    )
    for verb in refused:
        with pytest.raises(MediaOverloaded):
            verb()
    path.send_audio(second, first, PCMA, [(0, 0, b"dropped"), (160, 0, b"too")])
    assert (path.counters()["audio_dropped"], path.counters()["commands_waiting"]) == (2, 3)
    ended: list[int] = []
    path.close_stream(first, lambda: ended.append(1))
    both = asyncio.Event()
    path.close_stream(second, both.set)
    path.start()
    await asyncio.wait_for(both.wait(), 5)
    assert ended == [1]
    path.close()
    assert open_descriptors() < before


async def test_there_is_a_limit_to_streams_and_one_that_ends_makes_room(bench: Bench) -> None:
    path = bench.path(streams_max=2)
    path.start()
    first, _ = path.open(plan(), bench.pair()), path.open(plan(), bench.pair())
    left_over = bench.pair()
    with pytest.raises(MediaOverloaded, match="no further stream"):
        path.open(plan(), left_over)
    assert left_over.rtp.fileno() >= 0, "it is the caller's still"
    path.close_stream(first, lambda: None)
    await bench.settled(path)
    path.open(plan(), left_over)
    assert left_over.rtp.fileno() == -1, "it is the path's now"


async def test_the_legs_of_a_call_share_a_thread_and_calls_are_spread(bench: Bench) -> None:
    path = bench.path(thread_count=2)
    path.start()
    a = path.open(plan("one", "one/a"), bench.pair())
    b = path.open(plan("one", "one/b"), bench.pair())
    other = path.open(plan("two", "two/a"), bench.pair())
    threads_of = [path._streams[number].thread for number in (a, b, other)]
    assert threads_of[0] is threads_of[1] is not threads_of[2]
    path.bridge(a, b)
    with pytest.raises(ValueError, match="different calls"):
        path.bridge(a, other)
    with pytest.raises(ValueError, match="different calls"):
        path.relay(other, a)
    for number in (a, b, other):
        path.close_stream(number, lambda: None)
    await bench.settled(path)
    assert path._groups == {}


async def test_a_plan_that_cannot_be_is_refused_and_changes_nothing(bench: Bench) -> None:
    path = bench.path()
    path.start()
    stream = path.open(plan(), bench.pair())
    keying = Keying(AES_CM_128_HMAC_SHA1_80, KEY, KEY)
    for wrong in (0, 10_000):
        with pytest.raises(ValueError, match="packet time"):
            path.set_remote(stream, remote(9, keying, ptime_ms=wrong))
    with pytest.raises(TypeError, match="tap"):
        path.set_tap(stream, 0, QueueTap())
    with pytest.raises(ValueError, match="no key"):
        path.send_digit(stream, "x", 100)
    path.set_remote(stream, remote(9, keying))
    await bench.settled(path)
    assert path.counters()["running"] == 1.0


async def test_streams_that_close_while_their_packets_arrive_leave_nothing(bench: Bench) -> None:
    path = bench.path(commands_max=4096)
    path.start()
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
        talker.bind(("127.0.0.1", 0))
        port = talker.getsockname()[1]
        targets: list[int] = []
        packet = RtpPacket(PCMA, 1, 160, 7, bytes(160)).render()

        def talk() -> None:
            while not stop.is_set():
                for target in tuple(targets):
                    talker.sendto(packet, ("127.0.0.1", target))

        speaking = threading.Thread(target=talk)
        speaking.start()
        try:
            before = open_descriptors()
            for _ in range(60):
                pairs = [bench.ports.open_pair() for _ in range(4)]
                targets[:] = [pair.port for pair in pairs]
                streams = [path.open(plan(), pair) for pair in pairs]
                for stream in streams:
                    path.set_remote(stream, remote(port))
                path.bridge(streams[0], streams[1])
                path.bridge(streams[2], streams[3])
                await bench.settled(path)
                await asyncio.wait_for(bench.started.wait(), 10)
                for pair, stream in zip(pairs, streams, strict=True):
                    path.close_stream(stream, lambda pair=pair: bench.ports.release(pair))  # type: ignore[misc]
                await bench.settled(path)
            assert open_descriptors() == before
        finally:
            stop.set()
            speaking.join()
    assert path.counters()["running"] == 1.0


def may_come_first() -> bool:
    """Whether a thread of this process may run before everything else; asked by one that ends at once."""
    answers: list[bool] = []

    def ask() -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        answers.append(os.sched_getscheduler(0) == os.SCHED_RR)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return answers[0] and (os.cpu_count() or 1) > 1


def packet_threads() -> list[int]:
    threads_of = Path("/proc/self/task")
    return [int(each.name) for each in threads_of.iterdir() if "packet-path" in (each / "comm").read_text()]


async def test_a_packet_thread_runs_before_everything_else_where_it_may(bench: Bench) -> None:
    path = bench.path()
    path.start()
    await bench.settled(path)
    [packet_thread] = packet_threads()
    expected = (os.SCHED_RR, 1) if may_come_first() else (os.SCHED_OTHER, 0)
    assert (os.sched_getscheduler(packet_thread), os.sched_getparam(packet_thread).sched_priority) == expected
    assert os.sched_getscheduler(0) == os.SCHED_OTHER, "the loop does not"


async def test_a_path_that_is_closed_gives_everything_back(bench: Bench) -> None:
    running = living_threads()
    before = open_descriptors()
    for _ in range(10):
        path = bench.made(thread_count=2)
        path.start()
        assert len(living_threads() - running) >= 2
        ended: list[int] = []
        pairs = [bench.ports.open_pair() for _ in range(8)]
        streams = [path.open(plan(f"{number}"), pair) for number, pair in enumerate(pairs)]
        for stream in streams:
            path.set_remote(stream, remote(9, Keying(AES_CM_128_HMAC_SHA1_80, KEY, KEY)))
            path.play(stream, PlaybackPlan(prepare(BUSY), overrides=True))
        path.close_stream(streams[0], lambda kept=ended: kept.append(1))  # type: ignore[misc]
        path.close()
        assert ended == [], "it is told by the loop, as ever"
        await asyncio.sleep(0)
        assert ended == [1]
        assert path.counters()["running"] == 0.0
        for pair in pairs:
            bench.ports.release(pair)
    del path
    assert open_descriptors() == before
    await until(lambda: living_threads() <= running)


def test_the_choice() -> None:
    assert chosen(AUTO) == chosen(NATIVE) == NATIVE
    assert chosen(PYTHON) == PYTHON
    with pytest.raises(ValueError, match="one of auto, native, python"):
        chosen("rust")
    assert 1 <= threads() <= 4


def test_where_it_has_not_been_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.packet_paths.NATIVE_BUILT", False)
    assert chosen(AUTO) == PYTHON
    with pytest.raises(PacketPathMissing, match="compiler"):
        chosen(NATIVE)
    assert new_tap_for(AUTO) is QueueTap
    path = new_packet_path(AUTO, lambda: 0.0, lambda event: None, lambda call: None, lambda fd, call: None)
    assert type(path).__name__ == "PythonPacketPath"
    path.close()
