"""A WAV file of any common kind, read whole into samples of 16 bits."""

import struct
import sys
from array import array
from dataclasses import dataclass
from typing import Final

from media.codecs.g711 import ALAW_TO_LINEAR, ULAW_TO_LINEAR
from media.errors import PromptUnusable
from media.prompts.samples import Samples

PCM: Final = 1
FLOAT: Final = 3
ALAW: Final = 6
ULAW: Final = 7
EXTENSIBLE: Final = 0xFFFE

RATES_HZ: Final = range(4_000, 192_001)
CHANNELS: Final = range(1, 9)

_CHUNK: Final = struct.Struct("<4sI")
_FORMAT: Final = struct.Struct("<HHIIHH")
_SUBFORMAT_AT: Final = 24


@dataclass(frozen=True, slots=True)
class WavFormat:
    """What the `fmt ` chunk says; `kind` is a WAVE_FORMAT number, `bits` those of a sample."""

    kind: int
    channels: int
    rate_hz: int
    bits: int


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel of samples of -32768..32767."""

    rate_hz: int
    samples: Samples


def read_wav(content: bytes, longest_s: float) -> Sound:
    """The file's sound, its channels mixed. PCM of 8 to 32 bits, IEEE float, A-law and mu-law, 4 to 192 kHz, 1 to 8
    channels. PromptUnusable for anything else, and for a sound that is longer."""
    form, data = _chunks(content)
    sample_bytes = _sample_bytes(form)
    frame_bytes = sample_bytes * form.channels
    frames = len(data) // frame_bytes
    if frames > longest_s * form.rate_hz:
        raise PromptUnusable(f"it is {frames / form.rate_hz:.0f} s long; {longest_s:g} s are the most")
    samples = _linear(form, data[: frames * frame_bytes])
    if form.channels == 1:
        return Sound(form.rate_hz, samples)
    channels = [samples[first :: form.channels] for first in range(form.channels)]
    return Sound(form.rate_hz, array("h", [sum(frame) // form.channels for frame in zip(*channels, strict=True)]))


def _chunks(content: bytes) -> tuple[WavFormat, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise PromptUnusable("it is no WAV file")
    form: WavFormat | None = None
    at = 12
    while at + _CHUNK.size <= len(content):
        name, size = _CHUNK.unpack_from(content, at)
        body = content[at + _CHUNK.size : at + _CHUNK.size + size]
        if name == b"fmt ":
            form = _format(body)
        elif name == b"data":
            if form is None:
                break
            return form, body
        at += _CHUNK.size + size + size % 2
    raise PromptUnusable("the WAV file is broken: it has no sound in it")


def _format(body: bytes) -> WavFormat:
    if len(body) < _FORMAT.size:
        raise PromptUnusable("the WAV file is broken: its format is cut off")
    kind, channels, rate_hz, _, _, bits = _FORMAT.unpack_from(body)
    if kind == EXTENSIBLE and len(body) >= _SUBFORMAT_AT + 2:
        kind = int.from_bytes(body[_SUBFORMAT_AT : _SUBFORMAT_AT + 2], "little")
    if rate_hz not in RATES_HZ:
        raise PromptUnusable(f"its rate is {rate_hz} Hz; 4000 to 192000 Hz can be read")
    if channels not in CHANNELS:
        raise PromptUnusable(f"it has {channels} channels; 1 to 8 can be read")
    return WavFormat(kind, channels, rate_hz, bits)


def _sample_bytes(form: WavFormat) -> int:
    known = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), ALAW: (8,), ULAW: (8,)}
    if form.bits not in known.get(form.kind, ()):
        raise PromptUnusable(
            f"its encoding (WAV format {form.kind}, {form.bits} bits) is none of those that can be read: "
            "PCM, float, A-law, mu-law"
        )
    return form.bits // 8


def _linear(form: WavFormat, data: bytes) -> Samples:
    if form.kind == ALAW:
        return array("h", [ALAW_TO_LINEAR[code] for code in data])
    if form.kind == ULAW:
        return array("h", [ULAW_TO_LINEAR[code] for code in data])
    if form.kind == FLOAT:
        return _from_float(data, "f" if form.bits == 32 else "d")
    if form.bits == 8:
        return array("h", [(code - 128) << 8 for code in data])
    return _upper_16_bits(data, form.bits // 8)


def _from_float(data: bytes, code: str) -> Samples:
    values = array(code, data)
    if sys.byteorder == "big":
        values.byteswap()
    # A value that is no number compares with nothing, and becomes silence.
    return array("h", [round(max(-1.0, min(1.0, value)) * 32767) if value == value else 0 for value in values])


def _upper_16_bits(data: bytes, width: int) -> Samples:
    upper = bytearray(len(data) // width * 2)
    upper[0::2] = data[width - 2 :: width]
    upper[1::2] = data[width - 1 :: width]
    samples = array("h", bytes(upper))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
