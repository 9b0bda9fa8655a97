"""Stream transports on loopback: what they tell is kept, and a bare peer sends exactly what a test tells it to."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.framing import Framed
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import StreamLimits
from b2bua.transport.stream import StreamTransport, bind_stream
from b2bua.transport.tls import Identify, TlsContexts
from tests.support.manual_clock import ManualClock

PATIENCE_S = 20.0


def options(number: int = 1, body: bytes = b"") -> bytes:
    """An OPTIONS request of that CSeq number."""
    head = (
        "OPTIONS sip:192.0.2.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{number}\r\n"
        "From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:b@127.0.0.1>\r\n"
        f"Call-ID: bed\r\nCSeq: {number} OPTIONS\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ok(number: int = 1) -> bytes:
    """The 200 to it."""
    return options(number).replace(b"OPTIONS sip:192.0.2.1 SIP/2.0", b"SIP/2.0 200 OK", 1)


class Keeper:
    """A receiver that keeps what it is told, `told` the kinds of it in order. `admitted`: whether connections are;
    `unwanted`: requests that are not to go out any more."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.messages: list[Framed] = []
        self.sources: list[TransportAddress] = []
        self.failed: list[TransportAddress] = []
        self.failed_requests: set[bytes] = set()
        self.ended: list[TransportAddress] = []
        self.unopened: list[TransportAddress] = []  # those of them that no connection was there to
        self.admitted = True
        self.unwanted: set[bytes] = set()
        self.withdrawn_requests: list[bytes] = []
        self.unanswerable_responses: list[bytes] = []
        self.unanswerable_at: list[TransportAddress] = []
        self.asked: list[TransportAddress] = []
        self.on_message: Callable[[Framed, TransportAddress], None] | None = None
        self.changed = asyncio.Event()

    def admits(self, source: TransportAddress) -> bool:
        self.asked.append(source)
        self.changed.set()
        return self.admitted

    def received_message(self, message: Framed, source: TransportAddress, _local: TransportAddress) -> None:
        self.told.append("message")
        self.messages.append(message)
        self.sources.append(source)
        self.changed.set()
        if self.on_message is not None:
            self.on_message(message, source)

    def transport_failed(
        self, destination: TransportAddress, *, unopened: bool = False, requests: frozenset[bytes] | None = None
    ) -> None:
        self.told.append("failed")
        self.failed.append(destination)
        self.failed_requests |= requests or frozenset()
        if unopened:
            self.unopened.append(destination)
        self.changed.set()

    def unanswerable(self, content: bytes, destination: TransportAddress) -> None:
        self.told.append("unanswerable")
        self.unanswerable_at.append(destination)
        self.unanswerable_responses.append(content)
        self.changed.set()

    def connection_ended(self, destination: TransportAddress) -> None:
        self.told.append("ended")
        self.ended.append(destination)
        self.changed.set()

    def is_wanted(self, content: bytes) -> bool:
        return content not in self.unwanted

    def withdrawn(self, content: bytes) -> None:
        self.withdrawn_requests.append(content)
        self.changed.set()

    def numbers(self) -> list[int]:
        """The CSeq numbers that came, -1 for what was malformed."""
        return [
            -1 if isinstance(message, MalformedMessage) else message.cseq.number
            for message in self.messages
            if isinstance(message, Request | Response | MalformedMessage)
        ]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


class StreamBed:
    """One StreamTransport on a manual clock, with its Keeper."""

    def __init__(self, transport: StreamTransport, keeper: Keeper, clock: ManualClock) -> None:
        self.transport = transport
        self.keeper = keeper
        self.clock = clock
        self.peers: list[BarePeer] = []

    @property
    def local(self) -> TransportAddress:
        return self.transport.local

    async def connect(self, context: ssl.SSLContext | None = None, port: int | None = None) -> "BarePeer":
        """A bare peer's connection to it, from a port that is shared where one is given."""
        if port is None:
            reader, writer = await asyncio.open_connection(self.local.host, self.local.port, ssl=context)
        else:
            shared = _shared_socket(port)
            await asyncio.get_running_loop().sock_connect(shared, (self.local.host, self.local.port))
            name = None if context is None else self.local.host
            reader, writer = await asyncio.open_connection(sock=shared, ssl=context, server_hostname=name)
        self.peers.append(BarePeer(reader, writer))
        return self.peers[-1]

    async def turned_away(self, content: bytes) -> bytes:
        """What comes back to a connection that is to be refused, which some event loops tell as it is made."""
        try:
            peer = await self.connect()
        except ConnectionError:
            return b""
        peer.send(content)
        return await peer.rest()

    async def counted(self, name: str, number: int = 1) -> None:
        """Wait until a counter has that number."""
        async with asyncio.timeout(PATIENCE_S):
            while self.transport.counters().get(name, 0) < number:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.002)
        assert self.transport.counters()[name] == number

    async def left(self, number: int) -> None:
        """Wait until that many connections are held."""
        async with asyncio.timeout(PATIENCE_S):
            while self.transport.connections != number:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.002)


