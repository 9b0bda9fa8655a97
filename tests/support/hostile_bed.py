"""A running service among hostile peers: raw sockets at its trunks' addresses and at a stranger's, and what is looked
at after each attack."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import aiohttp

from b2bua.commands.operation import LOOKUP_THREADS
from b2bua.sip.errors import SipError
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from tests.support.agents import answer_to
from tests.support.certificates import Authority
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

TRUNK_HOST = "127.0.0.1"
STRANGER_HOST = "127.0.0.2"
GUARDED_HOST = "127.0.0.3"
CALLER, CALLED = "9876543210", "9123456789"
SDP_TYPE = "application/sdp"
USERNAME, PASSWORD = "guarded", "a long password"
_REPEAT_S = 0.5
_MOST_GROWTH_MIB = 96
_MOST_DESCRIPTORS_MORE = 8
# Most are the event loop's for look-ups, begun by the first connection that the service opens over TCP.
_MOST_THREADS_MORE = LOOKUP_THREADS + 2
_CALM_AFTER_S = 15.0


class RawPeer(asyncio.DatagramProtocol):
    """A UDP socket: all that came is kept, and `on_message` may answer what can be read."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.got: list[Request | Response] = []
        self.octets = bytearray()
        self.unreadable = 0
        self.on_message: Callable[[Request | Response], None] | None = None
        self._arrived = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._last_sent: tuple[bytes, int] | None = None

    async def open(self) -> "RawPeer":
        """Bind it."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    def close(self) -> None:
        """Unbind it."""
        if self._transport is not None:
            self._transport.close()

    def send(self, content: bytes, port: int) -> None:
        """To a port of the service."""
        assert self._transport is not None
        self._transport.sendto(content, (TRUNK_HOST, port))
        self._last_sent = content, port

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        """Keep it."""
        self.octets += data
        try:
            message = parse_message(data)
        except SipError:
            self.unreadable += 1
            return
        self.got.append(message)
        self._arrived.set()
        if self.on_message is not None:
            self.on_message(message)

    def error_received(self, _error: Exception) -> None:
        """An ICMP error: nobody listened at a port."""

    async def until(self, wanted: Callable[[Request | Response], bool], timeout_s: float = 10.0) -> Request | Response:
        """The first message that is wanted, once it has come. What was sent last is repeated meanwhile: in a flood the
        network loses some. Raises TimeoutError."""
        loop, looked_at = asyncio.get_running_loop(), 0
        repeat_at = loop.time() + _REPEAT_S
        async with asyncio.timeout(timeout_s):
            while True:
                # Only what is new: after a flood there are tens of thousands, and hundreds a second come again.
                for message in islice(self.got, looked_at, None):
                    if wanted(message):
                        return message
                looked_at = len(self.got)
                self._arrived.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(repeat_at):
                        await self._arrived.wait()
                # By the clock, not after a silence: what comes again of a flood leaves none for 32 s.
                if loop.time() >= repeat_at:
                    repeat_at = loop.time() + _REPEAT_S
                    if self._last_sent is not None:
                        self.send(*self._last_sent)

    async def status_of(self, call_id: str, method: str = "INVITE", *, cseq: int | None = None) -> int:
        """The final status of a request of ours."""

        def wanted(message: Request | Response) -> bool:
            return (
                isinstance(message, Response)
                and message.status >= 200
                and message.headers.get("Call-ID") == call_id
                and (message.headers.get("CSeq") or "").endswith(method)
                and cseq in (None, message.cseq.number)
            )

        message = await self.until(wanted)
        assert isinstance(message, Response)
        return message.status

    def statuses(self, *, leaving_out: Container[str] = ()) -> list[int]:
        """Of all responses that came, but for those in the calls that are left out."""
        return [
            message.status
            for message in self.got
            if isinstance(message, Response) and message.headers.get("Call-ID") not in leaving_out
        ]

    def forget(self) -> None:
        """What has come."""
        self.got.clear()
        self.octets.clear()


def sdp(port: int = 30_000, *, host: str = TRUNK_HOST, lines: Iterable[str] = ()) -> str:
    """A plain offer or answer of A-law at an address; further lines behind it."""
    return "\r\n".join(
        [
            "v=0",
            f"o=- 1 1 IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 8 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:101 telephone-event/8000",
            *lines,
            "",
        ]
    )


def request(
    method: str,
    user: str,
    call_id: str,
    at: RawPeer,
    service_port: int,
    *,
    transport: str = "UDP",
    cseq: int = 1,
    from_tag: str = "hostile",
    to_tag: str | None = None,
    branch: str | None = None,
    uri: str | None = None,
    headers: Iterable[str] = (),
    body: str | bytes = "",
    content_type: str = SDP_TYPE,
) -> bytes:
    """A request written by hand, whole and correct unless a part is given otherwise."""
    octets = body.encode() if isinstance(body, str) else body
    target = uri or f"sip:{user}@{TRUNK_HOST}:{service_port}"
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/{transport} {at.host}:{at.port};rport;branch=z9hG4bK{branch or f'{call_id}{method}{cseq}'}",
        "Max-Forwards: 70",
        f"From: <sip:{CALLER}@{at.host}:{at.port}>;tag={from_tag}",
        f"To: <sip:{user}@{TRUNK_HOST}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:{CALLER}@{at.host}:{at.port}>",
        *headers,
        *([f"Content-Type: {content_type}"] if octets else []),
        f"Content-Length: {len(octets)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + octets


@dataclass(frozen=True, slots=True)
class Held:
    """What the service holds at a moment."""

    resident_mib: float
    descriptors: int
    threads: int
    figures: dict[str, float]


@dataclass(slots=True)
class HostileBed:
    """See the module. `near` is a trunk's phone that calls, `far` the one that its `8...` calls reach, `guarded` one
    that is challenged; what `near` dials with a 7 comes back to the service itself."""

    service: ServiceUnderTest
    near: RawPeer
    far: RawPeer
    guarded: RawPeer
    stranger: RawPeer
    tls_port: int
    http: aiohttp.ClientSession
    _calls: int = 0
    _log_read: int = 0

    @property
    def sip_port(self) -> int:
        """The service's, of UDP and TCP."""
        return self.service.sip_port

    @property
    def api_key(self) -> str:
        """The customer's."""
        return self.service.client._key

    def begin(self) -> None:
        """Before an attack: nothing has come, and `far` behaves well."""
        for peer in (self.near, self.far, self.guarded, self.stranger):
            peer.forget()
        self.answer_everything()

    def new_call_id(self) -> str:
        """One that was not used."""
        self._calls += 1
        return f"hostile-{self._calls}"

    def used_call_ids(self) -> frozenset[str]:
        """Those of all calls so far. Final responses in them that nobody acknowledges come again for 32 s."""
        return frozenset(f"hostile-{number + 1}" for number in range(self._calls))

    def build(self, method: str, user: str, call_id: str, **changes: object) -> bytes:
        """A request of `near`."""
        return request(method, user, call_id, self.near, self.sip_port, **changes)  # type: ignore[arg-type]  # keyword values of a test

    def send(self, content: bytes) -> None:
        """From `near`."""
        self.near.send(content, self.sip_port)

    def answer_everything(self, **changes: str) -> None:
        """Let `far` behave well."""

        def answer(message: Request | Response) -> None:
            if isinstance(message, Request) and message.method != "ACK":
                offered = message.method == "INVITE"
                self.far.send(
                    answer_to(
                        message,
                        200,
                        to_tag="far",
                        contact=f"<sip:{CALLED}@{self.far.host}:{self.far.port}>",
                        headers=f"Content-Type: {SDP_TYPE}" if offered else "",
                        body=changes.get("body", sdp(30_002)) if offered else "",
                    ),
                    self.sip_port,
                )

        self.far.on_message = answer

    async def call(self) -> "TalkingCall":
        """A call from `near` to `far` that is answered and acknowledged."""
        call_id = self.new_call_id()
        self.send(self.build("INVITE", f"8{CALLED}", call_id, body=sdp()))
        response = await self.near.until(
            lambda message: (
                isinstance(message, Response) and message.status >= 200 and message.headers.get("Call-ID") == call_id
            )
        )
        assert isinstance(response, Response)
        assert response.status == 200, response.status
        talking = TalkingCall(self, call_id, response.to_tag or "")
        self.send(talking.build("ACK", 1))
        return talking

    async def normal_call(self) -> None:
        """A call is made and hung up."""
        self.answer_everything()
        talking = await self.call()
        await talking.hang_up()

    async def held(self) -> Held:
        """What the service's process holds now."""
        folder = Path(f"/proc/{self.service.service.pid}")
        async with self.http.get(f"{self.service.url}/metrics") as response:
            text = await response.text()
        figures = re.findall(r"^(maskbridge_[a-z_]+(?:\{[^}]*\})?) ([-0-9.e+]+)$", text, re.MULTILINE)
        return Held(
            resident_mib=self.service.resident_mib(),
            descriptors=len(os.listdir(folder / "fd")),
            threads=len(os.listdir(folder / "task")),
            figures={name: float(value) for name, value in figures},
        )

    async def is_well(self, before: Held) -> None:
        """Alive, ready, able to carry a call, holding what it held, silent about numbers and about mistakes of its."""
        assert self.service.service.running, self.service.service.last_words()
        async with self.http.get(f"{self.service.url}/readyz") as response:
            assert response.status == 200
        now = await self._calm(before)
        assert now.figures["maskbridge_live_calls"] == 0
        assert now.descriptors <= before.descriptors + _MOST_DESCRIPTORS_MORE
        assert now.threads <= before.threads + _MOST_THREADS_MORE
        assert now.resident_mib <= before.resident_mib + _MOST_GROWTH_MIB
        await self.normal_call()
        said = self.new_log_lines()
        assert "Traceback" not in said, said[-4000:]
        assert CALLER not in said, "a number is in the log"
        assert CALLED not in said, "a number is in the log"

    async def _calm(self, before: Held) -> Held:
        """What is held once the calls of an attack have ended, or it is late."""
        late = asyncio.get_running_loop().time() + _CALM_AFTER_S
        while True:
            now = await self.held()
            calls, more = now.figures["maskbridge_live_calls"], now.descriptors - before.descriptors
            if (calls == 0 and more <= _MOST_DESCRIPTORS_MORE) or asyncio.get_running_loop().time() > late:
                return now
            await asyncio.sleep(0.05)

    def new_log_lines(self) -> str:
        """What the service has said since the last look."""
        text = (self.service.folder / "service.log").read_text("utf-8", "replace")
        new, self._log_read = text[self._log_read :], len(text)
        return new


