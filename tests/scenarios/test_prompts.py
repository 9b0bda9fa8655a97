"""What parties hear besides each other: before the bridge, while A waits, when the money runs out."""

import asyncio
import os
from array import array
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from b2bua.call.errors import InvalidPrompts
from b2bua.call.events import LegLost
from b2bua.call.model import Leg, PlaceCall
from media.codecs.table import G722, OPUS, PCMA, PCMU
from media.events import PlaybackFinished
from media.prompts.bundled import HOLD_TONE, RECORDING_CONSENT, UNKNOWN_CALLER, load, render_wav
from media.tones import BALANCE_WARNING, RINGBACK, Tone, prepare
from storage.records import CallRecord, Consent, PromptChoice
from tests.support.converts_here import ConvertsHere
from tests.support.house import MASKED, ONE_TRUNK, ORG, House
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, rings

BUNDLED = {name: load(name) for name in (HOLD_TONE, RECORDING_CONSENT, UNKNOWN_CALLER)}
TONES = {
    "400 Hz": prepare(RINGBACK),
    "balance_warning": prepare(BALANCE_WARNING),
}  # busy sounds like ringback, for less
FRAME = 160
VOICE = {ALICE: b"\x2a" * FRAME, BOB: b"\x3b" * FRAME}
CONSENT_TO_BOTH = PromptChoice(consent=Consent.BOTH)
TWO_WHISPERS = PromptChoice(whisper_a=UNKNOWN_CALLER, whisper_b=HOLD_TONE)


def length_s(name: str) -> float:
    return BUNDLED[name].samples / 8000


def frames(tone: Tone, codec: int = PCMA) -> list[bytes]:
    return [tone.frame(codec, at, FRAME) for at in range(0, tone.samples, FRAME)]


def _sources() -> dict[bytes, str]:
    """Which sound a payload is of; those of several, silence above all, are of none."""
    found = [
        (payload, name)
        for name, tone in {**BUNDLED, **TONES}.items()
        for codec in (PCMA, PCMU)
        for payload in set(frames(tone, codec))
    ]
    owners = Counter(payload for payload, _ in found)
    return {payload: name for payload, name in found if owners[payload] == 1} | {
        VOICE[ALICE]: "alice",
        VOICE[BOB]: "bob",
    }


SOURCES = _sources()


def heard(phone: Phone) -> list[str]:
    """What a phone has heard, one after the other."""
    known = [SOURCES[packet.payload] for packet in phone.heard() if packet.payload in SOURCES]
    return [name for name, _ in groupby(known)]


def heard_whole(phone: Phone, name: str, codec: int = PCMA) -> bool:
    """Whether a phone heard a prompt from its first sample to its last, with nothing in between."""
    played = b"".join(packet.payload for packet in phone.heard())
    return b"".join(frames(BUNDLED[name], codec)) in played


async def prompting(house: House, choice: PromptChoice, **changes: Any) -> CallRecord:
    """A call whose B has just answered."""
    house.alice.on_invite = house.alice.on_invite or answers(1.0)
    house.bob.on_invite = house.bob.on_invite or answers(3.0)
    call = await house.place(prompts=choice, **changes)
    await house.until(lambda: house.state(call) == "prompting")
    return call


async def test_two_whispers_of_different_lengths_each_to_its_party_alone(house: House) -> None:
    call = await prompting(house, TWO_WHISPERS)
    answered_at = house.clock.time()
    assert await house.words(call) == ["initiated", "ringing", "answered"]
    await house.until(lambda: house.state(call) == "bridged")
    assert house.clock.time() - answered_at == pytest.approx(length_s(HOLD_TONE), abs=0.1)
    assert heard(house.alice) == ["400 Hz", UNKNOWN_CALLER, "400 Hz"], "A waits as before for the longer one's end"
    assert heard(house.bob) == [HOLD_TONE]
    assert heard_whole(house.alice, UNKNOWN_CALLER)
    assert heard_whole(house.bob, HOLD_TONE)
    house.alice.say_once(payload=VOICE[ALICE])
    house.bob.say_once(payload=VOICE[BOB])
    await house.run(10.0)
    assert (heard(house.alice)[-1], heard(house.bob)[-1]) == ("bob", "alice")
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == ("completed", 10, 60, 150)
    assert cdr.answered_at is not None
    assert cdr.legs[1].answered_at is not None
    assert cdr.answered_at - cdr.legs[1].answered_at == pytest.approx(length_s(HOLD_TONE) * 1000, abs=100)
    assert await house.words(call) == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]
    assert house.recorder.lengths_s[call.call_id] == pytest.approx(10.0, abs=0.01), "recorded from the bridge on"


