"""A TLS listener whose far ends are played without sockets: who answers where, under which names, and what it took."""

import asyncio
from collections import Counter
from collections.abc import Callable

from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import Connection
from b2bua.transport.stream import StreamTransport


class Wire(asyncio.Transport):
    """One connection: what was written to it, until it is cut."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.connection = connection
        self.taken: list[bytes] = []
        self._loop, self._over = loop, False

    def bring(self, content: bytes) -> None:
        """Let its far end say this."""
        self.connection.get_buffer(-1)[: len(content)] = content
        self.connection.buffer_updated(len(content))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it at once."""
        self.taken.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._over

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def close(self) -> None:
        """Tell of it later, as an event loop does."""
        if not self._over:
            self._over = True
            self._loop.call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        """Likewise."""
        self.close()


class TlsWorld(StreamTransport):
    """To be set up before anything is sent: `down` are the places where nobody listens, `proves` the names in the
    certificate at each. `wires` are all connections, `attempts` how often each place was called."""

    def set_up(
        self, handshake_turns: Callable[[], int], proves: dict[TransportAddress, set[str]], down: set[TransportAddress]
    ) -> None:
        """Say who is where; `handshake_turns` says how many turns of the event loop each handshake takes."""
        self._handshake_turns, self.proves, self.down = handshake_turns, proves, down
        self.wires: list[Wire] = []
        self.attempts: Counter[TransportAddress] = Counter()

    @property
    def busy(self) -> bool:
        """Whether a connection is being opened."""
        return bool(self._tasks)

    def usable(self) -> list[Wire]:
        """The connections that are there."""
        return [wire for wire in self.wires if wire.connection.usable]

    def come(self, remote: TransportAddress) -> Wire:
        """Let a peer connect from there."""
        connection = Connection(self._around, remote, opened=False)
        self._enter(connection)
        return self._wire(connection)

    async def _reach(self, connection: Connection) -> None:
        place = connection.remote.place
        self.attempts[place] += 1
        connection.identity = identity = self._expected.when_opening(connection.remote)
        for _ in range(self._handshake_turns()):
            await asyncio.sleep(0)
        if place in self.down:
            raise ConnectionRefusedError
        if identity is None or (identity.verify and identity.server_name not in self.proves[place]):
            raise ConnectionResetError
        self._wire(connection)

    def _wire(self, connection: Connection) -> Wire:
        wire = Wire(connection, self._loop)
        self.wires.append(wire)
        connection.connection_made(wire)
        connection.settle()
        return wire
