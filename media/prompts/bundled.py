"""Prompts that come with the product.

The spoken ones are 8 kHz mono 16-bit WAV files beside this module, synthesised speech of sentences of ours, free like
the rest of the project (Apache-2.0): no person's voice is in them, and the licence of the programs that made them does
not reach what they put out.

`unknown_caller.wav` says "Sorry. This number does not accept calls from your phone.", `recording_consent.wav` "Please
note: this call is recorded." They were made with espeak-ng 1.51, the first with SoX 14.4 after it:

    espeak-ng -v en-gb+f3 -s 155 -g 1 -w raw.wav "Sorry. This number does not accept calls from your phone."
    sox raw.wav -r 8000 -b 16 -c 1 --no-dither unknown_caller.wav highpass 200 lowpass 3400 \\
        silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse norm -6 pad 0.2 0.2
    espeak-ng -v en-gb+f3 -s 150 -g 1 -w raw.wav "Please note: this call is recorded."

the second by `media.prompts.conversion.convert`, with 0.2 s of silence before and after it. `hold_tone` is computed:
three soft notes, then a pause.
"""

import io
import math
import sys
import wave
from array import array
from functools import lru_cache
from importlib import resources
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.prompts.samples import Samples
from media.tones import Tone, encode

UNKNOWN_CALLER: Final = "unknown_caller"
RECORDING_CONSENT: Final = "recording_consent"
HOLD_TONE: Final = "hold_tone"
SPOKEN: Final = (UNKNOWN_CALLER, RECORDING_CONSENT)
PROMPTS: Final = (*SPOKEN, HOLD_TONE)

_NOTES_HZ: Final = (523, 659, 784)
_NOTE_S: Final = 0.45
_HOLD_S: Final = 5.0
_NOTE_PEAK: Final = 4000
_RISE_S: Final = 0.01
_DECAY_S: Final = 0.15
_CACHED: Final = 16


def bundled_samples(name: str) -> Samples:
    """A prompt's samples at 8 kHz. OSError where its file is not installed; ValueError for a file of another format."""
    if name == HOLD_TONE:
        return _hold_tone()
    return samples_of(resources.files("media.prompts").joinpath(f"{name}.wav").read_bytes())


def samples_of(content: bytes) -> Samples:
    """The samples of a WAV file of ours; ValueError for one of another format."""
    with wave.open(io.BytesIO(content)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (CLOCK_RATE_HZ, 1, 2):
            raise ValueError("the prompt is not 8 kHz mono of 16 bits")
        samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def render_wav(samples: Samples) -> bytes:
    """Samples at 8 kHz as a WAV file of ours."""
    little = array("h", samples)
    if sys.byteorder == "big":
        little.byteswap()
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(CLOCK_RATE_HZ)
        file.writeframes(little.tobytes())
    return content.getvalue()


@lru_cache(maxsize=_CACHED)
def load(name: str) -> Tone:
    """A prompt, encoded for every codec; errors as `bundled_samples`."""
    return encode(name, bundled_samples(name), endless=False)


def _hold_tone() -> Samples:
    samples = array("h")
    for frequency_hz in _NOTES_HZ:
        for position in range(round(_NOTE_S * CLOCK_RATE_HZ)):
            at = position / CLOCK_RATE_HZ
            envelope = min(1.0, at / _RISE_S) * math.exp(-at / _DECAY_S)
            samples.append(round(_NOTE_PEAK * envelope * math.sin(2 * math.pi * frequency_hz * at)))
    samples.extend([0] * (round(_HOLD_S * CLOCK_RATE_HZ) - len(samples)))
    return samples
