"""An agent in a running service: a browser over ICE, DTLS and SRTP on one side, a phone behind the trunk opposite."""

import asyncio
import json
import re
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from media.codecs.g711 import alaw_to_linear
from media.codecs.opus import NO_WISHES
from media.codecs.speech import new_decoder, new_encoder
from media.codecs.table import OPUS
from media.rtp.packet import RtpPacket, parse_packet
from tests.support.free_ports import PortLease
from tests.support.loopback_phone import LoopbackPhone
from tests.support.plain_browser import PlainBrowser
from tests.support.rtp_probe import amplitude, to_a_law_tone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.service_under_test import MASKED_NUMBER, ServiceUnderTest, service_under_test, trunk
from tests.support.spectrum import sine
from tests.support.until import until

pytestmark = pytest.mark.sockets

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
    """A page of Asha's: what it is told, and what it does."""

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


class Bench:
    """A service with one agent, its page, and a phone."""

    def __init__(self, service: ServiceUnderTest, page: AgentPage, phone: LoopbackPhone, media: PhoneMedia) -> None:
        self.service = service
        self.page = page
        self.phone = phone
        self.media = media

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

        await _meanwhile(talk, heard)


async def _meanwhile(work: Callable[[], Any], met: Callable[[], bool]) -> None:
    task = asyncio.ensure_future(work())
    try:
        await until(met, 10.0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
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
        running = service_under_test(tmp_path, [trunk("real", phones)], sections=sections)
        service = await stack.enter_async_context(running)
        await service.command("agent", "add", "--org", service.org_id, "asha")
        token = await service.command("agent", "token", "--org", service.org_id, "asha")
        http = await stack.enter_async_context(aiohttp.ClientSession())
        page = AgentPage(service.url, str(token["token"]), http, range(browsers, browsers + 20))
        listening = asyncio.ensure_future(page.listen())
        yield Bench(service, page, phone, media)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_phone_and_a_browser_talk_and_the_page_is_loaded_anew_meanwhile(bench: Bench) -> None:
    page = bench.page
    await until(lambda: page.told("page"))
    placed = await bench.service.client.post("/v1/masking/calls", {"party_a": NUMBER, "party_b": "agent:asha"})
    assert placed.status == 201, placed.body
    call = json.loads(placed.body)["data"]["call_sid"]
    await until(lambda: page.told("ringing"))
    [ringing] = page.told("ringing")
    assert (ringing["call_sid"], ringing["masked_number"], ringing["direction"]) == (call, MASKED_NUMBER, "incoming")
    browser = await page.answer(call)
    await until(lambda: page.told("connected"))
    await bench.both_hear(browser)

    await browser.close()
    await until(lambda: page.told("disconnected"))
    again = await page.answer(call)
    await until(lambda: len(page.told("connected")) == 2)
    await bench.both_hear(again)

    status, _, _ = await page.send("DELETE", f"/v1/agent/calls/{call}/media")
    assert status == 204
    await until(bench.phone.hung_up.is_set)
    ending = await bench.service.ending(call, 20)
    assert ending is not None
    assert (ending.event, ending.data["hangup_cause"], ending.data["hangup_party"]) == (
        "call.completed",
        "normal",
        "b",
    )
    assert NUMBER not in json.dumps(page.events)
    listed = json.dumps(await bench.service.command("trunks"))
    assert "real" in listed
    assert "agents" not in listed
    await again.close()
    await _call_with_opus_alone(bench)


OPUS_TYPE, TONE_HZ, PHONE_HZ = 111, 1000, 400


async def _call_with_opus_alone(bench: Bench) -> None:
    """A browser that has nothing but Opus, and a phone that has it not: tones tell that it is converted both ways."""
    page, media = bench.page, bench.media
    page.events.clear()
    media.heard.clear()
    placed = await bench.service.client.post("/v1/masking/calls", {"party_a": NUMBER, "party_b": "agent:asha"})
    call = json.loads(placed.body)["data"]["call_sid"]
    await until(lambda: page.told("ringing"))
    browser = PlainBrowser("actpass", lite=True)
    offer = browser.offer(f"{OPUS_TYPE} 110")
    headers = {"Content-Type": "application/sdp"}
    status, answer, _ = await page.send("POST", f"/v1/agent/calls/{call}/media", data=offer, headers=headers)
    assert status == 201, answer
    assert f"a=rtpmap:{OPUS_TYPE} opus/48000/2" in answer
    browser.take(answer)
    await until(lambda: page.told("connected"))
    speaks, hears = new_encoder(OPUS, 16_000, NO_WISHES), new_decoder(OPUS, 16_000)
    audio = array("h", sine(TONE_HZ, 16_000, 16_000)).tobytes()
    frames = [speaks.encode(audio[at : at + 640]) for at in range(0, len(audio), 640)]

    async def talk() -> None:
        number = 0
        while True:
            number += 1
            browser.say(frames[number % 50], OPUS_TYPE, 960)
            media.say(bench.phone.media_port, to_a_law_tone(PHONE_HZ))
            await asyncio.sleep(0.02)

    def both_heard() -> bool:
        to_phone = [sample for packet in media.heard[-10:] for sample in alaw_to_linear(packet.payload)]
        return len(browser.heard) > 25 and len(to_phone) >= 1600 and amplitude(to_phone, TONE_HZ) > 0.2

    await _meanwhile(talk, both_heard)
    assert {packet.payload_type for packet in browser.heard} == {OPUS_TYPE}
    heard = array("h", b"".join(hears.decode(packet.payload) for packet in browser.heard))
    assert amplitude(heard[-8000::2], PHONE_HZ) > 0.2
    await page.send("DELETE", f"/v1/agent/calls/{call}/media")
    browser.close()
