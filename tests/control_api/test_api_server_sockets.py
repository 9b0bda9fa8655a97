"""The API's own server on real sockets: what is no HTTP, TLS, closing."""

import asyncio
import base64
import errno
import gzip
import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import streams, web, web_protocol
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from b2bua.certificates import CertificateUnusable
from control_api import app as app_module
from control_api import http_listener, http_protocol, request_body
from control_api.boundary import Boundary
from control_api.docs_site import load_site
from control_api.exchange import Documents
from control_api.tls import server_context
from tests.support.api_world import KEY
from tests.support.running_api import RunningApi
from tests.support.until import until

pytestmark = pytest.mark.sockets

NOW = datetime(2025, 1, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


async def exchange(port: int, raw: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """All that comes back until the server closes, or resets."""
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
        )
    except ConnectionResetError:
        return b""
    writer.write(raw)
    try:
        return await rest(reader)
    finally:
        writer.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the server closes, or resets."""
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""


def parts(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = reply.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


async def test_a_request_is_answered() -> None:
    async with RunningApi() as port:
        status, headers, body = parts(await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE))
        assert (status, json.loads(body)["data"]) == (200, {"status": "ok"})
        assert headers["Server"] == "maskbridge"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"OPTIONS sip:x@y SIP/2.0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/masking/calls HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_400_in_json(raw: bytes) -> None:
    async with RunningApi() as port:
        reply = await exchange(port, raw)
        status, headers, body = parts(reply)
        assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_request")
        assert headers["X-Request-Id"]
        assert headers["Content-Type"] == "application/json"
        assert headers["Server"] == "maskbridge"


@pytest.mark.parametrize("method", [b"BREW", b"get", b"X-Y"])
async def test_a_method_that_nobody_knows_is_405_in_json(method: bytes) -> None:
    async with RunningApi() as port:
        status, headers, body = parts(await exchange(port, method + b" /v1/masking/calls HTTP/1.1\r\n" + CLOSE))
        assert (status, json.loads(body)["error"]["code"]) == (405, "method_not_allowed")
        # Those of this path, where it named all that there are anywhere: RFC 9110 section 15.5.6.
        assert headers["Allow"] == "POST"
        assert headers["X-Request-Id"]


async def test_a_method_that_nobody_knows_at_no_path_is_404_in_json() -> None:
    async with RunningApi() as port:
        status, headers, body = parts(await exchange(port, b"BREW /nope?x=1 HTTP/1.1\r\n" + CLOSE))
        assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
        assert "Allow" not in headers


@pytest.mark.parametrize(
    ("given", "echoed"), [(b"mine-1", True), (b"a" * 65, False), (b"no id", False), (b"<x>", False)]
)
async def test_a_sane_request_id_is_echoed_whatever_the_method(given: bytes, echoed: bool) -> None:
    async with RunningApi() as port:
        raw = b"BREW /v1/masking/billing HTTP/1.1\r\nx-request-id: " + given + b"\r\n" + CLOSE
        status, headers, _ = parts(await exchange(port, raw))
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert (headers["X-Request-Id"] == given.decode()) == echoed


@pytest.mark.parametrize("coding", [b"br", b"zstd"])
async def test_a_coding_that_the_server_cannot_undo_is_415_in_json(coding: bytes) -> None:
    async with RunningApi() as port:
        raw = b"POST /v1/masking/calls HTTP/1.1\r\nContent-Encoding: " + coding + b"\r\nContent-Length: 2\r\n" + CLOSE
        status, _, body = parts(await exchange(port, raw + b"{}"))
        assert (status, json.loads(body)["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nothing of the kind\r\n\r\n", 400),
        (b"BREW /nope HTTP/1.1\r\n" + CLOSE, 404),
        (b"BREW /healthz HTTP/1.1\r\n" + CLOSE, 405),
    ],
)
async def test_what_comes_to_no_route_is_counted_once_among_the_requests(raw: bytes, status: int) -> None:
    async with RunningApi() as port:
        assert parts(await exchange(port, raw))[0] == status
        told = await exchange(port, b"GET /metrics HTTP/1.1\r\n" + CLOSE)
    counted = [line for line in told.decode().splitlines() if line.startswith("maskbridge_api_requests_total{")]
    assert counted == [f'maskbridge_api_requests_total{{method="other",path="unmatched",status="{status}"}} 1.0']


async def test_an_unknown_expectation_is_refused_in_json() -> None:
    async with RunningApi() as port:
        raw = b"GET /healthz HTTP/1.1\r\nExpect: miracles\r\n" + CLOSE
        status, headers, body = parts(await exchange(port, raw))
        assert (status, headers["Content-Type"]) == (417, "application/json")
        assert json.loads(body)["error"]["code"] == "invalid_request"


async def test_a_crash_outside_every_route_is_500_in_json(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_boundary: Boundary, _request: object) -> None:
        raise RuntimeError("of 9876543210")

    monkeypatch.setattr(Boundary, "_open", broken)
    async with RunningApi() as port:
        status, headers, body = parts(await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE))
    assert (status, json.loads(body)["error"]["code"]) == (500, "internal_error")
    assert headers["Connection"] == "close"
    assert "98******10" in caplog.text
    assert "9876543210" not in caplog.text


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT_S", 0.01)
    monkeypatch.setattr("control_api.http_protocol.LINGERING_S", 0.5)
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/masking/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
            b"Authorization: Bearer " + KEY.encode() + b"\r\n\r\n{"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 400")
        writer.close()


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"])
async def test_a_head_that_only_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    """The first by a limit of its own, those after it by the keep-alive time."""
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(app_module, "KEEP_ALIVE_S", 0.2)
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before + b"GET / HTTP/1.1\r\n")
        closed = asyncio.ensure_future(reader.read())
        for _ in range(200):
            done, _ = await asyncio.wait([closed], timeout=0.05)
            if done:
                break
            writer.write(b"X: y\r\n")
        assert closed.done(), "it is held for as long as its client wants"
        writer.close()


async def test_a_connection_whose_first_head_came_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.05)
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"}}"), 5)
        more = asyncio.ensure_future(reader.read())
        assert not (await asyncio.wait([more], timeout=0.2))[0]
        writer.close()
        assert await more == b""


async def test_a_body_that_is_not_compressed_as_it_says_is_no_mistake_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with RunningApi() as port:
        raw = (
            b"POST /v1/masking/calls HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
            b"Authorization: Bearer " + KEY.encode() + b"\r\nContent-Length: 20\r\n" + CLOSE
        )
        status, _, _ = parts(await exchange(port, raw + b"x" * 20))
        assert status == 400
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/masking/calls"), ("GET", "/v1/masking/billing")])
async def test_rfc9112_s9_6_the_last_reply_before_a_close_says_so(method: str, path: str) -> None:
    """What comes after a body that cannot be read is no request: a client must not send another on that connection."""
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Length: 20\r\n\r\n{'x' * 20}".encode()
        )
        reply = await asyncio.wait_for(reader.read(), 5)
        _, headers, _ = parts(reply)
        assert headers["Connection"] == "close"
        writer.close()


@pytest.mark.parametrize(
    "more", ["", "Content-Encoding: identity\r\n"], ids=["one coding", "two, the last of which counts"]
)
@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 405), ("/nope", 404), ("/v1/masking/calls", 413), ("/v1/account/sessions", 413)]
)
async def test_what_is_left_of_a_compressed_body_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch, path: str, status: int, more: str
) -> None:
    """Little that is sent would be a great deal of work after the reply, and everything else would wait for it."""
    unpacked = 0
    feed_data = streams.StreamReader.feed_data

    def count(reader: streams.StreamReader, data: bytes, size: int = 0) -> bool:
        nonlocal unpacked
        unpacked += len(data)
        return feed_data(reader, data, size)

    monkeypatch.setattr(streams.StreamReader, "feed_data", count)
    monkeypatch.setattr("control_api.http_protocol.LINGERING_S", 0.5)
    bomb = gzip.compress(b" " * 50_000_000)
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}Content-Encoding: gzip\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
            + bomb
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        told, headers, _ = parts(head)
        assert (told, headers["Connection"]) == (status, "close")
        assert unpacked < len(bomb) * 100, "of a thousand times as much"
        writer.close()


def in_chunks(body: bytes, size: int, headers: bytes = b"") -> bytes:
    """A body as chunked transfer coding has it (RFC 9112 section 7.1), to a path that wants a key."""
    head = b"POST /v1/masking/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return head + KEY.encode() + b"\r\nTransfer-Encoding: chunked\r\n" + headers + b"\r\n" + coded


CODINGS = [(b"", lambda body: body), (b"Content-Encoding: gzip\r\n", lambda body: gzip.compress(body, 0))]


@pytest.mark.parametrize(("coding", "coded"), CODINGS)
async def test_a_body_of_many_chunks_leaves_everybody_else_their_turns(
    monkeypatch: pytest.MonkeyPatch, coding: bytes, coded: Callable[[bytes], bytes]
) -> None:
    turn, parsed_in = 0, Counter[int]()
    parse = web.RequestHandler.data_received

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def counted(protocol: web.RequestHandler, data: bytes) -> None:
        parsed_in[turn] += len(data)
        parse(protocol, data)

    monkeypatch.setattr(web.RequestHandler, "data_received", counted)
    ticking = asyncio.create_task(count_turns())
    raw = in_chunks(coded(b'{"from": "' + b"9" * 40_000 + b'", "from": ""}'), 1, coding)
    async with RunningApi() as port:
        reply = await exchange(port, raw + b"GET /readyz HTTP/1.1\r\n" + CLOSE)
    ticking.cancel()
    assert parsed_in.total() >= 240_000
    assert max(parsed_in.values()) <= http_protocol.FED_AT_ONCE
    # All of it was read, in its order, and what came behind it was answered.
    assert b"The body has a name twice in one object." in reply
    assert reply.count(b"HTTP/1.1 ") == 2


async def test_all_requests_behind_a_large_one_are_answered() -> None:
    """More of them than aiohttp takes in at once, in one read with a body that takes more than a turn."""
    many = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 100
    async with RunningApi() as port:
        raw = in_chunks(b'{"from": "' + b"9" * 40_000 + b'", "from": ""}', 8_000)
        reply = await exchange(port, raw + many + b"GET /readyz HTTP/1.1\r\n" + CLOSE)
    assert reply.count(b"HTTP/1.1 ") == 102


@pytest.mark.parametrize("before", [0, 28], ids=["at once", "behind others"])
async def test_what_comes_behind_a_change_of_protocol_leaves_everybody_else_their_turns(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Nobody here agrees to another protocol (RFC 9110 section 7.8): what follows is HTTP as before."""
    parsed: list[int] = []
    parser: Any = vars(web_protocol)["HttpRequestParser"]

    def counted(self: Any, data: bytes) -> Any:
        parsed.append(len(data))
        return parser.feed_data(self, data)

    monkeypatch.setattr(web_protocol, "HttpRequestParser", type("Counted", (parser,), {"feed_data": counted}))
    one = b"GET /readyz HTTP/1.1\r\nHost: x\r\n"
    asking = one + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    large = in_chunks(b'{"from": "' + b"9" * 40_000 + b'", "from": ""}', 1)
    async with RunningApi() as port:
        raw = (one + b"\r\n") * before + asking + large + asking + (one + b"\r\n") * 100 + one + CLOSE[9:]
        reply = await exchange(port, raw)
    assert b"The body has a name twice in one object." in reply
    assert reply.count(b"HTTP/1.1 ") == before + 104
    assert sum(parsed) >= len(raw)
    assert max(parsed) <= http_protocol.FED_AT_ONCE


async def test_a_change_of_protocol_whose_body_comes_after_its_reply_holds_up_nothing_behind_it() -> None:
    head = (
        b"POST /nope HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 40000\r\n\r\n"
    )
    asking = head + b"x" * 40_000
    async with RunningApi() as port:
        reply = await exchange(port, asking * 2 + b"GET /readyz HTTP/1.1\r\n" + CLOSE)
    assert (reply.count(b"HTTP/1.1 404"), reply.count(b"HTTP/1.1 200")) == (2, 1)


async def test_a_client_that_leaves_in_the_middle_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    async with RunningApi() as port:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /v1/masking/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
                b"Authorization: Bearer " + KEY.encode() + b"\r\n\r\n{"
            )
            await writer.drain()
            assert (await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE)).startswith(b"HTTP/1.1 200")
            writer.transport.abort()
            for _ in range(3):
                assert (await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE)).startswith(b"HTTP/1.1 200")
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


