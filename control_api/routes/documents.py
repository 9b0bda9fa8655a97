"""The API's own description, for machines and for people, and the documentation."""

import io
from typing import Final

from aiohttp import web

from control_api.docs_page import CONTENT_SECURITY_POLICY
from control_api.docs_site import HOME, SiteFile
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Route
from control_api.rendering import JSON_TYPE


async def show_openapi(api: Api, exchange: Exchange) -> web.Response:
    """The OpenAPI document."""
    exchange.headers["Content-Type"] = JSON_TYPE
    return _in_pieces(api.documents.openapi, exchange)


async def show_api_page(api: Api, exchange: Exchange) -> web.Response:
    """The page made from it."""
    headers = exchange.headers
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Referrer-Policy"] = "no-referrer"
    return _in_pieces(api.documents.page, exchange)


async def show_home(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The documentation's first page; where it was not built, the API's."""
    home = api.documents.site.files.get(HOME)
    return await show_api_page(api, exchange) if home is None else _give(home, exchange)


async def show_page(api: Api, exchange: Exchange) -> web.StreamResponse:
    """A page or another file of the documentation."""
    page = exchange.request.match_info["page"]
    site = api.documents.site
    found = site.find(page)
    if found is not None:
        return _give(found, exchange)
    if page == "":
        return await show_api_page(api, exchange)
    if site.is_folder(page):
        exchange.headers["Location"] = f"/docs/{page}/"
        return web.Response(status=308, headers=exchange.headers)
    if not site.files:
        raise NotFound("The documentation has not been built here; `make docs` does that. The API's is at /docs/api/.")
    raise NotFound("There is no such page in the documentation.")


def _in_pieces(content: bytes, exchange: Exchange) -> web.Response:
    """What is large goes out as its reader takes it: whole, it would wait in memory for each that takes nothing."""
    return web.Response(body=io.BytesIO(content), headers=exchange.headers)


def _give(file: SiteFile, exchange: Exchange) -> web.FileResponse:
    headers = exchange.headers
    headers["Content-Type"] = file.media_type
    headers["Content-Security-Policy"] = file.policy
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cache-Control"] = "no-cache"  # kept, and asked about each time: an upgrade shows at once
    return web.FileResponse(file.path, headers=headers)


ROUTES: Final = (Route("GET", "/v1/openapi.json", show_openapi), Route("GET", "/docs", show_home))
# Below /docs, for readers: no part of the API, and not in its document.
PAGES: Final = (
    Route("GET", "/docs/api/", show_api_page),
    Route("GET", "/docs/{page}", show_page, tail=True),
)
