"""A pair of UDP sockets under the packet path in Python, and what Python's socket module cannot say."""

import ctypes
import socket
from contextlib import suppress
from functools import cache
from typing import Final

from media.packet_path.interface import Address, SocketPair
from media.packet_path.stream import Packet, Send

# struct sockaddr with sa_family AF_UNSPEC.
_UNSPECIFIED: Final = bytes(16)
# More datagrams than Linux lets wait in a socket with its ordinary room.
_WAITING_MAX: Final = 1024


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def dissolve(connected: socket.socket) -> bool:
    """Make a connected UDP socket take packets from anybody again; it stays bound. False when the kernel refuses.

    connect(2): "Connectionless sockets may dissolve the association by connecting to an address with the sa_family
    member of sockaddr set to AF_UNSPEC".
    """
    return bool(_libc().connect(connected.fileno(), _UNSPECIFIED, len(_UNSPECIFIED)) == 0)


class SocketWire:
    """A pair of sockets, for one stream after another.

    `checked`: the kernel lets only the target's packets in, and nothing from before that is waiting. `keeps`: it stays
    open when its stream ends.
    """

    __slots__ = ("_connected_to", "_fresh", "checked", "control_socket", "keeps", "receive", "rtp_socket")

    def __init__(self, sockets: SocketPair, fresh: list["SocketWire"]) -> None:
        self.rtp_socket = sockets.rtp
        self.receive = sockets.rtp.recv_into
        self.control_socket = sockets.rtcp
        self._fresh = fresh
        self._connected_to: Address | None = None
        self.checked = False
        self.keeps = False

    @property
    def is_open(self) -> bool:
        """Whether its sockets are."""
        return self.rtp_socket.fileno() >= 0

    def empty(self) -> Address | None:
        """Drop what lies in it: it was sent to nobody, or to the stream before. Who has sent to the port of RTP, if
        any has."""
        _empty(self.control_socket)
        return _empty(self.rtp_socket)

    def aim(self, target: Address, exclusive: bool) -> Send:
        """Send RTP to `target`; connect the socket to it where nobody else is listened to."""
        if exclusive and self._connected_to == target:
            return self.rtp_socket.send
        self.checked = False
        if self._connected_to is not None:
            dissolve(self.rtp_socket)
            self._connected_to = None
        if exclusive:
            with suppress(OSError):
                self.rtp_socket.connect(target)
                self._connected_to = target
                self._fresh.append(self)
                return self.rtp_socket.send
        sendto = self.rtp_socket.sendto

        def send(packet: Packet) -> int:
            return sendto(packet, target)

        return send

    def leftovers_read(self) -> None:
        """What had come before the connection has been dealt with."""
        self.checked = self._connected_to is not None

    def send_control(self, packet: bytes, target: Address) -> None:
        """Send RTCP; what cannot be sent is not missed."""
        with suppress(OSError):
            self.control_socket.sendto(packet, target)

    def close(self) -> None:
        """The stream's end: close both sockets, unless they are to be kept and can be."""
        self.checked = False
        connected, self._connected_to = self._connected_to is not None, None
        if not self.keeps or (connected and not dissolve(self.rtp_socket)):
            self.shut()

    def shut(self) -> None:
        """Close both sockets."""
        self.rtp_socket.close()
        self.control_socket.close()


def _empty(waiting: socket.socket) -> Address | None:
    """Who has sent the last of what was there."""
    source: Address | None = None
    for _ in range(_WAITING_MAX):
        try:
            source = waiting.recvfrom(1)[1][:2]
        except BlockingIOError:
            break
        except OSError:
            continue  # of an earlier packet, and told once
    return source
