"""Hard case 19 on real sockets: a trunk that nothing reaches, then one that answers, as an operator sees them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from b2bua.switch.why_unanswered import CONNECTION_ENDED, REFUSED_UNDERWAY
from tests.support.service_under_test import service_under_test, trunk
from tests.support.sipp import Sipp

pytestmark = [pytest.mark.sipp, pytest.mark.sockets, pytest.mark.timeout(60)]

ENDING_S = 15.0


async def _try_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say 100 to what comes, and close the connection, as who crashes does."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    copied = [line for line in request if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    writer.write("\r\n".join(["SIP/2.0 100 Trying", *copied, "Content-Length: 0", "", ""]).encode())
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("way", ["udp", "tcp"], ids=["nobody is there", "it says 100 and closes its connection"])
async def test_trunk_case_19_the_next_trunk_carries_the_call_at_once(
    way: str, tmp_path: Path, lease_ports: Callable[[int], int]
) -> None:
    dead = lease_ports(3)
    alive, control = dead + 1, dead + 2
    uri = f"sip:127.0.0.1:{dead}" + (";transport=tcp" if way == "tcp" else "")
    trunks = [trunk("dead", dead, uri=uri, priority=1), trunk("alive", alive, priority=2)]
    async with AsyncExitStack() as stack:
        if way == "tcp":
            await stack.enter_async_context(await asyncio.start_server(_try_and_close, "127.0.0.1", dead))
        service = await stack.enter_async_context(service_under_test(tmp_path / "service", trunks))
        (tmp_path / "sipp").mkdir()
        sipp = await Sipp.start(
            "carrier_plain_ip",
            tmp_path / "sipp",
            port=alive,
            control_port=control,
            calls=2,
            lifetime_s=20,
        )
        try:
            data, _ = await service.client.place("9876543210", "9123456789", ring_timeout_sec=10, record=False)
            call_sid = str(data["call_sid"])
            bridged = await service.webhooks.wait_for(
                lambda webhook: webhook.call_sid == call_sid and webhook.event == "call.bridged", ENDING_S
            )
            await service.client.post(f"/v1/masking/calls/{call_sid}/hangup", {})
            ending = await service.ending(call_sid, ENDING_S)
            outcome = await sipp.finish(5.0)
        finally:
            await sipp.kill()
        metrics = (await service.client.fetch(f"{service.url}/metrics")).body.decode()
    assert bridged is not None, outcome.story()
    assert ending is not None, outcome.story()
    assert outcome.exit_status == 0, outcome.story()
    for line in (
        'maskbridge_trunk_calls_placed_total{trunk="dead"} 2.0',
        'maskbridge_trunk_calls_failed_total{cause="transport",trunk="dead"} 2.0',
        'maskbridge_trunk_failovers_total{trunk="dead"} 2.0',
        'maskbridge_trunk_calls_placed_total{trunk="alive"} 2.0',
        'maskbridge_trunk_live_calls{trunk="dead"} 0.0',
        'maskbridge_trunk_live_calls{trunk="alive"} 0.0',
    ):
        assert line in metrics.splitlines()
    why = CONNECTION_ENDED if way == "tcp" else REFUSED_UNDERWAY
    assert f"trunk dead at {way}:127.0.0.1:{dead}: {why}; trying trunk alive" in service.service.last_words()
