"""Test calls in a running service: the whole way over loopback, told as all calls are, free, and never over a trunk."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2bua.clock import SystemClock
from b2bua.demo.client import RestClient
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.until import until

pytestmark = pytest.mark.sockets

CALLS = "/v1/masking/calls"
TALKS, OTHER, BUSY, RINGS = "9000001000", "9000001001", "9000002000", "9000003000"
REJECTS, AWAY, UNUSED, LEAVES = "9000004000", "9000005000", "9000006000", "9000007001"


class Trunk:
    """Where the configured trunk leads: it only counts what comes."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def heard(self) -> bytes:
        try:
            return self.socket.recv(65_535)
        except BlockingIOError:
            return b""


@dataclass(frozen=True)
class Client:
    """Somebody with a key."""

    url: str
    key: str
    http: RestClient


class Bench:
    """A running service, and a test key for it."""

    def __init__(self, service: ServiceUnderTest, live: Client, client: Client, trunk: Trunk) -> None:
        self.live = live
        self.service = service
        self.client = client
        self.trunk = trunk

    async def place(self, a: str, b: str, **more: Any) -> tuple[int, Any]:
        return await asked(self.client, "POST", CALLS, {"party_a": a, "party_b": b, **more})

    async def outcome(self, a: str, b: str, **more: Any) -> tuple[str, str, str | None]:
        status, placed = await self.place(a, b, **more)
        assert (status, placed["data"]["test"]) == (201, True), placed
        call_sid = placed["data"]["call_sid"]
        assert await self.service.ending(call_sid, 30) is not None
        call = (await asked(self.client, "GET", f"{CALLS}/{call_sid}"))[1]["data"]
        assert call["test"] is True
        assert call["price"] in (None, 0)
        assert call["masked_number"] == "910000000000"
        return call["status"], call["hangup_cause"], call["hangup_party"]


async def asked(client: Client, method: str, path: str, body: object = None) -> tuple[int, Any]:
    if method == "POST":
        reply = await client.http.post(path, body)
    else:
        reply = await client.http.fetch(client.url + path, Authorization=f"Bearer {client.key}")
    return reply.status, json.loads(reply.body)


@pytest.fixture
async def bench(tmp_path: Path, lease_ports: Callable[[int], int]) -> AsyncIterator[Bench]:
    real, first = Trunk(), lease_ports(400)
    sections = {"test_calls": {"max_concurrent": 9, "ports": f"{first}-{first + 399}"}}
    async with service_under_test(tmp_path, [trunk("real", real.port)], sections=sections, rupees=2) as service:
        made = await service.command("key", "create", "--org", service.org_id, "--test")
        assert str(made["key"]).startswith("vp_test_")
        ordinary = await service.command("key", "create", "--org", service.org_id)
        async with AsyncExitStack() as stack:
            stack.callback(real.socket.close)
            live, test = [
                Client(service.url, key, await stack.enter_async_context(RestClient(service.url, key, SystemClock())))
                for key in (str(ordinary["key"]), str(made["key"]))
            ]
            yield Bench(service, live, test, real)


async def test_calls_between_simulated_parties_end_as_their_numbers_say(bench: Bench) -> None:
    wanted = {
        (TALKS, LEAVES): ("completed", "normal", "b"),
        (LEAVES.replace("001", "003"), OTHER): ("completed", "normal", "a"),
        (BUSY, TALKS): ("failed", "busy", None),
        (REJECTS, TALKS): ("failed", "rejected", None),
        (AWAY, TALKS): ("failed", "unreachable", None),
        (UNUSED, TALKS): ("failed", "invalid_number", None),
        (TALKS, BUSY): ("failed", "b_busy", None),
        (RINGS, TALKS): ("no-answer", "no_answer", None),
        (TALKS, RINGS): ("failed", "b_no_answer", None),
    }
    outcomes = await asyncio.gather(*(bench.outcome(a, b, ring_timeout_sec=5) for a, b in wanted))
    for (pair, expected), (status, cause, party) in zip(wanted.items(), outcomes, strict=True):
        assert (status, cause) == expected[:2], pair
        if expected[2] is not None:
            assert party == expected[2], pair
    assert bench.trunk.heard() == b""


