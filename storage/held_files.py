"""Whether the files of an open database are still those that its path leads to. Blocks: for a thread.

SQLite writes on into a file that has been deleted or moved, and reports no error: what it writes is found by nobody.
"""

import errno
from pathlib import Path
from typing import Final

LOG_ENDING: Final = "-wal"
_ENDINGS: Final = ("", LOG_ENDING, "-shm")  # the last: the log's index, by which processes lock each other out

_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

Identity = tuple[int, int]


class HeldFiles:
    """The files of a database, as they are while it is open: SQLite replaces none of them until it is closed."""

    def __init__(self, database: Path) -> None:
        """Look at them, right after the database was opened."""
        self.database = database.resolve()  # SQLite keeps the others beside the file that a link leads to
        files = [self.database.with_name(self.database.name + ending) for ending in _ENDINGS]
        # The next start follows the link again, which may lead elsewhere by then.
        found = {file: _identity(file) for file in (database.absolute(), *files)}
        self._held = {file: identity for file, identity in found.items() if identity is not None}

    def astray(self) -> list[Path]:
        """Those that are not there any more, or another file in their place. OSError: it cannot be told now."""
        return [file for file, identity in self._held.items() if _identity(file) != identity]


def _identity(file: Path) -> Identity | None:
    try:
        status = file.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return None
    return status.st_dev, status.st_ino
