"""The engine over real sockets: two parties, one bridge."""

import asyncio
import itertools
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.codecs.g711 import ALAW_TO_ULAW
from media.codecs.linear import to_alaw
from media.engine import MediaEngine, MediaSettings
from media.errors import MediaOverloaded, PortsExhausted, UnknownLeg, UnusableSdp
from media.events import DigitHeard, DigitPressed, MediaEvent, MediaLost, MediaStarted, PlaybackFinished, RemoteMoved
from media.leg import LegProfile
from media.packet_path.python_path import PythonPacketPath
from media.packet_paths import new_tap_for
from media.recording.tap import RecorderTap
from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket, parse_packet
from media.statistics import LegStatistics
from tests.support.free_ports import PortLease
from tests.support.keypad import hush, key_tone, pcm
from tests.support.until import until

pytestmark = pytest.mark.sockets

ALAW = bytes(range(160))
TIMEOUT_S = 0.5
SILENCE = (b"\xd5" * 160, b"\xff" * 160)


class Recordings:
    """A recorder that keeps what it is told."""

    def __init__(self, tap: RecorderTap) -> None:
        self.started: list[tuple[str, str]] = []
        self.paused: list[tuple[str, bool]] = []
        self.finished: list[tuple[str, int]] = []
        self._tap = tap
        self._packets: list[tuple[int, int, bytes]] = []

    @property
    def packets(self) -> list[tuple[int, int, bytes]]:
        self._packets += [(channel, codec, payload) for channel, _, _, _, codec, payload in self._tap.take()]
        return self._packets

    def start(self, call_id: str, path: str, started_at: float) -> RecorderTap:
        self.started.append((call_id, path))
        return self._tap

    def finish(self, call_id: str, ended_at: float) -> None:
        self.finished.append((call_id, len(self.packets)))

    def pause(self, call_id: str, at: float) -> None:
        self.paused.append((call_id, True))

    def resume(self, call_id: str, at: float) -> None:
        self.paused.append((call_id, False))

    def abandon(self, call_id: str) -> None:
        self.started = [each for each in self.started if each[0] != call_id]


class Phone:
    """A party: a UDP socket that sends RTP on the beat and keeps what it hears."""

    def __init__(self, codec: int, host: str = "127.0.0.1") -> None:
        self.codec = codec
        self.host = host
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.peer = (host, 0)
        self.sequence = 0
        self.heard: list[RtpPacket] = []

    def answer(self) -> bytes:
        at = f"IN IP6 {self.host}" if ":" in self.host else f"IN IP4 {self.host}"
        return (
            f"v=0\r\no=- 1 1 {at}\r\ns=-\r\nc={at}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP {self.codec} 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        ).encode()

    def say(self, payload: bytes, payload_type: int | None = None, timestamp: int | None = None) -> None:
        number = self.sequence
        at = number * 160 if timestamp is None else timestamp
        packet = RtpPacket(self.codec if payload_type is None else payload_type, number, at, 4711, payload)
        self.socket.sendto(packet.render(), self.peer)
        self.sequence += 1

    def listen(self) -> list[RtpPacket]:
        """What it has heard but silence, of which it is sent some whenever this machine stalls for long enough."""
        while True:
            try:
                packet = parse_packet(self.socket.recv(4096))
            except BlockingIOError:
                return [packet for packet in self.heard if packet.payload not in SILENCE]
            assert packet is not None
            self.heard.append(packet)


class Bench:
    """An engine, its events, its parties."""

    def __init__(self, engine: MediaEngine, events: list[MediaEvent], recordings: Recordings, stack: ExitStack) -> None:
        self.engine = engine
        self.events = events
        self.recordings = recordings
        self._stack = stack

    def phone(self, leg: str, codec: int = 8, profile: LegProfile | None = None, answered: bool = True) -> Phone:
        self.engine.open_leg(leg, profile or LegProfile())
        found = re.search(rb"c=IN IP[46] (\S+)(?s:.*)m=audio (\d+) ", self.engine.offer(leg))
        assert found is not None
        phone = Phone(codec, found[1].decode())
        self._stack.callback(phone.socket.close)
        phone.peer = (phone.host, int(found[2]))
        if answered:
            self.engine.apply_answer(leg, phone.answer())
        return phone


async def in_effect(bench: Bench) -> None:
    """Wait until the packet path has done what it was told: a packet may overtake a command."""
    done = asyncio.get_running_loop().create_future()
    bench.engine._path.after(lambda: done.set_result(None))
    await asyncio.wait_for(done, 5)


@pytest.fixture
async def bench(packet_path: str) -> AsyncIterator[Bench]:
    events: list[MediaEvent] = []
    recordings = Recordings(new_tap_for(packet_path)(512))
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(16))
        engine = MediaEngine(
            MediaSettings(
                "127.0.0.1",
                address_ipv6="::1",
                ports=(first, first + 15),
                port_rest_s=0.2,
                timeout_s=TIMEOUT_S,
                timeout_early_s=0.4,
                packet_path=packet_path,
            ),
            SystemTokens(),
            loop.time,
            events.append,
            recordings,
            loop.call_soon_threadsafe,
            watch=watch_on(loop),
        )
        stack.callback(engine.close)
        engine.start()
        yield Bench(engine, events, recordings, stack)


