"""baresip as both parties of a masked call: real audio, DTMF, hold, hang-ups from either side."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, masked_call
from tests.interop.tones import heard_in

pytestmark = pytest.mark.timeout(240)


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
    holding, waiting = (a, b) if holder == "a" else (b, a)
    tone_of_holder, tone_of_other = (TONE_A_HZ, TONE_B_HZ) if holder == "a" else (TONE_B_HZ, TONE_A_HZ)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(2)
            await holding.command("hold")
            await asyncio.sleep(2)
            await holding.command("resume")
            await asyncio.sleep(3)
            await a.command("hangup")
            status = await call.over()
            assert status["status"] == "completed"
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    # A phone that holds sends on (sendonly), and what the other says meanwhile is not for it to hear.
    heard = waiting.heard()
    assert heard.between(heard.seconds - 2, heard.seconds - 0.5).tone_db(tone_of_holder) > -25
    assert heard.tone_db(tone_of_other) < -50
    for channel, tone in ((0, TONE_A_HZ), (1, TONE_B_HZ)):
        said = heard_in(wav, channel)
        assert said.between(said.seconds - 2, said.seconds - 0.5).tone_db(tone) > -25


@pytest.mark.parametrize("presser", ["a", "b"])
async def test_each_key_is_told_once(tmp_path: Path, presser: str) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ)
    pressing, listening = (a, b) if presser == "a" else (b, a)
    try:
        # The two have telephone-event under other payload types.
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile_b={"dtmf_payload_type": 97}) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(1)
            for digit in "159#":
                await pressing.command("sndcode", digit)
                await asyncio.sleep(0.6)
            await call.hang_up()
            status = await call.over()
            assert status["hangup_cause"] == "api_hangup"
    finally:
        await asyncio.gather(a.stop(), b.stop())
    told = [event.fields["param"] for event in listening.events.entries if event.kind == "CALL_DTMF_START"]
    assert told == ["1", "5", "9", "#"]


async def test_two_minutes_without_a_gap_or_drift(tmp_path: Path) -> None:
    talk_s = 120.0
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, seconds=talk_s + 20)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, codecs="PCMU/8000/1", seconds=talk_s + 20)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(talk_s)
            await a.command("hangup")
            await call.over()
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    for heard, tone, own in (
        (a.heard(), TONE_B_HZ, TONE_A_HZ),
        (b.heard(), TONE_A_HZ, TONE_B_HZ),
        (heard_in(wav, 0), TONE_A_HZ, TONE_B_HZ),
        (heard_in(wav, 1), TONE_B_HZ, TONE_A_HZ),
    ):
        assert heard.seconds == pytest.approx(talk_s, abs=1.0)
        assert heard.gaps(tone) == 0
        assert heard.silent_frames() <= 5  # a phone that the machine lets wait leaves one out itself
        assert heard.tone_db(own) < -50
        assert abs(heard.phase_drift_ms(tone)) < 0.3
