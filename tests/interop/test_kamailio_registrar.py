"""Kamailio as a carrier's registrar: we register with it, it calls our Contact and has to prove who it is."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from b2bua.demo.children import Child
from tests.interop.kamailio import answering
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

pytestmark = pytest.mark.timeout(120)

TEMPLATE = Path(__file__).with_name("registrar.cfg")
USER, PASSWORD = "masking", "open-sesame"
CALLER, CALLER_PASSWORD = "carrier", "its-own-secret"
PROFILE = {
    "domain": "carrier.example",
    "auth_username": USER,
    "auth_password": PASSWORD,
    "register": True,
    "challenge_username": CALLER,
    "challenge_algorithms": ["MD5"],
}


@asynccontextmanager
async def registrar(folder: Path) -> AsyncIterator[int]:
    """A running one; its port."""
    lease = PortLease(1)
    port = lease.first
    config = _configured(folder, port)
    argv = ["kamailio", "-DD", "-f", str(config), "-Y", str(folder), "-w", str(folder), "-m", "64", "-M", "8"]
    child = await Child.start(*argv, log=folder / "kamailio.log")
    try:
        await answering(port, child)
        yield port
    finally:
        await child.stop()
        lease.close()


def _configured(folder: Path, port: int) -> Path:
    folder.mkdir()
    text = TEMPLATE.read_text()
    values = {"SIP_PORT": str(port), "USER": USER, "PASSWORD": PASSWORD}
    for name, value in {**values, "CALLER": CALLER, "CALLER_PASSWORD": CALLER_PASSWORD}.items():
        text = text.replace(f"@{name}@", value)
    config = folder / "kamailio.cfg"
    config.write_text(text)
    return config


async def reason(service: ServiceUnderTest) -> str:
    rows = (await service.command("trunks"))["data"]
    assert isinstance(rows, list)
    return f"{rows[0]['state']}: {rows[0]['reason']}"


async def until(service: ServiceUnderTest, wanted: str) -> None:
    async with asyncio.timeout(30):
        while (found := await reason(service)) != wanted:
            assert "refused" not in found or "refused" in wanted, found
            await asyncio.sleep(0.2)


async def call(port: int) -> str:
    """The first line of the final response to an INVITE sent to the carrier."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.setblocking(False)
        caller.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{caller.getsockname()[1]}"
        invite = (
            f"INVITE sip:+917969002802@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKcall;rport\r\n"
            f"Max-Forwards: 20\r\nFrom: <sip:+919876543210@carrier.example>;tag=1\r\n"
            f"To: <sip:+917969002802@carrier.example>\r\nCall-ID: called\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:caller@{at}>\r\nContent-Length: 0\r\n\r\n"
        )
        await loop.sock_sendto(caller, invite.encode(), ("127.0.0.1", port))
        async with asyncio.timeout(20):
            while True:
                first = (await loop.sock_recv(caller, 65_535)).decode().partition("\r\n")[0]
                if not first.startswith("SIP/2.0 1"):
                    return first


async def test_registers_is_refreshed_and_taken_back(tmp_path: Path) -> None:
    async with registrar(tmp_path / "carrier") as port:
        settings = {**PROFILE, "challenge_password": CALLER_PASSWORD}
        async with service_under_test(tmp_path / "service", [trunk("carrier", port, **settings)]) as service:
            await until(service, "up: registered for 12 s")
            assert await call(port) == "SIP/2.0 403 Forbidden", "let in: a number that takes no calls"
            await asyncio.sleep(13)
            assert await reason(service) == "up: registered for 12 s"
        assert await call(port) == "SIP/2.0 480 Not registered"


async def test_a_call_of_the_carrier_s_with_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async with registrar(tmp_path / "carrier") as port:
        settings = {**PROFILE, "challenge_password": "another"}
        async with service_under_test(tmp_path / "service", [trunk("carrier", port, **settings)]) as service:
            await until(service, "up: registered for 12 s")
            assert await call(port) == "SIP/2.0 403 Forbidden"


async def test_a_wrong_password_of_ours_is_told(tmp_path: Path) -> None:
    async with registrar(tmp_path / "carrier") as port:
        settings = {**PROFILE, "auth_password": "wrong", "challenge_password": "x"}
        async with service_under_test(tmp_path / "service", [trunk("carrier", port, **settings)]) as service:
            await until(service, "down: registration refused 401")
