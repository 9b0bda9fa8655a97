"""aiohttp's server protocol, with a limit on the time of a head and its own errors told in JSON."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, ContentEncodingError

from control_api.boundary import Boundary
from control_api.errors import CRASH, ErrorReply, MethodNotAllowed, NotFound, UnsupportedMediaType, error_reply

LINGERING_S: Final = 5.0
HEAD_TIMEOUT_S: Final = 15.0
"""So long a new connection may take over the head of its first request; the keep-alive time bounds those after it."""
_NOT_HTTP: Final = ErrorReply(400, "invalid_request", "The request is not valid HTTP.")
# aiohttp knows a fixed list of methods; this is how it shows a request line that is sound but for the method.
_ONLY_ITS_METHOD: Final = re.compile(r"b'([A-Za-z-]{1,32} \S+ HTTP/1\.[01])'", re.ASCII)
FED_AT_ONCE: Final = 8_192
"""Bytes that are parsed before the event loop does anything else. A compressed body in chunks of a byte each takes most
time for them: a whole read of 256 KiB would hold up every call's signalling for 0.2 s."""
# Names of aiohttp's own, which are no promise: where it has others, a read is parsed in one go.
_HOLDS_BY: Final = {
    "_buffer_paused",
    "_message_tail",
    "_messages",
    "_pause_transport_reading",
    "_reading_paused",
    "_resume_transport_reading",
    "_upgraded",
}
_CAN_HOLD: Final = _HOLDS_BY.issubset(dir(web.RequestHandler))
_KEPT_HEAD: Final = 4_096  # bytes that are kept of a request's beginning until it has been parsed
_REQUEST_ID: Final = re.compile(rb"\r?\nX-Request-Id:[ \t]*([\x21-\x7e]{1,64})[ \t]*\r?\n", re.ASCII | re.IGNORECASE)

AllowedAt = Callable[[web.BaseRequest], Awaitable[tuple[str, ...]]]
"""The methods that a request's path has; none: there is no such path."""


