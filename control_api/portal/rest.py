"""The REST API as the pages call it: the same routes behind the same boundary, in the same process.

A page knows nothing but what the API tells whoever is signed in, so that nothing can be done here that cannot be done
there, and no right is checked in two places.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import StreamReader, hdrs, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from control_api.errors import ErrorReply
from control_api.idempotency import IDEMPOTENCY_HEADER
from control_api.rendering import JSON_TYPE, json_text
from control_api.session_ring import CSRF_HEADER

# What the boundary reads of whoever asks: the session, and where the request comes from.
_HANDED_ON: Final = (hdrs.COOKIE, "X-Forwarded-For", "X-Request-Id", hdrs.USER_AGENT)
_BODY_LIMIT: Final = 2**16
_NOTHING_THERE: Final = ErrorReply(404, "not_found", "There is nothing of this name.")
_CRASHED: Final = ErrorReply(500, "internal_error", "Something went wrong on our side.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: `data` and `meta` as they are in JSON. `cookies`: the lines of `Set-Cookie`."""

    status: int
    data: Any
    meta: Mapping[str, Any] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


class Refused(Exception):
    """The API refuses, with this reply."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class _InnerRequest(web.Request):
    """A request that is made of the application's own routes, on behalf of one that came over the network."""

    def __init__(self, outer: web.Request, method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> None:
        loop = asyncio.get_running_loop()
        given = CIMultiDictProxy(headers)
        closes, upgrades, is_chunked = False, False, False
        message = RawRequestMessage(
            method, url.path_qs, HttpVersion11, given, (), closes, None, upgrades, is_chunked, url
        )
        content = StreamReader(BaseProtocol(loop), max(_BODY_LIMIT, len(body)), loop=loop)  # all of it is here
        content.feed_data(body)
        content.feed_eof()
        super().__init__(message, content, outer.protocol, outer.writer, outer.task, loop)

    async def answered(self, app: web.Application) -> web.StreamResponse:
        """What the route that fits says. Raises Refused where none does: not every text is part of a path."""
        match_info = await app.router.resolve(self)
        if match_info.http_exception is not None:
            raise Refused(_NOTHING_THERE)
        match_info.add_app(app)
        self._match_info = match_info
        return await match_info.handler(self)


class Rest:
    """The API for one request of a browser. `csrf_token` is that of its session, once it is known to have one."""

    def __init__(self, outer: web.Request) -> None:
        self._outer = outer
        self.csrf_token: str | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str | int] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Ask an endpoint. `path` is percent-encoded already. Raises Refused."""
        headers = self._headers()
        if idempotency_key is not None:
            headers[IDEMPOTENCY_HEADER] = idempotency_key
        content = b"" if body is None else json_text(body).encode("ascii")
        if body is not None:
            headers[hdrs.CONTENT_TYPE] = JSON_TYPE
            headers[hdrs.CONTENT_LENGTH] = str(len(content))
        url = URL(path, encoded=True).with_query(query or {})
        return await self._asked(method, url, headers, content)

    async def send(self, method: str, path: str, content: bytes, media_type: str) -> Answer:
        """`call` with a body that is a file. Raises Refused."""
        headers = self._headers()
        headers[hdrs.CONTENT_TYPE] = media_type
        headers[hdrs.CONTENT_LENGTH] = str(len(content))
        return await self._asked(method, URL(path, encoded=True), headers, content)

    def _headers(self) -> CIMultiDict[str]:
        # Each of its lines: that of the nearest proxy comes last.
        given = self._outer.headers
        headers = CIMultiDict([(name, line) for name in _HANDED_ON for line in given.getall(name, ())])
        if self.csrf_token is not None:
            headers[CSRF_HEADER] = self.csrf_token
        return headers

    async def _asked(self, method: str, url: URL, headers: CIMultiDict[str], content: bytes) -> Answer:
        response = await _InnerRequest(self._outer, method, url, headers, content).answered(self._outer.app)
        return _answer(response)

    async def get(self, path: str, **query: str | int) -> Answer:
        """`call` to read."""
        return await self.call(hdrs.METH_GET, path, query=query)

    async def post(self, path: str, **body: object) -> Answer:
        """`call` to change; an argument that is None is left out of the body."""
        return await self.call(hdrs.METH_POST, path, body={name: one for name, one in body.items() if one is not None})


def _answer(response: web.StreamResponse) -> Answer:
    """The envelope of a reply, opened. Raises Refused."""
    content = response.body if isinstance(response, web.Response) else None
    envelope: Any = json.loads(content) if isinstance(content, bytes) and content else {}
    if response.status >= 400:
        error = envelope.get("error")
        if error is None:
            raise Refused(_CRASHED)
        headers = tuple((name, response.headers[name]) for name in (hdrs.RETRY_AFTER,) if name in response.headers)
        raise Refused(ErrorReply(response.status, error["code"], error["message"], error.get("field"), headers))
    cookies = tuple(morsel.OutputString() for morsel in response.cookies.values())
    return Answer(response.status, envelope.get("data"), envelope.get("meta", {}), cookies)
