"""Spoken announcements that come with the product: 8 kHz mono 16-bit WAV files beside this module.

`unknown_caller.wav` says "Sorry. This number does not accept calls from your phone." It is synthesised speech of that
sentence of ours, free like the rest of the project (Apache-2.0): no person's voice is in it, and the licence of the
programs that made it does not reach what they put out. It was made with espeak-ng 1.51 and SoX 14.4:

    espeak-ng -v en-gb+f3 -s 155 -g 1 -w raw.wav "Sorry. This number does not accept calls from your phone."
    sox raw.wav -r 8000 -b 16 -c 1 --no-dither unknown_caller.wav highpass 200 lowpass 3400 \\
        silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse norm -6 pad 0.2 0.2
"""

import io
import sys
import wave
from array import array
from importlib import resources
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.tones import Tone, encode

UNKNOWN_CALLER: Final = "unknown_caller"
PROMPTS: Final = (UNKNOWN_CALLER,)


def load(name: str) -> Tone:
    """An announcement, encoded for every codec. OSError where its file is not installed; ValueError for a file of
    another format."""
    content = resources.files("media.prompts").joinpath(f"{name}.wav").read_bytes()
    with wave.open(io.BytesIO(content)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (CLOCK_RATE_HZ, 1, 2):
            raise ValueError(f"the announcement {name} is not 8 kHz mono of 16 bits")
        samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return encode(name, samples, endless=False)
