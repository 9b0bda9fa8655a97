"""How the MP3 worker reads and writes sealed files: plaintext is in its memory and in pipes, never on the disk."""

import os
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.recording.sealed_file import SealedWriter
from media.recording.sealed_wav import sealed_wav
from media.recording.sealing import CHUNK_BYTES, Seal, SealedKind

_MEMORY_NAME: Final = "mp3"


@dataclass(frozen=True, slots=True)
class WavSource:
    """A WAV to be read, sealed or plain."""

    path: Path
    seal: Seal | None = None

    @contextmanager
    def open(self) -> Iterator[wave.Wave_read]:
        """Read it from its beginning. OSError, EOFError, SealError, wave.Error."""
        with self.path.open("rb") as file:
            content = file if self.seal is None else sealed_wav(file.fileno(), self.seal)
            with wave.open(content, "rb") as reader:
                yield reader


@dataclass(frozen=True, slots=True)
class Mp3Target:
    """Where an encoder is to write: the name it is given, and the descriptors it must inherit for that."""

    name: str
    descriptors: tuple[int, ...] = ()


@contextmanager
def mp3_target(part: Path, seal: Seal | None) -> Iterator[Mp3Target]:
    """What is written to the target is in `part` afterwards.

    For a sealed one the target is a file in memory (memfd_create(2)), since an encoder goes back to the first frame at
    its end: 6 kB for each second of a call, and no more than the largest WAV makes, 800 MB. OSError.
    """
    if seal is None:
        yield Mp3Target(str(part))
        return
    memory = os.memfd_create(_MEMORY_NAME)
    try:
        yield Mp3Target(f"/proc/self/fd/{memory}", (memory,))
        _seal(memory, part, seal)
    finally:
        os.close(memory)


def _seal(memory: int, part: Path, seal: Seal) -> None:
    part.unlink(missing_ok=True)  # of an attempt that died
    writer = SealedWriter(part, SealedKind.MP3, seal)
    try:
        at = 0
        while plain := os.pread(memory, CHUNK_BYTES, at):
            writer.write(plain, at)
            at += len(plain)
        writer.finish(at)
    finally:
        writer.close()
