"""A call through a running service, supervised from a browser: tones tell who hears whom, the recording has neither."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from b2bua.clock import SystemClock
from b2bua.demo.client import RestClient
from media.codecs.g711 import alaw_to_linear
from tests.support.free_ports import PortLease
from tests.support.live_call import two_phones
from tests.support.rtp_probe import RtpProbe, amplitude, to_a_law_tone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets
A_HZ, B_HZ, BOSS_HZ = 700.0, 1100.0, 1900.0
THERE, AWAY = 0.2, 0.02
PORTS = 20
WITH_SCOPES = ("--scopes", "supervise,calls:write,calls:read")


def levels(frames: list[list[int]]) -> tuple[float, ...]:
    """Of the three tones in the last 200 ms."""
    samples = [sample for frame in frames[-10:] for sample in frame]
    return tuple(amplitude(samples, hz) for hz in (A_HZ, B_HZ, BOSS_HZ))


def heard_by(probe: RtpProbe) -> tuple[float, ...]:
    return levels([frame for _, frame in probe.heard])


async def test_a_supervisor_listens_whispers_and_leaves(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = stack.enter_context(PortLease(PORTS))
        webrtc = {"enabled": True, "address": "127.0.0.1", "ports": f"{first}-{first + PORTS - 1}"}
        live = await two_phones(stack, tmp_path, {"webrtc": webrtc})
        key = str((await live.service.command("key", "create", "--org", live.service.org_id, *WITH_SCOPES))["key"])
        live.service.client = await stack.enter_async_context(RestClient(live.service.url, key, SystemClock()))
        headers = {"Authorization": f"Bearer {key}"}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        call = await live.place(record=False)
        for probe, phone, hz in zip(live.probes, live.phones, (A_HZ, B_HZ), strict=True):
            stack.callback(asyncio.ensure_future(probe.speak(phone.media_port, hz, 30.0)).cancel)
        path = f"{live.service.url}/v1/masking/calls/{call}"
        browser = ScriptedBrowser()
        stack.push_async_callback(browser.close)
        joined = await http.post(f"{path}/supervisors", json={"sdp": await browser.offer()})
        assert joined.status == 201
        told = (await joined.json())["data"]
        await browser.take(told["sdp"])
        await until(lambda: len(browser.heard) >= 30)
        a, b, boss = levels([alaw_to_linear(packet.payload) for packet in browser.heard])
        assert (a > THERE, b > THERE, boss < AWAY) == (True, True, True), (a, b, boss)

        mine = f"{path}/supervisors/{told['supervisor_id']}"
        assert (await http.patch(mine, json={"mode": "whisper_b"})).status == 200
        for _ in range(40):
            await browser.say(to_a_law_tone(BOSS_HZ))
            await asyncio.sleep(0.02)
        a, b, boss = heard_by(live.probes[1])
        assert (a > THERE, b < AWAY, boss > THERE) == (True, True, True), (a, b, boss)
        a, b, boss = heard_by(live.probes[0])
        assert (a < AWAY, b > THERE, boss < AWAY) == (True, True, True), (a, b, boss)

        assert (await http.delete(mine)).status == 204
        assert (await (await http.get(f"{path}/supervisors")).json())["data"] == []
        assert (await http.post(f"{path}/hangup")).status == 202
        metrics = await (await http.get(f"{live.service.url}/metrics")).text()
        assert "maskbridge_supervisors_joined_total 1.0" in metrics