async def test_the_limit_of_a_call_counts_from_the_bridge(house: House) -> None:
    call = await prompting(house, TWO_WHISPERS, max_duration_s=10)
    await house.until(lambda: house.state(call) == "bridged")
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, cdr.duration_s) == ("max_duration", 10)


@pytest.mark.parametrize("consent", [Consent.BOTH, Consent.A, Consent.B])
async def test_the_notice_is_heard_after_the_whisper_by_whom_it_is_for(house: House, consent: Consent) -> None:
    call = await prompting(house, PromptChoice(whisper_b=UNKNOWN_CALLER, consent=consent))
    await house.until(lambda: house.state(call) == "bridged")
    told = {phone: RECORDING_CONSENT in heard(phone) for phone in (house.alice, house.bob)}
    assert told == {house.alice: consent is not Consent.B, house.bob: consent is not Consent.A}
    assert [name for name in heard(house.bob) if name != RECORDING_CONSENT] == [UNKNOWN_CALLER]
    for phone in (house.alice, house.bob):
        assert heard_whole(phone, RECORDING_CONSENT) == told[phone]
    house.alice.hang_up()
    assert (await house.ended(call)).recording_path is not None


async def test_nobody_is_told_of_a_recording_that_is_not_made(house: House) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place(prompts=CONSENT_TO_BOTH, record=False)
    await house.until(lambda: house.state(call) == "bridged")
    assert heard(house.alice) == ["400 Hz"]
    assert heard(house.bob) == []
    house.alice.hang_up()
    assert (await house.ended(call)).recording_path is None


async def test_b_s_early_media_end_where_the_prompts_begin(house: House) -> None:
    house.bob.on_invite = rings(183, sdp=True)
    house.alice.on_invite = answers(1.0)
    call = await house.place(prompts=PromptChoice(whisper_b=HOLD_TONE))
    await house.until(lambda: house.bob.invite)

    async def talks(seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            house.bob.say_once(payload=VOICE[BOB])
            await house.run(0.02)

    await talks(1.0)
    assert heard(house.alice)[-1] == "bob"
    house.bob.answer()
    await house.until(lambda: house.state(call) == "prompting")
    house.alice.received_rtp.clear()
    await talks(3.0)
    assert heard(house.alice) == ["400 Hz"], "A waits, and B is not heard while it is whispered to"
    await house.until(lambda: house.state(call) == "bridged")
    await talks(0.1)
    assert heard(house.alice) == ["400 Hz", "bob"]
    house.alice.hang_up()
    await house.ended(call)


# Ends of every kind while both hear their prompts: nobody has been connected, so nothing is paid.


async def test_a_hangs_up(house: House) -> None:
    call = await prompting(house, TWO_WHISPERS)
    await house.run(1.0)
    house.alice.hang_up()
    await house.run(0.1)
    assert house.bob.was_hung_up
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "a_hangup_before_bridge", "a")
    assert (cdr.answered_at, cdr.price_paise, cdr.recording_path) == (None, 0, None)
    assert [leg.status for leg in cdr.legs] == ["ended", "ended"]
    assert (await house.wallet()).reserved_paise == 0


async def test_b_hangs_up_and_a_hears_that(house: House) -> None:
    call = await prompting(house, TWO_WHISPERS)
    await house.run(1.0)
    house.bob.hang_up()
    await house.until(lambda: house.state(call) == "telling_a")
    await house.run(1.0)
    assert "BYE" not in house.alice.methods()
    assert heard(house.alice)[-1] == "400 Hz"
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_rejected", 0)
    assert house.alice.was_hung_up
    assert cdr.legs[1].status == "ended"


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (lambda house, call: house.switch.hang_up(ORG, call.call_id), "api_hangup"),
        (lambda house, _call: house.switch.end_all_calls(), "system_restart"),
    ],
)
async def test_the_api_or_the_stop_ends_it(house: House, end: Callable[[House, CallRecord], Any], cause: str) -> None:
    call = await prompting(house, TWO_WHISPERS)
    await house.run(1.0)
    ended = end(house, call)
    if ended is not None:
        await ended
    await house.run(0.1)
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", cause, 0)


@pytest.mark.parametrize("who", ["a", "b"])
async def test_a_dialog_that_is_lost_ends_it(house: House, who: str) -> None:
    call = await prompting(house, TWO_WHISPERS)
    lost, other = (house.alice, house.bob) if who == "a" else (house.bob, house.alice)
    house.tasks[-1].post(LegLost(Leg(who)))
    await house.until(lambda: other.was_hung_up)
    lost.hang_up()
    cdr = await house.ended(call)
    assert cdr.hangup_cause == ("network_error" if who == "a" else "b_unreachable")


