"""The wallet: what is in it, what was paid in, and the invoices about that."""

from typing import Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.rights import Right


async def show(page: Page) -> web.Response:
    """The money, and the newest payments."""
    money = (await page.rest.get("/v1/masking/billing")).data
    topups = await page.rest.get("/v1/account/topups", page=page.asked_page())
    return page.render("wallet.html", money=money, topups=topups.data, meta=topups.meta)


async def list_invoices(page: Page) -> web.Response:
    """A page of invoices, newest first, and the newest refunds."""
    found = await page.rest.get("/v1/account/invoices", page=page.asked_page())
    refunds = await page.rest.get("/v1/account/refunds")
    return page.render("invoices.html", invoices=found.data, meta=found.meta, refunds=refunds.data)


PAGES: Final = (
    PageRoute("GET", "/portal/wallet", show, Right.BILLING_READ),
    PageRoute("GET", "/portal/invoices", list_invoices, Right.BILLING_READ),
)
