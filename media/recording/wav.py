"""A dual channel WAV file that is valid whenever its writer dies: PCM 16 bit, 8 kHz, left and right interleaved."""

import os
import struct
from pathlib import Path
from typing import Final

from media.recording.timeline import CHANNELS, FRAME_BYTES, SAMPLE_RATE_HZ

HEADER_BYTES: Final = 44
LARGEST_PCM_BYTES: Final = (0xFFFF_FFFF - HEADER_BYTES) // FRAME_BYTES * FRAME_BYTES  # RIFF's 32 bits: 37 hours

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FILE_MODE: Final = 0o640


def wav_header(pcm_bytes: int) -> bytes:
    """The 44 bytes before so many bytes of PCM."""
    return _HEADER.pack(
        b"RIFF",
        HEADER_BYTES - 8 + pcm_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        SAMPLE_RATE_HZ,
        SAMPLE_RATE_HZ * FRAME_BYTES,
        FRAME_BYTES,
        16,
        b"data",
        pcm_bytes,
    )


class WavWriter:
    """A new file being written. Every method may raise OSError; `close` must follow in any case."""

    __slots__ = ("_descriptor", "_owed", "pcm_bytes")

    def __init__(self, path: Path) -> None:
        """Create `path`; FileExistsError where there is one."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        self.pcm_bytes = 0
        self._owed = False  # whether the file is shorter than its PCM: the last was left out
        try:
            self._write_all(wav_header(0), 0)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    def append(self, pcm: bytes) -> None:
        """Write PCM and then the sizes that include it: killed in between, the file ends where the sizes say.

        What goes beyond the largest WAV there can be is left out.
        """
        pcm = pcm[: LARGEST_PCM_BYTES - self.pcm_bytes]
        if pcm:
            self._write_all(pcm, HEADER_BYTES + self.pcm_bytes)
            self.pcm_bytes += len(pcm)
            self._owed = False
            self._write_all(wav_header(self.pcm_bytes), 0)

    def leave_out(self, pcm_bytes: int) -> None:
        """Put so many bytes of silence after what there is, without asking anything of the disk."""
        self.pcm_bytes += min(pcm_bytes, LARGEST_PCM_BYTES - self.pcm_bytes)
        self._owed = True

    def truncate(self, pcm_bytes: int) -> None:
        """Cut off what goes beyond so many bytes of PCM; silence left out before becomes part of the file."""
        if pcm_bytes < self.pcm_bytes or self._owed:
            self.pcm_bytes = min(pcm_bytes, self.pcm_bytes)
            self._write_all(wav_header(self.pcm_bytes), 0)
            os.ftruncate(self._descriptor, HEADER_BYTES + self.pcm_bytes)
            self._owed = False

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    def _write_all(self, content: bytes, offset: int) -> None:
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            rest = rest[written:]
            offset += written


def repair_wav(path: Path) -> int:
    """Make the sizes of a file whose writer died agree with its length, on the disk; its bytes of PCM."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        length = os.fstat(descriptor).st_size
        pcm_bytes = min(max(0, length - HEADER_BYTES) // FRAME_BYTES * FRAME_BYTES, LARGEST_PCM_BYTES)
        os.ftruncate(descriptor, HEADER_BYTES + pcm_bytes)
        os.pwrite(descriptor, wav_header(pcm_bytes), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return pcm_bytes


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