async def test_two_parties_hear_each_other_and_nobody_else(bench: Bench) -> None:
    a, b = bench.phone("c/a"), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    a.say(ALAW)
    b.say(ALAW[::-1])
    await until(lambda: bool(a.listen() and b.listen()))
    assert [packet.payload for packet in b.listen()] == [ALAW]
    assert [packet.payload for packet in a.listen()] == [ALAW[::-1]]
    assert 4711 not in {a.heard[0].ssrc, b.heard[0].ssrc}
    await until(lambda: bool(bench.events))
    assert {type(event) for event in bench.events} == {MediaStarted}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        stranger.bind(("127.0.0.1", 0))
        stranger.sendto(RtpPacket(8, 1, 160, 666, b"S" * 160).render(), a.peer)
        a.say(ALAW)
        await until(lambda: len(b.listen()) >= 2)
        assert b"S" * 160 not in {packet.payload for packet in b.heard}
        with pytest.raises(BlockingIOError):
            stranger.recv(100)


async def test_parties_of_the_two_ip_versions_hear_each_other(bench: Bench) -> None:
    old, new = bench.phone("c/a"), bench.phone("c/b", profile=LegProfile(ipv6=True))
    assert (old.host, new.host) == ("127.0.0.1", "::1")
    bench.engine.bridge("c/a", "c/b")
    old.say(ALAW)
    new.say(ALAW[::-1])
    await until(lambda: bool(old.listen() and new.listen()))
    assert [packet.payload for packet in new.listen()] == [ALAW]
    assert [packet.payload for packet in old.listen()] == [ALAW[::-1]]
    assert bench.engine.ports_left() == 7
    bench.engine.close_leg("c/a")
    bench.engine.close_leg("c/b")
    await until(lambda: bench.engine.ports_left() == 8)


