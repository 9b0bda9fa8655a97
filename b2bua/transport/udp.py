"""SIP over UDP on an event loop: a raw non-blocking socket, read in bounded batches, written in order.

The socket stands in an epoll of its own, and the loop watches that: an ICMP error makes a socket with IP_RECVERR report
EPOLLERR, which uvloop's poller takes for the end of the descriptor and stops watching it.
"""

import asyncio
import errno
import select
import socket
import struct
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, Protocol

from b2bua.sip.routing import TransportAddress
from b2bua.transport.wildcard import DatagramSocket, SocketAddress, WildcardSocket, ask_for_destinations, is_wildcard

SOCKET_BUFFER_OCTETS: Final = 4 * 1024 * 1024
"""Asked for each way; the system's net.core.rmem_max and wmem_max may allow less."""
READ_BATCH: Final = 64
"""Datagrams read in one wake-up, so that other work of the loop gets its turn."""
QUEUE_LIMIT: Final = 8_192
"""Datagrams that wait for a full socket; one more is dropped and counted."""
_KNOWN_ADDRESSES: Final = 4_096

_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_MSG_ERRQUEUE: Final = 0x2000
_QUOTED_OCTETS: Final = 2_048  # RFC 1812 4.3.2.3: 576 in all of an IPv4 datagram; RFC 4443 2.4: 1280 of an IPv6 one
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")  # struct sock_extended_err of linux/errqueue.h
_FROM_NETWORK: Final = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_UNREACHABLE: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EACCES,
        errno.EPERM,
    }
)


