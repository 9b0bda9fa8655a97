"""UDP on all addresses of the machine, on real sockets: who asked one of them is answered from that one. RFC 3581 4."""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.transport import wildcard
from b2bua.transport.udp import UdpTransport, bind_udp
from tests.support.both_loops import on_both_loops
from tests.support.udp import open_udp

pytestmark = pytest.mark.sockets

PATIENCE_S = 5.0
BY_ROUTE = "127.0.0.1"
IP_PKTINFO = 8
NOT_OURS = "198.51.100.99"


class Answering:
    """A receiver that answers what it gets at once, but for "hush"."""

    transport: UdpTransport

    def __init__(self) -> None:
        self.sources: list[TransportAddress] = []
        self.changed = asyncio.Event()

    def received(self, content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        assert local == self.transport.local, "the listener is who it has always been"
        self.sources.append(source)
        if content != b"hush":
            self.transport.send(b"answer to " + content, source)
        self.changed.set()

    def undelivered(self, content: bytes, destination: TransportAddress) -> None:
        raise AssertionError(f"{content!r} did not reach {destination}")

    def attach(self, transport: UdpTransport) -> None:
        self.transport = transport

    async def heard(self, datagrams: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.sources) < datagrams:
                self.changed.clear()
                await self.changed.wait()


class Peers:
    """Sockets of peers, by the address they are bound to; a port of its own for each."""

    def __init__(self) -> None:
        self.opened: list[socket.socket] = []

    def at(self, host: str) -> socket.socket:
        peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.opened.append(peer)
        peer.setblocking(False)
        peer.bind((host, 0))
        return peer


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    yield found
    for peer in found.opened:
        peer.close()


async def open_wildcard(host: str = "0.0.0.0") -> Answering:
    ours = Answering()
    await open_udp(host, 0, ours, asyncio.get_running_loop())
    return ours


async def heard_from(peer: socket.socket) -> str:
    """The address that the next datagram to a peer came from."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(peer.fileno(), readable.set_result, None)
    try:
        await asyncio.wait_for(readable, PATIENCE_S)
    finally:
        loop.remove_reader(peer.fileno())
    return str(peer.recvfrom(2_000)[1][0])


def address_of(peer: socket.socket) -> TransportAddress:
    return TransportAddress("udp", *peer.getsockname()[:2])


@on_both_loops
@pytest.mark.parametrize(
    ("listened", "asked", "peer_host"),
    [("0.0.0.0", "127.0.0.77", "127.0.0.2"), ("::", "::1", "::1")],
    ids=["IPv4", "IPv6"],
)
async def test_rfc3581_s4_the_answer_comes_from_the_address_that_was_asked(
    listened: str, asked: str, peer_host: str, peers: Peers
) -> None:
    ours, peer = await open_wildcard(listened), peers.at(peer_host)
    peer.sendto(b"1", (asked, ours.transport.local.port))
    assert await heard_from(peer) == asked
    ours.transport.close()


@on_both_loops
async def test_each_peer_is_answered_from_the_address_that_it_asked_last(peers: Peers) -> None:
    ours, one, other = await open_wildcard(), peers.at("127.0.0.2"), peers.at("127.0.0.2")
    port = ours.transport.local.port
    for peer, asked in ((one, "127.0.0.77"), (other, "127.0.0.78")):
        peer.sendto(b"1", (asked, port))
        assert await heard_from(peer) == asked
    for peer, asked in ((one, "127.0.0.77"), (other, "127.0.0.78")):
        ours.transport.send(b"a request in the dialog", address_of(peer))
        assert await heard_from(peer) == asked
    one.sendto(b"2", ("127.0.0.79", port))
    assert await heard_from(one) == "127.0.0.79"
    ours.transport.send(b"a later one", address_of(one))
    assert await heard_from(one) == "127.0.0.79"
    ours.transport.close()


@on_both_loops
async def test_another_port_of_its_host_hears_from_the_address_that_the_host_asked(peers: Peers) -> None:
    """As its sent-by does without rport, and its Contact."""
    ours, peer, contact = await open_wildcard(), peers.at("127.0.0.2"), peers.at("127.0.0.2")
    peer.sendto(b"hush", ("127.0.0.77", ours.transport.local.port))
    await ours.heard(1)
    ours.transport.send(b"to its contact", address_of(contact))
    assert await heard_from(contact) == "127.0.0.77"
    ours.transport.close()


@on_both_loops
async def test_who_has_asked_nothing_hears_from_the_address_of_the_route(peers: Peers) -> None:
    ours, peer = await open_wildcard(), peers.at("127.0.0.2")
    ours.transport.send(b"first", address_of(peer))
    assert await heard_from(peer) == BY_ROUTE
    ours.transport.close()


@on_both_loops
async def test_those_who_get_no_answer_take_nobodys_place(monkeypatch: pytest.MonkeyPatch, peers: Peers) -> None:
    monkeypatch.setattr(wildcard, "KEPT_ADDRESSES", 2)
    ours, peer = await open_wildcard(), peers.at("127.0.0.2")
    port = ours.transport.local.port
    peer.sendto(b"1", ("127.0.0.77", port))
    await heard_from(peer)
    for number in range(10):
        peers.at(f"127.0.1.{number + 1}").sendto(b"hush", ("127.0.0.78", port))
    await ours.heard(11)
    ours.transport.send(b"still", address_of(peer))
    assert await heard_from(peer) == "127.0.0.77"
    ours.transport.close()


@on_both_loops
async def test_beyond_the_limit_the_one_kept_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, peers: Peers
) -> None:
    monkeypatch.setattr(wildcard, "KEPT_ADDRESSES", 4)
    ours = await open_wildcard()
    asking = [peers.at(f"127.0.1.{number + 1}") for number in range(3)]
    for peer in asking:  # each is kept with its port and without
        peer.sendto(b"1", ("127.0.0.77", ours.transport.local.port))
        assert await heard_from(peer) == "127.0.0.77"
    for peer, expected in zip(asking, (BY_ROUTE, "127.0.0.77", "127.0.0.77"), strict=True):
        ours.transport.send(b"later", address_of(peer))
        assert await heard_from(peer) == expected
    asking[0].sendto(b"2", ("127.0.0.77", ours.transport.local.port))
    assert await heard_from(asking[0]) == "127.0.0.77"
    ours.transport.close()


class Told:
    """A socket that is said to have been asked at `asked`, and refuses the first sends from there with these errors."""

    def __init__(self, real: socket.socket, asked: str, *refusals: int) -> None:
        self._real = real
        self._asked = socket.inet_aton(asked)
        self._refusals = list(refusals)

    def recvmsg_into(self, buffers: list[bytearray], room: int) -> object:
        size, _, flags, address = self._real.recvmsg_into(buffers, room)
        told = struct.pack("=i4s4s", 1, self._asked, self._asked)
        return size, [(socket.IPPROTO_IP, IP_PKTINFO, told)], flags, address

    def sendmsg(self, *arguments: object) -> int:
        if self._refusals:
            raise OSError(self._refusals.pop(0), "refused")
        return self._real.sendmsg(*arguments)  # type: ignore[arg-type]  # passed through

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def told(asked: str, *refusals: int) -> Answering:
    """Whose socket it is."""
    ours, loop = Answering(), asyncio.get_running_loop()
    stands_in = Told(bind_udp("0.0.0.0", 0), asked, *refusals)
    ours.attach(UdpTransport(stands_in, ours, loop))  # type: ignore[arg-type]  # stands in for a socket
    return ours


@on_both_loops
@pytest.mark.parametrize(
    "refusals",
    [(), (errno.EINVAL,) * 2, (errno.EADDRNOTAVAIL,) * 2, (errno.ENETUNREACH,) * 2],
    ids=["as the system says it", "EINVAL", "EADDRNOTAVAIL", "ENETUNREACH"],
)
async def test_where_the_address_is_gone_it_comes_from_that_of_the_route(
    refusals: tuple[int, ...], peers: Peers
) -> None:
    ours, peer = told("127.0.0.77" if refusals else NOT_OURS, *refusals), peers.at("127.0.0.2")
    peer.sendto(b"1", ("127.0.0.1", ours.transport.local.port))
    assert await heard_from(peer) == BY_ROUTE
    assert "send errors" not in ours.transport.counters()
    ours.transport.close()


@on_both_loops
async def test_an_error_of_an_earlier_datagram_does_not_change_the_address(peers: Peers) -> None:
    ours, peer = told("127.0.0.77", errno.ENETUNREACH), peers.at("127.0.0.2")
    peer.sendto(b"1", ("127.0.0.1", ours.transport.local.port))
    assert await heard_from(peer) == "127.0.0.77"
    ours.transport.close()


@on_both_loops
async def test_any_other_error_is_the_datagrams_as_ever(peers: Peers) -> None:
    ours, peer = told("127.0.0.77", errno.ENOBUFS), peers.at("127.0.0.2")
    peer.sendto(b"1", ("127.0.0.1", ours.transport.local.port))
    await ours.heard(1)
    assert ours.transport.counters()["send errors"] == 1
    ours.transport.close()


class Plain:
    """A socket that can do nothing with ancillary data but read the error queue."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real

    def recvmsg_into(self, *_arguments: object) -> None:
        raise AssertionError("read with ancillary data")

    def sendmsg(self, *_arguments: object) -> None:
        raise AssertionError("sent with ancillary data")

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@on_both_loops
async def test_a_socket_on_one_address_is_read_and_written_without_ancillary_data(peers: Peers) -> None:
    bound, ours, peer = bind_udp("127.0.0.1", 0), Answering(), peers.at("127.0.0.2")
    assert bound.getsockopt(socket.IPPROTO_IP, IP_PKTINFO) == 0
    ours.attach(UdpTransport(Plain(bound), ours, asyncio.get_running_loop()))  # type: ignore[arg-type]  # stands in
    peer.sendto(b"1", ("127.0.0.1", ours.transport.local.port))
    assert await heard_from(peer) == "127.0.0.1"
    ours.transport.close()
