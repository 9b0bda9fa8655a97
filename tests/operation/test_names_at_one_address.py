"""The whole service: a carrier whose name leads to where another is called takes nothing from that one."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from tests.support.agents import answer_to
from tests.support.certificates import Authority
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.stream_bed import BareListener, BarePeer, bare_listener

pytestmark = pytest.mark.sockets


async def answers(far: BareListener) -> None:
    """Say 200 to all that comes, over each connection."""
    async with asyncio.TaskGroup() as peers:
        while True:
            peers.create_task(_answers(await far.taken.get()))


async def _answers(peer: BarePeer) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            request = parse_message(await peer.until(b"\r\n\r\n"))
            assert isinstance(request, Request)
            peer.send(answer_to(request, 200))


async def states(service: ServiceUnderTest) -> dict[str, str]:
    """Each trunk's, once one of them is down and another was answered."""
    async with asyncio.timeout(20):
        while True:
            listed = (await service.command("trunks"))["data"]
            assert isinstance(listed, list)
            found = {str(row["name"]): f"{row['state']}: {row['reason']}" for row in listed}
            if any(each.startswith("down") for each in found.values()) and "up: OPTIONS answered 200" in found.values():
                return found
            await asyncio.sleep(0.1)


async def test_each_is_held_to_its_own_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("second.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    async with bare_listener(context=context) as far:
        answering = asyncio.create_task(answers(far))
        at: dict[str, object] = {"uri": f"sip:127.0.0.1:{far.address.port};transport=tls", "options_interval_s": 1}
        names = ("first", "second")
        trunks = [trunk(name, 0, **at | {"tls_server_name": f"{name}.example"}) for name in names]
        async with service_under_test(tmp_path, trunks, sections={"sip": {"tls_ca": str(authority.file)}}) as service:
            told = await states(service)
        answering.cancel()
    assert told["first"].startswith("down: OPTIONS unanswered (certificate: Hostname mismatch")
    assert told["second"] == "up: OPTIONS answered 200"
