"""A WebSocket server on loopback, such as an organisation has calls streamed to."""

import asyncio
from typing import Any

from aiohttp import WSMsgType, web


class SpeechServer:
    """Takes WebSockets at /calls, closes them at /closing, redirects at /moved, refuses at /no."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.closed: asyncio.Queue[int | None] = asyncio.Queue()
        self.headers: Any = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/calls", self._take)
        app.router.add_get("/closing", self._close)
        app.router.add_get("/moved", self._move)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.WebSocketResponse:
        self.headers = request.headers
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.heard.put_nowait(message.data)
        self.closed.put_nowait(socket.close_code)
        return socket

    async def _close(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=int(request.query["code"]))
        return socket

    async def _move(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{self.port}/calls")
