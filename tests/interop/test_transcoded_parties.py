"""baresip in Opus or G.722 on one leg and in G.711 on the other: each hears the other's tone, its keys, and no gap."""

import asyncio
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, masked_call
from tests.interop.tones import heard_in

pytestmark = pytest.mark.timeout(240)

PROFILE: dict[str, object] = {"codecs": ["PCMA", "PCMU", "G722", "opus"]}
TALK_S = 20.0


@pytest.mark.parametrize(
    ("codecs_a", "codecs_b"),
    [
        ("opus/48000/2", "PCMA/8000/1"),
        ("G722/16000/1", "PCMU/8000/1"),
        ("PCMA/8000/1", "opus/48000/2"),
        ("opus/48000/2", "G722/16000/1"),
    ],
)
async def test_each_hears_the_other_in_its_own_codec(tmp_path: Path, codecs_a: str, codecs_b: str) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, codecs=codecs_a)
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, codecs=codecs_b)
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile=PROFILE) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(TALK_S)
            await b.command("hangup")
            status = await call.over()
            assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", "b")
            wav = await call.recording()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    for heard, tone, own in (
        (a.heard(), TONE_B_HZ, TONE_A_HZ),
        (b.heard(), TONE_A_HZ, TONE_B_HZ),
        (heard_in(wav, 0), TONE_A_HZ, TONE_B_HZ),
        (heard_in(wav, 1), TONE_B_HZ, TONE_A_HZ),
    ):
        talk = heard.between(1.0, heard.seconds - 0.5)
        assert talk.tone_db(tone) > -25
        assert talk.tone_db(own) < -50
        assert talk.gaps(tone) == 0
        assert heard.seconds == pytest.approx(TALK_S, abs=1.5)


async def test_keys_go_from_the_clock_of_opus_to_that_of_g711_and_back(tmp_path: Path) -> None:
    a = await Baresip.start(tmp_path / "a", NUMBER_A, TONE_A_HZ, codecs="opus/48000/2")
    b = await Baresip.start(tmp_path / "b", NUMBER_B, TONE_B_HZ, codecs="PCMA/8000/1")
    try:
        async with masked_call(tmp_path, a.sip_port, b.sip_port, profile=PROFILE) as call:
            await asyncio.gather(a.told("CALL_ESTABLISHED"), b.told("CALL_ESTABLISHED"))
            await asyncio.sleep(1)
            for pressing, pressed in ((a, "15"), (b, "9#")):
                for digit in pressed:
                    await pressing.command("sndcode", digit)
                    await asyncio.sleep(0.6)
            await call.hang_up()
            await call.over()
    finally:
        await asyncio.gather(a.stop(), b.stop())
    for listening, expected in ((b, ["1", "5"]), (a, ["9", "#"])):
        told = [event.fields["param"] for event in listening.events.entries if event.kind == "CALL_DTMF_START"]
        assert told == expected
