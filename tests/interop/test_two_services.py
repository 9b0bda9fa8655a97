"""One service as the carrier of another: every demand that a trunk can make, made by the one and met by the other."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, carried_call
from tests.support.certificates import Authority
from tests.support.service_under_test import service_under_test, trunk

pytestmark = pytest.mark.timeout(150)

USER, PASSWORD = "masking", "not-a-secret"


async def test_call_over_tls_with_srtp_digest_reliable_responses_and_session_timers(
    tmp_path: Path, lease_ports: Callable[[int], int]
) -> None:
    authority = Authority(tmp_path)
    far, near = (authority.issue("127.0.0.1") for _ in range(2))
    far_port, near_port = lease_ports(2), lease_ports(2)
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, seconds=100)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, seconds=100)
    phones = {"a": (NUMBER_A, a.sip_port), "b": (NUMBER_B, b.sip_port)}
    demands = {"srtp": "required", "reliable_provisional": "required", "session_timer_s": 90}
    asking = {"uri": f"sip:127.0.0.1:{near_port};transport=tls", "challenge_username": USER}
    try:
        async with (
            service_under_test(
                tmp_path / "far",
                [
                    {**trunk("near", near_port, **demands), **asking, "challenge_password": PASSWORD},
                    *(trunk(name, port) for name, (_, port) in phones.items()),
                ],
                sections={
                    "sip": {
                        "listen": [f"udp://127.0.0.1:{far_port}", f"tls://127.0.0.1:{far_port}"],
                        "tls_certificate": str(far.certificate),
                        "tls_key": str(far.key),
                        "tls_ca": str(authority.file),
                        "tls_require_client_certificate": True,
                    }
                },
                routes=[
                    {"trunk": "near", "match": number, "to": f"sip:{{user}}@127.0.0.1:{port}", "via": name}
                    for name, (number, port) in phones.items()
                ],
            ) as carrier,
            carried_call(
                tmp_path,
                far_port,
                transport="tls",
                profile={**demands, "auth_username": USER, "auth_password": PASSWORD},
                sections={
                    "sip": {
                        "listen": [f"tls://127.0.0.1:{near_port}"],
                        "tls_certificate": str(near.certificate),
                        "tls_key": str(near.key),
                        "tls_ca": str(authority.file),
                    }
                },
            ) as call,
        ):
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(2)
            await a.command("hold")
            await asyncio.sleep(1)
            await a.command("resume")
            await asyncio.sleep(50)  # past the refresh, at half of the interval
            await a.command("sndcode", "7")
            await asyncio.sleep(1)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_party"]) == ("completed", "b"), carrier.service.last_words()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    for phone, tone, own in ((a, TONE_B_HZ, TONE_A_HZ), (b, TONE_A_HZ, TONE_B_HZ)):
        heard = phone.heard()
        assert heard.between(heard.seconds - 10, heard.seconds - 3).tone_db(tone) > -25
        assert heard.tone_db(own) < -50
    assert [event.fields["param"] for event in b.events.entries if event.kind == "CALL_DTMF_START"] == ["7"]
    for service in (carrier, call.service):
        assert "WARNING b2bua.switch" not in service.service.last_words()
