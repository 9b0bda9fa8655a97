"""Hostile octets over TCP and TLS, RTP that is none or not the party's, and HTTP clients that mean ill; see
`hostile_signalling`."""

import asyncio
import gzip
import random  # noqa: TID251 - seeded
import re
import socket
import ssl
import struct
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from b2bua.sip.message import Request, Response
from tests.support.hostile_bed import STRANGER_HOST, TRUNK_HOST, HostileBed
from tests.support.hostile_signalling import Attack

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_ENOUGH_S: Final = 2.0
_MOST_OF_A_PEER: Final = 240  # of each kind: 500 of one address are served in all
_LONG_ENOUGH_S: Final = 20.0


async def _open(port: int, *, tls: bool = False, host: str = TRUNK_HOST) -> Streams:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(TRUNK_HOST, port, local_addr=(host, 0), ssl=context)


async def _exchange(streams: Streams, content: bytes, until: bytes | None, *, piece: int | None = None) -> bytes:
    """What comes back until `until` or the end of the connection."""
    reader, writer = streams
    came = b""
    try:
        for start in range(0, len(content), piece or len(content)):
            writer.write(content[start : start + (piece or len(content))])
            await asyncio.sleep(0)
        async with asyncio.timeout(_ENOUGH_S):
            while until is None or until not in came:
                chunk = await reader.read(65_536)
                if not chunk:
                    break
                came += chunk
    except (ConnectionError, ssl.SSLError):
        pass  # cut off by the service: what came is what counts
    finally:
        await _cut(writer)
    return came


async def _cut(*writers: asyncio.StreamWriter) -> None:
    """Cut connections off; their sockets are closed then."""
    for writer in writers:
        writer.transport.abort()
    for writer in writers:
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def _options(bed: HostileBed, **changes: object) -> bytes:
    return bed.build("OPTIONS", "x", bed.new_call_id(), transport="TCP", **changes)


async def broken_framing(bed: HostileBed, _scale: int) -> None:
    """Content-Length that lies, heads without end, one octet at a time: an answer, a 400 and the end, or the end."""
    plain, zero = _options(bed), b"Content-Length: 0"
    for tls in (False, True):
        port = bed.tls_port if tls else bed.sip_port
        assert b" 200 " in await _exchange(await _open(port, tls=tls), _options(bed), b"\r\n\r\n", piece=1)
        assert (await _exchange(await _open(port, tls=tls), _options(bed) * 2, b"\r\n\r\nSIP/2.0 200")).count(b" 200 ")
        for content in (
            plain[:60] + b"\r\n\r\n" + plain,
            _options(bed, headers=["X: y"] * 3_000),
            plain.replace(zero, b"Content-Length: 70000"),
            plain.replace(zero, b"Content-Length: -1"),
            plain.replace(zero, b"Content-Length: 1e3"),
            plain.replace(zero, zero + b"\r\nContent-Length: 5"),
            plain.replace(zero + b"\r\n", b""),
            plain.replace(zero, b"Content-Length: " + b"9" * 5_000),
        ):
            assert b" 400 " in await _exchange(await _open(port, tls=tls), content, None), content[-80:]
        for content in (
            _options(bed, headers=["X: y"] * 10_000),
            b"A" * 500_000,
            b"\0" * 70_000,
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            assert b" 200 " not in await _exchange(await _open(port, tls=tls), content, None)


async def garbage_for_tls(bed: HostileBed, _scale: int) -> None:
    """What is no handshake, on the TLS port."""
    dice = random.Random(6)
    for content in (
        _options(bed),
        b"\x16\x03\x01\x02\x00" + dice.randbytes(512),
        dice.randbytes(5_000),
        b"\x16\x03\x03\xff\xff" + b"\0" * 70_000,
    ):
        assert b"SIP/2.0" not in await _exchange(await _open(bed.tls_port), content, None)


async def crowds_of_connections(bed: HostileBed, scale: int) -> None:
    """Many that say half a message, half a handshake, or come from strangers: others are served meanwhile."""
    each = min(60 * scale, _MOST_OF_A_PEER)
    held = [await _open(bed.sip_port) for _ in range(each)]
    held += [await _open(bed.tls_port) for _ in range(each)]
    for _, writer in held:
        writer.write(b"OPTIONS sip:x SI")
    assert b" 200 " in await _exchange(await _open(bed.sip_port), _options(bed), b"\r\n\r\n")
    assert b" 200 " in await _exchange(await _open(bed.tls_port, tls=True), _options(bed), b"\r\n\r\n")
    await bed.normal_call()
    for _ in range(10 * scale):
        with suppress(ConnectionError):  # closed as it comes
            stranger = await _open(bed.sip_port, host=STRANGER_HOST)
            assert await _exchange(stranger, _options(bed), None) == b"", "a stranger was answered"
    await _cut(*(writer for _, writer in held))


async def a_peer_that_never_reads(bed: HostileBed, _scale: int) -> None:
    """Requests without end whose answers nobody takes: the connection is closed."""
    small = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, (TRUNK_HOST, bed.sip_port))
    _, writer = await asyncio.open_connection(sock=small)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # every stream's transport can
    content = b"".join(_options(bed) for _ in range(200))
    try:
        async with asyncio.timeout(_LONG_ENOUGH_S):
            while True:
                writer.write(content)
                await writer.drain()
                await asyncio.sleep(0.001)
    except ConnectionError:
        return
    except TimeoutError:
        raise AssertionError("a peer that reads nothing may write without end") from None
    finally:
        await _cut(writer)


