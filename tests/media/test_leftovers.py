"""What strangers sent to a port before the peer was known is refused, however much of it is waiting."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from media.codecs.table import PCMA
from media.events import MediaEvent
from media.packet_path.interface import RemotePlan, StreamPlan, Timeouts
from media.packet_path.python_path import PythonPacketPath
from media.packet_paths import new_packet_path
from media.ports import Ports
from media.rtp.packet import RtpPacket
from tests.support.free_ports import PortLease
from tests.support.until import until

pytestmark = pytest.mark.sockets

TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)
SENT = 400  # more than a turn reads
ROOM_BYTES = 200_000
SPOKEN = b"\x12" * 160


def plan_of(leg: str = "c/a") -> StreamPlan:
    return StreamPlan(leg, 1, 1, 1, "cname", nat=False, networks=(), timeouts=TIMEOUTS)


def remote_of(peer: socket.socket) -> RemotePlan:
    return RemotePlan(peer.getsockname(), None, PCMA, PCMA, None, ((PCMA, PCMA),), True, False, renewed=True)


def bound_socket(stack: ExitStack) -> socket.socket:
    """A peer's, which closes with the stack."""
    bound = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    bound.bind(("127.0.0.1", 0))
    bound.setblocking(False)
    return bound


async def test_no_flood_of_before_is_taken_for_the_peers(packet_path: str) -> None:
    events: list[MediaEvent] = []
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(2))
        stranger, peer = bound_socket(stack), bound_socket(stack)
        path = new_packet_path(packet_path, loop.time, events.append, loop.call_soon_threadsafe, watch_on(loop))
        stack.callback(path.close)
        pair = Ports("127.0.0.1", first, first + 1, 0.0, loop.time).open_pair()
        pair.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)  # as where the operator gives more
        stream = path.open(plan_of(), pair)
        for number in range(SENT):
            stranger.sendto(RtpPacket(8, number, number * 160, 666, b"\xd5").render(), ("127.0.0.1", first))
        path.set_remote(stream, remote_of(peer))
        path.start()
        await until(lambda: path.figures(stream).dropped["stranger"] == SENT)
        settled = asyncio.Event()
        path.after(settled.set)
        await asyncio.wait_for(settled.wait(), 10)
        assert events == []
        assert path.figures(stream).packets_received == 0


class DelayedPath(PythonPacketPath):
    """Does something once on the packet thread, before it reads what was left of before a command."""

    between: Callable[[], None] | None = None

    def _read_leftovers(self, now: float) -> None:
        between, self.between = self.between, None
        if between is not None:
            between()
        super()._read_leftovers(now)


async def test_what_is_sent_after_a_command_was_given_finds_it_carried_out() -> None:
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(4))
        speaker, listener = bound_socket(stack), bound_socket(stack)
        path = DelayedPath(loop.time, lambda event: None, loop.call_soon_threadsafe)
        stack.callback(path.close)
        ports = Ports("127.0.0.1", first, first + 3, 0.0, loop.time)
        pairs = [ports.open_pair() for _ in range(2)]
        heard, told = (path.open(plan_of(leg), pair) for leg, pair in zip(("c/a", "c/b"), pairs, strict=True))
        packet = RtpPacket(8, 1, 160, 666, SPOKEN).render()

        def bridge_and_speak() -> None:
            path.bridge(heard, told)
            speaker.sendto(packet, ("127.0.0.1", pairs[0].port))

        path.between = bridge_and_speak
        path.set_remote(told, remote_of(listener))
        path.set_remote(heard, remote_of(speaker))
        path.start()
        assert (await asyncio.wait_for(loop.sock_recv(listener, 400), 5)).endswith(SPOKEN)
