"""SRTP by SDES with phones of others: one leg encrypted, the other plain, and both."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.linphone import Linphone
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, masked_call

pytestmark = pytest.mark.timeout(90)


@pytest.mark.parametrize(
    ("policy", "encryption"), [("optional", "srtp"), ("required", "srtp"), ("required", "srtp-mand")]
)
async def test_baresip_with_srtp_talks_to_baresip_without(tmp_path: Path, encryption: str, policy: str) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, account=f";mediaenc={encryption}")
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    try:
        async with masked_call(
            tmp_path, a.sip_port, b.sip_port, profile={"srtp": policy}, profile_b={"srtp": "off"}
        ) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(3)
            await a.command("sndcode", "7")
            await asyncio.sleep(1)
            await b.command("hangup")
            status = await call.over()
            assert status["status"] == "completed"
    finally:
        await asyncio.gather(a.stop(), b.stop())
    assert a.heard().tone_db(TONE_B_HZ) > -25
    assert b.heard().tone_db(TONE_A_HZ) > -25
    assert [event.fields["param"] for event in b.events.entries if event.kind == "CALL_DTMF_START"] == ["7"]


async def test_an_optional_offer_is_refused_by_a_phone_that_wants_the_secure_profile(tmp_path: Path) -> None:
    """Keys in RTP/AVP (RFC 8643) leave the choice to the far end; a trunk that leaves none has to require SRTP."""
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, account=";mediaenc=srtp-mand")
    try:
        async with masked_call(tmp_path, a.sip_port, a.sip_port + 1, profile={"srtp": "optional"}) as call:
            status = await call.over()
            assert (status["status"], status["hangup_cause"]) == ("failed", "network_error")
    finally:
        await a.stop()


async def test_linphone_with_srtp_talks_to_baresip_with_srtp(tmp_path: Path) -> None:
    a = await Linphone.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, encryption="srtp")
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, account=";mediaenc=srtp-mand")
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile={"srtp": "required", "nat": True}) as call:
            await asyncio.gather(a.heard_line("connected"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(4)
            await b.command("hangup")
            await call.over()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    assert a.heard().tone_db(TONE_B_HZ) > -25
    assert b.heard().tone_db(TONE_A_HZ) > -25
