"""The softphone, the page of agents and a supervisor's seat in Chromium, against baresip at the trunks."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Dialog, Locator, Page, expect

from tests.interop.baresip import Baresip
from tests.interop.chromium import LISTENING, HomedChromium, hears, homed_chromium
from tests.interop.masked_call import NUMBER_A, TONE_A_HZ, TONE_B_HZ
from tests.interop.phones_desk import BROWSER_HZ, PhonesDesk
from tests.interop.tones import write_tone
from tests.portal_browser.conftest import PATIENCE_MS, watch
from tests.portal_browser.test_pages import check
from tests.portal_browser.watched import EMAIL, PASSWORD, Portal, Watched
from tests.support.service_under_test import MASKED_NUMBER

pytestmark = [pytest.mark.timeout(180)]

AUDIBLE = re.compile("^[1-9][0-9]+$")  # at least a tenth
KEY_5 = "5"
# What the pages send is looked at too: which microphone it is of.
SENDING = """
window.peers = [];
window.restarts = 0;
const OwnPeer = window.RTCPeerConnection;
window.RTCPeerConnection = function (...given) {
  const peer = new OwnPeer(...given);
  window.peers.push(peer);
  const offer = peer.createOffer.bind(peer);
  peer.createOffer = (wishes) => {
    window.restarts += wishes?.iceRestart ? 1 : 0;
    return offer(wishes);
  };
  return peer;
};
window.microphones = () => window.peers.flatMap((peer) => peer.connectionState === "connected" ? peer.getSenders() : [])
  .map(({ track }) => track.getSettings().deviceId);
"""

REFUSING = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("It is in use.", "NotReadableError"); };
}"""


@dataclass(frozen=True, slots=True)
class Desk:
    """The portal of a service whose only agent is whoever is signed in, in a browser; phones at its trunks."""

    phones: PhonesDesk
    owner: Watched

    @property
    def a(self) -> Baresip:
        return self.phones.a

    @property
    def b(self) -> Baresip:
        return self.phones.b


@pytest_asyncio.fixture(loop_scope="session")
async def homed(tmp_path: Path) -> AsyncIterator[HomedChromium]:
    # Beeps: a tone that goes on is noise, which browsers take out of what a microphone hears.
    microphone = write_tone(tmp_path / "microphone.wav", BROWSER_HZ, 12, beep_s=0.2)
    async with homed_chromium(microphone, tmp_path / "home") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def desk(phones: PhonesDesk, homed: HomedChromium) -> AsyncIterator[Desk]:
    desk = await sit_down(phones, homed.context)
    yield desk
    # A network that is gone is no mistake of the page's.
    assert [each for each in desk.owner.complaints if "ERR_INTERNET_DISCONNECTED" not in each] == []


async def sit_down(phones: PhonesDesk, context: BrowserContext) -> Desk:
    """With a browser whose pages are listened to."""
    expect.set_options(timeout=PATIENCE_MS)
    await context.add_init_script(LISTENING + SENDING)
    return Desk(phones, watch(Portal(phones.service, ""), context))


async def test_an_agent_takes_a_call(desk: Desk) -> None:
    await an_agent_takes_a_call(desk, await softphone(desk))