async def test_prompts_whose_end_is_never_told_are_ended_and_nobody_is_recorded_unasked(house: House) -> None:
    deliver = house.media._on_event
    house.media._on_event = lambda event: None if isinstance(event, PlaybackFinished) else deliver(event)
    call = await prompting(house, CONSENT_TO_BOTH)
    answered_at = house.clock.time()
    await house.until(lambda: house.state(call) == "bridged")
    assert house.clock.time() - answered_at == pytest.approx(length_s(RECORDING_CONSENT) + 5.0, abs=0.01)
    house.media._on_event = deliver
    await house.run(5.0)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.price_paise, cdr.recording_path) == ("completed", 150, None)


async def test_a_party_that_changes_its_session_hears_the_rest_of_its_prompt(house: House) -> None:
    call = await prompting(house, TWO_WHISPERS)
    await house.run(1.0)
    house.bob.reinvite(BOB.sdp(PCMU, version=2))
    await house.run(0.5)
    assert house.state(call) == "prompting"
    house.alice.reinvite(ALICE.sdp(direction="sendonly", version=2))
    await house.run(0.5)
    house.alice.reinvite(ALICE.sdp(version=3))
    await house.until(lambda: house.state(call) == "bridged")
    assert [answer.status for answer in (*house.bob.answers(), *house.alice.answers())] == [200, 200, 200]
    assert {packet.payload_type for packet in house.bob.heard()} == {PCMA, PCMU}
    assert heard(house.bob) == [HOLD_TONE]
    house.bob.hang_up()
    assert (await house.ended(call)).status == "completed"


# Calls that arrive.


async def test_a_caller_is_answered_to_its_prompts_when_b_is_there(open_house: Any) -> None:
    house = await open_house('[prompts]\nconsent = "both"\nwhisper_b = "bundled:hold_tone"\n')
    first = await house.bridged()
    house.alice.hang_up()
    await house.ended(first)
    for phone in (house.alice, house.bob):
        phone.invite = phone.on_invite = None
        phone.events.clear()
        phone.invites.clear()
        phone.received_rtp.clear()
    house.bob.on_invite = answers(2.0)
    call = await house.arrive(MASKED)
    await house.until(lambda: house.state(call) == "prompting")
    assert await house.words(call) == ["initiated", "ringing", "answered"]
    assert (await house.told(call))[-1].call.status == "answered"
    await house.until(lambda: house.state(call) == "bridged")
    assert house.alice.is_connected
    assert heard_whole(house.alice, RECORDING_CONSENT)
    assert heard(house.bob) == [HOLD_TONE, RECORDING_CONSENT]
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.direction) == ("completed", "inbound")
    assert await house.words(call) == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]


async def test_a_caller_that_hangs_up_before_the_bridge_pays_nothing(open_house: Any) -> None:
    house = await open_house('[prompts]\nconsent = "both"\n')
    first = await house.bridged()
    house.alice.hang_up()
    await house.ended(first)
    paid = (await house.wallet()).balance_paise
    house.bob.on_invite = answers(2.0)
    call = await house.arrive(MASKED)
    await house.until(lambda: house.state(call) == "prompting")
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "a_hangup_before_bridge")
    assert (await house.wallet()).balance_paise == paid


# In place of the product's own tones.


async def test_a_waits_with_the_prompt_chosen_for_it_or_with_plain_ringback(open_house: Any) -> None:
    house = await open_house('[prompts]\nwait = "bundled:unknown_caller"\n')
    house.alice.on_invite = answers(1.0)
    for choice, expected in (
        (PromptChoice(), UNKNOWN_CALLER),
        (PromptChoice(wait=HOLD_TONE), HOLD_TONE),
        (PromptChoice(wait=""), "400 Hz"),
    ):
        house.alice.received_rtp.clear()
        house.bob.on_invite = answers(12.0)
        call = await house.place(prompts=choice)
        await house.until(lambda: house.state(call) == "bridged")  # noqa: B023  # it is awaited here
        assert heard(house.alice) == [expected]
        assert Counter(packet.payload for packet in house.alice.heard())[frames({**BUNDLED, **TONES}[expected])[5]] >= 2
        house.alice.hang_up()
        await house.ended(call)


