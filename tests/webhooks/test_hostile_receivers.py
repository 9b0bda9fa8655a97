"""Servers of others' choosing that answer without end: the attempt fails, or counts, and costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from b2bua.clock import SystemClock
from control_api.streams.line import CannotConnect, Lines, LineSettings
from control_api.webhooks.connector import MOST_RESPONSE_BYTES
from control_api.webhooks.sender import KEPT_BYTES, LARGEST_REPLY_BYTES, Sender
from control_api.webhooks.settings import DispatcherSettings
from storage.records import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.sockets

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 200
TIMEOUT_S = 2.0
MOST_SENT = 8_000_000  # what buffers of sockets hold, and some more: far from what goes through in two seconds

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback that does with a request what it is told."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.connections = 0
        self.sent = 0
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.answering(reader, writer)
        writer.close()

    async def flood(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        """Send it over and over."""
        while True:
            writer.write(content)
            self.sent += len(content)
            await writer.drain()


@asynccontextmanager
async def serving(answering: Answering) -> AsyncIterator[Server]:
    server = Server(answering)
    listening = await asyncio.start_server(server.take, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(DispatcherSettings("test/1", timeout_s=TIMEOUT_S, allow_private_targets=True), SystemClock())
    yield made
    await made.close()


def endpoint(server: Server) -> WebhookEndpoint:
    url = f"http://127.0.0.1:{server.port}/hook"
    return WebhookEndpoint("hook", "org", url, ("secret",), frozenset(WebhookEvent), 1)


@pytest.mark.parametrize(
    ("before", "repeated"),
    [(b"", EARLY), (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 65_536)],
)
async def test_a_response_without_end_is_broken_off(sender: Sender, before: bytes, repeated: bytes) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(before)
        await server.flood(writer, repeated)

    async with serving(endless) as server:
        reply = (await sender.try_out(endpoint(server), "event", b"{}")).reply
        assert reply.http_status == (500 if before else None)
        assert reply.error == (None if before else "ClientPayloadError: more than 65536 bytes of a response")
        assert server.sent < MOST_SENT


async def test_what_is_kept_of_a_large_answer_is_its_beginning(sender: Sender) -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        await server.flood(writer, b"y" * 300_000)

    async with serving(large) as server:
        reply = (await sender.try_out(endpoint(server), "event", b"{}")).reply
        assert (reply.http_status, reply.error) == (200, None)
        assert reply.answer is not None
        assert (reply.answer.body, reply.answer.is_cut) == ("y" * KEPT_BYTES, True)


async def test_of_headers_that_are_no_utf8_what_is_kept_can_be_written_down(sender: Sender) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 204 No\xff\r\nX-Where: caf\xe9\r\nX-Who: caf\xc3\xa9\r\n\r\n")

    async with serving(odd) as server:
        reply = (await sender.try_out(endpoint(server), "event", b"{}")).reply
    assert reply.http_status == 204
    assert reply.answer is not None
    assert reply.answer.headers == {"X-Where": "caf?", "X-Who": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}


async def test_each_request_of_a_connection_may_have_a_whole_response(sender: Sender) -> None:
    size = LARGEST_REPLY_BYTES - 1_000

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            await writer.drain()

    async with serving(patient) as server:
        for _ in range(2 * MOST_RESPONSE_BYTES // size):
            reply = (await sender.try_out(endpoint(server), "event", b"{}")).reply
            assert (reply.http_status, reply.error) == (200, None)
        assert server.connections == 1


async def test_a_stream_that_is_never_answered_but_by_hints_is_given_up() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await server.flood(writer, EARLY)

    lines = Lines(LineSettings("test/1", TIMEOUT_S, allow_private_targets=True), SystemClock())
    async with serving(endless) as server:
        with pytest.raises(CannotConnect, match="more than 65536 bytes"):
            await lines.dial(f"ws://127.0.0.1:{server.port}/", "stream", "secret")
        assert server.sent < MOST_SENT
    await lines.close()