class HttpProtocol(web.RequestHandler):
    """One connection. Without a whole head it is closed when `HEAD_TIMEOUT_S` are over, whatever trickles in."""

    __slots__ = (
        "_allowed_at",
        "_boundary",
        "_deaf",
        "_event_loop",
        "_feeding",
        "_gone",
        "_head",
        "_head_due",
        "_held",
        "_refused",
        "_replied",
        "_unknown_method",
    )

    def __init__(
        self,
        server: web.Server,
        boundary: Boundary,
        allowed_at: AllowedAt,
        loop: asyncio.AbstractEventLoop,
        keep_alive_s: float,
        log: logging.Logger,
        gone: Callable[["HttpProtocol"], None],
    ) -> None:
        """`gone` is called once the connection is lost."""
        # Untyped: None, which turns the access log off, is not in aiohttp's signature. Its lines would hold queries.
        options: dict[str, Any] = {"access_log": None, "lingering_time": LINGERING_S}
        super().__init__(server, loop=loop, keepalive_timeout=keep_alive_s, logger=log, **options)
        self._boundary = boundary
        self._allowed_at = allowed_at
        self._head = b""
        self._unknown_method = ""  # the request line, where nothing but its method is at fault
        self._event_loop = loop
        self._gone = gone
        self._head_due: asyncio.TimerHandle | None = None
        self._replied = False
        self._refused = False
        self._deaf = False  # what still comes is dropped unread
        self._held = bytearray()  # what has come and is not parsed yet
        self._feeding: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        super().connection_made(transport)
        self._head_due = self._event_loop.call_later(HEAD_TIMEOUT_S, self._expect_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        if self._head_due is not None:
            self._head_due.cancel()
        self._held.clear()
        super().connection_lost(exc)
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        """Take what has come. The beginning of a request is kept: what cannot be parsed is told by it. Of much, the
        rest is held until others have had their turn."""
        if self._deaf:
            return
        if self._current_request is None:
            self._head = data[:_KEPT_HEAD]
        # Nothing comes where aiohttp goes on with what it has.
        if data and _CAN_HOLD and (self._held or len(data) > FED_AT_ONCE):
            self._held += data
            self._pause_transport_reading()
            self._feed_soon()
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Have it parsed. What comes behind a request to change to another protocol is HTTP as well, since nobody here
        agrees to any: aiohttp keeps all of it aside until that request is answered, which it may have been before
        its body was there, and then parses it in one go."""
        super().data_received(data)
        if _CAN_HOLD and self._upgraded and self._parser is not None:
            self._parser.set_upgraded(False)
            self._upgraded = False
            self._held[:0] = self._message_tail
            self._message_tail = b""
            self._pause_transport_reading()
            self._feed_soon()

    def _feed_soon(self) -> None:
        if self._feeding is None:
            self._feeding = self._event_loop.call_soon(self._feed)

    def _feed(self) -> None:
        """Parse the next of what is held, unless whoever reads the body has enough for now."""
        self._feeding = None
        if self._reading_paused or self._buffer_paused:
            return
        if self._deaf:
            self._held.clear()
        else:
            data = bytes(self._held[:FED_AT_ONCE])
            del self._held[:FED_AT_ONCE]
            self._parse(data)
        if not self._reading_paused and not self._buffer_paused:
            self._resume_transport_reading()

    def _resume_transport_reading(self) -> None:
        """Go on with what is held, then read on."""
        if self._held:
            self._feed_soon()
        else:
            super()._resume_transport_reading()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._current_request is not None

    def abort(self) -> None:
        """End it at once, whatever is still to be written. Harmless before it is made and when it is gone."""
        if self.transport is not None:
            self.transport.abort()

    def _expect_head(self) -> None:
        if not self._replied and self._current_request is None:
            self.force_close()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a mistake of ours. A body that cannot be read is its sender's, who has been told; aiohttp meets it once
        more as it drains the request."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

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
        self._refused = True
        line = _ONLY_ITS_METHOD.search(exc.message) if isinstance(exc, BadHttpMethod) else None
        self._unknown_method = "" if line is None else line[1]
        response = self._boundary.refusal(request, CRASH if status >= 500 else _refusal_of(exc))
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the reply; one that aiohttp made of its own accord is put into our words first."""
        self._replied = True
        if isinstance(resp, web.HTTPException):
            error = ErrorReply(resp.status, "invalid_request", "The request is not valid HTTP.")
            resp = self._boundary.refusal(request, error)
            self._refused = True
        if self._unknown_method:
            resp = await self._refusal_of_method(request, *self._unknown_method.split(" ")[:2])
            resp.force_close()
        if request.content.exception() is not None:  # nothing is read after such a body: RFC 9112 section 9.6
            resp.force_close()
        if not request.content.is_eof() and _is_packed(request):
            # aiohttp would unpack the rest for as long as it lingers, and let nothing else run meanwhile.
            self._deaf = True
            resp.force_close()
        if self._refused:
            self._refused = False
            now = self._event_loop.time()
            self._boundary.count_refusal(request, resp, now if start_time is None else start_time)
        finished = await super().finish_response(request, resp, start_time)
        self._parse_the_rest()
        return finished

    def _parse_the_rest(self) -> None:
        """Have the parser go on with what it has kept. It stops by itself at a number of requests that nobody has seen
        to yet; one whose body came after it had begun to be answered counts for good, and then aiohttp, which counts
        otherwise, waits for more to come first."""
        if _CAN_HOLD and not (self._messages or self._deaf or self._reading_paused or self._buffer_paused):
            self._parse(b"")

    async def _refusal_of_method(self, request: web.BaseRequest, method: str, target: str) -> web.StreamResponse:
        """What is said of any other method that a path does not have; where there is no such path, of that."""
        given = _REQUEST_ID.search(self._head.partition(b"\r\n\r\n")[0] + b"\r\n")
        headers = {"X-Request-Id": given[1].decode("ascii")} if given is not None else {}
        try:
            asked = request.clone(method=method, rel_url=target, headers=headers)
        except ValueError:  # no address at all
            return self._boundary.refusal(request, _NOT_HTTP)
        allowed = await self._allowed_at(asked)
        error = MethodNotAllowed(allowed) if allowed else NotFound("There is nothing at this path.")
        return self._boundary.refusal(asked, error_reply(error) or _NOT_HTTP)


def _is_packed(request: web.BaseRequest) -> bool:
    """Whether a body may hold a great deal more than what is sent of it. Of two codings, the last one counts."""
    codings = [value for name, value in request.headers.items() if name.lower() == "content-encoding"]
    return any(coding.strip().lower() != "identity" for coding in codings)


def _refusal_of(flaw: BaseException | None) -> ErrorReply:
    """What to say of a request that could not be parsed."""
    if isinstance(flaw, ContentEncodingError):
        return error_reply(UnsupportedMediaType("The body may be compressed with gzip or deflate alone.")) or _NOT_HTTP
    return _NOT_HTTP
