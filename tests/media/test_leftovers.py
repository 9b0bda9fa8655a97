"""What strangers sent to a port before the peer was known is refused, however much of it is waiting."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from media.codecs.table import PCMA
from media.events import MediaEvent
from media.packet_path.interface import RemotePlan, StreamPlan, Timeouts
from media.packet_paths import new_packet_path
from media.ports import Ports
from media.rtp.packet import RtpPacket
from tests.support.free_ports import PortLease
from tests.support.until import until

pytestmark = pytest.mark.sockets

TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)
SENT = 400  # more than a turn reads
ROOM_BYTES = 200_000


async def test_no_flood_of_before_is_taken_for_the_peers(packet_path: str) -> None:
    events: list[MediaEvent] = []
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(2))
        stranger, peer = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        for each in (stranger, peer):
            each.bind(("127.0.0.1", 0))
        path = new_packet_path(packet_path, loop.time, events.append, loop.call_soon_threadsafe, watch_on(loop))
        stack.callback(path.close)
        pair = Ports("127.0.0.1", first, first + 1, 0.0, loop.time).open_pair()
        pair.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)  # as where the operator gives more
        stream = path.open(StreamPlan("c/a", 1, 1, 1, "cname", nat=False, networks=(), timeouts=TIMEOUTS), pair)
        for number in range(SENT):
            stranger.sendto(RtpPacket(8, number, number * 160, 666, b"\xd5").render(), ("127.0.0.1", first))
        at = peer.getsockname()
        path.set_remote(stream, RemotePlan(at, None, PCMA, PCMA, None, ((PCMA, PCMA),), True, False, renewed=True))
        path.start()
        await until(lambda: path.figures(stream).dropped["stranger"] == SENT)
        settled = asyncio.Event()
        path.after(settled.set)
        await asyncio.wait_for(settled.wait(), 10)
        assert events == []
        assert path.figures(stream).packets_received == 0