async def test_trunk_case_13_ringback_early_media_bridge_without_a_seam(bench: Bench) -> None:
    a = bench.phone("c/a")
    bench.engine.play("c/a", "ringback")
    await until(lambda: len(a.listen()) >= 5)
    b = bench.phone("c/b", answered=False)
    bench.engine.relay_early("c/b", "c/a")
    negotiated = bench.engine.apply_answer("c/b", b.answer(), early=True)
    assert negotiated.remote == ("127.0.0.1", b.port)
    heard = len(a.heard)
    await until(lambda: a.listen() != [] and len(a.heard) > heard + 3)
    for _ in range(5):
        b.say(b"\x55" * 160)
        await asyncio.sleep(0.02)
    bench.engine.apply_answer("c/b", b.answer())
    bench.engine.bridge("c/a", "c/b")
    for _ in range(5):
        b.say(b"\x44" * 160)
        await asyncio.sleep(0.02)
    await until(lambda: len([packet for packet in a.listen() if packet.payload == b"\x44" * 160]) == 5)
    assert len({packet.ssrc for packet in a.heard}) == 1
    for before, after in itertools.pairwise(a.heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 8000
    spoken = [index for index, packet in enumerate(a.heard) if packet.payload in (b"\x55" * 160, b"\x44" * 160)]
    assert spoken == list(range(spoken[0], spoken[0] + 10))
    assert [packet.marker for packet in a.heard[spoken[0] :]][:2] == [True, False]


async def test_a_call_that_arrives_hears_early_media_before_its_ack(bench: Bench) -> None:
    engine = bench.engine
    engine.open_leg("c/a", LegProfile())
    a = Phone(8)
    try:
        answer = engine.answer_offer("c/a", a.answer())
        found = re.search(rb"m=audio (\d+) ", answer)
        assert found is not None
        a.peer = ("127.0.0.1", int(found[1]))
        assert engine.answer("c/a") == answer, "the 200 says what the 183 said"
        b = bench.phone("c/b", answered=False)
        engine.relay_early("c/b", "c/a")
        engine.apply_answer("c/b", b.answer(), early=True)
        b.say(b"\x55" * 160)
        await until(lambda: len(a.listen()) >= 1)
        a.say(b"\x44" * 160)
        await until(lambda: engine.statistics("c/a").packets_received == 1)
        assert b.listen() == []
        engine.apply_answer("c/b", b.answer())
        engine.bridge("c/a", "c/b")
        a.say(b"\x44" * 160)
        await until(lambda: len(b.listen()) >= 1)
    finally:
        a.socket.close()


async def test_a_call_that_arrives_without_an_offer_is_made_one_and_answers_in_its_ack(bench: Bench) -> None:
    engine = bench.engine
    a, b = bench.phone("c/a", answered=False), bench.phone("c/b")
    engine.bridge("c/a", "c/b")
    with pytest.raises(ValueError, match="has been answered"):
        engine.answer("c/a")
    assert engine.apply_answer("c/a", a.answer()).codec == "PCMA"
    b.say(ALAW)
    await until(lambda: len(a.listen()) >= 1)


async def test_trunk_case_15_a_leg_that_the_packet_path_refuses_gives_its_ports_back(
    lease_ports: Callable[[int], int],
) -> None:
    loop = asyncio.get_running_loop()
    first = lease_ports(2)
    full = PythonPacketPath(loop.time, lambda event: None, loop.call_soon_threadsafe, commands_max=0)
    settings = MediaSettings("127.0.0.1", ports=(first, first + 1), port_rest_s=0.0)
    engine = MediaEngine(settings, SystemTokens(), loop.time, lambda e: None, None, loop.call_soon_threadsafe, full)
    try:
        for _ in range(3):
            with pytest.raises(MediaOverloaded):
                engine.open_leg("x", LegProfile())
            assert engine.ports_left() == 1
        assert engine.close_leg("x") == LegStatistics()
        for port in (first, first + 1):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(("127.0.0.1", port))
    finally:
        engine.close()


async def test_an_early_answer_after_the_final_one_changes_nothing(bench: Bench) -> None:
    bench.phone("c/a")
    other = Phone(0)
    other.socket.close()
    assert bench.engine.apply_answer("c/a", other.answer(), early=True).codec == "PCMA"
    assert bench.engine.apply_answer("c/a", other.answer()).codec == "PCMU"


async def test_trunk_case_12_alaw_meets_mulaw(bench: Bench) -> None:
    a, b = bench.phone("c/a", 8), bench.phone("c/b", 0)
    bench.engine.bridge("c/a", "c/b")
    a.say(ALAW)
    await until(lambda: bool(b.listen()))
    assert b.listen()[0].payload == ALAW.translate(ALAW_TO_ULAW)
    assert b.listen()[0].payload_type == 0


async def test_trunk_case_11_digits_are_reported_once_and_relayed(bench: Bench) -> None:
    a, b = bench.phone("c/a"), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    for payload in event_payloads("#", 60):
        a.say(payload, 101, timestamp=1600)
    await until(lambda: len(b.listen()) >= 5)
    assert len({packet.timestamp for packet in b.listen()}) == 1
    await until(lambda: any(isinstance(event, DigitPressed) for event in bench.events))
    assert [event for event in bench.events if isinstance(event, DigitPressed)] == [DigitPressed("c/a", "#", 60)]


async def test_trunk_case_14_nat_is_latched_once_and_armed_again_by_new_sdp(bench: Bench) -> None:
    a, b = bench.phone("c/a", profile=LegProfile(nat=True)), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief,
    ):
        for other in (real, thief):
            other.bind(("127.0.0.1", 0))
            other.setblocking(False)
        # Three in a row: those that wait while the socket is being connected are kept, a thief's among them is not.
        for number in range(3):
            real.sendto(RtpPacket(8, number, 160 * number, 1, b"R" * 160).render(), a.peer)
            thief.sendto(RtpPacket(8, 99, 160, 2, b"T" * 160).render(), a.peer)
        await until(lambda: len(b.listen()) >= 3)
        b.say(ALAW)
        await until(lambda: _received(real))
        thief.sendto(RtpPacket(8, 100, 160, 2, b"T" * 160).render(), a.peer)
        # A new SDP: the door is open once more.
        moved = Phone(8)
        moved.peer = a.peer
        try:
            bench.engine.apply_answer("c/a", moved.answer())
            for _ in range(5):
                # The kernel still refuses what comes before the packet thread has taken the new SDP in.
                moved.say(b"M" * 160)
                await asyncio.sleep(0.02)
            await until(lambda: b.listen()[-1].payload == b"M" * 160)
        finally:
            moved.socket.close()
    assert {packet.payload[:1] for packet in b.listen()} == {b"R", b"M"}


