"""Linphone as a party of a masked call, with itself and with baresip."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.linphone import Linphone
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, masked_call
from tests.interop.tones import heard_in

pytestmark = pytest.mark.timeout(90)

# Linphone names the address of a network card in its SDP although it sends from loopback.
BEHIND_NAT = {"nat": True}


async def test_both_hear_the_other_and_nothing_of_themselves(tmp_path: Path) -> None:
    a = await Linphone.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Linphone.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile=BEHIND_NAT) as call:
            await asyncio.gather(a.heard_line("connected"), b.heard_line("connected"))
            await asyncio.sleep(5)
            await a.say("terminate")
            status = await call.over()
            assert (status["status"], status["hangup_party"]) == ("completed", "a")
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    assert a.heard().tone_db(TONE_B_HZ) > -25
    assert a.heard().tone_db(TONE_A_HZ) < -50
    assert b.heard().tone_db(TONE_A_HZ) > -25
    assert b.heard().tone_db(TONE_B_HZ) < -50
    assert heard_in(wav, 0).tone_db(TONE_A_HZ) > -25
    assert heard_in(wav, 1).tone_db(TONE_B_HZ) > -25