async def test_a_test_call_is_told_and_recorded_as_any_and_counts_nowhere(bench: Bench) -> None:
    _, placed = await bench.place(TALKS, LEAVES, reference="trial")
    call_sid = placed["data"]["call_sid"]
    ready = await bench.service.webhooks.wait_for(
        lambda webhook: webhook.call_sid == call_sid and webhook.event == "recording.ready", 30
    )
    assert ready is not None
    told = bench.service.events_of(call_sid)
    assert [webhook.event for webhook in told] == [
        "call.initiated",
        "call.ringing",
        "call.answered",
        "call.bridged",
        "call.completed",
        "recording.ready",
    ]
    assert {webhook.data["test"] for webhook in told} == {True}
    live, test = bench.live, bench.client
    assert (await asked(live, "GET", "/v1/masking/billing"))[1]["data"]["balance"] == 2
    assert (await asked(live, "GET", "/v1/masking/stats"))[1]["data"]["total_calls"] == 0
    assert (await asked(test, "GET", "/v1/masking/stats"))[1]["data"]["answered_calls"] == 1
    assert (await asked(live, "GET", "/v1/masking/call-logs"))[1]["data"] == []
    for client, path in ((live, "/v1/masking/call-logs?test=true"), (test, "/v1/masking/call-logs")):
        assert [row["call_sid"] for row in (await asked(client, "GET", path))[1]["data"]] == [call_sid]
    assert (await asked(test, "GET", f"{CALLS}/{call_sid}/recording"))[0] == 200
    assert b"INVITE" in json.dumps((await asked(test, "GET", f"{CALLS}/{call_sid}/events"))[1]).encode()
    assert bench.trunk.heard() == b""


async def test_a_test_key_reaches_nobody_real(bench: Bench) -> None:
    for a, b in (("9876543210", TALKS), (TALKS, "9123456789"), (f"sip:x@127.0.0.1:{bench.trunk.port}", TALKS)):
        status, refused = await bench.place(a, b)
        assert (status, refused["error"]["code"]) == (400, "invalid_numbers")
    assert (await asked(bench.client, "GET", "/v1/masking/billing"))[0] == 403
    asking = {"party_a": TALKS, "party_b": BUSY, "test": True}
    status, placed = await asked(bench.live, "POST", CALLS, asking)  # any key may ask for a test call
    assert (status, placed["data"]["test"]) == (201, True)
    assert await bench.service.ending(placed["data"]["call_sid"], 30) is not None
    assert bench.trunk.heard() == b""
    _, live = await asked(bench.live, "POST", CALLS, {"party_a": "9876543210", "party_b": "9123456789"})
    call_sid = live["data"]["call_sid"]
    for method, end in (("GET", ""), ("POST", "/hangup"), ("GET", "/recording"), ("GET", "/events")):
        assert (await asked(bench.client, method, f"{CALLS}/{call_sid}{end}"))[0] == 404
    assert (await asked(bench.live, "POST", f"{CALLS}/{call_sid}/hangup"))[0] == 202
    assert b"9876543210" in bench.trunk.heard()  # the live call went there: it is heard that nothing else did


async def test_test_calls_are_bounded_and_can_be_ended(bench: Bench) -> None:
    placed = [await bench.place(TALKS, OTHER) for _ in range(9)]
    assert {status for status, _ in placed} == {201}
    status, refused = await bench.place(TALKS, OTHER)
    assert (status, refused["error"]["code"]) == (503, "no_capacity")
    for _, call in placed:
        call_sid = call["data"]["call_sid"]
        assert (await asked(bench.client, "POST", f"{CALLS}/{call_sid}/hangup"))[0] == 202
        ending = await bench.service.ending(call_sid, 30)
        assert ending is not None
        assert ending.data["hangup_cause"] == "api_hangup"
    assert (await bench.place(TALKS, OTHER))[0] == 201  # and what runs at the end is ended there


async def test_a_recorded_test_call_is_settled_before_the_service_stops(bench: Bench) -> None:
    _, placed = await bench.place(TALKS, OTHER)
    call_sid = placed["data"]["call_sid"]
    await until(lambda: "call.bridged" in [told.event for told in bench.service.events_of(call_sid)])
    await bench.service.service.stop()
    shown: dict[str, Any] = await bench.service.command("trace", call_sid)
    names = [step["name"] for step in shown["events"]]
    assert "recording.stopped" in names, names
    assert "deadline" not in names[names.index("system.stopping") :], names
