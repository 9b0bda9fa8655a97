"""A defect or an overload of ours while an effect is carried out: the call still ends and leaves nothing behind."""

import pytest

from media.engine import MediaEngine
from media.errors import MediaOverloaded
from storage.records import PromptChoice
from tests.support.house import House
from tests.support.scripted_phone import answers


@pytest.mark.parametrize("verb", ["open_leg", "offer", "play", "play_prompt", "bridge", "record"])
@pytest.mark.parametrize("error", [MediaOverloaded("too much"), ZeroDivisionError("a defect")])
async def test_a_verb_of_media_that_fails_ends_the_call_and_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, verb: str, error: Exception
) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)

    def fails(self: MediaEngine, *arguments: object, **named: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(MediaEngine, verb, fails)
        call = await house.place(prompts=PromptChoice(whisper_b="hold_tone"))
        cdr = await house.ended(call)
        assert cdr.hangup_cause == "network_error"
        assert house.switch.live_calls() == 0
    second = await house.bridged()
    house.bob.hang_up()
    assert (await house.ended(second)).status == "completed"


async def test_media_that_cannot_be_closed_keep_no_call_from_being_settled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_leg = MediaEngine.close_leg

    def fails(self: MediaEngine, leg: str) -> None:
        close_leg(self, leg)
        raise ZeroDivisionError("a defect")

    call = await house.bridged()
    with monkeypatch.context() as patched:
        patched.setattr(MediaEngine, "close_leg", fails)
        house.bob.hang_up()
        cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "normal", 150)
    assert (await house.wallet()).reserved_paise == 0
