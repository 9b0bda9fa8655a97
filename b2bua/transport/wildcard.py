"""A UDP socket on all addresses of the machine that answers from the one which was asked (RFC 3581 section 4)."""

import errno
import socket
import struct
from typing import Any, Final, Protocol

KEPT_ADDRESSES: Final = 8_192
"""Peers, each with its port and without, whose last asked address is kept; beyond, the one kept longest is forgotten,
and hears from the address of the route until it asks again."""

_IP_PKTINFO: Final = 8
_OF_IPV4: Final = struct.Struct("=i4s4s")  # struct in_pktinfo: interface, local address, the header's destination
_OF_IPV6: Final = struct.Struct("=16sI")  # struct in6_pktinfo: address, interface
_ANCILLARY_OCTETS: Final = 128
_ANY_INTERFACE: Final = 0  # the route says by which it leaves
_GONE: Final = frozenset({errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENETUNREACH})  # the last since Linux 6
_TRIES: Final = 2  # the first may tell what went wrong with an earlier datagram

SocketAddress = tuple[Any, ...]
Ancillary = tuple[int, int, bytes]


class DatagramSocket(Protocol):
    """What a UDP listener needs of its socket; `socket.socket` is one."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...

    def recvfrom_into(self, buffer: bytearray, /) -> tuple[int, Any]:
        """Read a datagram: its size and where it came from."""
        ...

    def sendto(self, content: bytes, address: SocketAddress, /) -> int:
        """Send a datagram."""
        ...

    def recvmsg(self, size: int, room: int, flags: int, /) -> tuple[bytes, list[Ancillary], int, Any]:
        """Read with ancillary data."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def is_wildcard(host: str) -> bool:
    """Whether a socket with this name is bound to all addresses."""
    return host in ("0.0.0.0", "::")


def ask_for_destinations(bound: socket.socket) -> None:
    """Have the system tell of each datagram which of our addresses it was sent to. Raises OSError."""
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


class WildcardSocket:
    """Sends to each peer from the address that it asked last; a `DatagramSocket`.

    That address is kept of peers which are answered before the next datagram is read: strangers, who are not, take
    nobody's place. A port that has asked nothing itself (of a sent-by, of a Contact) hears from where its host asked.
    """

    def __init__(self, bound: socket.socket) -> None:
        """Take over a socket that `ask_for_destinations` was called for."""
        self._socket = bound
        self._asked: dict[SocketAddress | str, Ancillary] = {}
        self._newest: tuple[SocketAddress, Ancillary | None] = (("", 0), None)
        self.fileno = bound.fileno
        self.recvmsg = bound.recvmsg
        self.close = bound.close

    def recvfrom_into(self, buffer: bytearray, /) -> tuple[int, Any]:
        """Read a datagram, and note where it was sent to."""
        size, ancillary, _, address = self._socket.recvmsg_into([buffer], _ANCILLARY_OCTETS)
        self._newest = address[:2], next(filter(None, map(_from_there, ancillary)), None)
        return size, address

    def sendto(self, content: bytes, address: SocketAddress, /) -> int:
        """Send a datagram from the address that its destination asked; where that is gone, from that of the route."""
        asker, asked = self._newest
        if asked is not None and asker[0] == address[0]:
            self._keep(address[0], asked)
            if asker == address:
                self._keep(address, asked)
        kept = self._asked.get(address) or self._asked.get(address[0])
        if kept is None or not self._is_sent(content, kept, address):
            return self._socket.sendto(content, address)
        return len(content)

    def _is_sent(self, content: bytes, asked: Ancillary, address: SocketAddress) -> bool:
        """Send a datagram from an address of ours; False where that is gone."""
        for _ in range(_TRIES):
            try:
                self._socket.sendmsg([content], [asked], 0, address)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
            else:
                return True
        return False

    def _keep(self, peer: SocketAddress | str, asked: Ancillary) -> None:
        if self._asked.get(peer) == asked:
            return
        self._asked.pop(peer, None)
        if len(self._asked) >= KEPT_ADDRESSES:
            del self._asked[next(iter(self._asked))]
        self._asked[peer] = asked


def _from_there(ancillary: Ancillary) -> Ancillary | None:
    """What sends from the address that a received datagram was sent to; None where this is not said here."""
    level, kind, content = ancillary
    if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
        _, address, _ = _OF_IPV4.unpack(content)
        return level, kind, _OF_IPV4.pack(_ANY_INTERFACE, address, bytes(4))
    if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
        address, _ = _OF_IPV6.unpack(content)
        return level, kind, _OF_IPV6.pack(address, _ANY_INTERFACE)
    return None
