"""Linphone as a party of a masked call, with itself and with baresip."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
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


async def test_linphone_holds_and_hears_again_with_baresip_at_the_other_end(tmp_path: Path) -> None:
    a = await Linphone.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, codecs="PCMU/8000/1")
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile=BEHIND_NAT) as call:
            await asyncio.gather(a.heard_line("connected"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(2)
            await a.say("pause")
            await asyncio.sleep(2)
            await a.say("resume")
            await asyncio.sleep(4)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"]) == ("completed", "normal")
    finally:
        await asyncio.gather(a.stop(), b.stop())
    heard = a.heard()
    assert heard.between(heard.seconds - 3, heard.seconds - 1).tone_db(TONE_B_HZ) > -25
    assert heard.tone_db(TONE_A_HZ) < -50
    heard = b.heard()
    assert heard.between(heard.seconds - 2, heard.seconds - 0.5).tone_db(TONE_A_HZ) > -25


async def test_linphone_presses_keys_for_baresip(tmp_path: Path) -> None:
    a = await Linphone.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile=BEHIND_NAT) as call:
            await asyncio.gather(a.heard_line("connected"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(1)
            for digit in "258":
                await a.say(digit)
                await asyncio.sleep(0.6)
            await a.say("terminate")
            await call.over()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    told = [event.fields["param"] for event in b.events.entries if event.kind == "CALL_DTMF_START"]
    assert told == ["2", "5", "8"]
