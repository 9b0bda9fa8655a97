"""The format of sealed recordings: AES-256-GCM (NIST SP 800-38D) in chunks that can be read one by one. No files here.

A sealed file is a head and then chunks, only ever appended:

    head    magic, version, kind, largest chunk, the recording's id
    chunk   mark (more or end), nonce, offset, gap, length; the ciphertext; the tag

`offset` is where a chunk's plaintext begins, `gap` how many zero bytes stand before it that the disk would not take.
The end chunk is empty and its offset is the length of the whole: what was written beyond is cut off, what is missing
is zero. Authenticated with each chunk are the head and the tag of the chunk before it: cut off, left out, moved,
repeated or taken from another recording, a chunk does not open, and a file without its end chunk is not whole.

A nonce is eight random bytes of whoever writes and a count of four. A writer that is refused goes on with the next
count, and whoever finishes a file after a crash draws bytes of its own: no nonce is used twice under a key, whatever
of the first use has reached the disk. So the WAV and the MP3 of a recording can have one key.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
WRITER_BYTES: Final = 8
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
CHUNK_BYTES: Final = 65_536
LARGEST_CHUNK_BYTES: Final = 1_048_576  # what a reader is ready to hold
MOST_CHUNKS: Final = 1_000_000  # one a second is 277 hours
LARGEST_PLAIN_BYTES: Final = 1 << 40

_HEAD: Final = struct.Struct(">6sBBIH")
_MAGIC: Final = b"MBSEAL"
_VERSION: Final = 1
_CHUNK: Final = struct.Struct(">B12sQQI")
_COUNT: Final = struct.Struct(">I")
_LONGEST_ID_BYTES: Final = 256
_NO_TAG: Final = bytes(TAG_BYTES)

CHUNK_HEAD_BYTES: Final = _CHUNK.size
LARGEST_HEAD_BYTES: Final = _HEAD.size + _LONGEST_ID_BYTES


class SealError(Exception):
    """A sealed recording cannot be read; the text says why, and holds nothing of it."""


class NotSealed(SealError):
    """The file is none of the format, or of a later version."""


class OtherRecording(SealError):
    """The file is whole as it seems, but another recording's, or the other format of this one."""


class SealDamaged(SealError):
    """Something of the file is not as it was written, or the key is not the one it was written with."""


class SealUnfinished(SealError):
    """The file has no end: its writer died, or it was cut off."""


class SealedKind(IntEnum):
    """What is sealed: PCM as a WAV has it behind its 44 bytes, which the reader puts before it; or an MP3."""

    PCM = 1
    MP3 = 2


class Mark(IntEnum):
    """What a chunk is."""

    MORE = 0
    END = 1


@dataclass(frozen=True, slots=True)
class Seal:
    """What opens and seals the files of one recording: its id and its key of 32 bytes."""

    recording_id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """What a sealed file begins with."""

    kind: SealedKind
    recording_id: str
    chunk_bytes: int = CHUNK_BYTES

    def pack(self) -> bytes:
        """As it stands in the file; ValueError for an id that is too long."""
        name = self.recording_id.encode()
        if len(name) > _LONGEST_ID_BYTES:
            raise ValueError("the recording's id is too long")
        return _HEAD.pack(_MAGIC, _VERSION, self.kind, self.chunk_bytes, len(name)) + name


def head_for(content: bytes, kind: SealedKind, recording_id: str) -> Head:
    """The head at the beginning of `content`, which must be of this kind and recording. Raises a SealError."""
    if len(content) < _HEAD.size or not content.startswith(_MAGIC):
        raise NotSealed("it is not a sealed recording")
    _magic, version, kind_code, chunk_bytes, name_bytes = _HEAD.unpack_from(content)
    if version != _VERSION:
        raise NotSealed(f"it is sealed in version {version} of the format, which this release does not know")
    name = content[_HEAD.size : _HEAD.size + name_bytes]
    if len(name) < name_bytes or not 0 < chunk_bytes <= LARGEST_CHUNK_BYTES:
        raise SealDamaged("its head is damaged")
    if name != recording_id.encode():
        raise OtherRecording("it is another recording's file")
    if kind_code != kind:
        raise OtherRecording(f"it is not the {kind.name} of the recording")
    return Head(kind, recording_id, chunk_bytes)


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What stands before a chunk's ciphertext, in bytes of plaintext."""

    mark: Mark
    nonce: bytes
    offset: int
    gap: int
    length: int

    def pack(self) -> bytes:
        """As it stands in the file."""
        return _CHUNK.pack(self.mark, self.nonce, self.offset, self.gap, self.length)

    @property
    def end(self) -> int:
        """Where its plaintext ends."""
        return self.offset + self.length

    @property
    def sealed_bytes(self) -> int:
        """How many bytes follow it in the file."""
        return self.length + TAG_BYTES