async def an_agent_takes_a_call(desk: Desk, page: Page) -> None:
    """All that the page shows and does of it."""
    await check(page)
    await desk.phones.place("agent:asha")
    ringing = page.get_by_role("list", name="Calls that ring")
    await expect(ringing).to_contain_text(f"A call from {MASKED_NUMBER}")
    await check(page)
    await page.get_by_role("button", name="Answer").click()
    await expect(state(page)).to_have_text("Connected")
    await expect(page.locator("#call-number")).to_have_text(MASKED_NUMBER)
    await desk.a.hears_now(BROWSER_HZ)
    await hears(page, (TONE_A_HZ,))
    for side in ("microphone", "speaker"):
        await expect(page.locator(f"#{side}-level")).to_have_attribute("aria-valuenow", AUDIBLE)
    await expect(page.locator("#grade")).to_have_text("good")
    await expect(page.locator("#mos")).to_have_text(re.compile(r"^4\.[0-9]$"))
    await expect(page.locator("#loss")).to_have_text("0.0 %")
    await expect(page.locator("#round-trip")).to_have_text(re.compile("^[0-9]+ ms$"))
    await check(page)
    agents = await desk.owner.open("/portal/agents")
    await expect(agents.get_by_role("row", name="asha")).to_contain_text("busy")
    await agents.close()

    await page.get_by_role("button", name="Mute").click()
    await desk.a.hears_no_more(BROWSER_HZ)
    await expect(page.locator("#microphone-level")).to_have_attribute("aria-valuenow", "0")
    since = len(desk.a.events.entries)
    await page.keyboard.press(KEY_5)
    assert (await desk.a.told("CALL_DTMF_START", since=since)).fields["param"] == KEY_5
    await page.get_by_role("button", name="Mute").click()
    await desk.a.hears_now(BROWSER_HZ)
    await page.get_by_role("button", name="Hold").click()
    await expect(state(page)).to_have_text("On hold")
    await desk.a.hears_no_more(BROWSER_HZ)
    await expect(page.locator("#speaker-level")).to_have_attribute("aria-valuenow", "0")
    await page.get_by_role("button", name="Go on").click()
    await desk.a.hears_now(BROWSER_HZ)
    await page.get_by_role("button", name="Hang up").click()
    await expect(state(page)).to_have_text("You hung up.")
    await desk.a.told("CALL_CLOSED", since=since)
    await expect(page.locator("#grade")).to_have_text("no call")

    await page.get_by_role("button", name="Away").click()
    await expect(page.locator("#link")).to_have_text("away")
    await page.get_by_role("button", name="Available").click()
    await expect(page.locator("#link")).to_have_text("calls can come")


async def test_devices_are_chosen_during_a_call_and_kept_for_the_next(desk: Desk) -> None:
    await devices_are_chosen(desk, await softphone(desk))


async def devices_are_chosen(desk: Desk, page: Page) -> None:
    """The last of each, during a call; the next call has them too."""
    await call(page, NUMBER_A)
    chosen = {}
    for side in ("microphone", "speaker"):
        box = page.locator(f"#{side}")
        await expect(box.locator("option")).not_to_have_count(1)
        chosen[side] = str(await box.locator("option").last.get_attribute("value"))
        await box.select_option(chosen[side])
    await page.wait_for_function("id => microphones().includes(id)", arg=chosen["microphone"])
    await page.wait_for_function("id => players.at(-1).sinkId === id", arg=chosen["speaker"])
    await desk.a.hears_now(BROWSER_HZ)
    await hears(page, (TONE_A_HZ,))
    await page.get_by_role("button", name="Hang up").click()
    await expect(state(page)).to_have_text("You hung up.")
    await page.locator("#number").fill("")
    await call(page, NUMBER_A)
    assert await page.evaluate("microphones()") == [chosen["microphone"]]
    await page.wait_for_function("id => players.at(-1).sinkId === id", arg=chosen["speaker"])
    await expect(page.locator("#microphone")).to_have_value(chosen["microphone"])
    await desk.a.hears_now(BROWSER_HZ)
    await desk.a.command("hangup")
    await expect(state(page)).to_have_text("The call is over.")


async def test_without_a_microphone_it_rings_on_and_says_why(desk: Desk) -> None:
    page = await softphone(desk)
    await page.evaluate(REFUSING)
    await page.locator("#number").fill(NUMBER_A)
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.get_by_role("alert").filter(has_text="no microphone")).to_be_visible()
    await expect(state(page)).to_have_text("Declined.")
    await expect(page.get_by_role("button", name="Call", exact=True)).to_be_enabled()
    await desk.phones.place("agent:asha")
    await page.get_by_role("button", name="Answer").click()
    await expect(page.get_by_role("alert").filter(has_text="no microphone")).to_be_visible()
    await check(page)
    await page.get_by_role("button", name="Decline").click()
    await expect(page.locator("#rings li")).to_have_count(0)


