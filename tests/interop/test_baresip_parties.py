"""baresip as both parties of a masked call: real audio, DTMF, hold, hang-ups from either side."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, masked_call
from tests.interop.tones import heard_in

pytestmark = pytest.mark.timeout(90)


async def test_both_hear_the_other_and_nothing_of_themselves(tmp_path: Path) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, codecs="PCMU/8000/1")
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(5)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", "b")
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    assert a.heard().tone_db(TONE_B_HZ) > -25
    assert a.heard().tone_db(TONE_A_HZ) < -50
    assert b.heard().tone_db(TONE_A_HZ) > -25
    assert b.heard().tone_db(TONE_B_HZ) < -50
    left, right = heard_in(wav, 0), heard_in(wav, 1)
    assert left.tone_db(TONE_A_HZ) > -25 > -50 > left.tone_db(TONE_B_HZ)
    assert right.tone_db(TONE_B_HZ) > -25 > -50 > right.tone_db(TONE_A_HZ)
    assert left.seconds == right.seconds == pytest.approx(float(str(status["duration_sec"])), abs=0.6)


@pytest.mark.parametrize("holder", ["a", "b"])
async def test_hold_and_resume(tmp_path: Path, holder: str) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            phone = a if holder == "a" else b
            await asyncio.sleep(2)
            await phone.command("hold")
            await asyncio.sleep(2)
            await phone.command("resume")
            await asyncio.sleep(3)
            await a.command("hangup")
            status = await call.over()
            assert status["status"] == "completed"
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    # Two seconds before the hold, three after it; nothing of what was said meanwhile goes to the one who holds.
    said_a, said_b = heard_in(wav, 0), heard_in(wav, 1)
    assert said_a.between(said_a.seconds - 2, said_a.seconds - 0.5).tone_db(TONE_A_HZ) > -25
    assert said_b.between(said_b.seconds - 2, said_b.seconds - 0.5).tone_db(TONE_B_HZ) > -25
    for phone, tone in ((a, TONE_B_HZ), (b, TONE_A_HZ)):
        heard = phone.heard()
        assert heard.between(heard.seconds - 2, heard.seconds - 0.5).tone_db(tone) > -25