async def test_connections_are_bounded_and_those_that_ask_for_nothing_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_listener, "MAX_CONNECTIONS", 2)
    async with RunningApi() as port:
        silent, idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        idle[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await idle[0].readuntil(b"}}")).startswith(b"HTTP/1.1 200")
        others = []
        for reader, _ in (silent, idle):
            others.append(await asyncio.open_connection("127.0.0.1", port))
            assert await rest(reader) == b""
        assert (await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE)).startswith(b"HTTP/1.1 200")
        for _, writer in (silent, idle, *others):
            writer.close()


async def test_one_connection_too_many_is_reset_where_all_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "MAX_CONNECTIONS", 1)
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b"{}"
        writer.write(
            b"POST /v1/masking/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 100")
        assert await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE) == b""
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"\r\nHTTP/1.1 400")
        writer.close()


async def test_handshakes_count_as_connections_and_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "MAX_CONNECTIONS", 2)
    async with RunningApi(server_context(*certificate_files(tmp_path))) as port:
        half_open = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await rest(half_open[0][0]) == b""
        assert (await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE, unverified())).startswith(b"HTTP/1.1 200")
        for _, writer in half_open:
            writer.close()


async def test_a_handshake_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "HEAD_TIMEOUT_S", 0.1)
    async with RunningApi(server_context(*certificate_files(tmp_path))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/docs/api/"])
async def test_a_client_that_reads_nothing_costs_little_memory(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    large = b"x" * 16_000_000  # more than the system's own buffers take
    monkeypatch.setattr(app_module, "_documents", lambda *_: Documents(large, large, load_site()))
    api = RunningApi()
    async with api as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        server = api.server._runner.server
        assert server is not None
        await until(lambda: any(connection._paused for connection in server.connections))
        (connection,) = server.connections
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() < 1_000_000
        writer.transport.abort()


async def test_the_listener_goes_on_when_the_system_had_nothing_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_listener, "PAUSE_S", 0.01)
    accept, failures = socket.socket.accept, [OSError(errno.EMFILE, "Too many open files")]

    def failing(listening: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", failing)
    async with RunningApi() as port:
        assert (await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE)).startswith(b"HTTP/1.1 200")
    assert "no connection can be taken: Too many open files" in caplog.text


async def test_an_idle_connection_does_not_hold_up_closing() -> None:
    async with RunningApi() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_taken_port_is_said() -> None:
    async with RunningApi() as port:
        with pytest.raises(OSError, match="Address already in use"):
            await RunningApi(port=port).__aenter__()


def certificate_files(folder: Path, until: datetime = NOW + timedelta(days=30)) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "c.pem", folder / "k.pem"
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_path, key_path


def patched(file: Path, old: bytes, new: bytes) -> bytes:
    """A PEM file with something else in it."""
    head, *lines, tail = file.read_text("ascii").splitlines()
    content = base64.b64decode("".join(lines))
    assert content.count(old) == 1
    return "\n".join((head, base64.b64encode(content.replace(old, new)).decode("ascii"), tail, "")).encode("ascii")


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_https(tmp_path: Path) -> None:
    certificate, key = certificate_files(tmp_path)
    async with RunningApi(server_context(certificate, key, NOW_MS)) as port:
        status, _, _ = parts(await exchange(port, b"GET /healthz HTTP/1.1\r\n" + CLOSE, unverified()))
        assert status == 200


async def test_rfc7301_a_client_that_speaks_http_2_too_is_told_which_is_spoken(tmp_path: Path) -> None:
    asking = unverified()
    asking.set_alpn_protocols(["h2", "http/1.1"])
    async with RunningApi(server_context(*certificate_files(tmp_path))) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=asking)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()


