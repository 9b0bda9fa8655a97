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
from tests.support.service_under_test import MASKED_NUMBER, TERMINAL_EVENTS, ServiceUnderTest, service_under_test, trunk

TALK_S = 4.0
NUMBER_A, NUMBER_B = "9876543210", "9123456789"
DIALLED = "918045678901"


async def begin(kind: str, service: ServiceUnderTest, phones: list[LoopbackPhone]) -> str:
    """A call of this kind from the first phone to the second; returns its id once both talk."""
    parties = [
        f"sip:{number}@127.0.0.1:{phone.port}" for number, phone in zip((NUMBER_A, NUMBER_B), phones, strict=True)
    ]
    earlier = set()
    if kind == "callback":
        first, _ = await service.client.place(*parties, record=False)
        earlier.add(str(first["call_sid"]))
        await bridged(service, set())
        phones[0].hang_up()
        assert await service.ending(str(first["call_sid"]), 20) is not None
    if kind == "placed":
        await service.client.place(*parties)
    else:
        phones[0].call(NUMBER_A, MASKED_NUMBER if kind == "callback" else DIALLED, service.sip_port)
    return await bridged(service, earlier)


async def bridged(service: ServiceUnderTest, but: set[str]) -> str:
    """The id of a call that is bridged, none of `but`."""
    told = await service.webhooks.wait_for(
        lambda webhook: webhook.call_sid not in but and webhook.event == "call.bridged", 20
    )
    assert told is not None, service.service.last_words()
    return told.call_sid


@pytest.mark.sockets
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["placed", "callback", "routed"])
async def test_a_bridged_call_survives_kill_minus_nine_in_the_books(tmp_path: Path, kind: str) -> None:
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
        route = {"trunk": "one", "match": DIALLED, "to": f"sip:{{user}}@127.0.0.1:{phones[1].port}", "via": "two"}
        service = await stack.enter_async_context(
            service_under_test(tmp_path, trunks, routes=lambda org_id: [{**route, "org": org_id, "record": True}])
        )
        call_sid = await begin(kind, service, phones)
        before = await service.client.get("/v1/masking/billing")
        assert before["reserved"] == 1.5
        await asyncio.gather(
            *(probe.speak(phone.media_port, 700.0, TALK_S) for probe, phone in zip(probes, phones, strict=True))
        )

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
        assert isinstance(before["balance"], float | int)
        assert (wallet["balance"], wallet["reserved"]) == (before["balance"] - 1.5, 0)
        recording = await service.client.get(f"/v1/masking/calls/{call_sid}/recording")
        assert recording["format"] == "mp3"
        wav = tmp_path / "var" / str(ending.data["recording_url"])
        assert wav.stat().st_size > 44 + (TALK_S - 2) * 8000 * 4, "at most the last moments are missing"
        assert wav.with_suffix(".mp3").stat().st_size > 1000
        assert list((tmp_path / "var").rglob("*.part")) == []
        live = await service.command("calls", "--live")
        assert live == {"data": []}
