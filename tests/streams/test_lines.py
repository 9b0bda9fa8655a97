"""The WebSocket of a stream against a real server on loopback: signature, refusals, closing."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha1
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType

from control_api.streams import line as line_module
from control_api.streams.line import STREAM_ID_HEADER, CannotConnect, LineClosed, Lines, LineSettings, _read_away
from control_api.webhooks.signing import SIGNATURE_HEADER, SIGNATURE_V2_HEADER, verify_body, verify_body_v2
from tests.support.manual_clock import ManualClock
from tests.support.speech_server import SpeechServer

pytestmark = pytest.mark.sockets
STREAM, SECRET = "stream-1", "strsec_x"


@pytest.fixture
async def server() -> AsyncIterator[SpeechServer]:
    started = SpeechServer()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    made = Lines(LineSettings("maskbridge/test", 5.0, allow_private_targets=True), ManualClock())
    yield made
    await made.close()


async def test_a_handshake_is_signed_over_the_stream_id(server: SpeechServer, lines: Lines) -> None:
    line = await lines.dial(f"ws://127.0.0.1:{server.port}/calls", STREAM, SECRET)
    await line.send("hello")
    assert await server.heard.get() == "hello"
    headers = server.headers
    assert headers[STREAM_ID_HEADER] == STREAM
    assert verify_body(STREAM.encode(), headers[SIGNATURE_HEADER], SECRET)
    assert verify_body_v2(STREAM.encode(), headers[SIGNATURE_V2_HEADER], SECRET, ManualClock().wall_ms() / 1000)
    assert headers["User-Agent"] == "maskbridge/test"
    await line.close()
    assert await server.closed.get() == 1000
    with pytest.raises(LineClosed):
        await line.send("too late")


@pytest.mark.parametrize(("code", "wanted"), [(1000, True), (1001, False), (1011, False)])
async def test_how_a_server_closes_is_told(server: SpeechServer, lines: Lines, code: int, wanted: bool) -> None:
    line = await lines.dial(f"ws://127.0.0.1:{server.port}/closing?code={code}", STREAM, SECRET)

    async def talk() -> None:
        while True:
            await line.send("hello")
            await asyncio.sleep(0)

    with pytest.raises(LineClosed) as closed:
        await talk()
    assert closed.value.wanted is wanted
    await line.close()


@pytest.mark.parametrize("path", ["/moved", "/none"])
async def test_a_redirect_and_a_refusal_are_no_websocket(server: SpeechServer, lines: Lines, path: str) -> None:
    with pytest.raises(CannotConnect):
        await lines.dial(f"ws://127.0.0.1:{server.port}{path}", STREAM, SECRET)
    assert server.headers == {}


@pytest.mark.parametrize("url", ["ws://127.0.0.1:{port}/calls", "ws://localhost:{port}/calls", "http://8.8.8.8/"])
async def test_private_targets_and_other_schemes_are_refused(server: SpeechServer, url: str) -> None:
    lines = Lines(LineSettings("maskbridge/test", 5.0), ManualClock())
    with pytest.raises(CannotConnect, match="refused"):
        await lines.dial(url.format(port=server.port), STREAM, SECRET)
    assert server.headers == {}
    await lines.close()


async def test_rfc6455_s5_5_3_of_many_pings_at_once_the_last_is_answered(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "_REST_S", 0)
    heard = bytearray()
    last = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head, re.IGNORECASE)
        assert key is not None
        proof = b64encode(sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n")
        writer.write(b"".join(b"\x89\x04%04d" % number for number in range(10_000)))
        while frame := await reader.read(4_096):
            heard.extend(frame)
            if b"9999" in unmasked_pongs(heard):
                last.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    line = await lines.dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", STREAM, SECRET)
    await asyncio.wait_for(last.wait(), 10)
    assert len(unmasked_pongs(heard)) < 100
    await line.close()
    server.close()


@pytest.mark.parametrize("kind", [WSMsgType.PING, WSMsgType.PONG, WSMsgType.BINARY])
async def test_others_have_turns_while_thousands_of_frames_are_passed_over(
    kind: WSMsgType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are here at once: to receive one waits for nothing."""
    monkeypatch.setattr(line_module, "_REST_S", 0)
    frames = iter([WSMessage(kind, b"", None)] * 10_000)
    turns = 0

    async def receive() -> WSMessage:
        return next(frames, WSMessage(WSMsgType.CLOSED, None, None))

    async def pong(_said: bytes) -> None:
        """Taken at once."""

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    working = asyncio.create_task(others())
    socket: Any = SimpleNamespace(receive=receive, pong=pong, closed=False)
    await _read_away(socket)
    working.cancel()
    assert turns >= 10


async def test_of_a_server_that_sends_without_end_little_is_read_at_a_time() -> None:
    """What is not read, its own connection holds back: many of them leave nothing for others, turn or no turn."""
    passed = 0

    async def receive() -> WSMessage:
        nonlocal passed
        passed += 1
        return WSMessage(WSMsgType.PONG, b"", None)

    socket: Any = SimpleNamespace(receive=receive, closed=False)
    reading = asyncio.create_task(_read_away(socket))
    for _ in range(1_000):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert 0 < passed <= 10_000


def unmasked_pongs(frames: bytes | bytearray) -> list[bytes]:
    """What pongs of four octets each say (RFC 6455 section 5.3)."""
    pongs = [frames[start : start + 10] for start in range(0, len(frames) - 9, 10)]
    return [bytes(said ^ key for said, key in zip(pong[6:], pong[2:6], strict=True)) for pong in pongs]
