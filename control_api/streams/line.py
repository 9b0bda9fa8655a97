"""The WebSocket itself: as a client, to targets that webhooks may go to, signed as they are."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, TraceConfig, WSMsgType
from yarl import URL

from b2bua.clock import Clock
from control_api.webhooks.connector import BoundedConnector
from control_api.webhooks.signing import SIGNATURE_HEADER, SIGNATURE_V2_HEADER, sign_body, sign_body_v2
from control_api.webhooks.targets import TargetRefused, TargetResolver, check_target, failure_text

STREAM_ID_HEADER: Final = "X-Edesy-Stream-Id"
# Pings, and for how long a server may not answer one.
_HEARTBEAT_S: Final = 20.0
_CLOSE_S: Final = 2.0
# Nothing is expected from a server; what it says is passed over, up to this size a message.
_HEARD_BYTES_MAX: Final = 4096
_LONGEST_ERROR: Final = 200
# Frames, and the rest after each such lot: what is not read meanwhile, the server's own connection holds back.
_PASSED_AT_ONCE: Final = 256
_REST_S: Final = 0.05


class CannotConnect(Exception):
    """No WebSocket could be opened; the text says why."""


class LineClosed(Exception):
    """The WebSocket is closed. `wanted`: the server has closed it in order (RFC 6455 section 7.4.1, 1000)."""

    def __init__(self, wanted: bool) -> None:
        super().__init__("closed")
        self.wanted = wanted


class Line(Protocol):
    """An open WebSocket."""

    async def send(self, text: str) -> None:
        """Send a message; waits while the server does not keep up. LineClosed."""
        ...

    async def close(self) -> None:
        """Close it in order, within two seconds."""
        ...


class Dialler(Protocol):
    """Opens WebSockets; `Lines` satisfies it."""

    async def dial(self, url: str, stream_id: str, secret: str) -> Line:
        """Connect. CannotConnect."""
        ...


@dataclass(frozen=True, slots=True)
class LineSettings:
    """`timeout_s`: for connecting, name lookup and handshake included."""

    user_agent: str
    timeout_s: float = 10.0
    allow_private_targets: bool = False


class Lines:
    """All WebSockets of streams: no cookies, no proxies, no redirects, no compression."""

    def __init__(self, settings: LineSettings, clock: Clock) -> None:
        """To be made where the event loop runs; `close` it."""
        self._settings = settings
        self._clock = clock
        self._resolver = TargetResolver(clock, allow_private=settings.allow_private_targets)
        trace = TraceConfig()
        trace.on_request_redirect.append(_refuse_redirect)
        self._session = ClientSession(
            connector=BoundedConnector(self._resolver, limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": settings.user_agent},
            skip_auto_headers=("Accept-Encoding",),
            trace_configs=[trace],
        )

    async def close(self) -> None:
        """Close what is still open."""
        await self._session.close()
        await self._resolver.close()

    async def dial(self, url: str, stream_id: str, secret: str) -> Line:
        """Connect. What is signed in place of a body is the stream's id. CannotConnect."""
        signed = stream_id.encode("ascii")
        headers = {
            STREAM_ID_HEADER: stream_id,
            SIGNATURE_HEADER: sign_body(signed, secret),
            SIGNATURE_V2_HEADER: sign_body_v2(signed, (secret,), self._clock.wall_ms() // 1000),
        }
        try:
            target = URL(url)
            check_target(target, self._settings.allow_private_targets, schemes=("ws", "wss"))
            async with asyncio.timeout(self._settings.timeout_s):
                socket = await self._session.ws_connect(
                    target,
                    headers=headers,
                    heartbeat=_HEARTBEAT_S,
                    max_msg_size=_HEARD_BYTES_MAX,
                    autoclose=True,
                    autoping=False,
                )
        except TimeoutError:
            raise CannotConnect(f"no WebSocket within {self._settings.timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CannotConnect(failure_text(error)[:_LONGEST_ERROR]) from error
        return _OpenLine(socket)


async def _refuse_redirect(*_told: object) -> None:
    # Where it leads has been judged by nobody.
    raise TargetRefused("refused: a redirect")


class _OpenLine:
    """One WebSocket, read from by a task of its own: pings are answered there, and a close is seen."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._reading = asyncio.get_running_loop().create_task(_read_away(socket), name="stream reader")

    async def send(self, text: str) -> None:
        if self._socket.closed or self._reading.done():
            raise LineClosed(self._socket.close_code == aiohttp.WSCloseCode.OK)
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError):
            raise LineClosed(self._socket.close_code == aiohttp.WSCloseCode.OK) from None

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close()
        except (TimeoutError, aiohttp.ClientError, OSError):
            return


async def _read_away(socket: ClientWebSocketResponse) -> None:
    """Pass over what comes until it is closed. Of pings that come together the last alone is answered (RFC 6455 section
    5.5.3), and after each lot of frames it rests: a server that sends thousands of them holds up nothing else, nor do
    many that never end."""
    closed: Sequence[WSMsgType] = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)
    pings: deque[bytes] = deque(maxlen=1)
    came = asyncio.Event()
    answering = asyncio.get_running_loop().create_task(_answer(socket, pings, came), name="stream pongs")
    passed = 0
    try:
        while (message := await socket.receive()).type not in closed:
            if message.type is WSMsgType.PING:
                pings.append(bytes(message.data))
                came.set()
            passed += 1
            if passed % _PASSED_AT_ONCE == 0:  # what is here already is received without any waiting
                await asyncio.sleep(_REST_S)
    finally:
        answering.cancel()


async def _answer(socket: ClientWebSocketResponse, pings: deque[bytes], came: asyncio.Event) -> None:
    """It has its turn only once all that is here has been read."""
    while not socket.closed:
        await came.wait()
        came.clear()
        try:
            await socket.pong(pings[-1])
        except (aiohttp.ClientError, OSError):
            return
