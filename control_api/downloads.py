"""Files on their way to clients: read off the event loop, a bounded number at a time."""

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final

from aiohttp import web

from b2bua.call.errors import RecordingUnreadable
from control_api.byte_ranges import ByteRange
from control_api.errors import NotFound, NotReady

MAX_DOWNLOADS: Final = 64
CHUNK_BYTES: Final = 131_072
# A client that takes nothing for so long has gone.
SEND_TIMEOUT_S: Final = 30
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EISDIR})

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open for reading, as it was when it was opened.

    `read_at` gives so many bytes from an offset on (blocking); `length` is of what it gives.
    """

    descriptor: int
    length: int
    etag: str
    last_modified: str
    modified_at_s: int
    read_at: Callable[[int, int], bytes]

    def part(self, offset: int, end: int) -> bytes:
        """What is sent next of the bytes from `offset` to `end`, the latter included (blocking)."""
        return self.read_at(offset, min(CHUNK_BYTES, end + 1 - offset))


class Downloads:
    """Counts the downloads under way; beyond `max_downloads` a client is asked to come back.

    `turn` is for what is made on the event loop while it is sent: of all such downloads one makes a piece at a time, or
    those of many clients would be made in one turn of the loop, for which every call would wait.
    """

    __slots__ = ("_max_downloads", "_under_way", "turn")

    def __init__(self, max_downloads: int = MAX_DOWNLOADS) -> None:
        self.turn = asyncio.Lock()
        self._max_downloads = max_downloads
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one download. Raises NotReady when all are taken."""
        if self._under_way >= self._max_downloads:
            raise NotReady("Too many downloads are under way.", retry_after_s=5)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def open_below(root: Path, relative: str) -> OpenFile:
    """Open a regular file below `root` (blocking). Raises NotFound for anything else, wherever a path may lead, and
    RecordingUnreadable for what is there and cannot be opened now: whoever is told 404 asks no more."""
    try:
        path = (root / relative).resolve(strict=True)
        if not path.is_relative_to(root.resolve()):
            raise NotFound("No such recording.")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno not in _NOT_THERE:
            LOG.error("the recording %s cannot be opened: %s", relative, error.strerror)
            raise RecordingUnreadable from error
        raise NotFound("No such recording.") from None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise NotFound("No such recording.")
    modified_at_s = int(facts.st_mtime)
    return OpenFile(
        descriptor=descriptor,
        length=facts.st_size,
        etag=f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"',
        last_modified=formatdate(modified_at_s, usegmt=True),
        modified_at_s=modified_at_s,
        read_at=lambda offset, size: os.pread(descriptor, size, offset),
    )


async def send_part(response: web.StreamResponse, file: OpenFile, part: ByteRange, first: bytes) -> None:
    """Write a part of the file, the `first` of which has been read, to a prepared response.

    Raises ConnectionResetError when it cannot be completed.
    """
    offset = part.start
    chunk = first
    try:
        while offset <= part.end:
            chunk = chunk or await asyncio.to_thread(file.part, offset, part.end)
            if not chunk:
                raise ConnectionResetError("the file became shorter")
            offset += len(chunk)
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await response.write(chunk)
            chunk = b""
        await response.write_eof()
    except (TimeoutError, OSError, RecordingUnreadable) as error:
        raise ConnectionResetError("a download was broken off") from error
