"""The JavaScript client in Chromium, whose microphone hears a tone, and a phone at the trunk that speaks another."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright

from tests.interop.masked_call import MaskedCall
from tests.interop.tones import heard_in, write_tone
from tests.support.free_ports import PortLease
from tests.support.loopback_phone import LoopbackPhone
from tests.support.rtp_probe import RtpProbe, amplitude
from tests.support.service_under_test import MASKED_NUMBER, ServiceUnderTest, service_under_test, trunk
from tests.support.until import until

pytestmark = [pytest.mark.interop, pytest.mark.sockets, pytest.mark.timeout(120)]

NUMBER = "9876543210"
BROWSER_HZ, PHONE_HZ, KEY_5_HZ = 1000, 440, (770, 1336)
# The page of an application, from an origin of its own: what it is told and hears is kept for the test.
PAGE = """<!doctype html><html lang=en><title>Desk</title><link rel=icon href="data:,"><script type=module>
import { MaskbridgeAgent, SupervisorCall } from "%(service)s/clients/maskbridge-agent.js";
window.players = [];
const OwnAudio = window.Audio;
window.Audio = function () { const player = new OwnAudio(); window.players.push(player); return player; };
const { token, key } = %(secrets)s;
const agent = window.agent = new MaskbridgeAgent({ url: "%(service)s", token: async () => token, processing: false });
window.agentUrl = "%(service)s";
window.states = [];
for (const event of ["call", "placed", "resumed"]) {
  agent.on(event, (call) => { window.call = call; call.on("state", (state) => window.states.push(state)); });
}
const seated = { url: "%(service)s", token: key, processing: false };
window.supervise = (sid) => window.seat = new SupervisorCall(seated, sid);
window.loudest = async () => {
  const context = new AudioContext({ sampleRate: 8000 });
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(window.players.at(-1).srcObject).connect(analyser);
  await new Promise((done) => setTimeout(done, 600));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  await context.close();
  const bin = levels.indexOf(Math.max(...levels));
  return [bin * 8000 / 2048, levels[bin]];
};
await agent.connect();
document.title = "Ready";
</script></html>"""


class Desk:
    """A running service, an agent's page in Chromium, and a phone at the trunk."""

    def __init__(self, service: ServiceUnderTest, page: Page, phone: LoopbackPhone, probe: RtpProbe) -> None:
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.service = service
        self.page = page
        self.phone = phone
        self.probe = probe
        self._speaking: asyncio.Task[None] | None = None

    async def script(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def until_page(self, expression: str) -> None:
        await self.page.wait_for_function(expression, timeout=15_000)

    def speak(self) -> None:
        """The phone says its tone from now on."""
        self._speaking = asyncio.ensure_future(self.probe.speak(self.phone.media_port, PHONE_HZ, 120))

    async def quiet(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    def at_phone(self, tone_hz: float) -> float:
        """How loud a tone is in the newest fifth of a second that the phone heard."""
        heard = [sample for _, samples in self.probe.heard[-10:] for sample in samples]
        return amplitude(heard, tone_hz) if len(heard) >= 1600 else 0.0

    async def both_hear(self) -> None:
        """Each hears the other's tone, and not its own."""
        self.probe.heard.clear()
        await until(lambda: self.at_phone(BROWSER_HZ) > 0.1, 15)
        assert self.at_phone(PHONE_HZ) < 0.02
        await self.browser_hears(PHONE_HZ)

    async def browser_hears(self, tone_hz: float) -> None:
        """Nothing is louder there than this tone."""
        for _ in range(10):
            loudest_hz, level_db = await self.script("loudest()")
            if abs(loudest_hz - tone_hz) < 20 and level_db > -50:
                return
        raise AssertionError(f"the browser hears {loudest_hz} Hz at {level_db} dB")

    async def place(self, body: dict[str, Any]) -> str:
        placed = await self.service.client.post("/v1/masking/calls", body)
        assert placed.status == 201, placed.body
        return str(json.loads(placed.body)["data"]["call_sid"])

    async def bridged(self, call: str) -> None:
        told = await self.service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call and webhook.event == "call.bridged", 20
        )
        assert told is not None


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    tone = write_tone(tmp_path / "microphone.wav", BROWSER_HZ, 10)
    async with AsyncExitStack() as stack:
        secrets: dict[str, str] = {}
        application = web.Application()
        pages = TestServer(application)

        async def show(_request: web.Request) -> web.Response:
            return web.Response(
                text=PAGE % {"service": service.url, "secrets": json.dumps(secrets)}, content_type="text/html"
            )

        application.router.add_get("/", show)
        await pages.start_server()
        stack.push_async_callback(pages.close)
        browsers, phones = (stack.enter_context(PortLease(length)) for length in (40, 2))
        probe = await RtpProbe.open()
        stack.callback(probe.close)
        phone = LoopbackPhone(phones, probe.port)
        await phone.open()
        stack.callback(phone.close)
        origin = str(pages.make_url("/")).rstrip("/")
        sections: dict[str, dict[str, object]] = {
            "webrtc": {"enabled": True, "ports": f"{browsers}-{browsers + 39}"},
            "api": {"cors_origins": [origin]},
        }
        service = await stack.enter_async_context(
            service_under_test(tmp_path, [trunk("real", phones)], sections=sections)
        )
        await service.command("agent", "add", "--org", service.org_id, "asha")
        secrets["token"] = str((await service.command("agent", "token", "--org", service.org_id, "asha"))["token"])
        scopes = ("--scopes", "supervise,calls:read")
        secrets["key"] = str((await service.command("key", "create", "--org", service.org_id, *scopes))["key"])
        browser = await _chromium(stack, tone)
        page = await browser.new_page()
        found = Desk(service, page, phone, probe)
        await page.goto(origin)
        await page.wait_for_function("document.title === 'Ready'", timeout=15_000)
        yield found
        await found.quiet()
        # A network that is gone is no mistake of the page's.
        assert [each for each in found.complaints if "ERR_INTERNET_DISCONNECTED" not in each] == []


async def _chromium(stack: AsyncExitStack, tone: Path) -> Browser:
    """A browser whose microphone hears a tone, over and over."""
    program = shutil.which("chromium")
    assert program is not None, "missing: chromium; run .ci/interop"
    playwright = await stack.enter_async_context(async_playwright())
    browser = await playwright.chromium.launch(
        executable_path=program,
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={tone}",
            "--autoplay-policy=no-user-gesture-required",
        ],
    )
    stack.push_async_callback(browser.close)
    return browser


