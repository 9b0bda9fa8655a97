"""For operators, about the organisation that they look at: payments paid back, and credit notes."""

from typing import Any, Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import Me, Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_PATH: Final = "/portal/operator/refunds"
_NOTES: Final = "/portal/operator/credit-notes"
_KINDS: Final = (
    ("correction", "Correction of an invoice"),
    ("goodwill", "Goodwill, without tax"),
)
_TAX: Final = (("", "As is usual"), ("yes", "Tax is in the amount"), ("no", "The amount is without tax"))


async def show(page: Page) -> web.Response:
    """Its payments, what was paid back of them, and its credit notes, newest first."""
    own = _organisation(page)
    if own is None:
        return page.render("operator_refunds.html", looks_at=None)
    query = page.request.query
    return page.render(
        "operator_refunds.html",
        looks_at=_name(page.me),
        topups=await page.rest.get("/v1/account/topups", page=page.asked_page()),
        refunds=await page.rest.get(f"{own}/refunds", page=query.get("refunds", 1)),
        notes=await page.rest.get(f"{own}/credit-notes", page=query.get("notes", 1)),
    )


async def ask_refund(page: Page) -> web.Response:
    """The form to pay a payment back."""
    return page.render("operator_refund_new.html", topup=await _topup(page, page.request.query.get("topup_id", "")))


async def refund(page: Page) -> web.Response:
    """Pay it back."""
    body = {name: text for name in ("topup_id", "reference", "reason") if (text := page.given(name))} | _amount(page)
    try:
        await page.rest.call("POST", f"{_organisation(page)}/refunds", body=body)
    except Refused as refused:
        topup = await _topup(page, body.get("topup_id", ""))
        return page.again("operator_refund_new.html", refused.reply, topup=topup)
    return page.redirect(_PATH, "paid-back")


async def ask_note(page: Page) -> web.Response:
    """The form for a credit note."""
    return page.render("operator_note_new.html", **_choices(page))


async def issue_note(page: Page) -> web.Response:
    """Issue it."""
    names = ("kind", "reference", "reason", "invoice_number")
    body: dict[str, object] = {name: text for name in names if (text := page.given(name))}
    body |= _amount(page)
    taxed = page.given("with_tax")
    if taxed is not None:
        body["with_tax"] = taxed == "yes"
    try:
        await page.rest.call("POST", f"{_organisation(page)}/credit-notes", body=body)
    except Refused as refused:
        return page.again("operator_note_new.html", refused.reply, **_choices(page))
    return page.redirect(_PATH, "credited")


def _choices(page: Page) -> dict[str, Any]:
    return {"kinds": _KINDS, "taxes": _TAX, "looks_at": _name(page.me)}


def _amount(page: Page) -> dict[str, str]:
    """The amount as the API takes it, where one is given."""
    text = page.given("amount")
    return {} if text is None else {"amount": pasted.amount(text)}


async def _topup(page: Page, topup_id: str) -> Any:
    """The payment that a form is about. Raises Refused."""
    return (await page.rest.get(f"/v1/account/topups/{page.quoted(topup_id)}")).data


def _organisation(page: Page) -> str | None:
    """The API's path of the organisation that is looked at."""
    if page.me is None or page.me.org_id is None:
        return None
    return f"/v1/admin/organisations/{page.quoted(page.me.org_id)}"


def _name(me: Me | None) -> str | None:
    """What that organisation is called, as far as is known."""
    if me is None:
        return None
    return next((str(one["name"]) for one in me.organisations if one["org_id"] == me.org_id), me.org_id)


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.OPERATE),
    PageRoute("GET", _PATH + "/new", ask_refund, Right.OPERATE),
    PageRoute("POST", _PATH + "/new", refund, Right.OPERATE),
    PageRoute("GET", _NOTES + "/new", ask_note, Right.OPERATE),
    PageRoute("POST", _NOTES + "/new", issue_note, Right.OPERATE),
)
