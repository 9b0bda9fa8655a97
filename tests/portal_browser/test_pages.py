"""Every page in a browser: no complaint, nothing that shuts people out, no wider than a telephone."""

from itertools import pairwise
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.portal_browser.watched import Watched

PAGES = {
    "/portal": "Overview",
    "/portal?by=day": "Overview",
    "/portal/calls": "Call log",
    "/portal/calls?test=yes": "Call log",
    "/portal/place-call": "Place a call",
    "/portal/keys": "API keys",
    "/portal/keys/new": "New key",
    "/portal/webhooks": "Webhooks",
    "/portal/wallet": "Wallet",
    "/portal/wallet/topups/new": "Top up the wallet",
    "/portal/invoices": "Invoices",
    "/portal/statements": "Statements",
    "/portal/ledger": "Ledger",
    "/portal/audit": "Audit log",
    "/portal/agents": "Agents",
    "/portal/people": "People",
    "/portal/settings": "Settings",
    "/portal/prompts": "Announcements",
    "/portal/me": "Your sign-in",
    "/portal/operator/organisations": "Organisations",
    "/portal/operator/organisations/new": "New organisation",
    "/portal/operator/numbers": "Numbers",
    "/portal/operator/trunks": "Trunks",
    "/portal/operator/refunds": "Refunds and credits",
}
# Tables that are lists or lanes on a telephone, and yet can be pushed sideways or go beyond their frame.
PUSHED = """
[...document.querySelectorAll(".scroll.stacked, .ladder .scroll")]
  .filter((table) => { table.scrollLeft = 50; return table.scrollLeft || table.scrollWidth > table.clientWidth; })
  .map((table) => table.getAttribute("aria-label"))
"""
# Tables that a laptop shows only a part of.
CUT = """
[...document.querySelectorAll(".scroll")].filter((table) => table.scrollWidth > table.clientWidth)
  .map((table) => table.getAttribute("aria-label"))
"""
# How far from the left the lanes of a call's ladder stand.
LANES = """
[".rung.sip td:nth-child(2)", ".rung.sip td:nth-child(3)", ".rung.sip td:nth-child(4)"]
  .map((lane) => document.querySelector(`.ladder ${lane}`).getBoundingClientRect().left)
"""
# The levels of a page's headings.
LEVELS = "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((one) => Number(one.tagName[1]))"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def check(page: Page) -> None:
    """Against the rules of axe, in both schemes and at both sizes."""
    await page.set_viewport_size({"width": 1280, "height": 900})
    assert await page.evaluate(CUT) == []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in ((1280, 900), (360, 740)):
            await page.set_viewport_size({"width": width, "height": height})
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{scheme}, {width}: {found.generate_report()}"
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.evaluate(PUSHED) == []  # the last was a telephone


@pytest.mark.parametrize("path", PAGES)
async def test_a_page(owner: Watched, recorded_call: str, path: str) -> None:
    page = await owner.open(path)
    await expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    await check(page)


async def test_the_statement_of_a_month(owner: Watched) -> None:
    page = await owner.open("/portal/statements")
    await page.locator("main table th a").first.click()
    await expect(page.get_by_role("heading", name="Day by day")).to_be_visible()
    await check(page)


async def test_the_page_of_a_call(owner: Watched, recorded_call: str) -> None:
    page = await owner.open(f"/portal/calls/{recorded_call}")
    await expect(page.locator("audio")).to_be_visible()
    await check(page)
    lanes = await page.evaluate(LANES)
    assert lanes == sorted(set(lanes))  # A on the left, we between, B on the right


async def test_the_deliveries_of_a_webhook(owner: Watched, recorded_call: str) -> None:
    page = await owner.open("/portal/webhooks")
    await page.locator("main table th a").click()
    await expect(page.get_by_role("heading", name="Deliveries")).to_be_visible()
    await check(page)
    await page.locator("main table a").first.click()
    await expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
    await check(page)


async def test_an_endpoint_is_changed_by_keyboard(owner: Watched) -> None:
    page = await owner.open("/portal/webhooks")
    await page.get_by_role("link", name="Change http").press("Enter")
    await expect(page.get_by_role("heading", name="Change an endpoint")).to_be_visible()
    await check(page)
    await page.get_by_label("wallet.low").press("Space")
    await page.get_by_role("button", name="Save").press("Enter")
    await expect(page.get_by_role("status")).to_have_text("The endpoint is changed.")
    await expect(page.locator("main table td").nth(1)).not_to_contain_text("wallet.low")
    await check(page)


async def test_a_test_event(owner: Watched) -> None:
    page = await owner.open("/portal/webhooks")
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_role("heading", name="Test event")).to_be_visible()
    await check(page)


async def test_the_sign_in(stranger: Watched) -> None:
    await check(await stranger.open("/portal/sign-in"))


async def test_an_invitation_to_a_long_address(owner: Watched, stranger: Watched) -> None:
    page = await owner.open("/portal/people")
    await page.get_by_label("Mail address").fill(f"{'asha' * 15}@{'shop' * 15}.example")
    await page.get_by_role("button", name="Invite").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Invited")
    await check(page)
    link = await page.get_by_label("Link").input_value()
    await check(await stranger.open(link.removeprefix(owner.portal.url)))


async def test_the_menu_of_a_telephone(owner: Watched) -> None:
    page = await owner.open("/portal")
    await page.set_viewport_size({"width": 390, "height": 844})
    settings = page.get_by_role("link", name="Settings")
    await expect(settings).to_be_hidden()
    await page.get_by_role("button", name="Menu").click()
    await settings.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


@pytest.mark.parametrize("home", ["/docs", "/docs/", "/docs/webhooks/"])
async def test_the_documentation_is_searched(stranger: Watched, home: str) -> None:
    page = await stranger.open(home)
    await page.get_by_role("textbox", name="Search").click()
    await page.keyboard.type("retries")
    found = page.locator(".md-search-result__link").filter(has=page.get_by_role("heading", name="Webhooks", exact=True))
    await found.first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Webhooks")


async def test_links_of_the_documentation_are_told_by_more_than_colour(stranger: Watched) -> None:
    page = await stranger.open("/docs/quick-start/")
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page, options={"runOnly": ["link-in-text-block"]})
        assert found.violations_count == 0, found.generate_report()


async def test_the_reference_is_shown(stranger: Watched) -> None:
    page = await stranger.open("/docs/api/")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("API")
    for width, height in ((1280, 900), (360, 740)):
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    levels = await page.evaluate(LEVELS)
    assert all(below - level <= 1 for level, below in pairwise(levels))


async def test_a_policy_that_refuses_would_be_noticed(owner: Watched) -> None:
    page = await owner.open("/portal")
    await page.evaluate("document.body.append(Object.assign(document.createElement('style'), {textContent: 'p {}'}))")
    assert len(owner.complaints) == 1
    assert "Content Security Policy" in owner.complaints[0]
    owner.complaints.clear()
