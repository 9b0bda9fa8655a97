"""Two scripted phones for the latency bench: they answer at once, talk, and note when things crossed the wire.

Arrivals are timed by the kernel and departures just before the send, so that a busy phone does not make the service
look slow. All times are Unix seconds.
"""

import asyncio
import re
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Final

_SO_TIMESTAMPNS: Final = 35
_SCM_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("=qq")
_VIA_TO_CSEQ: Final = ("via:", "from:", "call-id:", "cseq:", "record-route:")
_OFFERED_PORT: Final = re.compile(rb"m=audio (\d+) ")
_EAGER_S: Final = 0.002  # B's pace until A hears it
_TALK_S: Final = 0.02
_VOICE_A: Final = bytes([0xA1]) * 160
_VOICE_B: Final = bytes([0xB2]) * 160

Address = tuple[str, int]


@dataclass(slots=True)
class Marks:
    """What happened in one call, by the number both parties' user parts end in."""

    a_answered: float | None = None
    b_invited: float | None = None
    b_answered: float | None = None
    a_heard_b: float | None = None


@dataclass(slots=True)
class _Talk:
    """One leg's media and dialog."""

    number: int
    rtp: socket.socket
    far_rtp: Address
    far_sip: Address
    headers: dict[str, str]
    voice: bytes
    ssrc: int
    sequence: int = 0
    next_at: float = 0.0
    until: float = 0.0
    done: bool = False


