"""Phones that call in through Kamailio: back to the masked number, as a stranger, and along a route."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from b2bua.demo.sound import level_db
from tests.interop.baresip import Baresip
from tests.interop.kamailio import Carrier
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ
from tests.support.service_under_test import MASKED_NUMBER, service_under_test, trunk

pytestmark = pytest.mark.timeout(120)

STRANGER = "9000000001"


async def test_either_party_calls_back_and_a_stranger_hears_that_it_may_not(
    tmp_path: Path, lease_ports: Callable[[int], int]
) -> None:
    ours = lease_ports(2)
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    stranger = await Baresip.start(tmp_path / "stranger", STRANGER, 880.0)
    carrier = await Carrier.start(
        tmp_path / "carrier", {NUMBER_A: a.sip_port, NUMBER_B: b.sip_port, MASKED_NUMBER: ours}
    )
    try:
        async with service_under_test(
            tmp_path / "service",
            [trunk("carrier", carrier.sip_port, number_format="{national}")],
            sections={"sip": {"listen": [f"udp://127.0.0.1:{ours}"]}},
        ) as service:
            placed, _ = await service.client.place(NUMBER_A, NUMBER_B)
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(1)
            await a.command("hangup")
            assert await service.ending(str(placed["call_sid"]), 20) is not None
            await b.told("CALL_CLOSED")
            since = len(a.events.entries)
            await b.command("dial", f"sip:{MASKED_NUMBER}@127.0.0.1:{carrier.sip_port}")
            await a.told("CALL_ESTABLISHED", since=since)
            await asyncio.sleep(3)
            await a.command("hangup")
            ending = await service.webhooks.wait_for(
                lambda told: told.event == "call.completed" and told.call_sid != placed["call_sid"], 20
            )
            assert ending is not None
            status = await service.client.get(f"/v1/masking/calls/{ending.call_sid}")
            assert (status["direction"], status["party_a"], status["party_b"]) == ("inbound", NUMBER_B, NUMBER_A)
            assert (status["hangup_party"], status["price"]) == ("b", 1.5)
            await stranger.command("dial", f"sip:{MASKED_NUMBER}@127.0.0.1:{carrier.sip_port}")
            closed = await stranger.told("CALL_CLOSED", timeout_s=20)
            assert "403" in str(closed.fields["param"])
    finally:
        await asyncio.gather(a.stop(), b.stop(), stranger.stop())
        await carrier.stop()
    assert a.heard(1).present_s(TONE_B_HZ) > 2
    assert b.heard(1).present_s(TONE_A_HZ) > 2
    announced = stranger.heard()
    assert announced.seconds > 1.5
    assert level_db(announced.samples) > -40
    peers = [str(event.fields["peeruri"]) for event in a.events.entries if event.kind == "CALL_ESTABLISHED"]
    assert len(peers) == 2
    assert all(NUMBER_B not in peer for peer in peers)


@pytest.mark.parametrize("caller", ["masked", "pass"])
async def test_a_route_joins_two_trunks(tmp_path: Path, caller: str, lease_ports: Callable[[int], int]) -> None:
    ours = lease_ports(2)
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    try:
        async with service_under_test(
            tmp_path / "service",
            [trunk("a", a.sip_port), trunk("b", b.sip_port)],
            sections={"sip": {"listen": [f"udp://127.0.0.1:{ours}"]}},
            routes=[
                {
                    "trunk": "a",
                    "match": "91[0-9]{10}",
                    "to": f"sip:{NUMBER_B}@127.0.0.1:{b.sip_port}",
                    "via": "b",
                    "caller": caller,
                }
            ],
        ):
            await a.command("dial", f"sip:919123456789@127.0.0.1:{ours}")
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(1)
            await b.command("hold")
            await asyncio.sleep(1)
            await b.command("resume")
            await asyncio.sleep(3)
            await a.command("hangup")
            await b.told("CALL_CLOSED")
    finally:
        await asyncio.gather(a.stop(), b.stop())
    heard = a.heard()
    assert heard.between(heard.seconds - 2, heard.seconds - 0.5).tone_db(TONE_B_HZ) > -25
    assert heard.tone_db(TONE_A_HZ) < -50
    assert b.heard().tone_db(TONE_A_HZ) > -25
    incoming = await b.told("CALL_ESTABLISHED")
    assert (NUMBER_A in str(incoming.fields["peeruri"])) == (caller == "pass")
