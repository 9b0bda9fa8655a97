"""Files that an operator brings: any rate, width and number of channels, made fit for the telephone or refused."""

import io
import math
import wave
from array import array
from pathlib import Path

import pytest

from media.errors import PromptUnusable
from media.player import Player
from media.prompts.bundled import PROMPTS, render_wav
from media.prompts.conversion import LONGEST_S, convert
from media.prompts.loading import load_prompt, read_prompt

# -16 dBm0: what all of it is levelled to.
SPEECH_RMS = 2558


def sine_wav(rate_hz: int, *, hz: float = 1000, width: int = 2, channels: int = 1, seconds: float = 0.5) -> bytes:
    values = [0.1 * math.sin(2 * math.pi * hz * at / rate_hz) for at in range(round(seconds * rate_hz))]
    frames = bytearray()
    for value in values:
        scaled = round(value * (2 ** (8 * width - 1) - 1))
        one = bytes([scaled + 128]) if width == 1 else scaled.to_bytes(width, "little", signed=True)
        frames += one * channels
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(bytes(frames))
    return content.getvalue()


def level_of(samples: "array[int]", hz: float) -> float:
    real = sum(s * math.cos(2 * math.pi * hz * n / 8000) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(2 * math.pi * hz * n / 8000) for n, s in enumerate(samples))
    return math.sqrt(2) * math.hypot(real, imaginary) / len(samples)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 2), (4, 1)])
def test_any_file_comes_out_at_8_khz_and_at_the_level_of_speech(rate_hz: int, width: int, channels: int) -> None:
    samples = convert(sine_wav(rate_hz, width=width, channels=channels))
    assert len(samples) == pytest.approx(4000, abs=2)
    assert level_of(samples, 1000) == pytest.approx(SPEECH_RMS, rel=0.03)


def test_what_is_above_half_the_rate_does_not_come_back_below_it() -> None:
    low = convert(sine_wav(48000, hz=1000))
    both = array("h", [0] * 4000)
    assert level_of(low, 3000) < 30
    mixed = bytearray(sine_wav(48000, hz=1000))
    loud = sine_wav(48000, hz=5000)
    for at in range(44, len(mixed), 2):
        value = int.from_bytes(mixed[at : at + 2], "little", signed=True)
        value += int.from_bytes(loud[at : at + 2], "little", signed=True)
        mixed[at : at + 2] = value.to_bytes(2, "little", signed=True)
    both = convert(bytes(mixed))
    assert level_of(both, 3000) < 0.01 * level_of(both, 1000)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no WAV"),
        (b"ID3\x04 an MP3", "no WAV"),
        (b"RIFF\x00\x00\x00\x00WAVE", "broken"),
        (sine_wav(8000)[:30], "broken"),
        (sine_wav(8000, seconds=0.01), "shorter"),
        (render_wav(array("h", [0] * 8000)), "silent"),
        (render_wav(array("h", [5000, -5000] * (4000 * round(LONGEST_S) + 8000))), "60 s are the most"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_with_the_reason(content: bytes, complaint: str) -> None:
    with pytest.raises(PromptUnusable, match=complaint):
        convert(content)


def test_a_missing_file_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptUnusable, match="cannot be read"):
        read_prompt(str(tmp_path / "none.wav"))
    with pytest.raises(PromptUnusable, match="hold_tone"):
        read_prompt("bundled:none")


@pytest.mark.parametrize("name", PROMPTS)
def test_every_bundled_prompt_can_be_played(name: str) -> None:
    assert load_prompt("ringback", f"bundled:{name}", endless=True).samples > 8000


def test_a_prompt_takes_the_place_of_the_tone_it_is_called_like(tmp_path: Path) -> None:
    path = tmp_path / "wait.wav"
    path.write_bytes(sine_wav(16000))
    prompt = load_prompt("ringback", str(path), endless=True)
    plan = Player([prompt]).plan("ringback")
    assert plan.tone is prompt
    assert not plan.overrides
    assert Player([prompt]).plan("busy").overrides
