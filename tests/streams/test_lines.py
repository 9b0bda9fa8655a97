"""The WebSocket of a stream against a real server on loopback: signature, refusals, closing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control_api.streams.line import STREAM_ID_HEADER, CannotConnect, LineClosed, Lines, LineSettings
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
