"""One serving process for a database and its recordings: a second would settle the calls that the first still has."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path


class InUse(Exception):
    """Another process serves with it; the text is for the operator."""


@contextmanager
def sole_use(locks: Mapping[str, Path]) -> Iterator[None]:
    """Hold these lock files until the end, each by the name of what it guards; a crash frees them too.

    Raises `InUse`, and OSError where no lock file can be made.
    """
    with ExitStack() as stack:
        for guarded, lock in locks.items():
            _hold(stack, guarded, lock)
        yield


def lock_beside(database: Path) -> Path:
    """The lock file of a database, the same one for each link to it: SQLite writes behind the link."""
    database = database.resolve()
    return database.with_name(f"{database.name}.serving")


def _hold(stack: ExitStack, guarded: str, lock: Path) -> None:
    lock.parent.mkdir(parents=True, exist_ok=True)
    # Never removed: who opened a file that is then removed would hold a lock that nobody else meets.
    held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, held)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        process = os.pread(held, 32, 0).decode("ascii", "replace").strip()
        raise InUse(f"{guarded}: another maskbridge serve has it in use (process {process or 'unknown'})") from error
    os.ftruncate(held, 0)
    os.pwrite(held, f"{os.getpid()}\n".encode("ascii"), 0)
