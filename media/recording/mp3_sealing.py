"""How the MP3 worker reads and writes files, sealed or plain: plaintext of sealed ones is in its memory and in pipes,
never on the disk, and never more of it than a piece."""

import hashlib
import os
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from media.recording.finished_files import plain
from media.recording.sealed_file import SealedWriter
from media.recording.sealing import CHUNK_BYTES, Seal, SealedKind


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Length and SHA-256 (hexadecimal) of what is in a file in plain."""

    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class WavSource:
    """A WAV to be read, sealed or plain."""

    path: Path
    seal: Seal | None = None

    @contextmanager
    def open(self) -> Iterator[wave.Wave_read]:
        """Read it from its beginning. OSError, EOFError, SealError, wave.Error."""
        with plain(self.path, SealedKind.PCM, self.seal) as content, wave.open(content, "rb") as reader:
            yield reader

    def digest(self) -> FileDigest:
        """What it is in plain. OSError, SealError."""
        with plain(self.path, SealedKind.PCM, self.seal) as content:
            return digest_of(content)


def digest_of(content: BinaryIO) -> FileDigest:
    """What is in a file from here to its end. OSError."""
    length, digest = 0, hashlib.sha256()
    while piece := content.read(CHUNK_BYTES):
        digest.update(piece)
        length += len(piece)
    return FileDigest(length, digest.hexdigest())


def seal_stream(stream: Any, part: Path, seal: Seal) -> FileDigest:
    """Seal what comes out of a pipe into the new file `part`, on the disk, and close the pipe: where the disk refuses,
    its writer is told so. OSError."""
    with stream:  # whatever fails: who writes into it waits for ever where nobody reads
        part.unlink(missing_ok=True)  # of an attempt that died
        digest = hashlib.sha256()
        writer = SealedWriter(part, SealedKind.MP3, seal)
        try:
            while piece := stream.read(CHUNK_BYTES):
                writer.write(piece, writer.end)
                digest.update(piece)
            writer.finish(writer.end)
            writer.sync()
            return FileDigest(writer.end, digest.hexdigest())
        finally:
            writer.close()


def sync_plain(part: Path) -> FileDigest:
    """Wait until a plain file is on the disk; what it is. OSError."""
    with part.open("rb") as written:
        os.fsync(written.fileno())
        return digest_of(written)
