"""UDP sockets of the gateway: one for each browser and address."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from media.errors import BrowserPortsExhausted
from media.udp_pairs import bound_socket
from media.webrtc.interface import Address
from media.webrtc.srtp import PACKET_BYTES_MAX, PacketBuffer

# Ports that another program holds are passed over, up to this many for one socket.
_TRIES_MAX: Final = 64

Arrived = Callable[[int, tuple[Any, ...]], None]
"""How many bytes stand in the buffer, and whose they are."""


class UdpPorts:
    """The ports of a range on one address, the longest free first. Both ends are in it."""

    def __init__(self, address: str, first: int, last: int, start: int = 0) -> None:
        """`start`: any number; where in the range to begin."""
        if not 0 < first <= last <= 65_535:
            raise ValueError(f"not a port range: {first}-{last}")
        self.address = address
        self._free = deque(range(first, last + 1))
        self._free.rotate(-(start % len(self._free)))

    def left(self) -> int:
        """How many are free."""
        return len(self._free)

    def open(self) -> socket.socket:
        """A bound non-blocking socket; BrowserPortsExhausted when none is left or the system has no socket."""
        for _ in range(min(_TRIES_MAX, len(self._free))):
            port = self._free.popleft()
            try:
                opened = bound_socket(self.address, port)
            except OSError as error:
                self._free.appendleft(port)
                raise BrowserPortsExhausted(f"no UDP port can be opened: {error.strerror}") from error
            if opened is not None:
                return opened
            self._free.append(port)
        raise BrowserPortsExhausted("no free UDP port for a browser")

    def release(self, port: int) -> None:
        """Give one back; its socket is closed."""
        self._free.append(port)


class HostSocket(asyncio.DatagramTransport):
    """One socket as the ICE library's transport: what comes is read into the buffer, a packet at a turn, so that a
    flood on one is no flood on all."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: socket.socket,
        buffer: PacketBuffer,
        arrived: Arrived,
        closed: Callable[[], object],
    ) -> None:
        super().__init__()
        self._loop = loop
        self._socket = opened
        self._view = buffer.view[:PACKET_BYTES_MAX]
        self._receive = opened.recvfrom_into
        self._send = opened.sendto
        self._arrived = arrived
        self._closed = closed
        self._open = True
        self.unsent = 0
        self.address: Address = opened.getsockname()[:2]
        loop.add_reader(opened, self._readable)

    def _readable(self) -> None:
        try:
            size, origin = self._receive(self._view)
        except OSError:
            return
        if size:
            self._arrived(size, origin)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send now or never: a datagram that the kernel has no room for is dropped and counted."""
        try:
            self._send(data, addr)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        """Close it; harmless when it is closed."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._closed()

    def abort(self) -> None:
        """The same: nothing is ever kept back."""
        self.close()

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return not self._open

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`sockname` alone."""
        return self.address if name == "sockname" else default