def _received(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(4096))
    except BlockingIOError:
        return False


async def test_a_bridged_leg_that_falls_silent_is_lost_once(bench: Bench) -> None:
    bench.phone("c/a")
    b = bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    loop = asyncio.get_running_loop()
    began = said_at = loop.time()
    longest_pause_s = 0.0
    lost: list[str] = []
    while said_at < began + 1.2 or ("c/a" not in lost and said_at < began + 8):
        await asyncio.sleep(0.02)
        b.say(ALAW)
        longest_pause_s, said_at = max(longest_pause_s, loop.time() - said_at), loop.time()
        lost = [event.leg for event in bench.events if isinstance(event, MediaLost)]
    assert lost.count("c/a") == 1
    # Where this machine has kept B from speaking for as long, B was silent as well.
    assert lost == ["c/a"] or longest_pause_s > TIMEOUT_S / 2


async def test_a_tone_ends_by_itself(bench: Bench) -> None:
    a = bench.phone("c/a")
    bench.engine.play("c/a", "balance_warning")
    await until(lambda: PlaybackFinished("c/a", "balance_warning") in bench.events)
    # A stall of this machine leaves frames out rather than send them late.
    a.listen()
    assert 40 <= len(a.heard) <= 50
    with pytest.raises(ValueError, match="no tone"):
        bench.engine.play("c/a", "symphony")


async def test_a_leg_whose_far_end_names_another_address_has_moved(bench: Bench) -> None:
    a, device = bench.phone("c/a"), bench.phone("c/b")
    held = re.sub(rb"c=IN IP4 \S+", b"c=IN IP4 0.0.0.0", a.answer())
    for offer in (a.answer(), a.answer() + b"a=sendonly\r\n", held, a.answer()):
        bench.engine.answer_offer("c/a", offer)
    assert not [event for event in bench.events if isinstance(event, RemoteMoved)]
    for offer in (held, device.answer(), device.answer()):
        bench.engine.answer_offer("c/a", offer)
    assert [event for event in bench.events if isinstance(event, RemoteMoved)] == [RemoteMoved("c/a")]


async def test_trunk_case_07_hold_by_reinvite(bench: Bench) -> None:
    a, b = bench.phone("c/a"), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    b.say(ALAW)
    await until(lambda: len(a.listen()) >= 1)
    assert b"a=recvonly" in bench.engine.answer_offer("c/a", a.answer() + b"a=sendonly\r\n")

    def held() -> bool:
        # A packet may overtake the command.
        b.say(ALAW)
        return bench.engine.statistics("c/a").dropped["held"] > 0

    await until(held)
    with pytest.raises(UnusableSdp):
        bench.engine.answer_offer("c/a", b"v=0\r\nm=image 9 udptl t38\r\n")
    assert b"a=sendrecv" in bench.engine.answer_offer("c/a", a.answer())
    b.say(ALAW)
    await until(lambda: len(a.listen()) >= 2)


async def test_keys_are_heard_in_the_audio_of_a_leg_whose_profile_says_so(bench: Bench) -> None:
    a, b = bench.phone("c/a", profile=LegProfile(key_tones=True)), bench.phone("c/b")
    assert bench.engine.counters()["listeners"] == 1
    await in_effect(bench)
    audio = to_alaw(pcm([*key_tone("4", 100), *hush(100)]))
    for phone in (b, a):
        for at in range(0, len(audio), 160):
            phone.say(audio[at : at + 160])
    await until(lambda: any(isinstance(event, DigitHeard) for event in bench.events))
    [heard] = [event for event in bench.events if isinstance(event, DigitHeard)]
    assert (heard.leg, heard.digit) == ("c/a", "4")
    assert heard.duration_ms == pytest.approx(100, abs=15)
    bench.engine.close_leg("c/a")
    assert bench.engine.counters()["listeners"] == 0


