"""A pair of sockets under one stream after another: nothing of one reaches the next, and nothing is left open."""

import asyncio
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from media.codecs.table import PCMA
from media.packet_path.interface import PacketPath, RemotePlan, SocketPair, StreamFigures, StreamPlan, Timeouts
from media.packet_path.python_path import PythonPacketPath
from media.packet_paths import NATIVE, NATIVE_BUILT, PYTHON, new_packet_path
from media.ports import Ports
from media.rtp.packet import RtpPacket
from tests.support.free_ports import PortLease, is_free
from tests.support.until import until

pytestmark = pytest.mark.sockets

Networks = tuple[tuple[int, int, int], ...]
LOOPBACK: Networks = ((4, 0x7F000000, 0x7FFFFFFF),)
TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


class Party:
    """A far end that sends what it is told to and keeps what it hears."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sent = 0

    def send(self, port: int) -> None:
        self.sent += 1
        self.socket.sendto(
            RtpPacket(PCMA, self.sent, self.sent * 160, 7, bytes([self.sent]) * 160).render(), ("127.0.0.1", port)
        )

    def heard(self) -> bytes | None:
        try:
            return self.socket.recv(2048)
        except BlockingIOError:
            return None


class Bed:
    """A packet path on the running loop, its ports, parties."""

    def __init__(self, packet_path: str, stack: ExitStack, first: int, kept_max: int) -> None:
        self._stack = stack
        self._path_name = packet_path
        self.ports = Ports("127.0.0.1", first, first + 15, 0.0, asyncio.get_running_loop().time, kept_max=kept_max)
        self.path = self.new_path()
        self.calls = 0

    def new_path(self) -> PacketPath:
        loop = asyncio.get_running_loop()
        path = new_packet_path(
            self._path_name, loop.time, lambda event: None, loop.call_soon_threadsafe, watch_on(loop), loop.call_soon
        )
        self._stack.callback(path.close)
        return path

    def party(self) -> Party:
        party = Party()
        self._stack.callback(party.socket.close)
        return party

    def open(self, pair: SocketPair, to: Party, group: str = "", *, nat: bool = False, open_to: Networks = ()) -> int:
        self.calls += 1
        group = group or f"call {self.calls}"
        plan = StreamPlan("leg", 1, 1, 1, "cname", nat=nat, networks=open_to, timeouts=TIMEOUTS, group=group)
        stream = self.path.open(plan, pair)
        target = ("127.0.0.1", to.port)
        self.path.set_remote(
            stream, RemotePlan(target, None, PCMA, PCMA, None, ((PCMA, PCMA),), True, False, renewed=True)
        )
        return stream

    async def settled(self) -> None:
        done = asyncio.Event()
        self.path.after(done.set)
        await asyncio.wait_for(done.wait(), 5)

    async def heard_by_nobody(self, party: Party, pair: SocketPair) -> None:
        """Let a party send to a resting pair; what lies in that when it is opened would be nobody's."""
        for _ in range(5):
            party.sent = 0
            party.send(pair.port)
            await self.settled()

    async def is_heard_alone(self, stream: int, party: Party, other: Party, pair: SocketPair) -> None:
        """Of two that send to the stream's pair, the other first, it takes the party's packet and drops the other's."""
        other.send(pair.port)
        await until(lambda: taken(self.path.figures(stream)) == (0, 1))
        party.send(pair.port)
        await until(lambda: taken(self.path.figures(stream)) == (1, 1))

    async def end(self, stream: int, keep: bool = True) -> None:
        ended = asyncio.Event()
        self.path.close_stream(stream, ended.set, keep)
        await asyncio.wait_for(ended.wait(), 5)


@pytest.fixture
async def bed(packet_path: str) -> AsyncIterator[Bed]:
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(16))
        made = Bed(packet_path, stack, first, kept_max=64)
        made.path.start()
        yield made


def taken(figures: StreamFigures) -> tuple[int, int]:
    """Packets received, and those dropped for whatever reason."""
    return figures.packets_received, sum(figures.dropped.values())


async def test_strays_of_the_former_call_do_not_reach_the_next_from_the_same_far_end(bed: Bed) -> None:
    talker, other = bed.party(), bed.party()
    pair = bed.ports.open_pair()
    stream = bed.open(pair, talker)
    await bed.settled()
    talker.send(pair.port)
    await until(lambda: bed.path.figures(stream).packets_received == 1)
    await bed.end(stream)
    assert pair.kept
    bed.ports.release(pair)
    for _ in range(40):
        talker.send(pair.port)
        talker.send(pair.port + 1)
    assert bed.ports.open_pair() is pair
    first, second = bed.open(pair, talker, "next"), bed.open(bed.ports.open_pair(), other, "next")
    bed.path.bridge(first, second)
    await bed.settled()
    assert taken(bed.path.figures(first)) == (0, 0)
    assert other.heard() is None
    talker.send(pair.port)
    await until(lambda: bed.path.figures(second).packets_sent == 1)
    heard = other.heard()
    assert heard is not None
    assert heard[12:] == bytes([talker.sent]) * 160


