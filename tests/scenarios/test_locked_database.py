"""Another process holds the database's write lock: as a call arrives, and from its hang-up to beyond our patience."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from storage.sqlite import BUSY_TIMEOUT_MS
from tests.support.loopback_phone import LoopbackPhone
from tests.support.service_under_test import service_under_test, trunk

DIALLED = "918045678901"


@pytest.mark.sockets
@pytest.mark.timeout(90)
async def test_a_locked_database_makes_a_call_late_and_its_books_right(tmp_path: Path) -> None:
    ports = choose_ports(SystemTokens())
    async with AsyncExitStack() as stack:
        phones = [LoopbackPhone(port, port + 2) for port in (ports.phone_a_sip, ports.phone_b_sip)]
        for phone in phones:
            await phone.open()
            stack.callback(phone.close)
        trunks = [trunk(name, phone.port) for name, phone in zip(("one", "two"), phones, strict=True)]
        route = {"trunk": "one", "match": DIALLED, "to": f"sip:{{user}}@127.0.0.1:{phones[1].port}", "via": "two"}
        service = await stack.enter_async_context(
            service_under_test(tmp_path, trunks, routes=lambda org_id: [{**route, "org": org_id}])
        )
        other = sqlite3.connect(tmp_path / "var" / "maskbridge.db", isolation_level=None)
        stack.callback(other.close)

        other.execute("BEGIN IMMEDIATE")
        phones[0].call("9876543210", DIALLED, service.sip_port)
        await asyncio.sleep(2.0)
        assert not phones[1].answered.is_set(), "nobody is called before the money is set aside"
        other.execute("ROLLBACK")
        await asyncio.wait_for(phones[0].answered.wait(), 10)
        bridged = await service.webhooks.wait_for(lambda webhook: webhook.event == "call.bridged", 10)
        assert bridged is not None

        other.execute("BEGIN IMMEDIATE")
        phones[0].hang_up()
        await asyncio.wait_for(phones[1].hung_up.wait(), 2)
        await asyncio.sleep(BUSY_TIMEOUT_MS / 1000 + 1.0)
        assert await service.ending(bridged.call_sid, 0.1) is None
        other.execute("ROLLBACK")
        ending = await service.ending(bridged.call_sid, 20)
        assert ending is not None, service.service.last_words()
        told = [webhook.event.removeprefix("call.") for webhook in service.events_of(bridged.call_sid)]
        assert [word for word in told if word != "ringing"] == ["initiated", "answered", "bridged", "completed"]
        assert (ending.data["hangup_cause"], ending.data["price"]) == ("normal", 1.5)
        assert ending.data["duration_sec"] in (0, 1, 2, 3), "the lock is no talk"
        wallet = await service.client.get("/v1/masking/billing")
        assert (wallet["balance"], wallet["reserved"]) == (100_000 - 1.5, 0)
        assert await service.command("calls", "--live") == {"data": []}
