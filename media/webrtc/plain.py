"""The plain side of one browser: RTP and RTCP over loopback, from one address only and with payload types rewritten."""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any, Final

from media.errors import BrowserPortsExhausted
from media.rtp.packet import HEADER_BYTES, MARKER
from media.udp_pairs import open_pair
from media.webrtc.interface import Address, PayloadTypes
from media.webrtc.srtp import PacketBuffer
from media.webrtc.udp import HostSocket

_PAYLOAD_TYPES: Final = 128
_NONE: Final = -1


class PayloadMap:
    """From one side's payload types to the other's; -1 for one that the other has not."""

    __slots__ = ("of",)

    def __init__(self, origin: PayloadTypes, goal: PayloadTypes) -> None:
        self.of = [_NONE] * _PAYLOAD_TYPES
        if origin.telephone_event is not None and goal.telephone_event is not None:
            self.of[origin.telephone_event] = goal.telephone_event
        self.of[origin.codec] = goal.codec

    def rewrite(self, view: memoryview) -> bool:
        """Rewrite a packet's payload type, marker kept; False: the other side does not have it."""
        second = view[1]
        goal = self.of[second & 0x7F]
        if goal < 0:
            return False
        view[1] = second & MARKER | goal
        return True


class PlainSide:
    """A pair of sockets. `on_rtp` and `on_rtcp` are told how long the packet in the buffer is, once it came from where
    it may. BrowserPortsExhausted."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        buffer: PacketBuffer,
        on_rtp: Callable[[int], None],
        on_rtcp: Callable[[int], None],
    ) -> None:
        try:
            opened = open_pair(address)
        except OSError as error:
            raise BrowserPortsExhausted(f"no UDP port can be opened: {error.strerror}") from error
        if opened is None:
            raise BrowserPortsExhausted("no free pair of UDP ports for the plain side of a browser")
        rtp, rtcp = opened
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp
        self._rtp = HostSocket(loop, rtp, buffer, self._rtp_arrived, _nothing)
        self._rtcp = HostSocket(loop, rtcp, buffer, self._rtcp_arrived, _nothing)
        self._remote: Address | None = None
        self._control: Address | None = None
        self.address = self._rtp.address
        self.stray = 0

    def aim(self, remote: Address) -> None:
        """Where it sends to and takes from. ValueError: no IP address of this one's version, or no port."""
        host, port = remote
        version = ipaddress.ip_address(host).version
        if version != ipaddress.ip_address(self.address[0]).version or not 0 < port < 65_535:
            raise ValueError("the plain side's address is of the other IP version, or has no port")
        self._remote, self._control = (host, port), (host, port + 1)

    def send_rtp(self, packet: memoryview) -> bool:
        """Send RTP; False where it is not known yet where to."""
        if self._remote is None:
            return False
        self._rtp.sendto(packet, self._remote)
        return True

    def send_rtcp(self, packet: memoryview) -> None:
        """Send RTCP, where it is known where to."""
        if self._control is not None:
            self._rtcp.sendto(packet, self._control)

    def close(self) -> None:
        """Close both sockets."""
        self._rtp.close()
        self._rtcp.close()

    def _rtp_arrived(self, size: int, origin: tuple[Any, ...]) -> None:
        if origin[:2] == self._remote and size >= HEADER_BYTES:
            self._on_rtp(size)
        else:
            self.stray += 1

    def _rtcp_arrived(self, size: int, origin: tuple[Any, ...]) -> None:
        if origin[:2] == self._control and size >= 8:
            self._on_rtcp(size)
        else:
            self.stray += 1


def _nothing() -> None:
    """Ports of the system's choice go back by themselves."""
