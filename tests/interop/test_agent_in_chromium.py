"""The JavaScript client in Chromium, whose microphone hears a tone, and baresip at the trunks, which says others."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from tests.interop.baresip import Baresip
from tests.interop.chromium import AUDIBLE_DB, LISTENING, SILENT_DB, chromium, hears, homed_chromium, spectrum
from tests.interop.masked_call import TONE_A_HZ, TONE_B_HZ, MaskedCall
from tests.interop.phones_desk import BROWSER_HZ, PhonesDesk, phones_desk
from tests.interop.tones import heard_in, write_tone
from tests.support.service_under_test import MASKED_NUMBER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.sockets,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

KEY_7_HZ, KEY_5_HZ = (852.0, 1209.0), (770.0, 1336.0)
RUPEES_A_MINUTE = 1.5
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
    """What the tests play with, and an application's page for Chromium."""

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
    """A page of Chromium. `complaints`: what its console says of mistakes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def script(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def becomes(self, expression: str) -> None:
        await self.page.wait_for_function(expression, timeout=20_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
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


@pytest_asyncio.fixture(loop_scope="module")
async def seen(desk: Desk) -> AsyncIterator[Seen]:
    async with chromium(desk.microphone) as browser:
        page = Seen(await (await browser.new_context()).new_page())
        await desk.open(page.page)
        yield page
        # A network that is gone is no mistake of the page's.
        assert [each for each in page.complaints if "ERR_INTERNET_DISCONNECTED" not in each] == []


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
    listening = asyncio.ensure_future(spectrum(seen.page, *KEY_7_HZ, *KEY_5_HZ, milliseconds=2000))
    await asyncio.sleep(0.5)
    await phone.command("sndcode", "7")
    levels = await listening
    assert min(levels[:2]) > max(AUDIBLE_DB, max(levels[2:]) + 15), levels
    keys = [event.fields["param"] for event in phone.events.entries[since:] if event.kind == "CALL_DTMF_START"]
    assert keys == ["5"]


async def test_an_agent_is_called_by_a_phone(desk: Desk, seen: Seen) -> None:
    phone, since = desk.a, len(desk.a.events.entries)
    call = await desk.phones.place("agent:asha")
    await seen.becomes("window.call?.state === 'ringing'")
    assert await seen.script("[call.maskedNumber, call.direction]") == [MASKED_NUMBER, "incoming"]
    await seen.script("call.answer()")
    assert await seen.script("[call.state, agent.presence]") == ["connected", "busy"]
    await both_hear(seen, phone)
    await keys_cross(seen, phone, since)

    await seen.script("call.mute()")
    await phone.hears_no_more(BROWSER_HZ)
    await seen.script("call.mute(false)")
    await phone.hears_now(BROWSER_HZ)
    await seen.script("call.hold()")
    await phone.hears_no_more(BROWSER_HZ)
    assert max(await spectrum(seen.page, TONE_A_HZ)) < SILENT_DB
    await seen.script("call.resume()")
    await both_hear(seen, phone)
    await phone.command("hold")
    await hears(seen.page, (), (BROWSER_HZ,))
    await phone.hears_no_more(BROWSER_HZ)
    await phone.command("resume")  # it goes on receiving then, and decodes nothing any more
    await phone.receives()
    await hears(seen.page, (TONE_A_HZ,), (BROWSER_HZ,))

    await seen.script("call.hangUp()")
    await phone.told("CALL_CLOSED", since=since)
    assert await seen.script("[call.endReason, agent.presence]") == ["hung_up", "available"]
    await desk.phones.ended(call, "b")
    await recorded_apart(call, TONE_A_HZ, BROWSER_HZ)


async def test_an_agent_calls_a_phone_and_its_network_and_page_come_and_go(desk: Desk, seen: Seen) -> None:
    phone, since = desk.b, len(desk.b.events.entries)
    await seen.script(f"agent.call('{desk.phones.number(phone)}', {{ reference: 'order 7' }})")
    await seen.becomes("window.call?.state === 'connected'")
    assert await seen.script("[call.direction, call.reference]") == ["outgoing", "order 7"]
    call = MaskedCall(desk.service, str(await seen.script("call.id")))
    await phone.told("CALL_ESTABLISHED", since=since)
    await both_hear(seen, phone)

    page_id = await seen.script("agent.pageId")
    await seen.page.context.set_offline(True)
    await seen.page.context.set_offline(False)
    await seen.becomes(f"agent.connected && agent.pageId !== '{page_id}' && call.state === 'connected'")
    await both_hear(seen, phone)
    await seen.script("call.reconnect()")
    await both_hear(seen, phone)
    assert "reconnecting" in await seen.script("states")
    await seen.page.reload()
    await seen.becomes("window.call?.state === 'connected'")
    await both_hear(seen, phone)
    await keys_cross(seen, phone, since)

    await phone.command("hangup")
    await seen.becomes("call.state === 'ended'")
    assert await seen.script("call.endReason") == "other_party"
    await desk.phones.ended(call, "b")
    await recorded_apart(call, BROWSER_HZ, TONE_B_HZ)


async def test_of_two_pages_of_an_agent_the_first_to_answer_has_the_call(desk: Desk, seen: Seen) -> None:
    other = Seen(await seen.page.context.new_page())
    await desk.open(other.page)
    call = await desk.phones.place("agent:asha")
    for page in (seen, other):
        await page.becomes("window.call?.state === 'ringing'")
    await other.script("call.answer()")
    await seen.becomes("call.state === 'ended'")
    assert await seen.script("call.endReason") == "answered_elsewhere"
    await both_hear(other, desk.a)
    await other.script("call.hangUp()")
    await desk.phones.ended(call, "b")
    assert other.complaints == []


async def test_two_agents_talk_in_opus(desk: Desk, seen: Seen) -> None:
    ravi = Seen(await seen.page.context.new_page())
    await desk.open(ravi.page, "ravi")
    await seen.script("void agent.call('agent:ravi')")
    await ravi.becomes("window.call?.state === 'ringing'")
    await ravi.script("call.answer()")
    for page in (seen, ravi):
        await page.becomes("call.state === 'connected'")
        await hears(page.page, (BROWSER_HZ,), (TONE_A_HZ, TONE_B_HZ))
    await seen.script("call.mute()")
    await hears(ravi.page, (), (BROWSER_HZ,))
    await seen.script("call.mute(false)")
    call = MaskedCall(desk.service, str(await seen.script("call.id")))
    await ravi.script("call.hangUp()")
    await seen.becomes("call.state === 'ended'")
    status = await desk.phones.ended(call, "b")
    assert [leg["codec"] for leg in status["legs"]] == ["opus", "opus"]
    wav = await call.recording()
    assert heard_in(wav, 0).present_s(BROWSER_HZ) > 1 < heard_in(wav, 1).present_s(BROWSER_HZ)
    assert ravi.complaints == []


async def recorded_apart(call: MaskedCall, a_hz: float, b_hz: float) -> None:
    """The recording has each party's tone on its own channel, and not the other's."""
    wav = await call.recording()
    of_a, of_b = heard_in(wav, 0), heard_in(wav, 1)
    assert of_a.present_s(a_hz) > 1 < of_b.present_s(b_hz)
    assert of_a.present_s(b_hz) < 0.1 > of_b.present_s(a_hz)


async def test_a_supervisor_listens_whispers_barges_and_leaves(desk: Desk, seen: Seen) -> None:
    call = await desk.phones.place(desk.phones.number(desk.b))
    await desk.phones.bridged(call)
    await seen.script(f"supervise('{call.call_sid}')")
    await seen.script("seat.join()")
    await seen.becomes("seat.state === 'connected'")
    await hears(seen.page, (TONE_A_HZ, TONE_B_HZ), (BROWSER_HZ,))
    await desk.phones.supervisor_heard_by()
    for mode, phone in (("whisper_a", desk.a), ("whisper_b", desk.b)):
        await seen.script(f"seat.change('{mode}')")
        await desk.phones.supervisor_heard_by(phone)
    await seen.script("seat.change('barge')")
    await desk.phones.supervisor_heard_by(desk.a, desk.b)
    await seen.script("states.length = 0")
    await seen.page.context.set_offline(True)
    await seen.page.context.set_offline(False)
    await seen.becomes("states.includes('reconnecting') && seat.state === 'connected'")
    await desk.phones.supervisor_heard_by(desk.a, desk.b)
    await hears(seen.page, (TONE_A_HZ, TONE_B_HZ))
    await seen.script("seat.change('listen')")
    await desk.phones.supervisor_heard_by()
    await seen.script("seat.leave()")
    assert await seen.script("seat.state") == "out"

    await desk.a.command("hangup")
    await desk.phones.ended(call, "a")
    await recorded_apart(call, TONE_A_HZ, TONE_B_HZ)
    wav = await call.recording()
    assert heard_in(wav, 0).present_s(BROWSER_HZ) < 0.1 > heard_in(wav, 1).present_s(BROWSER_HZ)
    audited = json.dumps(await desk.service.command("audit", "--org", desk.service.org_id))
    assert [f"supervisor.{step}" in audited for step in ("join", "mode", "leave")] == [True, True, True]


async def test_what_goes_wrong_is_told(seen: Seen) -> None:
    refused = "error => [error.name, error.code, error.status]"
    assert await seen.script(f"agent.call('123').catch({refused})") == ["MaskbridgeError", "invalid_numbers", 400]
    await seen.script("supervise('94684176-5dcb-421c-9c45-3c1104744404')")
    assert await seen.script(f"seat.join().catch({refused})") == ["MaskbridgeError", "not_found", 404]
    assert await seen.script("seat.state") == "out"
    wrong = "new agent.constructor({ url: agentUrl, token: 'at_wrong' }).connect()"
    assert await seen.script(f"{wrong}.catch({refused})") == ["MaskbridgeError", "unauthorized", 401]
    seen.complaints.clear()  # the console names every reply that is a refusal


async def test_a_call_waits_for_a_browser_whose_network_is_gone_for_longer_than_its_consent(
    desk: Desk, tmp_path: Path
) -> None:
    async with homed_chromium(desk.microphone, tmp_path / "home") as homed:
        page = Seen(await homed.context.new_page())
        await desk.open(page.page)
        call = await desk.phones.place("agent:asha")
        await page.becomes("window.call?.state === 'ringing'")
        await page.script("call.answer()")
        await both_hear(page, desk.a)
        homed.cut_network()
        await page.becomes("call.state === 'reconnecting'")
        for _ in range(60):
            happened = json.dumps(await desk.read(f"/v1/masking/calls/{call.call_sid}/events"))
            if "agent.disconnected" in happened:
                break
            await asyncio.sleep(1)
        assert "agent.disconnected" in happened
        await asyncio.sleep(5)
        homed.mend_network()
        await page.becomes("call.state === 'connected'")
        await both_hear(page, desk.a)
        await page.script("call.hangUp()")
        await desk.phones.ended(call, "b")
        assert page.complaints == []


async def test_a_browser_that_vanishes_ends_its_call_after_consent_and_grace(desk: Desk, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with homed_chromium(desk.microphone, tmp_path / "home") as homed:
        page = Seen(await homed.context.new_page())
        await desk.open(page.page)
        since = len(desk.a.events.entries)
        call = await desk.phones.place("agent:asha")
        await page.becomes("window.call?.state === 'ringing'")
        await page.script("call.answer()")
        answered_at = loop.time()
        await both_hear(page, desk.a)
        homed.vanish()
        gone_at = loop.time()
        await desk.a.told("CALL_CLOSED", 90, since=since)
        ended_at = loop.time()
    # Consent of 30 s since the browser last gave it, which it does every 4 to 6 s, and as long for it to come back.
    assert 53 < ended_at - gone_at < 64
    status = await desk.phones.ended(call, "b")
    assert status["duration_sec"] == pytest.approx(ended_at - answered_at, abs=1.5)
    minutes = -(-status["duration_sec"] // 60)
    assert (status["bill_duration_sec"], status["price"]) == (minutes * 60, minutes * RUPEES_A_MINUTE)
    logged = await desk.read("/v1/masking/call-logs")
    assert [each["call_sid"] for each in logged].count(call.call_sid) == 1
    happened = json.dumps(await desk.read(f"/v1/masking/calls/{call.call_sid}/events"))
    assert [step in happened for step in ("agent.connected", "agent.disconnected")] == [True, True]
