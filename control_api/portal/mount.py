"""All pages, put into the application."""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from control_api.exchange import Api
from control_api.portal.door import Door
from control_api.portal.frame import PageRoute, Site
from control_api.portal.pages import (
    agents,
    audit,
    call_log,
    call_page,
    invitations,
    keys,
    operator,
    organisation_terms,
    overview,
    own_sign_in,
    password_resets,
    people,
    place_call,
    prompts,
    refunds,
    settings,
    sign_in,
    softphone,
    statements,
    topups,
    wallet,
    webhooks,
)
from control_api.portal.static_files import PREFIX, StaticFiles
from control_api.portal.templating import Templating

PAGES: Final[tuple[PageRoute, ...]] = (
    *sign_in.PAGES,
    *invitations.PAGES,
    *password_resets.PAGES,
    *own_sign_in.PAGES,
    *overview.PAGES,
    *place_call.PAGES,
    *softphone.PAGES,
    *call_log.PAGES,
    *call_page.PAGES,
    *keys.PAGES,
    *webhooks.PAGES,
    *wallet.PAGES,
    *topups.PAGES,
    *statements.PAGES,
    *agents.PAGES,
    *people.PAGES,
    *prompts.PAGES,
    *settings.PAGES,
    *audit.PAGES,
    *operator.PAGES,
    *organisation_terms.PAGES,
    *refunds.PAGES,
)


class Portal:
    """The pages, and the static files that they have."""

    def __init__(self, door: Door, static: StaticFiles) -> None:
        self._door = door
        self._static = static

    def has(self, path: str) -> bool:
        """Whether a path, where there is nothing, is the portal's to answer for."""
        return path == "/portal" or path.startswith("/portal/")

    async def miss(self, request: web.Request, allowed: Sequence[str]) -> web.StreamResponse:
        """The answer where no page fits."""
        return await self._door.miss(request, allowed)

    def add_to(self, app: web.Application) -> None:
        """Put everything into an application that has the API's routes already."""
        for method in (hdrs.METH_GET, hdrs.METH_HEAD):
            app.router.add_route(method, PREFIX + "{digest}/{name}", self._show_static)
        for route in PAGES:
            handle = self._door.page(route)
            app.router.add_route(route.method, route.path, handle)
            if route.method == hdrs.METH_GET:
                app.router.add_route(hdrs.METH_HEAD, route.path, handle)

    async def _show_static(self, request: web.Request) -> web.StreamResponse:
        found = self._static.reply(request.match_info["digest"], request.match_info["name"])
        return await self._door.miss(request, ()) if found is None else found


def new_portal(api: Api) -> Portal:
    """The portal of an application. Of what the API works with, pages see no more than what `Site` has."""
    static = StaticFiles()
    site = Site(
        Templating(static),
        api.settings,
        api.clock,
        api.tokens,
        None if api.payments is None else api.payments.provider.checkout_url,
        sends_mail=api.post is not None,
    )
    return Portal(Door(site, api.metrics), static)
