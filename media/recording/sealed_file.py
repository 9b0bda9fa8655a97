"""Sealed recordings on the disk: appended to while a call is live, read at any byte, finished after a crash."""

import io
import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from media.recording.sealing import (
    CHUNK_BYTES,
    CHUNK_HEAD_BYTES,
    LARGEST_HEAD_BYTES,
    MOST_CHUNKS,
    TAG_BYTES,
    WRITER_BYTES,
    ChunkCipher,
    ChunkHead,
    Head,
    Mark,
    Nonces,
    Seal,
    SealDamaged,
    SealedKind,
    SealUnfinished,
    chunk_head_of,
    head_for,
    parts_of,
)

FILE_MODE: Final = 0o640

# Random bytes, from the operating system: the recorder's threads and the MP3 workers cannot share one source of tokens.
Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class _Written:
    """A chunk that is in the file: where it stands, and the tag of the one before it."""

    head: ChunkHead
    at: int
    previous_tag: bytes | None

    @property
    def sealed_at(self) -> int:
        return self.at + CHUNK_HEAD_BYTES

    @property
    def next_at(self) -> int:
        return self.sealed_at + self.head.sealed_bytes


class SealedWriter:
    """A new sealed file. Every method may raise OSError, and none but `write` is of use after `finish`."""

    __slots__ = ("_at", "_before_last", "_cipher", "_descriptor", "_largest", "_nonces", "_tag", "end")

    def __init__(
        self,
        path: Path,
        kind: SealedKind,
        seal: Seal,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        entropy: Entropy = os.urandom,
    ) -> None:
        """Create `path`; FileExistsError where there is one."""
        head = Head(kind, seal.recording_id, chunk_bytes).pack()
        self._cipher = ChunkCipher(head, seal.key)
        self._nonces = Nonces(entropy(WRITER_BYTES))
        self._largest = chunk_bytes
        self._tag: bytes | None = None
        self._before_last: tuple[int, bytes | None] | None = None
        self._at = len(head)
        self.end = 0  # of the plaintext written
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(self._descriptor, head, 0)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    def write(self, plain: bytes, offset: int) -> None:
        """Append plaintext that stands at `offset`, at or after `end`; zeros are between. Refused, it is left out."""
        for part in parts_of(plain, self._largest):
            self._append(Mark.MORE, part, offset, offset - self.end)
            offset += len(part)

    def finish(self, length: int) -> None:
        """Say that the whole has `length` bytes of plaintext: after this the file is complete.

        Where a full disk refuses even that, the last chunk makes room for it and is silence.
        """
        try:
            self._append(Mark.END, b"", length, 0)
        except OSError:
            if self._before_last is None:
                raise
            self._at, self._tag = self._before_last
            os.ftruncate(self._descriptor, self._at)
            self._append(Mark.END, b"", length, 0)

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    def _append(self, mark: Mark, plain: bytes, offset: int, gap: int) -> None:
        try:
            nonce = self._nonces.next()
        except OverflowError as error:
            raise OSError(str(error)) from error
        chunk = ChunkHead(mark, nonce, offset, gap, len(plain))
        sealed = self._cipher.seal(chunk, plain, self._tag)
        try:
            write_all(self._descriptor, chunk.pack() + sealed, self._at)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._at)
            raise
        self._before_last = (self._at, self._tag)
        self._at += CHUNK_HEAD_BYTES + len(sealed)
        self._tag = sealed[-TAG_BYTES:]
        self.end = chunk.end


class SealedReader:
    """A complete sealed file, any of whose bytes can be read. Not for several threads at once.

    In memory are one chunk and 16 bytes of each other one: where it stands and where its plaintext ends.
    """

    __slots__ = ("_ats", "_cipher", "_descriptor", "_ends", "_largest", "_opened", "length")

    def __init__(self, descriptor: int, kind: SealedKind, seal: Seal) -> None:
        """`descriptor` stays the caller's. Raises a SealError where the file is not whole or not this one, OSError."""
        self._descriptor = descriptor
        self._ats, self._ends = array("Q"), array("Q")
        head, self._cipher = _cipher_of(descriptor, kind, seal)
        self._largest = head.chunk_bytes
        last = None
        for last in _chunks_of(descriptor, head):
            if last.head.mark is Mark.MORE:
                self._ats.append(last.at)
                self._ends.append(last.head.end)
        if last is None or last.head.mark is not Mark.END:
            raise SealUnfinished("it has no end: its writer died, or it was cut off")
        if os.fstat(descriptor).st_size != last.next_at:
            raise SealDamaged("something was put behind its end")
        _open_chunk(descriptor, self._cipher, last)
        self._opened: tuple[int, ChunkHead, bytes] | None = None
        self.length = last.head.offset

    def read_at(self, offset: int, size: int) -> bytes:
        """The plaintext from `offset` on, `size` bytes where there are so many. SealDamaged, OSError."""
        end = min(offset + size, self.length)
        found = bytearray()
        at = bisect_right(self._ends, offset)
        while offset < end:
            piece = self._piece(at, offset, end)
            found += piece
            offset += len(piece)
            at += 1
        return bytes(found)

    def check(self) -> None:
        """Open every chunk, also what was cut off. SealDamaged, OSError."""
        for at in range(len(self._ats)):
            self._plain(at)

    def _piece(self, at: int, offset: int, end: int) -> bytes:
        """From `offset` to the end of chunk `at`, the gap before it included; behind the last there is silence."""
        if at >= len(self._ats):
            if self._ats:
                self._plain(len(self._ats) - 1)  # it vouches for where it ends
            return bytes(end - offset)
        head, plain = self._plain(at)  # also where its gap alone is read: it vouches for that
        silence = bytes(max(0, min(end, head.offset) - offset))
        return silence + plain[max(0, offset - head.offset) : max(0, end - head.offset)]

    def _plain(self, at: int) -> tuple[ChunkHead, bytes]:
        if self._opened is None or self._opened[0] != at:
            begins_at = self._ats[at]
            head = chunk_head_of(os.pread(self._descriptor, CHUNK_HEAD_BYTES, begins_at), self._largest)
            previous_tag = os.pread(self._descriptor, TAG_BYTES, begins_at - TAG_BYTES) if at else None
            chunk = _Written(head, begins_at, previous_tag)
            self._opened = (at, head, _open_chunk(self._descriptor, self._cipher, chunk))
        return self._opened[1:]


