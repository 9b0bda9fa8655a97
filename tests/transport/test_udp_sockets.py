"""UDP on real sockets and both event loops: order, ICMP errors, a full socket, IPv6."""

import asyncio
import errno
import socket
from collections.abc import Callable

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.transport import udp
from b2bua.transport.udp import UdpTransport, bind_udp
from tests.support.both_loops import on_both_loops
from tests.support.udp import open_udp

pytestmark = pytest.mark.sockets


class Probe:
    """A receiver that keeps what it is told."""

    def __init__(self) -> None:
        self.received_: list[tuple[bytes, TransportAddress, TransportAddress]] = []
        self.failed: list[TransportAddress] = []
        self.quoted: list[bytes] = []
        self.attached: list[UdpTransport] = []
        self.changed = asyncio.Event()

    def received(self, content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        self.received_.append((content, source, local))
        self.changed.set()

    def undelivered(self, content: bytes, destination: TransportAddress) -> None:
        self.failed.append(destination)
        self.quoted.append(content)
        self.changed.set()

    def attach(self, transport: UdpTransport) -> None:
        self.attached.append(transport)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so, at most five seconds."""
        async with asyncio.timeout(5):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_trunk_case_25_datagrams_arrive_in_order_with_their_source(host: str) -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    one, other = await open_udp(host, 0, probe, loop), await open_udp(host, 0, probe, loop)
    assert probe.attached == [one, other]
    for number in range(200):
        one.send(b"%d" % number, other.local)
    await probe.until(lambda: len(probe.received_) == 200)
    assert [content for content, _, _ in probe.received_] == [b"%d" % number for number in range(200)]
    assert {(source, local) for _, source, local in probe.received_} == {(one.local, other.local)}
    one.close()
    other.close()


@on_both_loops
async def test_trunk_case_22_the_largest_datagram_arrives_whole() -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    one, other = await open_udp("127.0.0.1", 0, probe, loop), await open_udp("127.0.0.1", 0, probe, loop)
    largest = bytes(65_535 - 20 - 8)  # an IP packet is 65,535 octets at most, its and UDP's headers among them
    one.send(largest, other.local)
    await probe.until(lambda: len(probe.received_) == 1)
    assert probe.received_[0][0] == largest
    one.close()
    other.close()


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_icmp_error_names_its_destination_and_the_socket_goes_on(host: str) -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    transport, peer = await open_udp(host, 0, probe, loop), await open_udp(host, 0, probe, loop)
    gone = await open_udp(host, 0, probe, loop)
    dead = gone.local
    gone.close()
    for _ in range(3):
        probe.failed.clear()
        transport.send(b"to nobody", dead)
        await probe.until(lambda: dead in probe.failed)
        assert set(probe.failed) == {dead}
        assert set(probe.quoted) == {b"to nobody"}
        probe.received_.clear()
        peer.send(b"still there?", transport.local)
        transport.send(b"yes", peer.local)
        await probe.until(lambda: len(probe.received_) == 2)
    assert transport.counters()["network errors"] >= 3
    transport.close()
    peer.close()


@on_both_loops
async def test_a_pending_error_does_not_lose_the_next_datagram() -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    transport, peer = await open_udp("127.0.0.1", 0, probe, loop), await open_udp("127.0.0.1", 0, probe, loop)
    gone = await open_udp("127.0.0.1", 0, probe, loop)
    dead = gone.local
    gone.close()
    for number in range(20):
        transport.send(b"to nobody", dead)
        transport.send(b"%d" % number, peer.local)
    await probe.until(lambda: len(probe.received_) == 20 and dead in probe.failed)
    assert [content for content, _, _ in probe.received_] == [b"%d" % number for number in range(20)]
    transport.close()
    peer.close()


class FullSocket:
    """A socket whose buffer is full until it is opened, and that may refuse."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.full = True
        self.refuse: int | None = None
        self.sent: list[bytes] = []
        self.five_sent = asyncio.Event()

    def sendto(self, content: bytes, _address: object) -> int:
        if self.full:
            raise BlockingIOError
        if self.refuse is not None:
            raise OSError(self.refuse, "refused")
        self.sent.append(content)
        if len(self.sent) == 5:
            self.five_sent.set()
        return len(content)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@on_both_loops
async def test_trunk_case_25_a_full_socket_keeps_the_order_and_drops_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp, "QUEUE_LIMIT", 5)
    loop = asyncio.get_running_loop()
    full = FullSocket(bind_udp("127.0.0.1", 0))
    transport = UdpTransport(full, Probe(), loop)  # type: ignore[arg-type]  # stands in for a socket
    somewhere = TransportAddress("udp", "127.0.0.1", 9)
    for number in range(8):
        transport.send(b"%d" % number, somewhere)
    assert full.sent == []
    assert transport.counters()["dropped at a full queue"] == 3
    full.full = False
    transport.send(b"late", somewhere)
    await asyncio.wait_for(full.five_sent.wait(), 5)
    assert full.sent == [b"0", b"1", b"2", b"3", b"4"]
    transport.send(b"5", somewhere)
    assert full.sent[-1] == b"5"
    transport.close()
    transport.close()
    transport.send(b"closed", somewhere)
    assert transport.counters()["sent after closing"] == 1


@on_both_loops
@pytest.mark.parametrize(("code", "tells"), [(errno.ENETUNREACH, True), (errno.ENOBUFS, False)])
async def test_a_refused_send_is_counted_and_told_unless_it_is_a_lack_of_memory(code: int, tells: bool) -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    full = FullSocket(bind_udp("127.0.0.1", 0))
    full.full, full.refuse = False, code
    transport = UdpTransport(full, probe, loop)  # type: ignore[arg-type]  # stands in for a socket
    somewhere = TransportAddress("udp", "203.0.113.1", 9)
    transport.send(b"x", somewhere)
    assert probe.failed == []
    await asyncio.sleep(0)
    assert (probe.failed, probe.quoted) == (([somewhere], [b"x"]) if tells else ([], []))
    assert transport.counters()["send errors"] == 1
    transport.close()


@on_both_loops
async def test_large_buffers_are_asked_for() -> None:
    bound = bind_udp("127.0.0.1", 0)
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= plain.getsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF
    )
    assert not bound.getblocking()
    plain.close()
    bound.close()


@on_both_loops
async def test_a_taken_port_is_refused_and_leaks_no_socket() -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    transport = await open_udp("127.0.0.1", 0, probe, loop)
    with pytest.raises(OSError, match="in use"):
        await open_udp("127.0.0.1", transport.local.port, probe, loop)
    transport.close()


@on_both_loops
async def test_a_datagram_of_the_largest_size_arrives_whole() -> None:
    loop = asyncio.get_running_loop()
    probe = Probe()
    one, other = await open_udp("127.0.0.1", 0, probe, loop), await open_udp("127.0.0.1", 0, probe, loop)
    one.send(b"x" * 65_507, other.local)
    await probe.until(lambda: bool(probe.received_))
    assert len(probe.received_[0][0]) == 65_507
    one.close()
    other.close()