async def test_an_agent_is_called(desk: Desk) -> None:
    call = await desk.place({"party_a": NUMBER, "party_b": "agent:asha", "record": True})
    await desk.until_page("window.call?.state === 'ringing'")
    assert await desk.script("[call.maskedNumber, call.direction]") == [MASKED_NUMBER, "incoming"]
    await desk.script("call.answer()")
    assert await desk.script("[call.state, agent.presence]") == ["connected", "busy"]
    desk.speak()
    await desk.both_hear()

    await desk.script("call.press('5')")
    await until(lambda: min(desk.at_phone(tone) for tone in KEY_5_HZ) > 0.03, 10)
    await desk.script("call.mute()")
    await until(lambda: desk.at_phone(BROWSER_HZ) < 0.01, 10)
    await desk.script("call.mute(false)")
    await desk.script("call.hold()")
    await until(lambda: desk.at_phone(BROWSER_HZ) < 0.01, 10)
    await desk.script("call.resume()")
    await desk.both_hear()

    await desk.script("call.hangUp()")
    await until(desk.phone.hung_up.is_set, 10)
    assert await desk.script("[call.endReason, agent.presence]") == ["hung_up", "available"]
    wav = await MaskedCall(desk.service, call).recording()
    of_phone, of_browser = heard_in(wav, 0), heard_in(wav, 1)
    assert of_phone.present_s(PHONE_HZ) > 1 < of_browser.present_s(BROWSER_HZ)
    assert of_phone.present_s(BROWSER_HZ) < 0.1 > of_browser.present_s(PHONE_HZ)


async def test_an_agent_calls_and_its_network_and_page_come_and_go(desk: Desk) -> None:
    await desk.script(f"agent.call('{NUMBER}', {{ reference: 'order 7' }})")
    await desk.until_page("window.call?.state === 'connected'")
    assert await desk.script("[call.direction, call.reference]") == ["outgoing", "order 7"]
    await until(desk.phone.answered.is_set, 10)
    desk.speak()
    await desk.both_hear()

    page_id = await desk.script("agent.pageId")
    await desk.page.context.set_offline(True)
    await desk.page.context.set_offline(False)
    await desk.until_page(f"agent.connected && agent.pageId !== '{page_id}' && call.state === 'connected'")
    await desk.both_hear()
    await desk.script("call.reconnect()")
    await desk.both_hear()
    assert "reconnecting" in await desk.script("states")
    await desk.page.reload()
    await desk.until_page("window.call?.state === 'connected'")
    await desk.both_hear()

    desk.phone.hang_up()
    await desk.until_page("call.state === 'ended'")
    assert await desk.script("call.endReason") == "other_party"


async def test_a_supervisor_listens_whispers_and_leaves(desk: Desk) -> None:
    call = await desk.place({"party_a": NUMBER, "party_b": "9123456789"})
    await desk.bridged(call)
    desk.speak()
    await desk.script(f"supervise('{call}').join()")
    await desk.until_page("seat.state === 'connected'")
    await desk.browser_hears(PHONE_HZ)
    assert desk.at_phone(BROWSER_HZ) < 0.01
    await desk.script("seat.change('barge')")
    await until(lambda: desk.at_phone(BROWSER_HZ) > 0.05, 15)
    await desk.script("seat.change('listen')")
    await until(lambda: desk.at_phone(BROWSER_HZ) < 0.01, 15)
    await desk.script("seat.leave()")
    assert await desk.script("seat.state") == "out"
    desk.phone.hang_up()
    ending = await desk.service.ending(call, 20)
    assert ending is not None
    assert ending.event == "call.completed"


async def test_what_goes_wrong_is_told(desk: Desk) -> None:
    refused = "error => [error.name, error.code, error.status]"
    assert await desk.script(f"agent.call('123').catch({refused})") == ["MaskbridgeError", "invalid_numbers", 400]
    unknown = "supervise('94684176-5dcb-421c-9c45-3c1104744404').join()"
    assert await desk.script(f"{unknown}.catch({refused})") == ["MaskbridgeError", "not_found", 404]
    assert await desk.script("seat.state") == "out"
    wrong = "new agent.constructor({ url: agentUrl, token: 'at_wrong' }).connect()"
    assert await desk.script(f"{wrong}.catch({refused})") == ["MaskbridgeError", "unauthorized", 401]
    desk.complaints.clear()  # the console names every reply that is a refusal
