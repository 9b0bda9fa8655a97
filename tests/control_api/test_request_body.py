"""Bodies whose client is gone before all of them was read."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from control_api.errors import InvalidRequest
from control_api.request_body import read_form, read_json, read_upload, read_wav

Read = Callable[[web.Request, int], Awaitable[object]]
READS: list[tuple[Read, str]] = [
    (read_json, "application/json"),
    (read_wav, "audio/wav"),
    (read_form, "application/x-www-form-urlencoded"),
    (read_upload, "multipart/form-data; boundary=b"),
]
# None: what aiohttp says where the connection was gone before the request was anybody's.
FLAWS = [None, ConnectionResetError("reset"), ssl.SSLError(1, "bad record mac"), OSError(113, "No route to host")]


def asked(content_type: str, flaw: Exception | None, *, gone: bool) -> web.Request:
    """A request of whose body a part has come."""
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), 65_536, loop=asyncio.get_running_loop())
    content.feed_data(b"--b\r\n")
    if flaw is not None:
        content.set_exception(flaw)
    headers = {"Content-Type": content_type, "Content-Length": "1000"}
    connection: Any = SimpleNamespace(peername=None, sockname=None, ssl_context=None)
    transport: Any = None if gone else SimpleNamespace(is_closing=lambda: False)
    return make_mocked_request("POST", "/", headers, payload=content, protocol=connection, transport=transport)


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize(("read", "content_type"), READS)
async def test_a_client_that_leaves_within_its_body_is_no_crash(
    read: Read, content_type: str, flaw: Exception | None
) -> None:
    with pytest.raises(InvalidRequest):
        await read(asked(content_type, flaw, gone=True), 10_000)


@pytest.mark.parametrize(("read", "content_type"), READS)
async def test_what_fails_while_the_client_is_there_is_a_defect(read: Read, content_type: str) -> None:
    with pytest.raises(OSError, match="disk"):
        await read(asked(content_type, OSError(5, "disk"), gone=False), 10_000)