class SealedStream(io.RawIOBase):
    """The plaintext of a sealed file behind `prefix`, as a file for those who want one."""

    def __init__(self, reader: SealedReader, prefix: bytes = b"") -> None:
        super().__init__()
        self._reader = reader
        self._prefix = prefix
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where it is read next."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere, counted from the beginning, from here or from the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._prefix) + self._reader.length}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there is something."""
        wanted = len(buffer)
        head = self._prefix[self._at : self._at + wanted]
        found = head + self._reader.read_at(max(0, self._at - len(self._prefix)), wanted - len(head))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def finish_after_crash(path: Path, kind: SealedKind, seal: Seal, *, unit_bytes: int, entropy: Entropy) -> int:
    """Give a file whose writer died its end, on the disk, after what of it is whole; the bytes of its plaintext.

    `unit_bytes`: the length becomes a multiple of it. Raises OSError; a SealError where it is not this recording's.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size < len(Head(kind, seal.recording_id).pack()):
            os.ftruncate(descriptor, 0)  # its writer died at the very beginning
            write_all(descriptor, Head(kind, seal.recording_id).pack(), 0)
        length = _finish(descriptor, kind, seal, unit_bytes, entropy)
        os.fsync(descriptor)
        return length
    finally:
        os.close(descriptor)


def _finish(descriptor: int, kind: SealedKind, seal: Seal, unit_bytes: int, entropy: Entropy) -> int:
    head, cipher = _cipher_of(descriptor, kind, seal)
    at, tag, end = len(head.pack()), None, 0
    for chunk in _chunks_of(descriptor, head):
        try:
            _open_chunk(descriptor, cipher, chunk)
        except SealDamaged:
            if chunk.previous_tag is None:
                raise  # nothing of it opens: that is another key, not a crash
            break
        if chunk.head.mark is Mark.END:
            os.ftruncate(descriptor, chunk.next_at)
            return chunk.head.offset
        at, end = chunk.next_at, chunk.head.end
        tag = os.pread(descriptor, TAG_BYTES, at - TAG_BYTES)
    os.ftruncate(descriptor, at)
    length = end // unit_bytes * unit_bytes
    final = ChunkHead(Mark.END, Nonces(entropy(WRITER_BYTES)).next(), length, 0, 0)
    write_all(descriptor, final.pack() + cipher.seal(final, b"", tag), at)
    return length


def _cipher_of(descriptor: int, kind: SealedKind, seal: Seal) -> tuple[Head, ChunkCipher]:
    head = head_for(os.pread(descriptor, LARGEST_HEAD_BYTES, 0), kind, seal.recording_id)
    return head, ChunkCipher(head.pack(), seal.key)


def _chunks_of(descriptor: int, head: Head) -> Iterator[_Written]:
    """The chunks of a file as far as they fit together, up to its end or to what is none, and not yet opened."""
    count = 0
    at, end, tag = len(head.pack()), 0, None
    size = os.fstat(descriptor).st_size
    while at + CHUNK_HEAD_BYTES + TAG_BYTES <= size:
        try:
            chunk = chunk_head_of(os.pread(descriptor, CHUNK_HEAD_BYTES, at), head.chunk_bytes)
        except SealDamaged:
            break
        written = _Written(chunk, at, tag)
        follows = chunk.mark is Mark.END or chunk.offset - chunk.gap == end
        if not follows or written.next_at > size or count >= MOST_CHUNKS:
            break
        count += 1
        yield written
        if chunk.mark is Mark.END:
            break
        at, end = written.next_at, chunk.end
        tag = os.pread(descriptor, TAG_BYTES, at - TAG_BYTES)


def _open_chunk(descriptor: int, cipher: ChunkCipher, chunk: _Written) -> bytes:
    sealed = os.pread(descriptor, chunk.head.sealed_bytes, chunk.sealed_at)
    return cipher.open(chunk.head, sealed, chunk.previous_tag)


def write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of it, or raise OSError."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written
