"""The API's own description, for machines and for people."""

from typing import Final

from aiohttp import web

from control_api.docs_page import CONTENT_SECURITY_POLICY
from control_api.exchange import Api, Exchange, Route
from control_api.rendering import JSON_TYPE


async def show_openapi(api: Api, exchange: Exchange) -> web.Response:
    """The OpenAPI document."""
    exchange.headers["Content-Type"] = JSON_TYPE
    return web.Response(body=api.documents.openapi, headers=exchange.headers)


async def show_docs(api: Api, exchange: Exchange) -> web.Response:
    """The page made from it."""
    headers = exchange.headers
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Referrer-Policy"] = "no-referrer"
    return web.Response(body=api.documents.page, headers=headers)


ROUTES: Final = (Route("GET", "/v1/openapi.json", show_openapi), Route("GET", "/docs", show_docs))