class BarePeer:
    """One connection, hand-played."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def address(self) -> TransportAddress:
        """Its end, as the product names it."""
        host, port = self._writer.get_extra_info("sockname")[:2]
        return TransportAddress("tcp", host, port)

    @property
    def remote_host(self) -> str:
        """The host of the product's end."""
        return str(self._writer.get_extra_info("peername")[0])

    def send(self, content: bytes) -> None:
        """Write octets."""
        self._writer.write(content)

    async def read(self, size: int) -> bytes:
        """Exactly so many octets."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readexactly(size)

    async def until(self, end: bytes) -> bytes:
        """All up to these octets, which are the last of it."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(end)

    async def rest(self) -> bytes:
        """All until the product closes; a reset or an alert of TLS ends it too."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read()
            except OSError:
                return b""

    def stop_reading(self) -> None:
        """Take nothing more."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a read transport

    def read_on(self) -> None:
        """Take again what comes."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]  # it is a read transport

    def close(self) -> None:
        """Close it."""
        self._writer.close()

    def cut(self) -> None:
        """Reset it."""
        self._writer.transport.abort()

    async def end(self) -> None:
        """Cut it off and wait until nothing of it is left."""
        self.cut()
        with suppress(OSError):
            await self._writer.wait_closed()


class BareListener:
    """A bare peer's listening socket; `taken` are the connections to it."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[BarePeer] = asyncio.Queue()
        self._peers: list[BarePeer] = []
        self._server: asyncio.Server | None = None
        self.address = TransportAddress("tcp", "127.0.0.1", 0)

    async def open(self, host: str, context: ssl.SSLContext | None, shared: bool) -> None:
        """Listen, on a port that others may have too where it is `shared`."""
        if shared:
            self._server = await asyncio.start_server(self._took, sock=_shared_socket(0), ssl=context)
        else:
            self._server = await asyncio.start_server(self._took, host, 0, ssl=context)
        port = self._server.sockets[0].getsockname()[1]
        self.address = TransportAddress("tcp" if context is None else "tls", host, port)

    def _took(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.append(BarePeer(reader, writer))
        self.taken.put_nowait(self._peers[-1])

    async def next(self) -> BarePeer:
        """The next connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.taken.get()

    async def close(self) -> None:
        """Listen no more, and end what was taken."""
        if self._server is not None:
            self._server.close()
        for peer in self._peers:
            await peer.end()


@asynccontextmanager
async def stream_bed(
    host: str = "127.0.0.1",
    *,
    tls: TlsContexts | None = None,
    identify: Identify = lambda _address: None,
    limits: StreamLimits | None = None,
) -> AsyncIterator[StreamBed]:
    """A transport on a free port, closed at the end."""
    keeper, clock = Keeper(), ManualClock()
    transport = StreamTransport(
        bind_stream(host, 0),
        keeper,
        asyncio.get_running_loop(),
        tls=tls,
        identify=identify,
        limits=limits,
        scheduler=clock,
    )
    bed = StreamBed(transport, keeper, clock)
    try:
        yield bed
    finally:
        await transport.close()
        for peer in bed.peers:
            await peer.end()


@asynccontextmanager
async def bare_listener(
    host: str = "127.0.0.1", context: ssl.SSLContext | None = None, *, shared: bool = False
) -> AsyncIterator[BareListener]:
    """A bare peer that listens, closed at the end."""
    listener = BareListener()
    await listener.open(host, context, shared)
    try:
        yield listener
    finally:
        await listener.close()


def _shared_socket(port: int) -> socket.socket:
    shared = socket.socket()
    shared.setblocking(False)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind(("127.0.0.1", port))
    return shared


@contextmanager
def full_listener() -> Iterator[TransportAddress]:
    """Where a connection attempt gets no answer at all."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = TransportAddress("tcp", *full.getsockname())
        for _ in range(3):  # whoever comes after these gets no answer to its SYN
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address.host, address.port))
        yield address


def closed_port(host: str = "127.0.0.1") -> TransportAddress:
    """An address where nobody listens."""
    bound = bind_stream(host, 0)
    port = bound.getsockname()[1]
    bound.close()
    return TransportAddress("tcp", host, port)
