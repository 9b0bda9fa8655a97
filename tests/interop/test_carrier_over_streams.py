"""A call through Kamailio over TCP, and over TLS with the certificate verified both ways round."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.kamailio import PASSWORD, REALM, USERNAME, Carrier
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, carried_call
from tests.support.certificates import Authority

pytestmark = pytest.mark.timeout(120)

CREDENTIALS = {"domain": REALM, "auth_username": USERNAME, "auth_password": PASSWORD}


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_call_through_a_carrier_over_a_stream(tmp_path: Path, transport: str) -> None:
    authority = Authority(tmp_path)
    theirs, ours = authority.issue(REALM), authority.issue("127.0.0.1")
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    carrier = await Carrier.start(
        tmp_path / "carrier",
        {NUMBER_A: a.sip_port, NUMBER_B: b.sip_port},
        challenges=True,
        certificate=theirs.certificate,
        key=theirs.key,
        authority=authority.file,
    )
    port = carrier.tls_port if transport == "tls" else carrier.sip_port
    sip = {"tls_certificate": str(ours.certificate), "tls_key": str(ours.key), "tls_ca": str(authority.file)}
    try:
        async with carried_call(
            tmp_path, port, transport=transport, profile=CREDENTIALS, sections={"sip": sip}
        ) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(2)
            await a.command("hold")
            await asyncio.sleep(1)
            await a.command("resume")
            await asyncio.sleep(2)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", "b")
            await a.told("CALL_CLOSED")
    finally:
        await asyncio.gather(a.stop(), b.stop())
        await carrier.stop()
    assert a.heard().present_s(TONE_B_HZ) > 1.5
    assert b.heard().present_s(TONE_A_HZ) > 3


async def test_a_carrier_whose_certificate_has_another_name_is_not_called(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("other.example")
    carrier = await Carrier.start(tmp_path / "carrier", {}, certificate=theirs.certificate, key=theirs.key)
    try:
        async with carried_call(
            tmp_path,
            carrier.tls_port,
            transport="tls",
            profile=CREDENTIALS,
            sections={"sip": {"tls_ca": str(authority.file)}},
        ) as call:
            status = await call.over()
            assert (status["status"], status["hangup_cause"]) == ("failed", "unreachable")
            said = call.service.service.last_words()
            assert "trunk carrier: no connection to tls:127.0.0.1:" in said
            assert f"certificate: Hostname mismatch, certificate is not valid for '{REALM}'" in said
    finally:
        await carrier.stop()
