"""The softphone, the page of agents and a supervisor's seat in Chromium, against a phone at the trunk with a tone."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from tests.interop.tones import write_tone
from tests.portal_browser.conftest import add_owner, watch
from tests.portal_browser.test_pages import check
from tests.portal_browser.watched import EMAIL, PASSWORD, Portal, Watched
from tests.support.free_ports import PortLease
from tests.support.loopback_phone import LoopbackPhone
from tests.support.rtp_probe import RtpProbe, amplitude
from tests.support.service_under_test import MASKED_NUMBER, service_under_test, trunk
from tests.support.until import until

pytestmark = [pytest.mark.timeout(180)]

NUMBER = "9876543210"
AUDIBLE = re.compile("^[1-9][0-9]+$")  # at least a tenth
BROWSER_HZ, PHONE_HZ, KEY_5_HZ = 1000, 440, (770, 1336)


@dataclass
class Desk:
    """The portal of a service whose only agent is whoever is signed in, and a phone at its trunk."""

    owner: Watched
    phone: LoopbackPhone
    probe: RtpProbe

    def at_phone(self, tone_hz: float) -> float:
        """How loud a tone is in the newest fifth of a second that the phone heard."""
        heard = [sample for _, samples in self.probe.heard[-10:] for sample in samples]
        return amplitude(heard, tone_hz) if len(heard) >= 1600 else 0.0

    async def heard(self, tone_hz: float, least: float = 0.1) -> None:
        await until(lambda: self.at_phone(tone_hz) > least, 15)

    async def unheard(self, tone_hz: float) -> None:
        await until(lambda: self.at_phone(tone_hz) < 0.01, 15)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    program = shutil.which("chromium")
    assert program is not None, "missing: chromium; run .ci/interop"
    tone = write_tone(tmp_path / "microphone.wav", BROWSER_HZ, 10)
    async with AsyncExitStack() as stack:
        browsers, phones = (stack.enter_context(PortLease(length)) for length in (40, 2))
        probe = await RtpProbe.open()
        stack.callback(probe.close)
        phone = LoopbackPhone(phones, probe.port)
        await phone.open()
        stack.callback(phone.close)
        sections: dict[str, dict[str, object]] = {"webrtc": {"enabled": True, "ports": f"{browsers}-{browsers + 39}"}}
        service = await stack.enter_async_context(
            service_under_test(tmp_path, [trunk("real", phones)], sections=sections)
        )
        await add_owner(str(service.config), service.org_id)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={tone}",
            ],
        )
        stack.push_async_callback(browser.close)
        owner = watch(Portal(service, ""), await browser.new_context())
        yield Desk(owner, phone, probe)
        assert owner.complaints == []


async def test_an_agent_takes_and_makes_calls(desk: Desk) -> None:
    page = await made_agent(desk.owner)
    state = page.locator("#call-state")
    await check(page)
    service = desk.owner.portal.service
    placed = await service.client.post("/v1/masking/calls", {"party_a": NUMBER, "party_b": "agent:asha"})
    assert placed.status == 201, placed.body
    ringing = page.get_by_role("list", name="Calls that ring")
    await expect(ringing).to_contain_text(f"A call from {MASKED_NUMBER}")
    await check(page)
    await page.get_by_role("button", name="Answer").click()
    await expect(state).to_have_text("Connected")
    await expect(page.locator("#call-number")).to_have_text(MASKED_NUMBER)
    speaking = asyncio.ensure_future(desk.probe.speak(desk.phone.media_port, PHONE_HZ, 120))
    await desk.heard(BROWSER_HZ)
    assert desk.at_phone(PHONE_HZ) < 0.02
    for side in ("microphone", "speaker"):
        await expect(page.locator(f"#{side}-level")).to_have_attribute("aria-valuenow", AUDIBLE)
    await expect(page.locator("#grade")).to_have_text("good")
    await check(page)

    await page.get_by_role("button", name="Mute").click()
    await desk.unheard(BROWSER_HZ)
    await page.keyboard.press("5")
    await until(lambda: min(desk.at_phone(tone) for tone in KEY_5_HZ) > 0.03, 15)
    await page.get_by_role("button", name="Mute").click()
    await desk.heard(BROWSER_HZ)
    await page.get_by_role("button", name="Hold").click()
    await expect(state).to_have_text("On hold")
    await desk.unheard(BROWSER_HZ)
    await page.get_by_role("button", name="Go on").click()
    await desk.heard(BROWSER_HZ)
    await page.get_by_role("button", name="Hang up").click()
    await expect(state).to_have_text("You hung up.")
    await until(desk.phone.hung_up.is_set, 10)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)

    await page.get_by_role("button", name="Away").click()
    await expect(page.locator("#link")).to_have_text("away")
    await page.get_by_role("button", name="Available").click()
    await expect(page.locator("#link")).to_have_text("calls can come")


async def test_a_supervisor_takes_part(desk: Desk) -> None:
    page = await made_agent(desk.owner)
    for key in NUMBER:
        await page.locator(f"[data-key='{key}']").click()
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.locator("#call-state")).to_have_text("Connected")
    await desk.heard(BROWSER_HZ)
    await page.get_by_role("button", name="Mute").click()
    await desk.unheard(BROWSER_HZ)

    calls = await desk.owner.open("/portal/calls")
    await calls.locator("main table a").first.click()
    seat = calls.get_by_role("region", name="Take part")
    await seat.get_by_role("button", name="Listen").click()
    await expect(seat.get_by_role("status")).to_have_text("in the call")
    await check(calls)
    assert desk.at_phone(BROWSER_HZ) < 0.01
    await seat.get_by_role("button", name="Whisper to B").click()
    await expect(seat).to_contain_text("B hears you, A does not.")
    await desk.heard(BROWSER_HZ, 0.05)
    await seat.get_by_role("button", name="Leave").click()
    await expect(seat.get_by_role("status")).to_have_text("not in the call")
    await desk.unheard(BROWSER_HZ)
    desk.phone.hang_up()
    await expect(page.locator("#call-state")).to_have_text("The call is over.")
    await expect(seat).to_have_count(0)


async def made_agent(owner: Watched) -> Page:
    """The softphone's page of somebody who has just become an agent."""
    page = await owner.open("/portal/sign-in")
    await page.get_by_label("Mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    await page.goto(f"{owner.portal.url}/portal/agents")
    await page.get_by_label("Name", exact=True).fill("asha")
    await page.get_by_label("Person").select_option(index=1)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("row", name="asha")).to_be_visible()
    await page.locator("summary", has_text="Change").click()
    await check(page)
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.get_by_role("link", name="Softphone").click()
    await expect(page.locator("#link")).to_have_text("calls can come")
    await page.get_by_label("Take echo and noise out").uncheck()  # a tone that goes on is noise
    return page
