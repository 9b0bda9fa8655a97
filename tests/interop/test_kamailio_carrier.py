"""Kamailio in front as a carrier's session border controller, rtpengine as its media side, baresip as the phones."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.kamailio import PASSWORD, REALM, USERNAME, Carrier
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, carried_call
from tests.support.certificates import Authority

pytestmark = pytest.mark.timeout(120)

CREDENTIALS = {"domain": REALM, "auth_username": USERNAME, "auth_password": PASSWORD}
PLAIN: dict[str, object] = {}


@pytest.mark.parametrize(
    ("challenges", "algorithm", "media", "transport"),
    [
        pytest.param(False, "", False, "udp", id="record-routing"),
        pytest.param(True, "", False, "udp", id="challenge"),
        pytest.param(True, "SHA-256", False, "udp", id="challenge-sha-256"),
        pytest.param(True, "", True, "udp", id="rtpengine"),
    ],
)
async def test_call_through_a_carrier(
    tmp_path: Path, challenges: bool, algorithm: str, media: bool, transport: str
) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    carrier = await Carrier.start(
        tmp_path / "carrier",
        {NUMBER_A: a.sip_port, NUMBER_B: b.sip_port},
        challenges=challenges,
        algorithm=algorithm,
        media=media,
    )
    profile = CREDENTIALS if challenges else PLAIN
    try:
        async with carried_call(tmp_path, carrier.sip_port, transport=transport, profile=profile) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(2)
            await a.command("hold")
            await asyncio.sleep(1)
            await a.command("resume")
            await asyncio.sleep(3)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", "b")
            await a.told("CALL_CLOSED")
    finally:
        await asyncio.gather(a.stop(), b.stop())
        await carrier.stop()
    # baresip keeps what it hears up to its own hold only: what A hears after it is for Linphone to tell.
    for phone, tone, own, seconds in ((a, TONE_B_HZ, TONE_A_HZ, 1.7), (b, TONE_A_HZ, TONE_B_HZ, 4.5)):
        heard = phone.heard()
        assert heard.present_s(tone) > seconds
        assert heard.tone_db(own) < -50
    assert b.heard().between(b.heard().seconds - 2, b.heard().seconds - 0.5).tone_db(TONE_A_HZ) > -25


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_call_through_a_carrier_over_a_stream(
    tmp_path: Path, transport: str, lease_ports: Callable[[int], int]
) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    authority = Authority(tmp_path)
    theirs, ours = authority.issue("localhost"), authority.issue("localhost")
    carrier = await Carrier.start(
        tmp_path / "carrier",
        {NUMBER_A: a.sip_port, NUMBER_B: b.sip_port},
        challenges=True,
        certificate=theirs.certificate,
        key=theirs.key,
    )
    listen = lease_ports(2)
    sections = {
        "sip": {
            "listen": [f"udp://127.0.0.1:{listen}", f"tcp://127.0.0.1:{listen}", f"tls://127.0.0.1:{listen + 1}"],
            "tls_certificate": str(ours.certificate),
            "tls_key": str(ours.key),
            "tls_ca": str(authority.file),
        }
    }
    port = carrier.tls_port if transport == "tls" else carrier.sip_port
    try:
        async with carried_call(
            tmp_path, port, host="localhost", transport=transport, profile=CREDENTIALS, sections=sections
        ) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(3)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", "b")
            await a.told("CALL_CLOSED")
    finally:
        await asyncio.gather(a.stop(), b.stop())
        await carrier.stop()
    assert a.heard().present_s(TONE_B_HZ) > 2
    assert b.heard().present_s(TONE_A_HZ) > 2
