"""A service with two agents and a supervisor, two phones at its trunks, and an application's page for browsers."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from tests.interop.baresip import Baresip
from tests.interop.chromium import AUDIBLE_DB, LISTENING, hears, listen, listened
from tests.interop.masked_call import TONE_A_HZ, TONE_B_HZ, MaskedCall
from tests.interop.phones_desk import BROWSER_HZ, PhonesDesk, phones_desk
from tests.interop.tones import heard_in, write_tone

KEY_7_HZ, KEY_5_HZ = (852.0, 1209.0), (770.0, 1336.0)
# The page of an application, from an origin of its own: what it is told and hears is kept for the test.
PAGE = """<!doctype html><html lang=en><title>Desk</title><link rel=icon href="data:,"><script type=module>
import { MaskbridgeAgent, SupervisorCall } from "%(service)s/clients/maskbridge-agent.js";
%(listening)s
const { token, key } = %(secrets)s;
const agent = window.agent = new MaskbridgeAgent({ url: "%(service)s", token: async () => token, processing: false });
window.agentUrl = "%(service)s";
window.states = [];
for (const event of ["call", "placed", "resumed"]) {
  agent.on(event, (call) => { window.call = call; call.on("state", (state) => window.states.push(state)); });
}
const seated = { url: "%(service)s", token: key, processing: false };
window.supervise = (sid) => {
  window.seat = new SupervisorCall(seated, sid);
  window.seat.on("state", (state) => window.states.push(state));
};
await agent.connect();
document.title = "Ready";
</script></html>"""


class Desk:
    """What the tests play with, and an application's page."""

    def __init__(self, phones: PhonesDesk, origin: str, microphone: Path, secrets: Mapping[str, str]) -> None:
        self.phones = phones
        self.a, self.b = phones.a, phones.b
        self.service = phones.service
        self.origin = origin
        self.microphone = microphone
        self._secrets = secrets

    async def open(self, page: Page, agent: str = "asha") -> None:
        await page.goto(f"{self.origin}/?agent={agent}")
        await page.wait_for_function("document.title === 'Ready'", timeout=15_000)

    async def read(self, path: str) -> list[dict[str, Any]]:
        """A list that the supervisor may see."""
        bearer = f"Bearer {self._secrets['key']}"
        reply = await self.service.client.fetch(self.service.url + path, Authorization=bearer)
        found: list[dict[str, Any]] = json.loads(reply.body)["data"]
        return found


class Seen:
    """A browser's page. `complaints`: what its console says of mistakes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def script(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def becomes(self, expression: str) -> None:
        await self.page.wait_for_function(expression, timeout=20_000)


@asynccontextmanager
async def agent_desk(folder: Path) -> AsyncIterator[Desk]:
    """Start all of it."""
    async with AsyncExitStack() as stack:
        secrets: dict[str, str] = {}
        application = web.Application()
        pages = TestServer(application)

        async def show(request: web.Request) -> web.Response:
            known = {"token": secrets[request.query.get("agent", "asha")], "key": secrets["key"]}
            filled = PAGE % {"service": service.url, "secrets": json.dumps(known), "listening": LISTENING}
            return web.Response(text=filled, content_type="text/html")

        application.router.add_get("/", show)
        await pages.start_server()
        stack.push_async_callback(pages.close)
        origin = str(pages.make_url("/")).rstrip("/")
        phones = await stack.enter_async_context(phones_desk(folder, {"cors_origins": [origin]}))
        service = phones.service
        for name in ("asha", "ravi"):
            await service.command("agent", "add", "--org", service.org_id, name)
            secrets[name] = str((await service.command("agent", "token", "--org", service.org_id, name))["token"])
        scopes = ("--scopes", "supervise,calls:read")
        secrets["key"] = str((await service.command("key", "create", "--org", service.org_id, *scopes))["key"])
        yield Desk(phones, origin, write_tone(folder / "microphone.wav", BROWSER_HZ, 10), secrets)


async def both_hear(seen: Seen, phone: Baresip) -> None:
    """Each hears the other's tone, and not its own."""
    own_hz = TONE_A_HZ if phone.folder.name == "a" else TONE_B_HZ
    await phone.hears_now(BROWSER_HZ)
    await phone.hears_no_more(own_hz, 2)
    await hears(seen.page, (own_hz,), (BROWSER_HZ,))


async def keys_cross(seen: Seen, phone: Baresip, since: int) -> None:
    """One of the browser's is told to the phone once, one of the phone's is heard by the browser."""
    await seen.script("call.press('5')")
    pressed = await phone.told("CALL_DTMF_START", since=since)
    assert pressed.fields["param"] == "5"
    await listen(seen.page, *KEY_7_HZ, *KEY_5_HZ, milliseconds=3000)
    await phone.command("sndcode", "7")
    levels = await listened(seen.page)
    assert min(levels[:2]) > max(AUDIBLE_DB, max(levels[2:]) + 15), levels
    keys = [event.fields["param"] for event in phone.events.entries[since:] if event.kind == "CALL_DTMF_START"]
    assert keys == ["5"]


async def recorded_apart(call: MaskedCall, a_hz: float, b_hz: float) -> None:
    """The recording has each party's tone on its own channel, and not the other's."""
    wav = await call.recording()
    of_a, of_b = heard_in(wav, 0), heard_in(wav, 1)
    assert of_a.present_s(a_hz) > 1 < of_b.present_s(b_hz)
    assert of_a.present_s(b_hz) < 0.1 > of_b.present_s(a_hz)