async def test_both_hear_the_balance_warning_chosen_for_the_call(open_house: Any) -> None:
    house = await open_house(paise=150)
    call = await house.bridged(prompts=PromptChoice(balance_warning=HOLD_TONE))
    cdr = await house.ended(call)
    assert cdr.hangup_cause == "balance_exhausted"
    for phone in (house.alice, house.bob):
        assert heard_whole(phone, HOLD_TONE)
        assert "balance_warning" not in heard(phone)


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (PromptChoice(whisper_a="no_such"), "prompts.whisper_a"),
        (PromptChoice(consent_notice="../x"), "prompts.consent_notice"),
    ],
)
async def test_a_prompt_that_there_is_not_is_refused(house: House, choice: PromptChoice, field: str) -> None:
    with pytest.raises(InvalidPrompts) as refusal:
        await house.switch.place_call(PlaceCall(ORG, ALICE.number, BOB.number, prompts=choice))
    assert refusal.value.field == field
    assert house.alice.received == []


# An organisation's own.


async def test_a_call_has_its_organisations_prompts_where_it_chooses_nothing(open_house: Any, tmp_path: Path) -> None:
    house = await open_house('[prompts]\nwait = "bundled:unknown_caller"\nconsent = "a"\n', prompts=tmp_path)
    house.shelf._converter = ConvertsHere()
    own, _ = await house.shelf.put(ORG, "order", render_wav(array("h", [3000, -1500, 700] * 8000)))
    await house.shelf.choose(ORG, PromptChoice(whisper_b="order", consent=Consent.B))
    played = await house.shelf.tone(await house.shelf.own(ORG), "order")
    call = await prompting(house, PromptChoice(wait=HOLD_TONE))
    answered_at = house.clock.time()
    await house.until(lambda: house.state(call) == "bridged")
    assert own.duration_ms == 3000
    assert house.clock.time() - answered_at == pytest.approx(3.0 + length_s(RECORDING_CONSENT), abs=0.1)
    assert b"".join(frames(played)) in b"".join(packet.payload for packet in house.bob.heard())
    assert heard(house.bob) == [RECORDING_CONSENT]
    assert heard(house.alice) == [HOLD_TONE], "the call's own, and its organisation tells B alone"
    house.alice.hang_up()
    await house.ended(call)


async def test_an_organisations_prompt_that_is_lost_keeps_no_call_from_being_placed(
    open_house: Any, tmp_path: Path
) -> None:
    house = await open_house(prompts=tmp_path)
    house.shelf._converter = ConvertsHere()
    for name, peak in (("order", 3000), ("notice", 2000)):
        await house.shelf.put(ORG, name, render_wav(array("h", [peak, -peak // 2, 100] * 8000)))
    await house.shelf.choose(ORG, PromptChoice(whisper_b="order", consent=Consent.BOTH, consent_notice="notice"))
    for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir())):
        os.unlink(path)
    call = await prompting(house, PromptChoice())
    await house.until(lambda: house.state(call) == "bridged")
    assert heard(house.bob) == [RECORDING_CONSENT], "the product's notice, so that nobody is recorded untold"
    assert any("cannot be played" in line for line in house.log.lines)
    house.bob.hang_up()
    await house.ended(call)
    with pytest.raises(InvalidPrompts, match="upload it again"):
        await house.place(prompts=PromptChoice(whisper_a="order"))


async def test_a_callback_has_its_organisations_prompts(open_house: Any) -> None:
    house = await open_house()
    await house.shelf.choose(ORG, PromptChoice(whisper_b=HOLD_TONE))
    first = await house.bridged()
    house.alice.hang_up()
    await house.ended(first)
    house.bob.received_rtp.clear()
    house.bob.on_invite = answers(2.0)
    call = await house.arrive(MASKED)
    await house.until(lambda: house.state(call) == "bridged")
    assert heard_whole(house.bob, HOLD_TONE)
    house.alice.hang_up()
    await house.ended(call)


# In every codec.


@pytest.mark.parametrize(("payload_type", "codec"), [(9, G722), (107, OPUS), (PCMU, PCMU)])
async def test_prompts_are_heard_whole_in_every_codec_that_a_leg_has_agreed_to(
    open_house: Any, payload_type: int, codec: int
) -> None:
    house = await open_house(trunks=ONE_TRUNK + 'codecs = ["PCMA", "PCMU", "G722", "opus"]\n')
    house.bob.on_invite = answers(1.0, payload_types=(payload_type,))
    call = await prompting(house, PromptChoice(whisper_a=UNKNOWN_CALLER, whisper_b=HOLD_TONE, consent=Consent.BOTH))
    await house.until(lambda: house.state(call) == "bridged")
    assert heard_whole(house.alice, UNKNOWN_CALLER)
    assert {packet.payload_type for packet in house.bob.heard()} == {payload_type}
    for name in (HOLD_TONE, RECORDING_CONSENT):
        assert heard_whole(house.bob, name, codec)
    house.bob.hang_up()
    assert (await house.ended(call)).legs[0].codec == "PCMA"