class Receiver(Protocol):
    """Who gets what arrives; `SipEndpoint` is one."""

    def received(self, content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        """A datagram has come from `source` to the listener `local`."""
        ...

    def undelivered(self, content: bytes, destination: TransportAddress) -> None:
        """A datagram did not reach `destination`; `content` is it, or what an ICMP error quotes of it."""
        ...


def bind_udp(host: str, port: int) -> socket.socket:
    """A non-blocking socket bound to an IP literal (no brackets) and port, 0 for any; on a wildcard it tells of each
    datagram which of our addresses that was sent to. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        _ask_for_buffer(bound, _SO_RCVBUFFORCE, socket.SO_RCVBUF)
        _ask_for_buffer(bound, _SO_SNDBUFFORCE, socket.SO_SNDBUF)
        bound.bind((host, port))
        if is_wildcard(bound.getsockname()[0]):
            ask_for_destinations(bound)
    except OSError:
        bound.close()
        raise
    return bound


def _ask_for_buffer(bound: socket.socket, forced: int, plain: int) -> None:
    try:
        bound.setsockopt(socket.SOL_SOCKET, forced, SOCKET_BUFFER_OCTETS)
    except OSError:
        # Without CAP_NET_ADMIN: as much as the system allows.
        bound.setsockopt(socket.SOL_SOCKET, plain, SOCKET_BUFFER_OCTETS)


class UdpTransport:
    """One UDP listener. All of it runs on the loop's thread, and nothing blocks."""

    def __init__(
        self, bound: socket.socket, receiver: Receiver, loop: asyncio.AbstractEventLoop, host: str | None = None
    ) -> None:
        """Take over a socket of `bind_udp` and begin to read; `host` is the address as `local` shall spell it."""
        self._receiver = receiver
        self._loop = loop
        bound_host, port = bound.getsockname()[:2]
        self._socket: DatagramSocket = WildcardSocket(bound) if is_wildcard(bound_host) else bound
        self._local = TransportAddress("udp", host or bound_host, port)
        self._buffer = bytearray(65_536)
        self._view = memoryview(self._buffer)
        self._waiting: deque[tuple[bytes, TransportAddress]] = deque()
        self._known: dict[SocketAddress, TransportAddress] = {}
        self._counters: Counter[str] = Counter()
        self._epoll = select.epoll()
        self._epoll.register(bound.fileno(), select.EPOLLIN)
        loop.add_reader(self._epoll.fileno(), self._on_ready)
        self._closed = False

    @property
    def local(self) -> TransportAddress:
        """The address the socket is bound to."""
        return self._local

    def counters(self) -> Mapping[str, int]:
        """What was dropped and what failed, by name."""
        return self._counters

    def send(self, content: bytes, destination: TransportAddress, _fallback: TransportAddress | None = None) -> None:
        """Send, or queue behind what waits for a full socket; beyond the limit it is dropped and counted."""
        if self._closed:
            self._counters["sent after closing"] += 1
        elif self._waiting:
            self._queue(content, destination)
        elif not self._try_to_send(content, destination):
            self._queue(content, destination)
            self._epoll.modify(self._socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def close(self) -> None:
        """Stop reading and close the socket; what waits to be sent is dropped. Harmless when it is closed already."""
        if self._closed:
            return
        self._closed = True
        self._counters["dropped at closing"] += len(self._waiting)
        self._waiting.clear()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._socket.close()

    def _queue(self, content: bytes, destination: TransportAddress) -> None:
        if len(self._waiting) >= QUEUE_LIMIT:
            self._counters["dropped at a full queue"] += 1
        else:
            self._waiting.append((content, destination))

    def _try_to_send(self, content: bytes, destination: TransportAddress) -> bool:
        """Whether it is done with; False when the socket is full."""
        for last_try in (False, True):
            try:
                self._socket.sendto(content, (destination.host, destination.port))
            except BlockingIOError:
                return False
            except OSError as error:
                # An unconnected socket reports here what went wrong with an earlier datagram: that is in the error
                # queue, and this one has not been tried yet.
                if not last_try and self._drain_errors():
                    continue
                self._counters["send errors"] += 1
                if error.errno not in (errno.ENOBUFS, errno.ENOMEM):
                    self._loop.call_soon(self._report_failure, content, destination)
            return True
        return True

    def _on_ready(self) -> None:
        if self._waiting:
            self._send_waiting()
        for done in range(READ_BATCH):
            # Asking whether there is more costs a quarter of the exception that says there is not.
            if self._closed or (done and not self._epoll.poll(0)):
                return
            try:
                size, address = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                if done == 0:
                    self._drain_errors()
                return
            except OSError:
                # The pending error of something that was sent.
                self._drain_errors()
                continue
            self._receiver.received(bytes(self._view[:size]), self._address(address), self._local)

    def _send_waiting(self) -> None:
        while self._waiting:
            if not self._try_to_send(*self._waiting[0]):
                return
            self._waiting.popleft()
        self._epoll.modify(self._socket.fileno(), select.EPOLLIN)

    def _drain_errors(self) -> bool:
        """Read the error queue, where Linux says which destination and datagram an ICMP error was about; whether there
        was any."""
        for done in range(READ_BATCH):
            try:
                quoted, ancillary, _, address = self._socket.recvmsg(_QUOTED_OCTETS, 512, _MSG_ERRQUEUE)
            except OSError:
                return done > 0
            self._counters["network errors"] += 1
            if address and any(_is_unreachable(content) for _, _, content in ancillary):
                self._loop.call_soon(self._report_failure, quoted, self._address(address))
        return True

    def _report_failure(self, content: bytes, destination: TransportAddress) -> None:
        if not self._closed:
            self._receiver.undelivered(content, destination)

    def _address(self, address: SocketAddress) -> TransportAddress:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _KNOWN_ADDRESSES:
                self._known.clear()
            known = TransportAddress("udp", address[0], address[1])
            self._known[address] = known
        return known


def _is_unreachable(content: bytes) -> bool:
    if len(content) < _EXTENDED_ERROR.size:
        return False
    code, origin = _EXTENDED_ERROR.unpack_from(content)[:2]
    return origin in _FROM_NETWORK and code in _UNREACHABLE
