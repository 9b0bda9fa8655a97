"""Tones as the packet path in C has them."""

from collections import OrderedDict
from typing import Final

from media.codecs.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from media.codecs.table import BY_NUMBER
from media.digit_tones import digit_tones
from media.packet_path import _native
from media.packet_path.native_srtp import srtp_functions
from media.rtp.dtmf import DIGITS
from media.tones import Tone, comfort_noises, silence

# Tones that are kept ready; the one that was played longest ago goes first.
KEPT_MAX: Final = 256
_NAME_BYTES_MAX: Final = 63


def native_tone(tone: Tone) -> _native.Tone:
    """A copy of a tone for the packet thread. A name of 64 bytes or more is cut."""
    name = tone.name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")
    encoded = [(codec, BY_NUMBER[codec].silence, one_pass) for codec, one_pass in tone.encoded.items()]
    return _native.Tone(name, tone.samples, tone.endless, encoded, list(tone.packets.items()))


def surroundings() -> _native.Surroundings:
    """What every packet thread needs from outside its table."""
    keys = [native_tone(digit_tones()[digit]) for digit in DIGITS]
    noises = [native_tone(noise) for noise in comfort_noises()]
    return _native.Surroundings(native_tone(silence()), keys, ALAW_TO_ULAW, ULAW_TO_ALAW, srtp_functions(), noises)


class NativeTones:
    """Tones that have been played are played again without being copied."""

    def __init__(self) -> None:
        # By identity: comparing tones means comparing their audio. The tone is kept, so that nothing else takes its id.
        self._kept: OrderedDict[int, tuple[Tone, _native.Tone]] = OrderedDict()

    def of(self, tone: Tone) -> _native.Tone:
        """The tone in C."""
        found = self._kept.pop(id(tone), None)
        if found is None:
            found = (tone, native_tone(tone))
            if len(self._kept) >= KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept[id(tone)] = found
        return found[1]
