"""aiohttp's server protocol, with a limit on connections and its own errors told in JSON."""

import asyncio
import logging
import re
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, ContentEncodingError

from control_api.boundary import Boundary
from control_api.errors import CRASH, ErrorReply, MethodNotAllowed, UnsupportedMediaType, error_reply

MAX_CONNECTIONS: Final = 2_000
LINGERING_S: Final = 5.0
_NOT_HTTP: Final = ErrorReply(400, "invalid_request", "The request is not valid HTTP.")
# aiohttp knows a fixed list of methods; this is how it shows a request line that is sound but for the method.
_ONLY_ITS_METHOD: Final = re.compile(r"b'[A-Za-z-]{1,32} \S+ HTTP/1\.[01]'", re.ASCII)
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST")  # of all paths together


class HttpProtocol(web.RequestHandler):
    """One connection. Beyond `MAX_CONNECTIONS` a new one is closed at once."""

    __slots__ = ("_boundary",)

    def __init__(
        self,
        server: web.Server,
        boundary: Boundary,
        loop: asyncio.AbstractEventLoop,
        keep_alive_s: float,
        log: logging.Logger,
    ) -> None:
        # Untyped: None, which turns the access log off, is not in aiohttp's signature. Its lines would hold queries.
        options: dict[str, Any] = {"access_log": None, "lingering_time": LINGERING_S}
        super().__init__(server, loop=loop, keepalive_timeout=keep_alive_s, logger=log, **options)
        self._boundary = boundary

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        server = self._manager
        if server is not None and len(server.connections) > MAX_CONNECTIONS:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The reply to what was no HTTP (400), or to a crash outside every route; the connection is closed after it."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("a reply was under way")
        if status >= 500:
            self.logger.error("a request crashed outside its route", exc_info=exc)
        response = self._boundary.refusal(request, CRASH if status >= 500 else _refusal_of(exc))
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the reply; one that aiohttp made of its own accord is put into our words first."""
        if isinstance(resp, web.HTTPException):
            error = ErrorReply(resp.status, "invalid_request", "The request is not valid HTTP.")
            resp = self._boundary.refusal(request, error)
        return await super().finish_response(request, resp, start_time)


def _refusal_of(flaw: BaseException | None) -> ErrorReply:
    """What to say of a request that could not be parsed."""
    if isinstance(flaw, ContentEncodingError):
        return error_reply(UnsupportedMediaType("The body may be compressed with gzip or deflate alone.")) or _NOT_HTTP
    if isinstance(flaw, BadHttpMethod) and _ONLY_ITS_METHOD.search(flaw.message):
        return error_reply(MethodNotAllowed(_METHODS)) or _NOT_HTTP
    return _NOT_HTTP