async def test_a_call_outlasts_its_network_and_its_page(desk: Desk, homed: HomedChromium) -> None:
    page = await softphone(desk)
    await call(page, desk.phones.number(desk.b))
    await desk.b.hears_now(BROWSER_HZ)
    homed.cut_network()
    await expect(state(page)).to_have_text("Reconnecting")
    await desk.b.hears_no_more(BROWSER_HZ)
    homed.mend_network()
    await expect(state(page)).to_have_text("Connected")
    await desk.b.hears_now(BROWSER_HZ)
    await hears(page, (TONE_B_HZ,))

    # The machine has another network: what is told then begins anew, the audio finds its way anew.
    restarts = await page.evaluate("restarts")
    await homed.context.set_offline(True)
    await homed.context.set_offline(False)
    await page.wait_for_function("before => restarts > before", arg=restarts)
    await expect(state(page)).to_have_text("Connected")
    await expect(page.locator("#link")).to_have_text("in a call")
    await expect(page.locator("#fault")).to_be_hidden()
    await desk.b.hears_now(BROWSER_HZ)

    asked: list[str] = []

    async def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    page.on("dialog", leave)
    await page.reload()
    assert asked == ["beforeunload"]
    await expect(state(page)).to_have_text("Connected")
    await expect(page.locator("#link")).to_have_text("in a call")
    await desk.b.hears_now(BROWSER_HZ)
    await hears(page, (TONE_B_HZ,))
    await page.get_by_role("button", name="Hang up").click()
    await expect(state(page)).to_have_text("You hung up.")


async def test_a_supervisor_listens_whispers_and_barges(desk: Desk, homed: HomedChromium) -> None:
    placed = await desk.phones.place(desk.phones.number(desk.b))
    await desk.phones.bridged(placed)
    await sign_in(desk.owner)
    page = await desk.owner.open(f"/portal/calls/{placed.call_sid}")
    seat = page.get_by_role("region", name="Take part")
    joined = seat.get_by_role("status")
    await seat.get_by_role("button", name="Listen").click()
    await expect(joined).to_have_text("in the call")
    await check(page)
    await hears(page, (TONE_A_HZ, TONE_B_HZ))
    await expect(seat.locator(".level span")).to_have_css("transform", re.compile(r"^matrix\(0\.[1-9]"))
    await desk.phones.supervisor_heard_by()
    for button, told, heard in (
        ("Whisper to A", "A hears you, B does not.", (desk.a,)),
        ("Whisper to B", "B hears you, A does not.", (desk.b,)),
        ("Barge in", "Both hear you.", (desk.a, desk.b)),
    ):
        await seat.get_by_role("button", name=button).click()
        await expect(seat).to_contain_text(told)
        await expect(seat.get_by_role("button", name=button)).to_have_attribute("aria-pressed", "true")
        await desk.phones.supervisor_heard_by(*heard)
    homed.cut_network()
    await expect(joined).to_have_text("reconnecting")
    homed.mend_network()
    await expect(joined).to_have_text("in the call")
    await desk.phones.supervisor_heard_by(desk.a, desk.b)
    await hears(page, (TONE_A_HZ, TONE_B_HZ))
    await page.reload()
    await expect(joined).to_have_text("not in the call")
    await desk.phones.supervisor_heard_by()
    await seat.get_by_role("button", name="Whisper to A").click()
    await expect(joined).to_have_text("in the call")
    await desk.phones.supervisor_heard_by(desk.a)
    await seat.get_by_role("button", name="Leave").click()
    await expect(joined).to_have_text("not in the call")
    await desk.phones.supervisor_heard_by()
    await desk.a.command("hangup")
    await expect(seat).to_have_count(0)


def state(page: Page) -> Locator:
    """What the softphone says of its call."""
    return page.locator("#call-state")


async def call(page: Page, number: str) -> None:
    """Call somebody, by the dial pad where it is a plain number."""
    if number.isdecimal():
        for key in number:
            await page.locator(f"[data-key='{key}']").click()
    else:
        await page.locator("#number").fill(number)
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(state(page)).to_have_text("Connected")


async def sign_in(owner: Watched) -> Page:
    page = await owner.open("/portal/sign-in")
    await page.get_by_label("Mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    return page


async def softphone(desk: Desk) -> Page:
    """The softphone's page of somebody who is an agent by now."""
    page = await sign_in(desk.owner)
    await page.goto(f"{desk.owner.portal.url}/portal/agents")
    if not await page.get_by_role("row", name="asha").count():
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
    return page
