"""The media engine joins legs of different codecs: conversions begin, change and end with what is negotiated."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.codecs.linear import from_alaw
from media.codecs.opus import NO_WISHES
from media.codecs.speech import new_decoder, new_encoder
from media.codecs.table import OPUS, PCMA
from media.engine import MediaEngine, MediaSettings
from media.leg import LegProfile
from media.rtp.packet import RtpPacket, parse_packet
from tests.support.free_ports import PortLease
from tests.support.spectrum import levels_db, sine
from tests.support.until import until

pytestmark = pytest.mark.sockets

PROFILE = LegProfile(codecs=("PCMA", "PCMU", "opus"))
STALL_S = 0.05
"""A party that says nothing for longer is not heard as one tone."""
FORMATS = {OPUS: "107\r\na=rtpmap:107 opus/48000/2", PCMA: "8"}


class Phone:
    """A party of one codec on a socket of its own."""

    def __init__(self, engine: MediaEngine, leg: str, codec: int, stack: ExitStack) -> None:
        self.codec = codec
        self._socket = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        engine.open_leg(leg, PROFILE)
        offer = engine.offer(leg).decode()
        self._peer = ("127.0.0.1", int(offer.partition("m=audio ")[2].split()[0]))
        engine.apply_answer(leg, self.description(codec))
        self.heard: list[RtpPacket] = []

    def description(self, codec: int) -> bytes:
        port = self._socket.getsockname()[1]
        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        return f"{head}m=audio {port} RTP/AVP {FORMATS[codec]}\r\n".encode()

    def say(self, payload_type: int, index: int, ticks: int, payload: bytes) -> None:
        self._socket.sendto(RtpPacket(payload_type, index, index * ticks, 4711, payload).render(), self._peer)

    def listen(self) -> list[RtpPacket]:
        while True:
            try:
                packet = parse_packet(self._socket.recv(4096))
            except BlockingIOError:
                return self.heard
            assert packet is not None
            self.heard.append(packet)


@pytest.fixture
async def bench(packet_path: str) -> AsyncIterator[tuple[MediaEngine, ExitStack]]:
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(8))
        settings = MediaSettings("127.0.0.1", ports=(first, first + 7), packet_path=packet_path)
        engine = MediaEngine(
            settings,
            SystemTokens(),
            loop.time,
            lambda event: None,
            None,
            loop.call_soon_threadsafe,
            soon=loop.call_soon,
            watch=watch_on(loop),
        )
        stack.callback(engine.close)
        engine.start()
        yield engine, stack


async def test_a_tone_crosses_from_opus_to_g711_and_back(bench: tuple[MediaEngine, ExitStack]) -> None:
    engine, stack = bench
    a, b = Phone(engine, "a", OPUS, stack), Phone(engine, "b", PCMA, stack)
    engine.bridge("a", "b")
    assert engine.counters()["conversions"] == 2
    opus, alaw = new_encoder(OPUS, 8000, NO_WISHES), new_encoder(PCMA, 8000, NO_WISHES)
    loop, undisturbed = asyncio.get_running_loop(), 0
    for index in range(1000):
        said_at = loop.time()
        a.say(107, index, 960, opus.encode(sine(400, 8000, 160)))
        b.say(8, index, 160, alaw.encode(sine(1000, 8000, 160)))
        heard = undisturbed
        await until(lambda: len(a.listen()) > heard and len(b.listen()) > heard)  # noqa: B023 - done with at once
        undisturbed += 1
        if loop.time() - said_at > STALL_S:  # the machine stood still: concealed, and begun anew
            undisturbed = 0
            a.heard.clear()
            b.heard.clear()
        if undisturbed == 50:
            break
    assert {packet.payload_type for packet in a.heard} == {107}
    assert {packet.payload_type for packet in b.heard} == {8}
    decoder = new_decoder(OPUS, 8000)
    to_a = b"".join(decoder.decode(packet.payload) for packet in a.heard)
    to_b = from_alaw(b"".join(packet.payload for packet in b.heard))
    for samples, frequency_hz in ((to_a, 1000), (to_b, 400)):
        tone_db, rest_db = levels_db(samples[8000:16000], frequency_hz, 8000)
        assert tone_db == pytest.approx(0, abs=1)
        assert rest_db < -20
    engine.close_leg("a")
    assert engine.counters()["conversions"] == 0


async def test_a_change_to_a_codec_that_is_shared_ends_the_conversions(bench: tuple[MediaEngine, ExitStack]) -> None:
    engine, stack = bench
    a, b = Phone(engine, "a", OPUS, stack), Phone(engine, "b", PCMA, stack)
    engine.bridge("a", "b")
    engine.answer_offer("a", a.description(PCMA))
    assert engine.codec("a") == "PCMA"
    assert engine.counters()["conversions"] == 0
    a.say(8, 0, 160, b"\xd5" * 160)
    await until(lambda: bool(b.listen()))
    assert b.heard[0].payload == b"\xd5" * 160
    engine.answer_offer("b", b.description(OPUS))
    assert engine.counters()["conversions"] == 2


async def test_plain_g711_has_no_conversion_and_no_thread(bench: tuple[MediaEngine, ExitStack]) -> None:
    engine, stack = bench
    for leg in ("a", "b"):
        Phone(engine, leg, PCMA, stack)
    engine.bridge("a", "b")
    assert engine.counters()["conversions"] == 0
    assert "transcoder" not in {thread.name for thread in threading.enumerate()}