def test_tls_is_1_2_or_later(tmp_path: Path) -> None:
    context = server_context(*certificate_files(tmp_path))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_unusable_certificates_are_named(tmp_path: Path) -> None:
    good, key = certificate_files(tmp_path)
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    _, other_key = certificate_files(elsewhere)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    day_ms = 86_400_000
    strange, broken, strange_key = (tmp_path / name for name in ("strange.pem", "broken.pem", "strange.key"))
    curve = bytes.fromhex("06082a8648ce3d030107")
    strange.write_bytes(patched(good, curve, curve[:-1] + b"\x55"))
    point = (
        x509.load_pem_x509_certificate(good.read_bytes())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    broken.write_bytes(patched(good, point, b"\x09" + point[1:]))
    strange_key.write_bytes(patched(key, curve, curve[:-1] + b"\x55"))
    locked = tmp_path / "locked.key"
    secret = BestAvailableEncryption(b"secret")
    private = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    for certificate, its_key, now_ms, why in (
        (tmp_path / "missing.pem", key, NOW_MS, "missing.pem: cannot be read"),
        (good, tmp_path / "missing.pem", NOW_MS, "missing.pem: cannot be read"),
        (empty, key, NOW_MS, "empty.pem: holds no PEM certificate"),
        (good, empty, NOW_MS, "empty.pem: holds no PEM private key"),
        (good, locked, NOW_MS, "locked.key: holds no PEM private key without a password"),
        (good, other_key, NOW_MS, "is not the key of"),
        (strange, key, NOW_MS, "strange.pem: is of a key that cannot be used"),
        (broken, key, NOW_MS, "broken.pem: is of a key that cannot be used"),
        (good, strange_key, NOW_MS, "strange.key: is a key of a kind that cannot be used"),
        (good, key, NOW_MS + 31 * day_ms, "c.pem: expired on 2025-01-31"),
        (good, key, NOW_MS - 2 * day_ms, "c.pem: is not valid before 2024-12-31"),
    ):
        with pytest.raises(CertificateUnusable, match=why):
            server_context(certificate, its_key, now_ms)
