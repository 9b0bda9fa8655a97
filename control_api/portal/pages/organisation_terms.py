"""For operators: a new organisation, the terms and limits of one that there is, and money for its wallet."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from control_api.portal import pasted
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right

_PATH: Final = "/portal/operator/organisations"
_ONE: Final = _PATH + "/{org_id}"
_TEMPLATE: Final = "operator_organisation.html"
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)  # what else is given the API refuses as it stands
_RUPEES: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_LIMITS: Final = ("max_concurrent_calls", "rate_limit_per_minute", "retention_days")
_REGISTRATION: Final = ("gstin", "state", "address")


async def ask_new(page: Page) -> web.Response:
    """The form for a new one."""
    return page.render(_TEMPLATE, **_shown(page, None))


async def create(page: Page) -> web.Response:
    """Make it, with an empty wallet."""
    try:
        await page.rest.call("POST", "/v1/admin/organisations", body=_terms(page))
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, **_shown(page, None))
    return page.redirect(_PATH, "organisation-made")


async def ask_change(page: Page) -> web.Response:
    """The form for other terms, and the one for its wallet."""
    return page.render(_TEMPLATE, **_shown(page, await _organisation(page)))


async def change(page: Page) -> web.Response:
    """Other terms and limits; what is left empty is as the operator has it for all."""
    try:
        await page.rest.call("PATCH", _own(page), body=_terms(page))
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, **_shown(page, await _organisation(page)))
    return page.redirect(_PATH, "organisation-changed")


async def credit(page: Page) -> web.Response:
    """Add to its wallet what was paid in another way."""
    body = {"rupees": _amount(page.given("rupees")), "reference": page.given("reference")}
    try:
        await page.rest.call("POST", f"{_own(page)}/credit", body=body)
    except Refused as refused:
        return page.again(_TEMPLATE, refused.reply, **_shown(page, await _organisation(page)))
    return page.redirect(_PATH, "wallet-credited")


def _terms(page: Page) -> dict[str, Any]:
    """What the form gives; an empty field of the tariff is not named, since there is always a tariff."""
    tariff = {
        "rate": _amount(page.given("tariff.rate")),
        "pulse_sec": _number(page.given("tariff.pulse_sec")),
        "gst_percent": _number(page.given("tariff.gst_percent")),
    }
    return {
        "name": page.form.get("name", ""),
        "tariff": {name: value for name, value in tariff.items() if value is not None},
        "numbers": pasted.numbers(page.form.get("numbers", "")),
        **{name: _number(page.given(name)) for name in _LIMITS},
        **{name: page.given(name) for name in _REGISTRATION},
    }


def _shown(page: Page, one: Mapping[str, Any] | None) -> dict[str, Any]:
    """An organisation, None for a new one, and what its form is filled with: what was sent, or else what is kept."""
    kept: dict[str, object] = {}
    if one is not None:
        kept = {name: one[name] for name in ("name", *_LIMITS, *_REGISTRATION)}
        kept |= {f"tariff.{name}": value for name, value in one["tariff"].items()}
        kept["numbers"] = ", ".join(one["numbers"])
    filled = {name: "" if value is None else str(value) for name, value in kept.items()}
    return {"organisation": one, "filled": defaultdict(str, filled | dict(page.form))}


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and _WHOLE.fullmatch(text) else text


def _amount(text: str | None) -> float | str | None:
    plain = "" if text is None else pasted.amount(text)
    return float(plain) if _RUPEES.fullmatch(plain) else text


def _own(page: Page) -> str:
    return f"/v1/admin/organisations/{page.part('org_id')}"


async def _organisation(page: Page) -> Any:
    return (await page.rest.get(_own(page))).data


PAGES: Final = (
    PageRoute("GET", _PATH + "/new", ask_new, Right.OPERATE),
    PageRoute("POST", _PATH + "/new", create, Right.OPERATE, anywhere=True),
    PageRoute("GET", _ONE + "/change", ask_change, Right.OPERATE),
    PageRoute("POST", _ONE + "/change", change, Right.OPERATE, anywhere=True),
    PageRoute("POST", _ONE + "/credit", credit, Right.OPERATE, anywhere=True),
)
