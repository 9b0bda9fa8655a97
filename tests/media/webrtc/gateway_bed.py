"""Gateways for browsers under test, and the plain side of one browser."""

import asyncio
import datetime
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace

from b2bua.clock import SystemClock
from b2bua.tokens import SystemTokens
from media.rtp.packet import RtpPacket, parse_packet
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.interface import (
    BrowserAnswer,
    BrowserConnected,
    BrowserEvent,
    BrowserWish,
    PayloadTypes,
)
from tests.support.free_ports import PortLease
from tests.support.rtp_probe import to_a_law_tone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

PORTS = 20
ALAW = BrowserWish(("PCMA",))
PLAIN = PayloadTypes(8, 101)
LOW, HIGH = to_a_law_tone(400.0), to_a_law_tone(1000.0)


class Gateways:
    """Gateways of one module, each with what it told."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def make(
        self, settings: GatewaySettings, also: Callable[[BrowserEvent], None] = lambda _: None
    ) -> tuple[WebrtcGateway, list[BrowserEvent]]:
        """`also` hears of each event on the gateway's own thread."""
        told: list[BrowserEvent] = []

        def hear(event: BrowserEvent) -> None:
            told.append(event)
            also(event)

        first = self._stack.enter_context(PortLease(PORTS))
        gateway = WebrtcGateway(
            replace(settings, ports=(first, first + PORTS - 1)),
            SystemTokens(),
            SystemClock().monotonic,
            datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            hear,
            lambda call: call(),
        )
        gateway.start()
        self._stack.callback(lambda: asyncio.run(gateway.stop()))
        return gateway, told


class Plain:
    """The plain side of one browser: a socket, where no packet path is needed."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.heard: list[RtpPacket] = []
        self.address: tuple[str, int] = self.socket.getsockname()

    def listen(self) -> list[RtpPacket]:
        with suppress(BlockingIOError):
            while True:
                packet = parse_packet(self.socket.recv(2048))
                assert packet is not None
                self.heard.append(packet)
        return self.heard


async def connected(
    gateway: WebrtcGateway, told: list[BrowserEvent], session: str, plain: Plain
) -> tuple[ScriptedBrowser, BrowserAnswer]:
    browser = ScriptedBrowser()
    answer = await gateway.answer(session, await browser.offer(), ALAW)
    await gateway.aim(session, plain.address, PLAIN)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected(session) in told and browser.transport.state == "connected")
    return browser, answer


async def both_hear(browser: ScriptedBrowser, answer: BrowserAnswer, plain: Plain) -> None:
    heard, listened = len(browser.heard), len(plain.listen())
    await browser.say(LOW)
    await until(lambda: len(plain.listen()) > listened)
    plain.socket.sendto(RtpPacket(8, heard + 1, 160 * heard, 7, HIGH).render(), answer.plain)
    await until(lambda: len(browser.heard) > heard)
    assert (plain.heard[-1].payload, browser.heard[-1].payload) == (LOW, HIGH)
