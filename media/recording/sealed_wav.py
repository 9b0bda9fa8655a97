"""A sealed dual channel WAV: its PCM is sealed as it comes, and its 44 bytes of sizes are made when it is read."""

import io
import os
from pathlib import Path

from media.recording.sealed_file import Entropy, SealedReader, SealedStream, SealedWriter, finish_after_crash
from media.recording.sealing import Seal, SealedKind
from media.recording.timeline import FRAME_BYTES
from media.recording.wav import LARGEST_PCM_BYTES, wav_header


class SealedWavWriter:
    """As `WavWriter`, sealed. Every method may raise OSError; `close` must follow in any case."""

    __slots__ = ("_file", "pcm_bytes")

    def __init__(self, path: Path, seal: Seal, entropy: Entropy = os.urandom) -> None:
        """Create `path`; FileExistsError where there is one."""
        self._file = SealedWriter(path, SealedKind.PCM, seal, entropy=entropy)
        self.pcm_bytes = 0

    def append(self, pcm: bytes) -> None:
        """Write PCM. What goes beyond the largest WAV there can be is left out."""
        pcm = pcm[: LARGEST_PCM_BYTES - self.pcm_bytes]
        if pcm:
            self._file.write(pcm, self.pcm_bytes)
            self.pcm_bytes += len(pcm)

    def leave_out(self, pcm_bytes: int) -> None:
        """Put so many bytes of silence after what there is, without asking anything of the disk."""
        self.pcm_bytes += min(pcm_bytes, LARGEST_PCM_BYTES - self.pcm_bytes)

    def truncate(self, pcm_bytes: int) -> None:
        """Cut off what goes beyond so many bytes of PCM, and end the file: nothing can follow."""
        self.pcm_bytes = min(pcm_bytes, self.pcm_bytes)
        self._file.finish(self.pcm_bytes)

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        self._file.sync()

    def close(self) -> None:
        """Give the descriptor back."""
        self._file.close()


def sealed_wav(descriptor: int, seal: Seal) -> io.BufferedReader:
    """A whole sealed WAV as a file, header and all; `descriptor` stays the caller's. Raises a SealError, OSError."""
    reader = SealedReader(descriptor, SealedKind.PCM, seal)
    return io.BufferedReader(SealedStream(reader, wav_header(reader.length)), 65_536)


def pcm_bytes_of(path: Path, seal: Seal) -> int:
    """How much PCM a whole sealed WAV has. Raises a SealError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return SealedReader(descriptor, SealedKind.PCM, seal).length
    finally:
        os.close(descriptor)


def repair_sealed_wav(path: Path, seal: Seal, entropy: Entropy = os.urandom) -> int:
    """Give a sealed WAV whose writer died its end, on the disk; its bytes of PCM. Raises a SealError, OSError."""
    return finish_after_crash(path, SealedKind.PCM, seal, unit_bytes=FRAME_BYTES, entropy=entropy)
