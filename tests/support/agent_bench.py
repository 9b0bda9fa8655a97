"""Agents in a running service: their pages over HTTP, scripted browsers, and a phone behind the trunk opposite."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from media.rtp.packet import RtpPacket, parse_packet
from tests.support.free_ports import PortLease
from tests.support.loopback_phone import LoopbackPhone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.until import until

NUMBER = "9876543210"
FROM_PHONE, FROM_BROWSER = b"\x11" * 160, b"\x22" * 160


class PhoneMedia(asyncio.DatagramProtocol):
    """The phone's RTP: what it hears is kept."""

    def __init__(self) -> None:
        self.heard: list[RtpPacket] = []
        self._sequence = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = parse_packet(data)
        if packet is not None:
            self.heard.append(packet)

    def say(self, port: int, payload: bytes = FROM_PHONE) -> None:
        assert self._transport is not None
        self._sequence += 1
        packet = RtpPacket(8, self._sequence, self._sequence * 160, 0xA11CE, payload)
        self._transport.sendto(packet.render(), ("127.0.0.1", port))


class AgentPage:
    """A page of an agent's: what it is told, and what it does."""

    def __init__(self, url: str, token: str, http: aiohttp.ClientSession, browser_ports: range) -> None:
        self.events: list[tuple[str, Any]] = []
        self._browser_ports = browser_ports
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = http

    async def listen(self) -> None:
        async with self._http.get(f"{self._url}/v1/agent/events", headers=self._headers) as stream:
            name = ""
            async for line in stream.content:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    self.events.append((name, json.loads(text.removeprefix("data: "))))

    def told(self, name: str) -> list[Any]:
        return [data for event, data in self.events if event == name]

    async def send(self, method: str, path: str, **options: Any) -> tuple[int, str, Any]:
        headers = {**self._headers, **options.pop("headers", {})}
        async with self._http.request(method, self._url + path, headers=headers, **options) as reply:
            return reply.status, await reply.text(), reply.headers

    async def answer(self, call: str) -> ScriptedBrowser:
        browser = ScriptedBrowser()
        offer = await browser.offer()
        headers = {"Content-Type": "application/sdp"}
        status, answer, _ = await self.send("POST", f"/v1/agent/calls/{call}/media", data=offer, headers=headers)
        assert status == 201, answer
        # What addresses there are in it are the gateway's own, at its own ports.
        assert set(re.findall(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+", answer)) == {"0.0.0.0", "127.0.0.1"}
        [port] = re.findall(r"127\.0\.0\.1 ([0-9]+) typ host", answer)
        assert int(port) in self._browser_ports
        await browser.take(answer)
        return browser


class AgentBench:
    """A service with agents, their pages, and a phone. `page`: Asha's."""

    page: AgentPage

    def __init__(
        self,
        service: ServiceUnderTest,
        phone: LoopbackPhone,
        media: PhoneMedia,
        http: aiohttp.ClientSession,
        browser_ports: range,
    ) -> None:
        self.service = service
        self.phone = phone
        self.media = media
        self.http = http
        self.browser_ports = browser_ports
        self._listening: list[asyncio.Future[None]] = []

    async def open(self, name: str) -> AgentPage:
        """A new agent's page, which calls can come to."""
        await self.service.command("agent", "add", "--org", self.service.org_id, name)
        return await self.open_again(name)

    async def open_again(self, name: str) -> AgentPage:
        """Another page of an agent's, with a token of its own."""
        token = await self.service.command("agent", "token", "--org", self.service.org_id, name)
        page = AgentPage(self.service.url, str(token["token"]), self.http, self.browser_ports)
        self._listening.append(asyncio.ensure_future(page.listen()))
        await until(lambda: page.told("page"))
        return page

    async def close(self) -> None:
        for listening in self._listening:
            listening.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    async def call(self, agent: str) -> str:
        """Place a call of the phone and an agent; its id."""
        placed = await self.service.client.post("/v1/masking/calls", {"party_a": NUMBER, "party_b": f"agent:{agent}"})
        assert placed.status == 201, placed.body
        return str(json.loads(placed.body)["data"]["call_sid"])

    async def both_hear(self, browser: ScriptedBrowser) -> None:
        """Both talk until each has heard the other from now on."""
        of_browser, of_phone = len(browser.heard), len(self.media.heard)

        def heard() -> bool:
            new = self.media.heard[of_phone:]
            return any(packet.payload == FROM_BROWSER for packet in new) and any(
                packet.payload == FROM_PHONE for packet in browser.heard[of_browser:]
            )

        async def talk() -> None:
            while True:
                self.media.say(self.phone.media_port)
                await browser.say(FROM_BROWSER)
                await asyncio.sleep(0.02)

        await meanwhile(talk, heard)


async def meanwhile(work: Callable[[], Any], met: Callable[[], bool]) -> None:
    """Do something until something has come true."""
    task = asyncio.ensure_future(work())
    try:
        await until(met, 10.0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def agent_bench(folder: Path) -> AsyncIterator["AgentBench"]:
    """Start all of it, with the agent Asha, whose page listens."""
    async with AsyncExitStack() as stack:
        browsers, phones = (stack.enter_context(PortLease(length)) for length in (20, 4))
        sections = {"webrtc": {"enabled": True, "ports": f"{browsers}-{browsers + 19}"}}
        phone = LoopbackPhone(phones, phones + 2)
        await phone.open()
        stack.callback(phone.close)
        transport, media = await asyncio.get_running_loop().create_datagram_endpoint(
            PhoneMedia, local_addr=("127.0.0.1", phones + 2)
        )
        stack.callback(transport.close)
        service = await stack.enter_async_context(
            service_under_test(folder, [trunk("real", phones)], sections=sections)
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bench = AgentBench(service, phone, media, http, range(browsers, browsers + 20))
        stack.push_async_callback(bench.close)
        bench.page = await bench.open("asha")
        yield bench
