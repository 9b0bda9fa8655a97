"""Whether the process lives, whether it takes calls, and its numbers."""

from typing import Final

from aiohttp import web

from control_api.errors import NotReady
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.metrics import METRICS_CONTENT_TYPE
from control_api.rendering import json_text
from control_api.schemas import health_representation


async def show_health(_api: Api, _exchange: Exchange) -> Reply:
    """The process lives."""
    return Reply(json_text(health_representation("ok")))


async def show_readiness(api: Api, _exchange: Exchange) -> Reply:
    """Calls are taken: all listeners are up and nothing is draining."""
    if not api.switch.ready():
        raise NotReady("The server is not taking calls now.")
    return Reply(json_text(health_representation("ready")))


async def show_metrics(api: Api, exchange: Exchange) -> web.Response:
    """The numbers in Prometheus' text format."""
    exchange.headers["Content-Type"] = METRICS_CONTENT_TYPE
    return web.Response(body=api.metrics.render(), headers=exchange.headers)


ROUTES: Final = (
    Route("GET", "/healthz", show_health),
    Route("GET", "/readyz", show_readiness),
    Route("GET", "/metrics", show_metrics),
)
