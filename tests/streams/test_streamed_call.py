"""A call through a running service, streamed: each channel has its party's voice alone, and a pause is silence."""

import asyncio
import base64
import json
from array import array
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from b2bua.clock import SystemClock
from b2bua.demo.client import RestClient
from tests.support.live_call import NUMBERS, two_phones
from tests.support.rtp_probe import amplitude
from tests.support.speech_server import SpeechServer

pytestmark = pytest.mark.sockets
A_HZ, B_HZ = 700.0, 1100.0
WITH_SCOPES = ("--scopes", "account:write,streams:write,calls:write")


def samples(media: Sequence[dict[str, Any]], channel: str) -> "array[int]":
    """One channel's audio, frame after frame."""
    return array("h", b"".join(base64.b64decode(entry["payload"]) for entry in media if entry["channel"] == channel))


async def test_a_call_is_streamed_with_each_party_on_its_channel(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = SpeechServer()
        await server.start()
        stack.push_async_callback(server.stop)
        live = await two_phones(stack, tmp_path)
        key = str((await live.service.command("key", "create", "--org", live.service.org_id, *WITH_SCOPES))["key"])
        live.service.client = await stack.enter_async_context(RestClient(live.service.url, key, SystemClock()))
        headers = {"Authorization": f"Bearer {key}"}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        added = await http.post(
            f"{live.service.url}/v1/account/stream-endpoints",
            json={"url": f"ws://127.0.0.1:{server.port}/calls", "rate": 8000},
        )
        assert added.status == 201
        call = await live.place(stream={}, record=True)
        speech = [
            asyncio.ensure_future(probe.speak(phone.media_port, hz, 1.6))
            for probe, phone, hz in zip(live.probes, live.phones, (A_HZ, B_HZ), strict=True)
        ]
        await asyncio.sleep(0.8)
        path = f"{live.service.url}/v1/masking/calls/{call}"
        assert (await http.post(f"{path}/recording/pause")).status == 200
        await asyncio.gather(*speech)
        streams = await (await http.get(f"{path}/streams")).json()
        assert (await http.post(f"{path}/hangup")).status == 202
        assert await asyncio.wait_for(server.closed.get(), 10) == 1000
        messages = [json.loads(server.heard.get_nowait()) for _ in range(server.heard.qsize())]
    assert [message["event"] for message in messages[:2]] == ["start", "mark"]
    assert messages[-1]["event"] == "stop"
    assert messages[-1]["stop"]["reason"] == "call_ended"
    assert not any(number in json.dumps(messages) for number in NUMBERS)
    assert streams["data"][0]["state"] == "streaming"
    paused_at = next(n for n, message in enumerate(messages) if message.get("mark", {}).get("name") == "paused")
    heard = [message["media"] for message in messages[:paused_at] if message["event"] == "media"]
    a, b = samples(heard, "a")[-3200:], samples(heard, "b")[-3200:]
    assert amplitude(a, A_HZ) > 0.3
    assert amplitude(b, B_HZ) > 0.3
    assert max(amplitude(a, B_HZ), amplitude(b, A_HZ)) < 0.02
    silent = [message["media"] for message in messages[paused_at + 5 :] if message["event"] == "media"]
    assert len(silent) > 40
    assert not any(samples(silent, "a"))
    assert not any(samples(silent, "b"))
