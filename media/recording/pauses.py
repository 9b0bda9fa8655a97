"""What of a recording is to stay unheard: stretches between a pause and a resumption. No I/O."""

from collections.abc import Iterator
from typing import Final

from media.recording.timeline import FRAME_BYTES, SAMPLE_RATE_HZ

MOST_PAUSES: Final = 100  # of one recording; a further one is the last one going on

Pause = tuple[int, int | None]
"""From one sample of the recording to another, which is heard again; None: to its end."""


class Pauses:
    """The pauses of one recording, in order."""

    __slots__ = ("_pauses",)

    def __init__(self) -> None:
        self._pauses: list[Pause] = []

    def __bool__(self) -> bool:
        return bool(self._pauses)

    @property
    def all(self) -> tuple[Pause, ...]:
        """Those begun so far."""
        return tuple(self._pauses)

    @property
    def running(self) -> bool:
        """Whether nothing is to be heard now."""
        return bool(self._pauses) and self._pauses[-1][1] is None

    def begin(self, position: int) -> None:
        """Nothing is heard from this sample on; nothing new while a pause runs."""
        if self.running:
            return
        position = max(0, position)
        if len(self._pauses) >= MOST_PAUSES:
            position = self._pauses.pop()[0]
        self._pauses.append((position, None))

    def end(self, position: int) -> None:
        """What follows this sample is heard again; nothing where no pause runs."""
        if self.running:
            began_at = self._pauses[-1][0]
            self._pauses[-1] = (began_at, max(began_at, position))

    def silenced(self, pcm: bytes, position: int) -> bytes:
        """Interleaved PCM that begins at a sample, with silence for what is not to be heard."""
        frames = len(pcm) // FRAME_BYTES
        silent = bytearray(pcm) if self._pauses else pcm
        for began_at, ended_at in reversed(self._pauses):
            low = max(0, began_at - position) * FRAME_BYTES
            high = frames if ended_at is None else min(frames, ended_at - position)
            if high <= 0:
                break
            count = high * FRAME_BYTES - low
            if count > 0 and isinstance(silent, bytearray):
                silent[low : low + count] = bytes(count)
        return bytes(silent)


def pauses_ms(pauses: tuple[Pause, ...], duration_ms: int) -> tuple[tuple[int, int], ...]:
    """Pauses in milliseconds of a recording of this length; those that it does not reach are left out."""
    return tuple(_within(pauses, duration_ms))


def _within(pauses: tuple[Pause, ...], duration_ms: int) -> Iterator[tuple[int, int]]:
    for began_at, ended_at in pauses:
        low = round(began_at * 1000 / SAMPLE_RATE_HZ)
        high = duration_ms if ended_at is None else min(duration_ms, round(ended_at * 1000 / SAMPLE_RATE_HZ))
        if low < high:
            yield low, high