@dataclass(slots=True)
class Phones:
    """Everything that answers on two ports: A's on the first, B's on the second. B hangs up after `hold_s`."""

    ports: tuple[int, int]
    hold_s: float
    ring_s: float = 0.02
    marks: dict[int, Marks] = field(default_factory=dict)
    _sip: list[socket.socket] = field(default_factory=list)
    _talks: dict[tuple[int, int], _Talk] = field(default_factory=dict)
    _pacer: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Listen and begin to talk."""
        loop = asyncio.get_running_loop()
        for side, port in enumerate(self.ports):
            listener = _bound(port)
            self._sip.append(listener)
            loop.add_reader(listener, self._on_sip, side, listener)
        self._pacer = loop.create_task(self._pace())

    async def close(self) -> None:
        """Stop and close every socket."""
        if self._pacer is not None:
            self._pacer.cancel()
            await asyncio.gather(self._pacer, return_exceptions=True)
        loop = asyncio.get_running_loop()
        for listener in self._sip:
            loop.remove_reader(listener)
            listener.close()
        for key in list(self._talks):
            self._end(key)

    def _on_sip(self, side: int, listener: socket.socket) -> None:
        for content, source, at in _arrivals(listener):
            head, _, body = content.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            method = lines[0].split(" ")[0]
            if method == "INVITE":
                self._invited(side, listener, lines, body, source, at)
            elif method == "BYE":
                self._reply(listener, lines, source, "200 OK", "")
                number = int(re.findall(r"\d+", lines[0])[0]) if "@" in lines[0] else -1
                self._ended_by_peer(side, lines, number)
            elif method == "OPTIONS":
                self._reply(listener, lines, source, "200 OK", "")

    def _invited(
        self, side: int, listener: socket.socket, lines: list[str], body: bytes, source: Address, at: float
    ) -> None:
        number = int(lines[0].split("@")[0][-6:])
        key = (side, number)
        if key in self._talks:
            return
        marks = self.marks.setdefault(number, Marks())
        if side:
            marks.b_invited = at
        offered = _OFFERED_PORT.search(body)
        assert offered is not None
        rtp = _bound(0)
        port = rtp.getsockname()[1]
        headers = _headers(lines)
        headers["to"] += f";tag=t{side}{number}"
        self._talks[key] = _Talk(
            number,
            rtp,
            ("127.0.0.1", int(offered[1])),
            source,
            headers,
            _VOICE_B if side else _VOICE_A,
            ssrc=(side + 1) << 24 | number,
        )
        asyncio.get_running_loop().add_reader(rtp, self._on_rtp, key)
        self._reply(listener, lines, source, "180 Ringing", f";tag=t{side}{number}", contact=self.ports[side])
        asyncio.get_running_loop().call_later(self.ring_s, self._answer, key, listener, lines, source, port)

    def _answer(
        self, key: tuple[int, int], listener: socket.socket, lines: list[str], source: Address, rtp: int
    ) -> None:
        side, number = key
        talk = self._talks.get(key)
        if talk is None:
            return
        sdp = (
            f"v=0\r\no=- {number} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {rtp} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        now = time.time()
        if side:
            self.marks[number].b_answered = now
        else:
            self.marks[number].a_answered = now
        self._reply(listener, lines, source, "200 OK", f";tag=t{side}{number}", contact=self.ports[side], body=sdp)
        talk.next_at = now
        talk.until = now + self.hold_s if side else now + 3600

    def _on_rtp(self, key: tuple[int, int]) -> None:
        talk = self._talks[key]
        for content, _, at in _arrivals(talk.rtp):
            marks = self.marks[talk.number]
            if key[0] == 0 and marks.a_heard_b is None and content[12:] == _VOICE_B:
                marks.a_heard_b = at

    async def _pace(self) -> None:
        while True:
            now = time.time()
            for key, talk in list(self._talks.items()):
                if not talk.next_at or talk.done:
                    continue
                if now >= talk.until:
                    self._hang_up(key, talk)
                elif now >= talk.next_at:
                    self._speak(key, talk, now)
            await asyncio.sleep(0.001)

    def _speak(self, key: tuple[int, int], talk: _Talk, now: float) -> None:
        eager = key[0] == 1 and self.marks[talk.number].a_heard_b is None
        talk.next_at = max(now, talk.next_at + (_EAGER_S if eager else _TALK_S))
        talk.sequence += 1
        header = struct.pack("!BBHII", 0x80, 8, talk.sequence & 0xFFFF, talk.sequence * 160 & 0xFFFFFFFF, talk.ssrc)
        talk.rtp.sendto(header + talk.voice, talk.far_rtp)

    def _hang_up(self, key: tuple[int, int], talk: _Talk) -> None:
        side, number = key
        talk.done = True
        headers = talk.headers
        bye = (
            f"BYE sip:{talk.far_sip[0]}:{talk.far_sip[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.ports[side]};branch=z9hG4bKbye{side}{number};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {headers['to']}\r\nTo: {headers['from']}\r\nCall-ID: {headers['call-id']}\r\n"
            f"CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
        )
        self._sip[side].sendto(bye.encode(), talk.far_sip)
        asyncio.get_running_loop().call_later(0.5, self._end, key)

    def _ended_by_peer(self, side: int, lines: list[str], _number: int) -> None:
        call_id = _headers(lines)["call-id"]
        for key, talk in list(self._talks.items()):
            if key[0] == side and talk.headers["call-id"] == call_id:
                self._end(key)

    def _end(self, key: tuple[int, int]) -> None:
        talk = self._talks.pop(key, None)
        if talk is not None:
            asyncio.get_running_loop().remove_reader(talk.rtp)
            talk.rtp.close()

    def _reply(
        self,
        listener: socket.socket,
        lines: list[str],
        destination: Address,
        status: str,
        tag: str,
        *,
        contact: int | None = None,
        body: str = "",
    ) -> None:
        echoed = [line for line in lines[1:] if line.lower().startswith(_VIA_TO_CSEQ)]
        to = next(line for line in lines if line.lower().startswith("to:"))
        answer = [f"SIP/2.0 {status}", *echoed, to + ("" if ";tag=" in to else tag)]
        if contact is not None:
            answer.append(f"Contact: <sip:127.0.0.1:{contact}>")
        if body:
            answer.append("Content-Type: application/sdp")
        answer.append(f"Content-Length: {len(body)}")
        listener.sendto(("\r\n".join(answer) + "\r\n\r\n" + body).encode(), destination)


def _headers(lines: list[str]) -> dict[str, str]:
    """The first value of each header, by its lowercase name."""
    found: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def _bound(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.setblocking(False)
    opened.bind(("127.0.0.1", port))
    return opened


def _arrivals(listener: socket.socket) -> list[tuple[bytes, Address, float]]:
    """What has come, each with the kernel's time."""
    found: list[tuple[bytes, Address, float]] = []
    while True:
        try:
            content, ancillary, _, source = listener.recvmsg(65_535, 64)
        except (BlockingIOError, ConnectionError):
            return found
        found.append((content, source, _kernel_time(ancillary)))


def _kernel_time(ancillary: list[Any]) -> float:
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == _SCM_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(octets[:16])
            return float(seconds + nanoseconds / 1e9)
    return time.time()
