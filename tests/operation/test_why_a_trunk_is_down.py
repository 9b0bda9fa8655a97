"""Why a trunk is down is said in the same words by `check`, by `trunks` and in the log."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.stream_bed import bare_listener

pytestmark = pytest.mark.sockets

REFUSED_UNDERWAY = "the network, or its machine, refuses what is sent"


async def rows(service: ServiceUnderTest, command: str, of: str) -> Sequence[Mapping[str, object]]:
    """What a command says of each trunk."""
    listed = (await service.command(command))[of]
    assert isinstance(listed, list)
    return listed


async def states(service: ServiceUnderTest) -> Sequence[Mapping[str, object]]:
    """The trunks, once all of them are down."""
    async with asyncio.timeout(20):
        while True:
            listed = await rows(service, "trunks", "data")
            if all(row["state"] == "down" for row in listed):
                return listed
            await asyncio.sleep(0.1)


async def test_check_and_trunks_and_the_log_agree(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    asked: dict[str, object] = {"options_interval_s": 1}
    async with bare_listener(context=context) as far:
        with PortLease(2) as nobody:
            over_tls = f"sip:127.0.0.1:{far.address.port};transport=tls"
            trunks = [
                trunk("gone", nobody, **asked),
                trunk("wrong", 0, **asked | {"uri": over_tls, "tls_server_name": "sip.carrier.example"}),
                trunk("account", nobody + 1, register=True, auth_username="agent", auth_password="secret"),
            ]
            sections = {"sip": {"tls_ca": str(authority.file)}}
            async with service_under_test(tmp_path, trunks, sections=sections) as service:
                checked = {row["name"]: str(row["answer"]) for row in await rows(service, "check", "trunks")}
                told = {row["name"]: str(row["reason"]) for row in await states(service)}
    assert checked["gone"] == f"no answer ({REFUSED_UNDERWAY})"
    assert told["gone"] == f"OPTIONS unanswered ({REFUSED_UNDERWAY})"
    assert told["account"] == f"registration unanswered ({REFUSED_UNDERWAY})"
    certificate = checked["wrong"].removeprefix("no answer (").removesuffix(")")
    assert certificate.startswith("certificate: Hostname mismatch")
    assert told["wrong"] == f"OPTIONS unanswered ({certificate})"
    log = (tmp_path / "service.log").read_text()
    assert f"trunk gone is down: {told['gone']}" in log
    assert f"trunk wrong is down: {told['wrong']}" in log
    assert f"trunk account: {told['account']}" in log
    assert "(transport)" not in log
