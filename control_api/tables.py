"""Tables (CSV) on their way to clients, read from the store piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import hdrs, web

from control_api.downloads import SEND_TIMEOUT_S
from control_api.exchange import Api, Exchange

LOOK_AGAIN_S: Final = 15.0  # so often it is looked up whether the key or session is good still


async def send_table(api: Api, exchange: Exchange, name: str, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """A table (CSV), sent while it is read: `pieces` gives its heads first. What fails before that is an answer of its
    own; ConnectionResetError when it cannot be completed. HEAD is answered without a body (RFC 9110 section 9.3.2).
    NotReady: too many downloads are under way. Who takes it slowly gets no more of it once the key is revoked."""
    with api.downloads.place():
        return await _send_table(api, exchange, name, _in_turn(api.downloads.turn, pieces))


async def _in_turn(turn: asyncio.Lock, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, each read and made when nobody else's is. Nobody waits for a client that is slow."""
    while True:
        async with turn:
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


async def _send_table(api: Api, exchange: Exchange, name: str, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    piece = await anext(pieces)
    headers = {**exchange.headers, "Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(exchange.request)
    if exchange.request.method == hdrs.METH_HEAD:
        return response
    try:
        looked_up_at = api.clock.monotonic()
        await _send(response, piece)
        async for piece in pieces:
            now = api.clock.monotonic()
            if now - looked_up_at >= LOOK_AGAIN_S:
                looked_up_at = now
                if not await exchange.still_good():
                    raise ConnectionResetError("whoever has a table made may not any more")
            await _send(response, piece)
        await response.write_eof()
    except TimeoutError as error:
        raise ConnectionResetError("a download was broken off") from error
    return response


async def _send(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await response.write(piece)
