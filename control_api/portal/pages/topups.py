"""Topping up the wallet: an amount, the provider's own payment page, and back again.

The provider sends the browser back by a form of its own, to which a browser gives no session (its cookie is SameSite
Lax): `come_back` takes nothing from it but what it said, and goes on to a page of ours that asks who is there. What was
said is signed by the provider, so that it may stand in an address, and counts once however often it is opened.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from yarl import URL

from control_api.errors import NotFound
from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_WALLET: Final = "/portal/wallet"
_FORM: Final = "topup_new.html"
_SHOWN: Final = "topup.html"
_SAID: Final = ("razorpay_payment_id", "razorpay_signature")
_SAYABLE: Final = re.compile(r"[0-9A-Za-z_]{1,128}")
# The provider has the money and does not answer now, or not yet: its webhook will tell.
_LATER: Final = 503


async def ask(page: Page) -> web.Response:
    """How much."""
    return page.render(_FORM)


async def order(page: Page) -> web.Response:
    """Order the payment, and show what there is to pay."""
    amount = pasted.amount(page.given("amount") or "")
    try:
        topup = (await page.rest.post("/v1/account/topups", amount=amount)).data
    except Refused as refused:
        return page.again(_FORM, refused.reply)
    return page.redirect(_own(topup["topup_id"]))


async def show(page: Page) -> web.Response:
    """A payment: to be made, on its way, or made."""
    topup = (await page.rest.get(f"/v1/account/topups/{page.part('topup_id')}")).data
    if page.wants_part:
        return page.render("topup_state.html", **_context(page, topup, awaited=True))
    return page.render(_SHOWN, **_context(page, topup))


async def come_back(page: Page) -> web.Response:
    """From the provider's payment page, paid, failed or given up."""
    topup_id = page.part("topup_id")
    said = {name: page.form.get(name, "") for name in _SAID}
    if all(_SAYABLE.fullmatch(text) for text in said.values()):
        return page.redirect(str(URL(f"{_own(topup_id)}/paid", encoded=True).with_query(said)))
    return page.redirect(_own(topup_id), "topup-not-made")


async def confirm(page: Page) -> web.Response:
    """Give the API what the provider said: the wallet is credited once."""
    topup_id, query = page.part("topup_id"), page.request.query
    said = {name: query.get(name, "") for name in _SAID}
    if not all(said.values()):
        raise NotFound("There is no page at this address.")
    try:
        await page.rest.post(f"/v1/account/topups/{topup_id}/confirm", **said)
    except Refused as refused:
        topup = (await page.rest.get(f"/v1/account/topups/{topup_id}")).data
        if refused.reply.status == _LATER:
            return page.render(_SHOWN, **_context(page, topup, awaited=True))
        return page.again(_SHOWN, refused.reply, **_context(page, topup))
    return page.redirect(_own(topup_id))


def _own(topup_id: str) -> str:
    return f"{_WALLET}/topups/{topup_id}"


def _context(page: Page, topup: Mapping[str, Any], *, awaited: bool = False) -> dict[str, Any]:
    """`awaited`: whether the provider has said that it was paid, and only the money is not here yet."""
    back = URL(page.site.settings.public_url.rstrip("/") + _own(topup["topup_id"]) + "/back")
    return {"topup": topup, "awaited": awaited, "back": str(back)}


PAGES: Final = (
    PageRoute("GET", f"{_WALLET}/topups/new", ask, Right.BILLING_WRITE),
    PageRoute("POST", f"{_WALLET}/topups/new", order, Right.BILLING_WRITE),
    PageRoute("GET", f"{_WALLET}/topups/{{topup_id}}", show, Right.BILLING_READ, razorpay=True),
    PageRoute("GET", f"{_WALLET}/topups/{{topup_id}}/paid", confirm, Right.BILLING_WRITE, razorpay=True),
    PageRoute("GET", f"{_WALLET}/topups/{{topup_id}}/back", come_back, foreign=True),
    PageRoute("POST", f"{_WALLET}/topups/{{topup_id}}/back", come_back, foreign=True),
)
