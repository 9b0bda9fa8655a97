"""The files of finished recordings read from end to end: checked, or copied out in plain."""

import hashlib
import io
import os
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from media.recording.recovery import duration_of
from media.recording.sealed_file import SealedReader, SealedStream
from media.recording.sealing import CHUNK_BYTES, Seal, SealedKind, SealError
from media.recording.timeline import CHANNELS, FRAME_BYTES, SAMPLE_RATE_HZ
from media.recording.wav import HEADER_BYTES, wav_header

_SHAPE: Final = (CHANNELS, FRAME_BYTES // CHANNELS, SAMPLE_RATE_HZ)
_MP3_BEGINNINGS: Final = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


class FileFaulty(Exception):
    """A file is not what was recorded; the text says in what."""


@contextmanager
def plain(place: Path, kind: SealedKind, seal: Seal | None) -> Iterator[BinaryIO]:
    """What a WAV or an MP3 holds, as a file; `seal` None: it lies there in plain. Raises a SealError, OSError."""
    with place.open("rb") as file:
        if seal is None:
            yield file
            return
        reader = SealedReader(file.fileno(), kind, seal)
        prefix = wav_header(reader.length) if kind is SealedKind.PCM else b""
        yield io.BufferedReader(SealedStream(reader, prefix), CHUNK_BYTES)


def copy_out(place: Path, kind: SealedKind, seal: Seal | None, write: Callable[[bytes], object]) -> int:
    """Give all of it to `write`, piece by piece; how many bytes it were. Raises a SealError, OSError."""
    copied = 0
    with plain(place, kind, seal) as file:
        while piece := file.read(CHUNK_BYTES):
            write(piece)
            copied += len(piece)
    return copied


def check_wav(place: Path, seal: Seal | None, duration_ms: int, sha256: str | None = None) -> None:
    """See that a WAV is whole, opens where it is sealed, lasts as long as was noted, and has this digest in plain,
    where one is known. FileFaulty."""
    with _telling():
        _opens(place, SealedKind.PCM, seal)
        with plain(place, SealedKind.PCM, seal) as file, wave.open(file, "rb") as reader:
            if (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) != _SHAPE:
                raise FileFaulty("it is not a dual channel WAV of 16 bit and 8 kHz")
            pcm_bytes = reader.getnframes() * FRAME_BYTES
        if seal is None and place.stat().st_size != HEADER_BYTES + pcm_bytes:
            raise FileFaulty("its length is not what its header says")
        if duration_of(pcm_bytes) != duration_ms:
            raise FileFaulty(f"it lasts {duration_of(pcm_bytes)} ms, and {duration_ms} ms were recorded")
        _has_digest(place, SealedKind.PCM, seal, sha256)


def check_mp3(place: Path, seal: Seal | None, sha256: str | None = None) -> None:
    """See that an MP3 is there, opens where it is sealed, begins as one, and has this digest in plain, where one is
    known. FileFaulty."""
    with _telling():
        _opens(place, SealedKind.MP3, seal)
        with plain(place, SealedKind.MP3, seal) as file:
            if not file.read(3).startswith(_MP3_BEGINNINGS):
                raise FileFaulty("it is no MP3")
        _has_digest(place, SealedKind.MP3, seal, sha256)


def _has_digest(place: Path, kind: SealedKind, seal: Seal | None, sha256: str | None) -> None:
    if sha256 is not None:
        digest = hashlib.sha256()
        copy_out(place, kind, seal, digest.update)
        if digest.hexdigest() != sha256:
            raise FileFaulty("its content is not what it was when its MP3 was made")


def _opens(place: Path, kind: SealedKind, seal: Seal | None) -> None:
    if seal is not None:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            SealedReader(descriptor, kind, seal).check()
        finally:
            os.close(descriptor)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileFaulty(f"it cannot be read: {error.strerror or error}") from error
    except (SealError, EOFError, wave.Error) as error:
        raise FileFaulty(str(error) or "it ends too early") from error