async def test_recording_copies_both_directions_until_it_is_stopped(bench: Bench) -> None:
    a, b = bench.phone("c/a", 8), bench.phone("c/b", 0)
    bench.engine.bridge("c/a", "c/b")
    bench.engine.record("c/a", "c/b", "call", "x.wav")
    bench.engine.record("c/a", "c/b", "call", "again.wav")
    await in_effect(bench)
    a.say(b"A" * 160)
    b.say(b"B" * 160)
    await until(lambda: len(bench.recordings.packets) == 2)
    assert sorted(bench.recordings.packets) == [(0, 8, b"A" * 160), (1, 0, b"B" * 160)]
    assert bench.recordings.started == [("call", "x.wav")]
    bench.engine.stop_recording("call")
    bench.engine.stop_recording("call")
    a.say(b"A" * 160)
    await until(lambda: len(b.listen()) >= 2)
    await until(lambda: bench.recordings.finished == [("call", 2)])
    assert len(bench.recordings.packets) == 2


async def test_a_recording_of_closed_legs_is_finished(bench: Bench) -> None:
    bench.phone("c/a")
    bench.phone("c/b")
    bench.engine.record("c/a", "c/b", "call", "x.wav")
    bench.engine.close_leg("c/a")
    bench.engine.close_leg("c/b")
    bench.engine.stop_recording("call")
    await until(lambda: bench.recordings.finished == [("call", 0)])


async def test_statistics_of_a_leg(bench: Bench) -> None:
    a, b = bench.phone("c/a"), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    for index in range(10):
        if index == 4:
            a.sequence += 1
        a.say(ALAW)
        await asyncio.sleep(0.01)
    await until(lambda: len(b.listen()) >= 10)
    of_a, of_b = bench.engine.statistics("c/a"), bench.engine.statistics("c/b")
    assert (of_a.packets_received, of_a.packets_lost, of_a.codec) == (10, 1, "PCMA")
    assert of_a.mos is not None
    assert 1.0 < of_a.mos < 4.4
    assert (of_b.packets_received, of_b.mos) == (0, None)
    assert of_b.packets_sent >= 10
    await until(lambda: bench.engine.counters()["packets_relayed"] == 10)


async def test_trunk_case_15_closing_frees_the_ports_after_their_rest_and_once(bench: Bench) -> None:
    engine = bench.engine
    assert engine.ports_left() == 8
    for number in range(8):
        engine.open_leg(f"{number}", LegProfile())
    assert engine.ports_left() == 0
    with pytest.raises(PortsExhausted):
        engine.open_leg("9", LegProfile())
    for number in range(8):
        engine.close_leg(f"{number}")
        assert engine.close_leg(f"{number}") == LegStatistics()
    assert engine.ports_left() == 0
    await until(lambda: engine.ports_left() == 8)
    assert engine.counters()["streams"] == 0


async def test_legs_that_are_not_open(bench: Bench) -> None:
    engine = bench.engine
    engine.open_leg("x", LegProfile())
    with pytest.raises(ValueError, match="open"):
        engine.open_leg("x", LegProfile())
    engine.close_leg("x")
    for verb in (engine.offer, engine.statistics, engine.stop_playing):
        with pytest.raises(UnknownLeg):
            verb("x")
    with pytest.raises(UnknownLeg):
        engine.bridge("x", "y")


async def test_opening_a_leg_is_cheap(bench: Bench) -> None:
    took = []
    for _ in range(5):
        before = time.thread_time()
        bench.engine.open_leg("x", LegProfile(media_networks=("203.0.113.0/24",)))
        took.append(time.thread_time() - before)
        bench.engine.close_leg("x")
    assert min(took) < 150e-6


async def test_an_unreachable_party_harms_nobody(bench: Bench) -> None:
    a, b = bench.phone("c/a"), bench.phone("c/b")
    bench.engine.bridge("c/a", "c/b")
    b.socket.close()
    for _ in range(5):
        a.say(ALAW)
        await asyncio.sleep(0.01)
    # The kernel tells of it with the next receive or send.
    await until(lambda: bench.engine.counters()["receive_errors"] >= 1)
    assert bench.engine.counters()["running"] == 1.0


async def test_a_closed_engine_has_no_sockets_left(lease_ports: Callable[[int], int], packet_path: str) -> None:
    loop = asyncio.get_running_loop()
    first = lease_ports(16)
    settings = MediaSettings("127.0.0.1", ports=(first, first + 15), packet_path=packet_path)
    engine = MediaEngine(
        settings,
        SystemTokens(),
        loop.time,
        lambda event: None,
        None,
        loop.call_soon_threadsafe,
        watch=watch_on(loop),
    )
    engine.open_leg("never started", LegProfile())
    engine.start()
    engine.open_leg("left open", LegProfile())
    ports = [int(found) for found in re.findall(rb"m=audio (\d+) ", engine.offer("left open"))]
    engine.close()
    engine.close()
    assert engine.close_leg("left open") == LegStatistics()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", ports[0]))
