"""The softphone: a person who is an agent takes and makes masked calls in the browser."""

from typing import Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.rights import Right

_KEYS: Final = (
    ("1", ""),
    ("2", "ABC"),
    ("3", "DEF"),
    ("4", "GHI"),
    ("5", "JKL"),
    ("6", "MNO"),
    ("7", "PQRS"),
    ("8", "TUV"),
    ("9", "WXYZ"),
    ("*", ""),
    ("0", ""),
    ("#", ""),
)
"""What stands on each key, and the letters below it (ITU-T E.161)."""


async def show(page: Page) -> web.Response:
    """The telephone; all that it does, it does through `/v1/agent`."""
    agent = (await page.rest.get("/v1/agent/me")).data
    return page.render("softphone.html", agent=agent, keys=_KEYS)


PAGES: Final = (PageRoute("GET", "/portal/softphone", show, Right.TAKE_CALLS),)