async def hostile_rtp(bed: HostileBed, scale: int) -> None:
    """Of a live call: RTP from a stranger, garbage from the party, RTCP that says BYE. The party alone is heard."""
    talking = await bed.call()
    answered = next(
        each
        for each in bed.near.got
        if isinstance(each, Response) and each.status == 200 and each.headers.get("Call-ID") == talking.call_id
    )
    asked = next(each for each in reversed(bed.far.got) if isinstance(each, Request) and each.method == "INVITE")
    port, far_port = (int(re.findall(rb"m=audio (\d+)", each.body)[0]) for each in (answered, asked))
    party, listener, stranger = (_bound(*at) for at in ((TRUNK_HOST, 30_000), (TRUNK_HOST, 30_002), (STRANGER_HOST, 0)))
    with party, listener, stranger:
        dice = random.Random(7)
        for number in range(100 * scale):
            stranger.sendto(_rtp(number, b"\x11" * 160), (TRUNK_HOST, port))
            party.sendto(dice.randbytes(dice.choice((0, 1, 11, 12, 13, 172, 1_400, 9_000))), (TRUNK_HOST, port))
            party.sendto(struct.pack(">BBHI", 0x81, 203, 1, 7), (TRUNK_HOST, port))
            stranger.sendto(struct.pack(">BBHI", 0x81, 203, 1, 7), (TRUNK_HOST, port + 1))
            if number % 25 == 0:
                listener.sendto(_rtp(number, b"\x33" * 160), (TRUNK_HOST, far_port))  # no leg is silent for long
                await asyncio.sleep(0.01)
        heard = b""
        for number in range(250):  # 5 s at most, on a machine that has other things to do
            party.sendto(_rtp(number, b"\x22" * 160), (TRUNK_HOST, port))
            listener.sendto(_rtp(number, b"\x33" * 160), (TRUNK_HOST, far_port))
            await asyncio.sleep(0.02)
            heard += _all_of(listener)
            if b"\x22" * 160 in heard:
                break
    assert b"\x22" * 160 in heard
    assert b"\x11" * 160 not in heard
    await talking.hang_up()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((host, port))
    bound.setblocking(False)
    return bound


def _rtp(sequence: int, payload: bytes) -> bytes:
    return struct.pack(">BBHII", 0x80, 8, sequence, sequence * 160, 7) + payload


def _all_of(listener: socket.socket) -> bytes:
    came = b""
    while True:
        try:
            came += listener.recv(65_536)
        except BlockingIOError:
            return came


CALLS: Final = "/v1/masking/calls"


async def hostile_http(bed: HostileBed, _scale: int) -> None:
    """Bodies and heads that are none: never a 500, and never a mistake of ours in the log."""
    deep = 20_000
    for body in (
        b"{",
        b"[" * deep,
        b"[" * deep + b"]" * deep,
        b'{"a":' * 10_000,
        b"9" * 60_000,
        b'{"ring_timeout_sec":1e999}',
        b'{"ring_timeout_sec":NaN}',
        b'{"party_a":"\\u0000","party_b":"\\ud800"}',
        b'{"party_a":"\xff\xfe"}',
        b"null",
    ):
        assert await _http(bed, "POST", CALLS, body) == 400, body[:40]
    assert await _http(bed, "POST", CALLS, b"x" * 70_000) == 413
    assert await _http(bed, "POST", CALLS, b"x" * 20, "Content-Encoding: gzip\r\n") == 400
    assert await _http(bed, "POST", CALLS, gzip.compress(b"[" * 10_000_000), "Content-Encoding: gzip\r\n") == 413
    for target in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/%00", "/v1/%ff%fe"):
        assert await _http(bed, "GET", target) == 404, target
    assert await _http(bed, "GET", "/" + "a" * 70_000) == 400
    assert await _http(bed, "GET", "/", b"", "X: y\r\n" * 10_000) == 400
    assert await _http(bed, "GET", f"{CALLS}/%F0%9F%98%80?page=99999999999999999999&status=%00") in (400, 404)


async def _http(bed: HostileBed, method: str, target: str, body: bytes = b"", headers: str = "") -> int:
    """The status that is answered."""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {bed.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    port = urlsplit(bed.service.url).port
    assert port is not None
    came = await _exchange(await _open(port), head.encode() + body, b"\r\n\r\n")
    return int(came.split(b" ", 2)[1])


STREAMS: Final[tuple[Attack, ...]] = (
    broken_framing,
    garbage_for_tls,
    crowds_of_connections,
    a_peer_that_never_reads,
    hostile_rtp,
    hostile_http,
)
