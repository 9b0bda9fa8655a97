"""A line between a SIPp and the service, on real sockets of loopback, that loses, repeats, delays and reorders."""

import asyncio
from collections.abc import Callable

from tests.support.lossy_network import Conditions
from tests.support.seeded_tokens import SeededTokens

HOST = "127.0.0.1"
MOST_LOST_IN_A_ROW = 2  # of one direction, so that what is sent often enough always arrives


class _End(asyncio.DatagramProtocol):
    """One socket of the line; what comes in goes to `carry`."""

    def __init__(self, carry: Callable[[bytes], None]) -> None:
        self._carry = carry
        self.transport: asyncio.DatagramTransport | None = None

    async def open(self, port: int) -> None:
        """Bind the socket."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._carry(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens any more: a SIPp ends with its last message."""


class BadLine:
    """Carries datagrams between a phone at `phone_port` and the service at `service_port`.

    The service sees the phone at `outer_port`, the phone sees the service at `inner_port`: whatever names the hidden
    one is rewritten, so that no Contact leads past the line. All four have equally many digits.
    """

    def __init__(self, ports: tuple[int, int, int, int], conditions: Conditions, seed: str) -> None:
        self.phone_port, self.outer_port, self.inner_port, self.service_port = ports
        assert len({len(str(port)) for port in ports}) == 1, "Content-Length must stay true"
        self.carried = 0
        self.lost = 0
        self._conditions = conditions
        self._chance = SeededTokens(seed)
        self._in_a_row = {self.phone_port: 0, self.service_port: 0}
        self._outer = _End(self._to_phone)
        self._inner = _End(self._to_service)

    async def open(self) -> None:
        """Bind both sockets."""
        await self._outer.open(self.outer_port)
        await self._inner.open(self.inner_port)

    def close(self) -> None:
        """Close both. What is under way is lost."""
        for end in (self._outer, self._inner):
            if end.transport is not None:
                end.transport.close()

    def _to_phone(self, content: bytes) -> None:
        shown = _renamed(content, (self.outer_port, self.phone_port), (self.service_port, self.inner_port))
        self._carry(shown, self._inner, self.phone_port)

    def _to_service(self, content: bytes) -> None:
        shown = _renamed(content, (self.phone_port, self.outer_port), (self.inner_port, self.service_port))
        self._carry(shown, self._outer, self.service_port)

    def _carry(self, content: bytes, end: _End, port: int) -> None:
        self.carried += 1
        for _ in range(self._copies(port)):
            delay_s = self._conditions.delay_s + self._conditions.jitter_s * self._chance.fraction()
            asyncio.get_running_loop().call_later(delay_s, self._send, content, end, port)

    def _copies(self, port: int) -> int:
        if self._chance.fraction() < self._conditions.loss and self._in_a_row[port] < MOST_LOST_IN_A_ROW:
            self._in_a_row[port] += 1
            self.lost += 1
            return 0
        self._in_a_row[port] = 0
        return 2 if self._chance.fraction() < self._conditions.duplication else 1

    def _send(self, content: bytes, end: _End, port: int) -> None:
        if end.transport is not None and not end.transport.is_closing():
            end.transport.sendto(content, (HOST, port))


def _renamed(content: bytes, *pairs: tuple[int, int]) -> bytes:
    for old, new in pairs:
        content = content.replace(f"{HOST}:{old}".encode(), f"{HOST}:{new}".encode())
        content = content.replace(f"rport={old}".encode(), f"rport={new}".encode())
    return content
