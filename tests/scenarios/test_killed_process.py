"""`kill -9` amid a call, with real sockets, a real database file and a real recording; then the next start."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from b2bua.demo.children import Child, product
from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from tests.support.loopback_phone import LoopbackPhone
from tests.support.rtp_probe import RtpProbe
from tests.support.service_under_test import TERMINAL_EVENTS, service_under_test, trunk

TALK_S = 4.0


@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_a_bridged_call_survives_kill_minus_nine_in_the_books(tmp_path: Path) -> None:
    ports = choose_ports(SystemTokens())
    async with AsyncExitStack() as stack:
        probes = [await RtpProbe.open() for _ in range(2)]
        phones = []
        for port, probe in zip((ports.phone_a_sip, ports.phone_b_sip), probes, strict=True):
            stack.callback(probe.close)
            phone = LoopbackPhone(port, probe.port)
            await phone.open()
            stack.callback(phone.close)
            phones.append(phone)
        trunks = [trunk(name, phone.port) for name, phone in zip(("one", "two"), phones, strict=True)]
        service = await stack.enter_async_context(service_under_test(tmp_path, trunks))
        parties = [f"sip:9876543210@127.0.0.1:{phones[0].port}", f"sip:9123456789@127.0.0.1:{phones[1].port}"]
        placed, _ = await service.client.place(*parties)
        call_sid = str(placed["call_sid"])
        bridged = await service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call_sid and webhook.event == "call.bridged", 20
        )
        assert bridged is not None
        await asyncio.gather(
            *(probe.speak(phone.media_port, 700.0, TALK_S) for probe, phone in zip(probes, phones, strict=True))
        )
        wallet = await service.client.get("/v1/masking/billing")
        assert wallet["reserved"] == 1.5

        os.kill(service.service.pid, signal.SIGKILL)
        assert await service.service._process.wait() == -signal.SIGKILL  # `stop` would signal a process that is gone
        again = await Child.start(*product("serve", "-c", str(service.config)), log=tmp_path / "again.log")
        stack.push_async_callback(again.stop)
        ready = await service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call_sid and webhook.event == "recording.ready", 40
        )
        assert ready is not None, again.last_words()

        told = service.events_of(call_sid)
        distinct = {webhook.event_id: webhook.event for webhook in told}
        assert [event for event in distinct.values() if event in TERMINAL_EVENTS] == ["call.completed"]
        ending = next(webhook for webhook in told if webhook.event == "call.completed")
        assert (ending.data["status"], ending.data["hangup_cause"]) == ("completed", "system_restart")
        duration = ending.data["duration_sec"]
        assert isinstance(duration, int)
        assert TALK_S - 5 <= duration <= TALK_S + 3
        assert (ending.data["bill_duration_sec"], ending.data["price"]) == (60, 1.5)
        assert all(webhook.signed and webhook.signed_v2 for webhook in told)

        wallet = await service.client.get("/v1/masking/billing")
        assert (wallet["balance"], wallet["reserved"]) == (100_000 - 1.5, 0)
        recording = await service.client.get(f"/v1/masking/calls/{call_sid}/recording")
        assert recording["format"] == "mp3"
        wav = tmp_path / "var" / str(ending.data["recording_url"])
        assert wav.stat().st_size > 44 + (TALK_S - 2) * 8000 * 4, "at most the last moments are missing"
        assert wav.with_suffix(".mp3").stat().st_size > 1000
        assert list((tmp_path / "var").rglob("*.part")) == []
        live = await service.command("calls", "--live")
        assert live == {"data": []}
