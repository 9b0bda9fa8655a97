"""A supervisor in a browser, over the gateway and the packet path: tones tell who hears whom, with real sockets."""

import asyncio
import datetime
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack

import pytest

from b2bua.clock import SystemClock
from b2bua.packet_path import watch_on
from b2bua.switch.audience import Ear, Take, Told
from b2bua.switch.supervisors import Mode, SupervisorDesk, SupervisorState
from b2bua.tokens import SystemTokens
from media.codecs.g711 import alaw_to_linear
from media.engine import MediaEngine, MediaSettings
from media.forking.seats import Seat, SeatLine
from media.leg import LegProfile
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.interface import BrowserEvent
from tests.support.free_ports import PortLease
from tests.support.rtp_probe import RtpProbe, amplitude, to_a_law_tone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets

A_HZ, B_HZ, BOSS_HZ = 700.0, 1100.0, 1900.0
PORTS = 20
THERE, AWAY = 0.2, 0.02


class BridgedCall:
    """Two legs of an engine, as the desk sees a call."""

    call_id, org_id, reference, stream = "c", "org", None, None

    def __init__(self, engine: MediaEngine) -> None:
        self._engine = engine
        self.steps: list[str] = []

    def sit(self, line: SeatLine, codec: str, payload_type: int, mode: Mode) -> Seat:
        return self._engine.sit("c/a", "c/b", line, codec, payload_type, mode)

    def leave(self, seat: Seat) -> None:
        self._engine.leave(seat)

    def listen_in(self, rate_hz: int, take: Take) -> Ear:
        return self._engine.listen_in("c/a", "c/b", rate_hz, take)

    def listen_no_more(self, ear: Ear) -> None:
        self._engine.listen_no_more(ear)

    def tell(self, step: Told | None) -> None:
        if step is not None:
            self.steps.append(step.name)


def new_engine(stack: ExitStack) -> MediaEngine:
    loop = asyncio.get_running_loop()
    first = stack.enter_context(PortLease(PORTS))
    settings = MediaSettings("127.0.0.1", ports=(first, first + PORTS - 1), port_rest_s=0.1)
    post = loop.call_soon_threadsafe
    engine = MediaEngine(settings, SystemTokens(), loop.time, lambda _e: None, None, post, watch=watch_on(loop))
    stack.callback(engine.close)
    engine.start()
    return engine


def open_leg(engine: MediaEngine, leg: str, far_port: int) -> int:
    engine.open_leg(leg, LegProfile())
    port = int(re.findall(rb"m=audio (\d+)", engine.offer(leg))[0])
    engine.apply_answer(
        leg,
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n" % far_port,
    )
    return port


def levels(frames: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Of the three tones in the last 200 ms."""
    samples = [sample for frame in frames[-10:] for sample in frame]
    return tuple(amplitude(samples, hz) for hz in (A_HZ, B_HZ, BOSS_HZ))


async def test_a_browser_listens_whispers_and_vanishes() -> None:
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        engine = new_engine(stack)
        probes = [await RtpProbe.open(), await RtpProbe.open()]
        for probe in probes:
            stack.callback(probe.close)
        ports = [open_leg(engine, leg, probe.port) for leg, probe in zip(("c/a", "c/b"), probes, strict=True)]
        engine.bridge("c/a", "c/b")
        desks: list[SupervisorDesk] = []

        def on_event(event: BrowserEvent) -> None:
            desks[0].on_browser_event(event)

        first = stack.enter_context(PortLease(PORTS))
        gateway = WebrtcGateway(
            GatewaySettings(ports=(first, first + PORTS - 1), consent_interval_s=0.1),
            SystemTokens(),
            SystemClock().monotonic,
            datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            on_event,
            loop.call_soon_threadsafe,
        )
        gateway.start()
        async with AsyncExitStack() as ends:
            ends.push_async_callback(gateway.stop)
            desk = SupervisorDesk(gateway, SystemClock(), SystemTokens(), loop)
            desks.append(desk)
            ends.push_async_callback(desk.close)
            speaking = [
                asyncio.ensure_future(probe.speak(port, hz, 20.0))
                for probe, port, hz in zip(probes, ports, (A_HZ, B_HZ), strict=True)
            ]
            for task in speaking:
                ends.callback(task.cancel)
            call = BridgedCall(engine)
            browser = ScriptedBrowser()
            joined = await desk.join(call, await browser.offer(), Mode.LISTEN)
            await browser.take(joined.sdp)
            await until(lambda: joined.supervisor.state is SupervisorState.CONNECTED)
            await until(lambda: len(browser.heard) >= 25)
            a, b, boss = levels([alaw_to_linear(packet.payload) for packet in browser.heard])
            assert (a > THERE, b > THERE, boss < AWAY) == (True, True, True), (a, b, boss)

            desk.change("c", joined.supervisor.supervisor_id, Mode.WHISPER_A)
            for _ in range(40):
                await browser.say(to_a_law_tone(BOSS_HZ))
                await asyncio.sleep(0.02)
            a, b, boss = levels([frame for _, frame in probes[0].heard])
            assert (a < AWAY, b > THERE, boss > THERE) == (True, True, True), (a, b, boss)
            a, b, boss = levels([frame for _, frame in probes[1].heard])
            assert (a > THERE, b < AWAY, boss < AWAY) == (True, True, True), (a, b, boss)

            await browser.close()
            await until(lambda: not desk.of("c"))
            before = len(probes[0].heard)
            await until(lambda: len(probes[0].heard) >= before + 30)
            a, b, boss = levels([frame for _, frame in probes[0].heard])
            assert (a < AWAY, b > THERE, boss < AWAY) == (True, True, True), (a, b, boss)
            assert call.steps == ["supervisor.joined", "supervisor.mode", "supervisor.vanished"]