def chunk_head_of(content: bytes, largest: int) -> ChunkHead:
    """The head of a chunk of at most `largest` bytes. SealDamaged: these bytes are none."""
    mark, nonce, offset, gap, length = _CHUNK.unpack(content)
    possible = {Mark.MORE: 0 < length <= largest, Mark.END: length == gap == 0}
    if not possible.get(mark, False) or gap > offset or offset + length > LARGEST_PLAIN_BYTES:
        raise SealDamaged("a chunk's head is damaged")
    return ChunkHead(Mark(mark), nonce, offset, gap, length)


class ChunkCipher:
    """Seals and opens the chunks of one file."""

    __slots__ = ("_cipher", "_head")

    def __init__(self, head: bytes, key: bytes) -> None:
        """`head` as it stands in the file; ValueError where the key has not 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._head = head
        self._cipher = AESGCM(key)

    def seal(self, chunk: ChunkHead, plain: bytes, previous_tag: bytes | None) -> bytes:
        """Ciphertext and tag; `previous_tag` None for the first chunk."""
        return self._cipher.encrypt(chunk.nonce, plain, self._bound(chunk, previous_tag))

    def open(self, chunk: ChunkHead, sealed: bytes, previous_tag: bytes | None) -> bytes:
        """The plaintext of `sealed`, ciphertext and tag. SealDamaged."""
        try:
            return self._cipher.decrypt(chunk.nonce, sealed, self._bound(chunk, previous_tag))
        except InvalidTag:
            raise SealDamaged(f"the chunk at byte {chunk.offset} of its audio does not open") from None

    def _bound(self, chunk: ChunkHead, previous_tag: bytes | None) -> bytes:
        return self._head + (previous_tag or _NO_TAG) + chunk.pack()


class Nonces:
    """The nonces of one writer of a file, each given once."""

    __slots__ = ("_count", "_writer")

    def __init__(self, writer: bytes) -> None:
        """`writer`: eight random bytes, drawn for this writer of this file alone."""
        if len(writer) != WRITER_BYTES:
            raise ValueError(f"a writer has {WRITER_BYTES} bytes")
        self._writer = writer
        self._count = 0

    def next(self) -> bytes:
        """Twelve bytes. OverflowError where a million chunks have been written or tried."""
        if self._count >= MOST_CHUNKS:
            raise OverflowError("the file has as many chunks as it may have")
        self._count += 1
        return self._writer + _COUNT.pack(self._count)


def parts_of(plain: bytes, largest: int) -> Iterator[bytes]:
    """`plain` in pieces of at most `largest` bytes."""
    for start in range(0, len(plain), largest):
        yield plain[start : start + largest]


def seal_beside(plain: bytes, label: bytes, seal: Seal, writer: bytes) -> bytes:
    """What is kept beside the files of a recording, sealed with its key and bound to what it is and whose: `label`, and
    the recording's id. `writer`: eight random bytes, drawn for this alone."""
    nonce = Nonces(writer).next()
    return nonce + AESGCM(seal.key).encrypt(nonce, plain, label + seal.recording_id.encode())


def open_beside(content: bytes, label: bytes, seal: Seal) -> bytes:
    """What was sealed by `seal_beside`. SealDamaged."""
    try:
        bound = label + seal.recording_id.encode()
        return AESGCM(seal.key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise SealDamaged("what is kept beside it does not open") from None