@dataclass(frozen=True, slots=True)
class TalkingCall:
    """An answered call of `near`."""

    bed: HostileBed
    call_id: str
    to_tag: str

    def build(self, method: str, cseq: int, **changes: object) -> bytes:
        """A request in its dialog."""
        return self.bed.build(method, f"8{CALLED}", self.call_id, cseq=cseq, **{"to_tag": self.to_tag, **changes})

    async def hang_up(self, cseq: int = 1_000) -> None:
        """BYE, and its 200."""
        self.bed.send(self.build("BYE", cseq))
        found = await self.bed.near.status_of(self.call_id, "BYE", cseq=cseq)
        course = [message for message in self.bed.near.got if message.headers.get("Call-ID") == self.call_id]
        assert found == 200, f"{course}\n{self.bed.service.service.last_words()}"


@asynccontextmanager
async def hostile_bed(folder: Path) -> AsyncIterator[HostileBed]:
    """Start it all."""
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(10))
        made = Authority(folder).issue(TRUNK_HOST)
        sip = first + 4
        listen = [f"udp://{TRUNK_HOST}:{sip}", f"tcp://{TRUNK_HOST}:{sip}", f"tls://{TRUNK_HOST}:{sip + 1}"]
        near, far = RawPeer(TRUNK_HOST, first), RawPeer(TRUNK_HOST, first + 1)
        guarded, stranger = RawPeer(GUARDED_HOST, first), RawPeer(STRANGER_HOST, 0)
        sections: dict[str, dict[str, object]] = {
            "sip": {
                "listen": listen,
                "tls_certificate": str(made.certificate),
                "tls_key": str(made.key),
            },
            "calls": {"record": False},
            "media": {"rtp_timeout_s": 1, "rtp_timeout_early_s": 1, "rtp_timeout_hold_s": 1, "port_rest_s": 0},
        }
        trunks = [
            trunk("near", near.port, reliable_provisional="supported"),
            trunk("far", far.port),
            trunk("itself", sip),
            trunk("guarded", first, challenge_username=USERNAME, challenge_password=PASSWORD)
            | {"uri": f"sip:{GUARDED_HOST}:{first}", "numbers": []},
        ]
        routes = [
            {"match": "8.*", "to": f"sip:{{user}}@{TRUNK_HOST}:{far.port}", "via": "far"},
            {"match": "7.*", "to": f"sip:{{user}}@{TRUNK_HOST}:{sip}", "via": "itself"},
        ]
        async with (
            service_under_test(folder, trunks, sections=sections, routes=routes, media_ports=200) as service,
            aiohttp.ClientSession() as http,
        ):
            service.sip_port = sip
            peers = [await peer.open() for peer in (near, far, guarded, stranger)]
            for peer in peers:
                stack.callback(peer.close)
            await _sockets_are_ready(service)
            yield HostileBed(service, near, far, guarded, stranger, sip + 1, http)


async def _sockets_are_ready(service: ServiceUnderTest) -> None:
    """Wait until all media sockets are open that a service opens ahead, so that they are not taken for a leak."""
    folder, seen = Path(f"/proc/{service.service.pid}/fd"), 0
    for _ in range(40):
        before, seen = seen, len(os.listdir(folder))
        if before == seen:
            return
        await asyncio.sleep(0.5)
