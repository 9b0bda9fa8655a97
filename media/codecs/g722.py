"""G.722 (ITU-T G.722, 64 kbit/s) over libg722: 16 kHz audio, or its lower half band as 8 kHz, which the codec itself
parts from the upper."""

from array import array
from typing import Final

from G722 import G722

BITRATE: Final = 64_000


class G722Encoder:
    """Encodes one talker."""

    def __init__(self, rate_hz: int) -> None:
        self._codec = G722(rate_hz, BITRATE)

    def encode(self, samples: bytes) -> bytes:
        """16-bit samples, a whole number of ms, as an octet for each 125 us."""
        return bytes(self._codec.encode(array("h", samples)))


class G722Decoder:
    """Decodes one source's payloads in their order; any octets are G.722."""

    def __init__(self, rate_hz: int) -> None:
        self._codec = G722(rate_hz, BITRATE)

    def decode(self, payload: bytes) -> bytes:
        """16-bit samples, in the machine's byte order."""
        samples: bytes = self._codec.decode(payload).tobytes()
        return samples