async def test_who_goes_on_sending_after_its_call_is_not_latched_by_the_next(bed: Bed) -> None:
    """Nothing tells it from the next call's party but that it was there before."""
    former, party, other = bed.party(), bed.party(), bed.party()
    pair = bed.ports.open_pair()
    stream = bed.open(pair, former)
    await bed.settled()
    await bed.end(stream)
    assert pair.kept
    bed.ports.release(pair)
    await bed.heard_by_nobody(former, pair)
    former.sent = 100
    assert bed.ports.open_pair() is pair
    first = bed.open(pair, bed.party(), "next", nat=True)
    second = bed.open(bed.ports.open_pair(), other, "next")
    bed.path.bridge(first, second)
    await bed.settled()
    former.send(pair.port)
    await until(lambda: taken(bed.path.figures(first)) == (0, 1))
    party.send(pair.port)
    await until(lambda: taken(bed.path.figures(first)) == (1, 1))
    former.send(pair.port)
    party.send(pair.port)
    await until(lambda: bed.path.figures(second).packets_sent == 2)
    assert {heard[12] for heard in (other.heard(), other.heard()) if heard is not None} == {1, 2}


async def test_nor_is_it_heard_where_it_is_of_a_declared_network(bed: Bed) -> None:
    former = bed.party()
    pair = bed.ports.open_pair()
    await bed.end(bed.open(pair, former))
    bed.ports.release(pair)
    await bed.heard_by_nobody(former, pair)
    assert bed.ports.open_pair() is pair
    stream = bed.open(pair, bed.party(), open_to=LOOPBACK)
    await bed.settled()
    former.send(pair.port)
    await until(lambda: taken(bed.path.figures(stream)) == (0, 1))
    bed.party().send(pair.port)
    await until(lambda: taken(bed.path.figures(stream)) == (1, 1))


@pytest.mark.parametrize("ahead", [False, True], ids=["bound for the leg", "opened ahead"])
async def test_who_sent_to_a_pair_that_had_no_leg_yet_is_not_latched(bed: Bed, ahead: bool) -> None:
    """After a restart parties of calls that are gone send on to ports that have had no leg in this process."""
    former, party = bed.party(), bed.party()
    assert bed.ports.open_ahead(1) == ahead or not ahead
    pair = bed.ports.open_pair()
    former.send(pair.port)
    stream = bed.open(pair, bed.party(), nat=True)
    await bed.settled()
    await bed.is_heard_alone(stream, party, former, pair)


@pytest.mark.skipif(not NATIVE_BUILT, reason="the packet path in C has not been built")
async def test_nor_by_a_leg_of_another_packet_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.packet_paths.threads", lambda: 2)
    with ExitStack() as stack:
        bed = Bed(NATIVE, stack, stack.enter_context(PortLease(16)), kept_max=64)
        bed.path.start()
        former, party = bed.party(), bed.party()
        pair = bed.ports.open_pair()
        await bed.end(bed.open(pair, former))
        bed.ports.release(pair)
        await bed.heard_by_nobody(former, pair)
        assert bed.ports.open_pair() is pair
        bed.open(bed.ports.open_pair(), bed.party())  # on the thread that the pair was with
        stream = bed.open(pair, bed.party(), nat=True)
        await bed.settled()
        await bed.is_heard_alone(stream, party, former, pair)


