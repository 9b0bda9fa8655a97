"""A UDP listener of an endpoint on a real socket."""

import asyncio
from typing import Protocol

from b2bua.transport.udp import Receiver, UdpTransport, bind_udp


class Attachable(Receiver, Protocol):
    """A receiver that also sends: `SipEndpoint`."""

    def attach(self, transport: UdpTransport, /) -> None:
        """Send what leaves from the transport's local address over it."""
        ...


async def open_udp(host: str, port: int, endpoint: Attachable, loop: asyncio.AbstractEventLoop) -> UdpTransport:
    """Listen on an IP literal (no brackets) and port, and attach to the endpoint. Raises OSError."""
    transport = UdpTransport(bind_udp(host, port), endpoint, loop, host)
    endpoint.attach(transport)
    return transport
