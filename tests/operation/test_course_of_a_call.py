"""What a running process tells of a call as it happens and afterwards: the stream, the trace, the log."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

pytestmark = pytest.mark.sockets

PARTY_A, PARTY_B = "9876543210", "9123456789"


async def traced(service: ServiceUnderTest, call_sid: str) -> list[str]:
    """The names of its steps, once its end is among them: they are written down within about a second."""
    async with asyncio.timeout(10):
        while True:
            events = (await service.command("trace", call_sid))["events"]
            assert isinstance(events, list)
            names = [event["name"] for event in events]
            # What SIP said is written a moment after the webhooks.
            if {"INVITE", "call.failed"} <= set(names):
                return names


async def test_a_call_is_streamed_traced_and_logged_without_a_number(tmp_path: Path) -> None:
    with PortLease(1) as nobody:
        async with service_under_test(
            tmp_path, [trunk("carrier", nobody)], sections={"log": {"format": "json"}}
        ) as service:
            key = (await service.command("key", "create", "--org", service.org_id))["key"]
            placed, _reply = await service.client.place(PARTY_A, PARTY_B)
            call_sid = str(placed["call_sid"])
            path = f"/v1/masking/calls/{call_sid}/events"
            stream = await service.client.fetch(
                f"{service.url}{path}", Authorization=f"Bearer {key}", Accept="text/event-stream"
            )
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert re.findall(r"^event: (.*)$", stream.body.decode(), re.MULTILINE) == [
                *("call.initiated", "call.failed", "end"),
            ]
            names = await traced(service, call_sid)
            assert names[:2] == ["carrier", "INVITE"]
            events = (await service.client.get(path))["events"]
            assert isinstance(events, list)
            assert events[0]["name"] == "INVITE"
            assert "webhook" in {event["kind"] for event in events}
            assert not re.search("9876543210|9123456789", json.dumps(events))
    log = (tmp_path / "service.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [line["level"] for line in lines if line.get("call") == call_sid]
    assert any(line["message"].endswith("failed, unreachable") for line in lines)
    assert PARTY_A not in log
    assert PARTY_B not in log