async def test_who_is_heard_before_a_busy_thread_has_come_to_the_leg_is_its_own() -> None:
    """With more commands waiting than a turn carries out, packets of a leg come up before the leg itself does."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        bed = Bed(PYTHON, stack, stack.enter_context(PortLease(16)), kept_max=64)
        path = bed.path
        assert isinstance(path, PythonPacketPath)
        path.start()
        party = bed.party()
        other, pair = bed.open(bed.ports.open_pair(), bed.party()), bed.ports.open_pair()
        await bed.end(bed.open(pair, bed.party()))
        bed.ports.release(pair)
        assert bed.ports.open_pair() is pair
        busy, reached = threading.Event(), asyncio.Event()

        def tarry() -> None:
            loop.call_soon_threadsafe(reached.set)
            busy.wait(10)

        path._command(tarry)
        await asyncio.wait_for(reached.wait(), 10)
        for _ in range(1000):
            path.stop_playing(other)
        stream = bed.open(pair, bed.party(), nat=True)
        party.send(pair.port)
        busy.set()
        await bed.settled()
        party.send(pair.port)
        await until(lambda: path.figures(stream).packets_received == 1)


async def test_who_goes_on_sending_is_taken_where_the_next_call_names_it(bed: Bed) -> None:
    talker = bed.party()
    pair = bed.ports.open_pair()
    await bed.end(bed.open(pair, talker))
    bed.ports.release(pair)
    await bed.heard_by_nobody(talker, pair)
    stream = bed.open(bed.ports.open_pair(), talker, nat=True)
    await bed.settled()
    talker.send(pair.port)
    await until(lambda: bed.path.figures(stream).packets_received == 1)


async def test_what_lies_in_a_pair_opened_ahead_is_nobodys(bed: Bed) -> None:
    talker = bed.party()
    assert bed.ports.open_ahead(1) == 1
    first = bed.ports._open[0].port
    for _ in range(300):
        talker.sent = 0
        talker.send(first)
        talker.socket.sendto(b"\x80\xc8", ("127.0.0.1", first + 1))
    pair = bed.ports.open_pair()
    assert pair.port == first
    stream = bed.open(pair, talker)
    await bed.settled()
    assert taken(bed.path.figures(stream)) == (0, 0)


async def test_a_kept_pair_serves_another_far_end(bed: Bed) -> None:
    pair = bed.ports.open_pair()
    for _ in range(3):
        talker = bed.party()
        stream = bed.open(pair, talker)
        await bed.settled()
        talker.send(pair.port)
        await until(lambda stream=stream: bed.path.figures(stream).packets_received == 1)  # type: ignore[misc]
        await bed.end(stream)
        assert pair.kept


async def test_what_comes_while_a_pair_rests_is_read_and_dropped(bed: Bed) -> None:
    talker = bed.party()
    pair = bed.ports.open_pair()
    await bed.end(bed.open(pair, talker))
    for _ in range(200):
        talker.socket.sendto(b"x", ("127.0.0.1", pair.port))
        talker.socket.sendto(b"x", ("127.0.0.1", pair.port + 1))
    await until(lambda: waiting_octets(pair.port) == waiting_octets(pair.port + 1) == 0)
    assert bed.path.counters()["running"] == 1.0


def waiting_octets(port: int) -> int:
    """What lies unread in the socket of a port, by the kernel's own table."""
    with open("/proc/net/udp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}"):
                return int(fields[4].partition(":")[2], 16)
    raise AssertionError(f"nothing is bound to {port}")


async def test_a_pair_that_is_not_to_be_kept_is_closed(bed: Bed) -> None:
    before = descriptors()
    pair = bed.ports.open_pair()
    stream = bed.open(pair, bed.party())
    assert descriptors() == before + 3, "the party's own, and the pair"
    await bed.end(stream, keep=False)
    assert not pair.kept
    assert descriptors() == before + 1
    bed.ports.release(pair)
    assert is_free(pair.port)


async def test_the_end_closes_kept_pairs_and_those_being_kept(bed: Bed) -> None:
    talker = bed.party()
    kept, ending, live = bed.ports.open_pair(), bed.ports.open_pair(), bed.ports.open_pair()
    await bed.end(bed.open(kept, talker))
    ended = asyncio.Event()
    bed.path.close_stream(bed.open(ending, talker), ended.set, keep=True)
    bed.open(live, talker)
    bed.path.close()
    await asyncio.wait_for(ended.wait(), 5)
    assert not kept.kept
    assert not ending.kept
    assert all(is_free(port) for pair in (kept, ending, live) for port in (pair.port, pair.port + 1))


@pytest.mark.skipif(not NATIVE_BUILT, reason="the packet path in C has not been built")
async def test_a_pair_goes_from_one_packet_thread_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.packet_paths.threads", lambda: 3)
    with ExitStack() as stack:
        bed = Bed(NATIVE, stack, stack.enter_context(PortLease(16)), kept_max=64)
        bed.path.start()
        talker = bed.party()
        before = descriptors()
        for turn in range(40):
            # Streams that stay a different time: each pair meets each thread.
            pairs = [bed.ports.open_pair() for _ in range(turn % 7 + 1)]
            streams = [bed.open(pair, talker) for pair in pairs]
            await bed.settled()
            for pair, stream in zip(pairs, streams, strict=True):
                talker.sent = 0
                talker.send(pair.port)
                await until(lambda stream=stream: bed.path.figures(stream).packets_received == 1)  # type: ignore[misc]
            for at in range(turn % 3, len(streams) + turn % 3):
                await bed.end(streams[at % len(streams)], keep=at % 4 != 3)
            for pair in pairs:
                bed.ports.release(pair)
        assert descriptors() <= before + 2 * 8
        bed.path.close()
        assert descriptors() <= before
