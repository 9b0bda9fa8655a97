"""Money is paid in at the payment provider's own page, which a stand-in shows here."""

from playwright.async_api import Locator, Page, expect

from tests.portal_browser.test_pages import check
from tests.portal_browser.watched import Watched


async def test_the_wallet_is_topped_up(owner: Watched) -> None:
    page = await owner.open("/portal/wallet")
    await expect(to_spend(page)).to_have_text("₹1,00,000.00")
    await page.get_by_role("link", name="Top up").click()
    await page.get_by_label("Amount in rupees").fill("500")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Pay ₹590.00")).to_be_visible()
    await check(page)
    for button in ("Cancel", "Failure"):
        await page.get_by_role("button", name="Pay ₹590.00").click()
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("status")).to_have_text("The payment was not made.")
    await page.get_by_role("button", name="Pay ₹590.00").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Pay Example Telecom")
    await page.get_by_role("button", name="Success").click()
    await expect(page.get_by_text("The wallet has been credited.")).to_be_visible()
    await check(page)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Invoice INV/").click()
    assert (await downloading.value).suggested_filename.endswith(".pdf")
    await page.reload()
    await page.get_by_role("main").get_by_role("link", name="Wallet").click()
    await expect(to_spend(page)).to_have_text("₹1,00,500.00")


def to_spend(page: Page) -> Locator:
    return page.locator("dl.figures div", has_text="To spend").locator("dd")
