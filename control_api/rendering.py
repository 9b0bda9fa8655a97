"""Envelopes as bytes."""

import json
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from control_api.errors import ErrorReply
from control_api.exchange import Exchange, Reply
from control_api.schemas import error_representation, meta_representation

JSON_TYPE: Final = "application/json"
json_text: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def render_success(exchange: Exchange, reply: Reply, now_ms: int) -> web.Response:
    """The success envelope around a reply's data."""
    request_id = reply.request_id or exchange.request_id
    headers = exchange.headers
    headers["X-Request-Id"] = request_id
    headers["Content-Type"] = JSON_TYPE
    meta = json_text({**reply.meta, **meta_representation(now_ms if reply.at_ms is None else reply.at_ms, request_id)})
    return web.Response(
        body=f'{{"data":{reply.data},"meta":{meta}}}'.encode("ascii"), status=reply.status, headers=headers
    )


def render_error(error: ErrorReply, headers: CIMultiDict[str]) -> web.Response:
    """The error envelope."""
    headers["Content-Type"] = JSON_TYPE
    headers.extend(error.headers)
    body = json_text(error_representation(error.code, error.message, error.field))
    return web.Response(body=body.encode("ascii"), status=error.status, headers=headers)
