"""`serve` as a process: ready, draining, ended at once, refused its ports: the promises about signals."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest

from b2bua.demo.children import Child, product
from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from tests.support.loopback_phone import LoopbackPhone
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

pytestmark = pytest.mark.sockets


class Line:
    """A running service with two phones that answer, and a call between them."""

    def __init__(self, service: ServiceUnderTest, phones: list[LoopbackPhone]) -> None:
        self.service = service
        self.phones = phones
        self.call_sid = ""

    async def connect(self) -> None:
        """Place a call and wait until both talk."""
        parties = [
            f"sip:{number}@127.0.0.1:{phone.port}"
            for number, phone in zip(("9876543210", "9123456789"), self.phones, strict=True)
        ]
        placed, _ = await self.service.client.place(*parties, record=False)
        self.call_sid = str(placed["call_sid"])
        assert await self.service.webhooks.wait_for(lambda webhook: webhook.event == "call.bridged", 20) is not None

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM, or another."""
        os.kill(self.service.service.pid, number)

    async def readiness(self) -> int:
        """The status of /readyz."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.service.url}/readyz") as response:
            return response.status

    async def drains(self) -> None:
        """Wait until it takes no more calls."""
        async with asyncio.timeout(10):
            while await self.readiness() != 503:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def finishes(self) -> None:
        """The second phone hangs up, and the call ends as any other."""
        self.phones[1].hang_up()
        await asyncio.wait_for(self.phones[0].hung_up.wait(), 10)
        ending = await self.service.ending(self.call_sid, 10)
        assert ending is not None
        assert (ending.data["status"], ending.data["hangup_cause"]) == ("completed", "normal")

    async def leaves(self) -> None:
        """Wait until its process has ended with 0."""
        async with asyncio.timeout(15):
            while self.service.service.running:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        assert self.service.service.exit_status == 0


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """A service, two trunks that are phones."""
    ports = choose_ports(SystemTokens())
    async with AsyncExitStack() as stack:
        # Ignored under nohup, and a child inherits that.
        stack.callback(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))
        phones = []
        for port in (ports.phone_a_sip, ports.phone_b_sip):
            phone = LoopbackPhone(port, 40_000)
            await phone.open()
            stack.callback(phone.close)
            phones.append(phone)
        trunks = [trunk("one", ports.phone_a_sip, options_interval_s=1), trunk("two", ports.phone_b_sip)]
        yield Line(await stack.enter_async_context(service_under_test(tmp_path, trunks)), phones)


async def test_without_calls_the_first_signal_ends_it_with_0(line: Line) -> None:
    assert await line.readiness() == 200
    assert (
        f"portal at {line.service.url}/portal, documentation at {line.service.url}/docs"
        in line.service.service.last_words()
    )
    assert await line.service.service.stop() == 0


@pytest.mark.parametrize("late", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_after_its_last_word_changes_nothing(line: Line, late: signal.Signals) -> None:
    line.signal(late)
    async with asyncio.timeout(20):
        while "stopped" not in line.service.service.last_words():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.001)
    while line.service.service.running:
        with suppress(ProcessLookupError):
            line.signal(late)
        await asyncio.sleep(0.001)
    assert line.service.service.exit_status == 0


async def test_the_first_signal_lets_the_call_finish(line: Line) -> None:
    await line.connect()
    line.signal()
    await line.drains()
    reply = await line.service.client.post("/v1/masking/calls", {"party_a": "9876543210", "party_b": "9123456789"})
    assert reply.status == 503
    assert "retry-after" in {name.lower() for name in reply.headers}
    assert line.service.service.running
    assert not line.phones[0].hung_up.is_set()

    await line.finishes()
    assert await line.service.service.stop(patience_s=15) == 0


async def test_a_terminal_that_closes_lets_the_call_finish_however_often_it_says_so(line: Line) -> None:
    await line.connect()
    line.signal(signal.SIGHUP)
    await line.drains()
    line.signal(signal.SIGHUP)
    assert await line.readiness() == 503
    assert not line.phones[0].hung_up.is_set()

    await line.finishes()
    await line.leaves()


async def test_the_second_signal_ends_the_call_at_once(line: Line) -> None:
    await line.connect()
    line.signal()
    await asyncio.sleep(0.3)
    line.signal()
    await asyncio.wait_for(asyncio.gather(*(phone.hung_up.wait() for phone in line.phones)), 10)
    ending = await line.service.ending(line.call_sid, 10)
    assert ending is not None
    assert (ending.data["status"], ending.data["hangup_cause"]) == ("completed", "system_restart")
    await line.leaves()


@pytest.mark.parametrize("by_a_party", [False, True])
async def test_a_bye_that_is_lost_at_the_end_is_sent_again(line: Line, by_a_party: bool) -> None:
    await line.connect()
    line.phones[0].lose_next("BYE")
    line.signal()
    await line.drains()
    if by_a_party:
        line.phones[1].hang_up()
    else:
        line.signal()
    await asyncio.wait_for(line.phones[0].hung_up.wait(), 10)
    await line.leaves()


async def test_who_answers_no_bye_is_not_waited_for_long(line: Line) -> None:
    await line.connect()
    line.phones[0].lose_next("BYE", times=20)
    line.signal()
    await line.drains()
    line.signal()
    await line.leaves()


async def test_commands_show_the_running_server(line: Line) -> None:
    await line.connect()
    live = await line.service.command("calls", "--live")
    rows = live["data"]
    assert isinstance(rows, list)
    assert [(row["call_sid"], row["status"]) for row in rows] == [(line.call_sid, "in-progress")]
    async with asyncio.timeout(10):
        while True:
            found = (await line.service.command("trunks"))["data"]
            assert isinstance(found, list)
            if found[0]["live_calls"] == 1:
                break
            await asyncio.sleep(0.2)
    assert [row["state"] for row in found] == ["up", "up"]
    assert found[0]["last_options_status"] == 200
    assert found[0]["round_trip_ms"] is not None
    assert found[1]["last_options_status"] is None, "it is never asked"


async def test_a_port_that_is_taken_is_one_line(line: Line, tmp_path: Path) -> None:
    other = line.service.config.with_name("other.toml")
    other.write_text(line.service.config.read_text("utf-8").replace("var/", "other/"), "utf-8")
    second = await Child.start(*product("serve", "-c", str(other)), log=tmp_path / "second.log")
    async with asyncio.timeout(20):
        while second.running:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert await second.stop() == 1
    said = second.last_words().splitlines()
    assert "cannot be opened" in said[-1]
    assert said[-1].startswith("maskbridge: sip.listen")
    assert not any("Traceback" in line for line in said)
    assert await line.readiness() == 200, "the first runs on"
