"""A receiver of streams: STREAM_SECRET and PORT are in the environment. Needs aiohttp.

Tells each second how loud either party is, where yours would hand the samples to what writes captions.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from array import array

from aiohttp import WSMsgType, web

TOLERANCE_S = 300


def is_genuine(stream_id: str, header: str, secret: str) -> bool:
    """Whether X-Edesy-Signature-V2 is this secret's, over the stream's id, and no older than five minutes."""
    match = re.fullmatch(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,8})", header)
    if match is None or abs(time.time() - int(match[1])) > TOLERANCE_S:
        return False
    wanted = hmac.new(secret.encode(), f"{match[1]}.{stream_id}".encode(), hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(wanted, given) for given in match[2].split(",v1=")[1:])


def samples_of(payload: str) -> "array[int]":
    """The 16-bit samples of a media message."""
    samples = array("h", base64.b64decode(payload))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


async def receive(request: web.Request) -> web.StreamResponse:
    """One call, from its start to its stop."""
    stream_id = request.headers.get("X-Edesy-Stream-Id", "")
    if not is_genuine(stream_id, request.headers.get("X-Edesy-Signature-V2", ""), os.environ["STREAM_SECRET"]):
        return web.Response(status=401)
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    heard = {"a": array("h"), "b": array("h")}
    rate = 8000
    async for text in socket:
        if text.type != WSMsgType.TEXT:
            break
        message = json.loads(text.data)
        what = message[message["event"]]
        match message["event"]:
            case "start":
                rate = what["rate"]
                print("start", what["call_sid"], flush=True)
            case "media":
                heard[what["channel"]].extend(samples_of(what["payload"]))
            case "mark":
                print("mark", what["name"], flush=True)
            case "stop":
                print("stop", what["reason"], what["frames_dropped"], flush=True)
        if all(len(samples) >= rate for samples in heard.values()):
            print("peak", *(max(map(abs, samples)) for samples in heard.values()), flush=True)
            heard = {channel: array("h") for channel in heard}
    return socket


app = web.Application()
app.add_routes([web.get("/calls", receive)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
