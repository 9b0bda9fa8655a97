"""The audit log: who changed what and when, of an organisation, and for operators of everybody."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.pages import days
from control_api.portal.rest import Answer, Refused
from control_api.rights import Right

_FILTERS: Final = ("action", "actor", "first_day", "last_day")
_NOTHING: Final = Answer(200, [], {"total": 0, "page": 1, "total_pages": 0})
# What the actions begin with, in the words of the pages.
_SUBJECTS: Final = (
    ("agent", "Agents"),
    ("key", "API keys"),
    ("credit_note", "Credit notes"),
    ("organisation", "Organisation"),
    ("password", "Passwords"),
    ("person", "People"),
    ("prompt", "Announcements"),
    ("recording", "Recordings"),
    ("refund", "Refunds"),
    ("session", "Signing in"),
    ("stream", "Streams"),
    ("stream_endpoint", "Stream endpoints"),
    ("supervisor", "Supervisors"),
    ("topup", "Top-ups"),
    ("wallet", "Wallet"),
    ("webhook", "Webhooks"),
)


async def show(page: Page) -> web.Response:
    """The organisation's."""
    return await _shown(page, "/v1/account/audit", "Audit log", "Every change, by whom and when.")


async def show_all(page: Page) -> web.Response:
    """Everybody's."""
    return await _shown(page, "/v1/admin/audit", "All changes", "The audit log of all organisations and of operators.")


async def _shown(page: Page, endpoint: str, title: str, lead: str) -> web.Response:
    """A page of it; what cannot be asked for is said above the filters, which stay as they were given."""
    wanted = days.given(page.request.query, _FILTERS)
    try:
        asked = {name: wanted[name] for name in ("action", "actor") if name in wanted} | days.period(wanted)
        found, error = await page.rest.get(endpoint, page=page.asked_page(), **asked), None
    except Refused as refused:
        if refused.reply.status != 400:
            raise
        found, error = _NOTHING, refused.reply
    return page.render(
        "audit.html",
        200 if error is None else error.status,
        title=title,
        lead=lead,
        entries=found.data,
        meta=found.meta,
        subjects=_SUBJECTS,
        wanted=dict.fromkeys(_FILTERS, "") | wanted,
        is_filtered=bool(wanted),
        address=f"{page.request.path}?{urlencode([*wanted.items(), ('page', '')])}",
        error=error,
    )


PAGES: Final = (
    PageRoute("GET", "/portal/audit", show, Right.AUDIT_READ),
    PageRoute("GET", "/portal/operator/audit", show_all, Right.OPERATE),
)
