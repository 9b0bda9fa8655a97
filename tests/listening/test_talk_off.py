"""Speech is no key press: what is found in minutes of it."""

import pytest

from media.codecs.linear import from_alaw, to_alaw
from media.listening.key_tones import KeyTones
from media.prompts.bundled import PROMPTS, bundled_samples
from tests.support.babble import babble
from tests.support.keypad import key_tone, pcm


def found(audio: bytes) -> str:
    keys = KeyTones()
    presses = [*keys.put(from_alaw(to_alaw(audio))), *keys.stop()]
    return "".join(press.digit for press in presses)


@pytest.mark.parametrize("voice", range(20))
def test_a_voice_that_never_stops_is_no_key_press(voice: int) -> None:
    """Ten minutes of twenty voices; of half an hour of sixty, one such press of 44 ms is known."""
    audio = babble(voice, 30)
    assert found(audio) == ""
    assert found(pcm(key_tone("4", 60)) + audio) == "4", "nothing at all is found"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_is_said_and_played_by_ourselves_is_no_key_press(prompt: str) -> None:
    assert found(bundled_samples(prompt).tobytes()) == ""
