"""A toy carrier: scaffolding of the demo, no part of the product.

pyVoIP insists on a registrar and sends everything it says to it. So this one socket plays a carrier in front of both
phones: it accepts any REGISTER, hands what the product sends to the phone that was dialled, and hands back what the
phone answers, with its own Contact in place of the phone's. It keeps no transactions and repeats nothing: the branch of
its Via is computed from the one it found, so a CANCEL or an ACK meets its INVITE's.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import Final, cast

Address = tuple[str, int]

#: Numbers are told apart by their last ten digits, however they are written.
_NUMBER_DIGITS: Final = 10
#: Datagrams kept for whoever wants to read along; later ones are not kept.
_MOST_KEPT: Final = 20_000
_BRANCH: Final = "z9hG4bK-toy-"
_URI: Final = re.compile(r"sip:(?:([^@;>\s]*)@)?([^:;>\s]+)(?::(\d+))?")
_SENT_BY: Final = re.compile(r"SIP/2\.0/UDP\s+([^:;\s]+)(?::(\d+))?", re.IGNORECASE)
_RECEIVED: Final = re.compile(r";\s*received=([^;\s]+)", re.IGNORECASE)
_RPORT: Final = re.compile(r";\s*rport=(\d+)", re.IGNORECASE)
_BARE_RPORT: Final = re.compile(r";\s*rport(?=;|$)", re.IGNORECASE)
_BRANCH_OF: Final = re.compile(r";\s*branch=([^;\s]+)", re.IGNORECASE)


@dataclass(slots=True)
class _Message:
    """A SIP message taken apart no further than a toy needs: start line, header lines in order, body."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def parse(cls, content: bytes) -> "_Message | None":
        head, _, body = content.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        headers = [
            (name.strip(), value.strip()) for name, colon, value in (x.partition(":") for x in lines[1:]) if colon
        ]
        return cls(lines[0], headers, body) if " " in lines[0] else None

    def render(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode() + self.body

    def get(self, name: str) -> str:
        """The first value of a header, empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def replace_first(self, name: str, value: str | None) -> None:
        """Give the first header of that name another value; None takes it away."""
        for index, (key, _) in enumerate(self.headers):
            if key.lower() == name:
                self.headers[index : index + 1] = [] if value is None else [(key, value)]
                return


@dataclass(frozen=True, slots=True)
class Passed:
    """A datagram that went through: when (monotonic seconds of the loop), which way, what."""

    at: float
    source: Address
    destination: Address
    content: bytes


class ToyCarrier(asyncio.DatagramProtocol):
    """Registrar and stateless go-between of the demo's phones, on one UDP socket."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self._phones: dict[str, Address] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> "ToyCarrier":
        """A carrier listening on a free port of `host`."""
        _, carrier = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, 0))
        return carrier

    @property
    def address(self) -> Address:
        """Where it listens."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        # Event loops' datagram transports are not all subclasses of asyncio's.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Register, answer, or pass on; what makes no sense is dropped."""
        message = _Message.parse(data)
        if message is None:
            return
        if message.start.startswith("SIP/2.0 "):
            self._pass_response(message, addr)
        elif message.start.startswith("REGISTER "):
            self._register(message, addr)
        elif addr in self._phones.values():
            self._pass_from_phone(message, addr)
        elif message.start.startswith("OPTIONS "):
            self._answer(message, addr, "200 OK")
        else:
            self._pass_to_phone(message, addr)

    def _register(self, request: _Message, source: Address) -> None:
        found = _URI.search(request.get("to"))
        number = _number(found[1] or "") if found else ""
        if not number:
            self._answer(request, source, "400 Bad Request")
            return
        if request.get("expires") == "0":
            self._phones.pop(number, None)
        else:
            self._phones[number] = source
        self._answer(request, source, "200 OK", ("Contact", request.get("contact")))

    def _pass_to_phone(self, request: _Message, source: Address) -> None:
        found = _URI.search(request.start)
        phone = self._phones.get(_number(found[1] or "")) if found else None
        if phone is None:
            if not request.start.startswith("ACK "):
                self._answer(request, source, "404 Not Found")
            return
        above = request.get("via")
        received = f";received={source[0]};rport={source[1]}"
        request.replace_first("via", _BARE_RPORT.sub("", above) + received)
        self._add_via(request, _branch_of(above))
        self._send(request, source, phone)

    def _pass_from_phone(self, request: _Message, source: Address) -> None:
        """pyVoIP sends its BYE with the Vias of the INVITE it had received: they are replaced."""
        found = _URI.search(request.start)
        if found is None:
            return
        request.headers = [(name, value) for name, value in request.headers if name.lower() != "via"]
        request.headers.insert(0, ("Via", f"SIP/2.0/UDP {source[0]}:{source[1]};branch={_BRANCH}phone"))
        self._add_via(request, f"{request.get('call-id')}{request.get('cseq')}")
        self._own_contact(request, source)
        self._send(request, source, (found[2], int(found[3] or 5060)))

    def _pass_response(self, response: _Message, source: Address) -> None:
        if _BRANCH not in response.get("via"):
            return
        response.replace_first("via", None)
        above = response.get("via")
        sent_by = _SENT_BY.match(above)
        if sent_by is None:
            return
        received, rport = _RECEIVED.search(above), _RPORT.search(above)
        host = received[1] if received else sent_by[1]
        port = rport[1] if rport else sent_by[2] or "5060"
        self._own_contact(response, source)
        self._send(response, source, (host, int(port)))

    def _own_contact(self, message: _Message, source: Address) -> None:
        """Behind this carrier a phone is reached through this carrier."""
        number = next((number for number, phone in self._phones.items() if phone == source), None)
        if number is not None and message.get("contact"):
            host, port = self.address
            message.replace_first("contact", f"<sip:{number}@{host}:{port}>")

    def _add_via(self, message: _Message, seed: str) -> None:
        host, port = self.address
        digest = hashlib.sha256(seed.encode()).hexdigest()[:24]
        message.headers.insert(0, ("Via", f"SIP/2.0/UDP {host}:{port};branch={_BRANCH}{digest}"))

    def _answer(self, request: _Message, source: Address, status: str, *extra: tuple[str, str]) -> None:
        copied = [pair for pair in request.headers if pair[0].lower() in ("via", "from", "to", "call-id", "cseq")]
        copied = [
            (name, f"{value};tag=toy" if name.lower() == "to" and ";tag=" not in value else value)
            for name, value in copied
        ]
        self._send(_Message(f"SIP/2.0 {status}", [*copied, *extra, ("Content-Length", "0")], b""), self.address, source)

    def _send(self, message: _Message, source: Address, destination: Address) -> None:
        assert self._transport is not None
        content = message.render()
        if len(self.passed) < _MOST_KEPT:
            self.passed.append(Passed(asyncio.get_running_loop().time(), source, destination, content))
        self._transport.sendto(content, destination)


def _number(user: str) -> str:
    return "".join(character for character in user if character.isdigit())[-_NUMBER_DIGITS:]


def _branch_of(via: str) -> str:
    found = _BRANCH_OF.search(via)
    return found[1] if found else via
