"""SRTP through the engine over real sockets: the packet thread's own tables of streams with and without it."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.events import MediaEvent, MediaStarted
from media.leg import LegProfile
from media.rtp.packet import RtpPacket, parse_packet
from media.rtp.rtcp import Report, ReportBlock, build_report
from media.rtp.srtp import AES_CM_128_HMAC_SHA1_80
from tests.support.free_ports import PortLease
from tests.support.srtp_party import master, opener, sealer
from tests.support.until import until

pytestmark = pytest.mark.sockets

SUITE = AES_CM_128_HMAC_SHA1_80
OWN = master(SUITE, 5)
SPEECH = bytes(range(160))
SILENCE = (b"\xd5" * 160, b"\xff" * 160)


class Line:
    """A party on a socket, with SRTP where it has taken a key."""

    def __init__(self, engine: MediaEngine, leg: str, profile: LegProfile, stack: ExitStack) -> None:
        self.engine = engine
        self.leg = leg
        self.socket = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.control = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.control.bind(("127.0.0.1", 0))
        self.sequence = 100
        self.heard: list[RtpPacket] = []
        self.seal: Callable[[bytes], bytes] = bytes
        self.open: Callable[[bytes], bytes] = bytes
        self.sealing = sealer(SUITE, OWN)
        engine.open_leg(leg, profile)
        self.take(engine.offer(leg))

    def take(self, description: bytes) -> None:
        """Our port, and our key where there is one."""
        lines = description.decode().split("\r\n")
        self.peer = ("127.0.0.1", int(next(line for line in lines if line.startswith("m=")).split()[1]))
        key = next((line.split("inline:")[1] for line in lines if SUITE.name in line), None)
        self.seal, self.open = bytes, bytes
        if key is not None:
            self.seal, self.open = self.sealing.protect, opener(SUITE, base64.b64decode(key)).unprotect

    def sdp(self, protocol: str, port: int | None = None, version: int = 1) -> bytes:
        """Its description; with its key in RTP/SAVP."""
        crypto = f"a=crypto:1 {SUITE.name} inline:{base64.b64encode(OWN).decode()}\r\n" if "SAVP" in protocol else ""
        return (
            f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port or self.port} {protocol} 8\r\na=rtcp:{self.control.getsockname()[1]}\r\n{crypto}"
        ).encode()

    def say(self, payload: bytes = SPEECH) -> None:
        packet = RtpPacket(8, self.sequence, self.sequence * 160, 4711, payload)
        self.socket.sendto(self.seal(packet.render()), self.peer)
        self.sequence += 1

    def listen(self) -> list[RtpPacket]:
        while True:
            try:
                content = self.socket.recv(4096)
            except BlockingIOError:
                # Of silence it is sent some whenever this machine stalls for long enough.
                return [packet for packet in self.heard if packet.payload not in SILENCE]
            packet = parse_packet(self.open(content))
            assert packet is not None
            self.heard.append(packet)


@pytest.fixture
async def parts(packet_path: str) -> AsyncIterator[tuple[MediaEngine, list[MediaEvent], ExitStack]]:
    events: list[MediaEvent] = []
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(40))
        engine = MediaEngine(
            MediaSettings("127.0.0.1", ports=(first, first + 39), port_rest_s=0.1, packet_path=packet_path),
            SystemTokens(),
            loop.time,
            events.append,
            None,
            loop.call_soon_threadsafe,
            watch=watch_on(loop),
        )
        stack.callback(engine.close)
        engine.start()
        yield engine, events, stack


async def settled(engine: MediaEngine) -> None:
    """Until the packet thread has carried out what it was told: one that wakes between two commands reads what waits in
    a socket as the first of them alone would have it."""
    carried_out = asyncio.Event()
    engine._path.after(carried_out.set)
    await carried_out.wait()


@pytest.mark.parametrize("nat", [False, True])
async def test_one_leg_with_srtp_and_one_without(
    parts: tuple[MediaEngine, list[MediaEvent], ExitStack], nat: bool
) -> None:
    engine, events, stack = parts
    a = Line(engine, "c/a", LegProfile(srtp="required", nat=nat), stack)
    b = Line(engine, "c/b", LegProfile(), stack)
    # Behind NAT the SDP names a port where nobody listens.
    engine.apply_answer("c/a", a.sdp("RTP/SAVP", port=9 if nat else None))
    engine.apply_answer("c/b", b.sdp("RTP/AVP"))
    engine.bridge("c/a", "c/b")
    await settled(engine)
    a.socket.sendto(RtpPacket(8, 1, 1, 4711, b"in clear" * 20).render(), a.peer)
    for _ in range(5):
        a.say()
    await until(lambda: len(b.listen()) >= 5)
    assert {packet.payload for packet in b.listen()} == {SPEECH}
    for _ in range(5):
        b.say(SPEECH[::-1])
    await until(lambda: [packet.payload for packet in a.listen()].count(SPEECH[::-1]) == 5)
    await until(lambda: [event.leg for event in events if isinstance(event, MediaStarted)] == ["c/a", "c/b"])
    block = ReportBlock(a.heard[0].ssrc, 0, 3, 0, 16, 0, 0)
    report = a.sealing.protect_rtcp(build_report(Report(4711, None, (block,))))
    a.control.sendto(report, (a.peer[0], a.peer[1] + 1))
    await until(lambda: engine.statistics("c/a").far_packets_lost == 3)
    dropped = engine.close_leg("c/a").dropped
    assert (dropped["unauthentic"], dropped["stranger"]) == (1, 0)
    engine.close_leg("c/b")
    await until(lambda: engine.counters()["ports_left"] == 20)


async def test_a_leg_goes_from_srtp_to_plain_rtp_and_back(
    parts: tuple[MediaEngine, list[MediaEvent], ExitStack],
) -> None:
    engine, _, stack = parts
    a = Line(engine, "c/a", LegProfile(srtp="optional"), stack)
    b = Line(engine, "c/b", LegProfile(), stack)
    engine.apply_answer("c/a", a.sdp("RTP/SAVP"))
    engine.apply_answer("c/b", b.sdp("RTP/AVP"))
    engine.bridge("c/a", "c/b")
    for version, protocol in enumerate(("RTP/SAVP", "RTP/AVP", "RTP/SAVP", "RTP/AVP"), 2):
        a.take(engine.answer_offer("c/a", a.sdp(protocol, version=version)))
        await settled(engine)
        b.heard.clear()
        a.heard.clear()
        a.say()
        await until(b.listen)
        b.say(SPEECH[::-1])
        await until(lambda: SPEECH[::-1] in [packet.payload for packet in a.listen()])
    assert engine.statistics("c/a").dropped["unauthentic"] == 0


async def test_packets_from_before_the_answer_are_opened_by_its_key(
    parts: tuple[MediaEngine, list[MediaEvent], ExitStack],
) -> None:
    """They wait in the socket until the stream is connected, and are read with the source check."""
    engine, _, stack = parts
    a = Line(engine, "c/a", LegProfile(srtp="required"), stack)
    b = Line(engine, "c/b", LegProfile(), stack)
    engine.apply_answer("c/b", b.sdp("RTP/AVP"))
    engine.relay_early("c/a", "c/b")
    for _ in range(200):
        a.say()
        if a.sequence == 105:
            engine.apply_answer("c/a", a.sdp("RTP/SAVP"))
    await until(lambda: len(b.listen()) >= 190)
    assert engine.statistics("c/a").dropped["unauthentic"] == 0


async def test_our_sequence_numbers_begin_in_the_lower_half(
    parts: tuple[MediaEngine, list[MediaEvent], ExitStack],
) -> None:
    """RFC 3711 section 3.3.1: a wrap before the far end has heard us would leave it at the wrong rollover counter."""
    engine, _, stack = parts
    for number in range(6):
        line = Line(engine, f"c/{number}", LegProfile(srtp="required"), stack)
        engine.apply_answer(line.leg, line.sdp("RTP/SAVP"))
        engine.play(line.leg, "ringback")
        await until(line.listen)
        assert line.heard[0].sequence <= 0x8000
