"""Signing in and making a key, without a mouse."""

from playwright.async_api import Locator, Page, expect

from b2bua.clock import SystemClock
from b2bua.demo.client import RestClient
from tests.portal_browser.watched import EMAIL, PASSWORD, Portal, Watched

MOST_STEPS = 60


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(MOST_STEPS):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("it cannot be reached by Tab")


async def test_signing_in(stranger: Watched) -> None:
    page = await stranger.open("/portal/keys")
    await expect(page.get_by_label("Mail address")).to_be_focused()
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="API keys", exact=True)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="New key")).to_be_focused()


async def test_a_wrong_password_is_told_where_it_was_typed(stranger: Watched) -> None:
    page = await stranger.open("/portal/sign-in")
    await expect(page.get_by_label("Mail address")).to_be_focused()
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Tab")
    await page.keyboard.type("another horse battery")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("is wrong")
    await expect(page.get_by_label("Password")).to_be_focused()
    await expect(page.get_by_label("Mail address")).to_have_value(EMAIL)
    # Browsers write the status of the reply itself into their console, and htmx does so once more.
    assert len(stranger.complaints) == 2
    assert all("401" in complaint for complaint in stranger.complaints)
    stranger.complaints.clear()


async def test_making_a_key(owner: Watched, portal: Portal) -> None:
    page = await owner.open("/portal")
    await tab_to(page, page.get_by_role("link", name="API keys"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="API keys", exact=True)).to_be_visible()
    await tab_to(page, page.get_by_role("link", name="New key"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("Back office")
    await tab_to(page, page.get_by_label("account:read"))
    await page.keyboard.press("Space")
    await tab_to(page, page.get_by_role("button", name="Make the key"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Your new key")).to_be_visible()
    key = await page.get_by_label("Key", exact=True).input_value()
    async with RestClient(portal.url, key, SystemClock()) as client:
        assert "total_calls" in await client.get("/v1/masking/stats")
    await tab_to(page, page.get_by_role("button", name="Copy"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#secret-copied")).to_have_text("Copied.")
    await tab_to(page, page.get_by_role("link", name="Done"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row", name="Back office")).to_contain_text("account:read")
    await expect(page.get_by_text(key)).to_have_count(0)


async def test_what_changes_by_itself_keeps_the_focus_and_what_is_open(owner: Watched) -> None:
    page = await owner.open("/portal")
    await tab_to(page, page.get_by_role("link", name="By day"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="The last 30 days")).to_be_visible()
    await expect(page.get_by_role("link", name="By day")).to_be_focused()
    await tab_to(page, page.get_by_text("The figures"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Download as CSV"))
    await page.evaluate("htmx.ajax('GET', '/portal/overview/plots?by=day', '#plots').then(() => window.swapped = true)")
    await page.wait_for_function("window.swapped")
    await expect(page.get_by_role("link", name="Download as CSV")).to_be_focused()


async def test_escape_takes_a_question_back(owner: Watched) -> None:
    page = await owner.open("/portal/webhooks")
    asks = page.locator("summary", has_text="Switch off")
    await tab_to(page, asks)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Switch it off")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Switch it off")).to_be_hidden()
    await expect(asks).to_be_focused()
