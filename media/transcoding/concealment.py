"""Audio in place of lost packets, for codecs whose decoders have none of their own: the last pitch period again and
again, fading out (the idea of ITU-T G.711 Appendix I)."""

from typing import Final

from media.codecs.linear import SAMPLE_BYTES, best_match, scaled, silence

# As loud as before for the first of these, then less with each; nothing is left after 60 ms.
_STEP_MS: Final = 10
_GAINS: Final = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1)
_HISTORY_MS: Final = 40
_PATTERN_MS: Final = 5
# Periods of 2.5 ms (400 Hz) and more are looked for.
_PERIODS_PER_S_MAX: Final = 400


class Concealment:
    """Remembers what was heard of one source, and makes up what was not."""

    __slots__ = ("_history", "_made", "_period", "_rate_hz")

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._history = b""
        self._period = b""
        self._made = 0  # samples since the last that were heard

    def heard(self, samples: bytes) -> None:
        """What was decoded."""
        self._history = (self._history + samples)[-self._bytes_of(_HISTORY_MS) :]
        self._made = 0

    def conceal(self, count: int) -> bytes:
        """The next `count` samples in place of lost ones."""
        if not self._made:
            self._period = self._last_period()
        if not self._period:
            return silence(count)
        made = bytearray()
        step = self._bytes_of(_STEP_MS)
        while len(made) < count * SAMPLE_BYTES:
            at = self._made * SAMPLE_BYTES
            index, into = divmod(at, step)
            size = min(step - into, count * SAMPLE_BYTES - len(made))
            gain = _GAINS[index] if index < len(_GAINS) else 0.0
            made += scaled(self._repeated(at, size), gain)
            self._made += size // SAMPLE_BYTES
        return bytes(made)

    def _repeated(self, at: int, size: int) -> bytes:
        at %= len(self._period)
        return (self._period * (size // len(self._period) + 2))[at : at + size]

    def _last_period(self) -> bytes:
        history, pattern = self._history, self._history[-self._bytes_of(_PATTERN_MS) :]
        shortest = self._rate_hz // _PERIODS_PER_S_MAX * SAMPLE_BYTES
        searched = history[: len(history) - shortest]
        if len(searched) < 2 * len(pattern):
            return b""
        lag = len(history) - len(pattern) - best_match(searched, pattern) * SAMPLE_BYTES
        return history[len(history) - lag :]

    def _bytes_of(self, milliseconds: int) -> int:
        return milliseconds * self._rate_hz // 1000 * SAMPLE_BYTES
