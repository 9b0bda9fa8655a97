"""A call between simulated parties, watched while it is up, listened to when it is over, and told of once more."""

from playwright.async_api import Locator, Page, Request, Route, expect

from tests.portal_browser.watched import Portal, Watched

# What the player's file holds, as the browser decodes it: seconds, and the loudest sample.
DECODE = """async player => {
  const file = await (await fetch(player.src)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 8000, 8000).decodeAudioData(file);
  return [sound.duration, sound.getChannelData(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0)];
}"""


async def test_a_call_appears_and_changes_by_itself(owner: Watched) -> None:
    overview = await owner.open("/portal")
    row = overview.get_by_role("row", name="watched live")
    await expect(row).to_have_count(0)
    page = await place(owner, "9000001000", "9000007005", "watched live")
    await expect(row).to_contain_text("test")
    await expect(row).to_contain_text("in-progress")
    await row.get_by_role("link").focus()
    await expect(state_of(page)).to_have_text("in-progress")
    await expect(page.get_by_role("button", name="Pause the recording")).to_be_visible()
    await expect(state_of(page)).to_have_text("completed")
    await expect(row).to_have_count(0)
    await expect(overview.locator("#live")).to_be_focused()
    await expect(page.locator("audio")).to_be_visible()
    await expect(page.get_by_role("button", name="Pause the recording")).to_have_count(0)
    await expect(page.get_by_role("region", name="What happened", exact=True)).to_contain_text("BYE")


async def test_a_question_outlasts_what_happens_meanwhile(owner: Watched) -> None:
    overview = await owner.open("/portal")
    page = await place(owner, "9000001000", "9000007060", "hung up by hand")
    await page.locator("summary", has_text="Hang up").click()
    asked = page.get_by_role("button", name="Hang up now")
    await expect(overview.get_by_role("row", name="hung up by hand")).to_contain_text("in-progress")
    await expect(asked).to_be_visible()
    await asked.click()
    await expect(state_of(page)).to_have_text("completed")
    await expect(page.locator("audio")).to_be_visible()


async def test_what_cannot_be_had_now_takes_nothing_away(owner: Watched) -> None:
    page = await place(owner, "9000001000", "9000007008", "refused meanwhile")
    refusals: list[str] = []

    async def refuse(route: Route, request: Request) -> None:
        if request.headers.get("hx-request") != "true":
            await route.continue_()
            return
        refusals.append(request.url)
        await route.fulfill(
            status=503, content_type="text/html", body='<div class="notice bad" role="alert">Busy.</div>'
        )

    await page.route("**/portal/calls/*", refuse)
    async with page.expect_response(lambda response: response.status == 503):
        pass  # the call is answered meanwhile
    await expect(page.get_by_role("heading", name="Call of")).to_be_visible()
    await expect(page.locator("summary", has_text="Hang up")).to_be_visible()
    await page.unroute("**/portal/calls/*")
    await expect(state_of(page)).to_have_text("completed")
    await expect(page.locator("audio")).to_be_visible()
    assert refusals
    assert all("503" in complaint for complaint in owner.complaints)
    owner.complaints.clear()


async def test_a_call_that_is_not_ones_own_any_more_is_not_shown(owner: Watched) -> None:
    page = await place(owner, "9000001000", "9000007008", "seen no more")
    await page.route("**/portal/calls/*", lambda route: route.fulfill(status=404, body="Not found"))
    await expect(page.get_by_text("Not found")).to_be_visible()
    await expect(page.get_by_role("heading", name="Call of")).to_have_count(0)
    assert all("404" in complaint for complaint in owner.complaints)
    owner.complaints.clear()


async def test_the_recording_is_heard(owner: Watched, recorded_call: str) -> None:
    page = await owner.open(f"/portal/calls/{recorded_call}")
    player = page.locator("audio")
    await player.focus()
    await page.keyboard.press("Space")
    await expect(player).to_have_js_property("paused", value=False)
    await expect(player).to_have_js_property("ended", value=True)
    assert await player.evaluate("player => player.currentTime") > 2
    await player.evaluate("player => { player.currentTime = 1 }")
    await expect(player).to_have_js_property("seeking", value=False)
    assert await player.evaluate("player => player.currentTime") == 1
    wave = page.get_by_role("slider", name="Where the recording plays")
    await expect(wave).to_have_attribute("aria-valuenow", "1")
    length_s = float(await wave.get_attribute("data-duration-s") or 0)
    for key, seconds in (
        ("Home", 0.0),
        ("ArrowRight", min(5, length_s)),
        ("PageDown", 0.0),
        ("PageUp", length_s),
        ("Home", 0.0),
    ):
        await wave.press(key)
        await expect(player).to_have_js_property("seeking", value=False)
        assert abs(await player.evaluate("player => player.currentTime") - seconds) < 0.2, key
    await wave.click()  # in its middle
    assert abs(await player.evaluate("player => player.currentTime") - length_s / 2) < 0.2
    seconds, loudest = await player.evaluate(DECODE)
    assert 2 < seconds < 6
    assert loudest > 0.01
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download").click()
    assert (await downloading.value).suggested_filename == f"{recorded_call}.mp3"


async def test_a_webhook_is_sent_again(owner: Watched, portal: Portal, recorded_call: str) -> None:
    page = await owner.open("/portal/webhooks")
    await page.locator("main table th a").click()
    row = page.get_by_role("row").filter(has_text="recording.ready").filter(has_text=recorded_call[:8])
    await expect(row).to_contain_text("delivered")
    await row.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("status")).to_have_text("The event is sent once more.")
    journal = portal.service.webhooks
    told = [one for one in journal.entries if one.call_sid == recorded_call and one.event == "recording.ready"]
    again = await journal.wait_for(
        lambda one: one.event_id == told[0].event_id and one is not told[0] and one.signed_v2, 20
    )
    assert again is not None
    assert again.payload["data"] is not None


async def place(owner: Watched, party_a: str, party_b: str, reference: str) -> Page:
    """The page of a test call that was placed by hand."""
    page = await owner.open("/portal/place-call")
    await page.get_by_label("A", exact=True).fill(party_a)
    await page.get_by_label("B", exact=True).fill(party_b)
    await page.get_by_label("Reference").fill(reference)
    await page.get_by_label("A test call").check()
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.get_by_role("heading", name="Call of")).to_be_visible()
    return page


def state_of(page: Page) -> Locator:
    return page.locator("#call .heading .badge").first
