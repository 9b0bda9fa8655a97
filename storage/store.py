"""The store: one writer with group commit, one reader, many callers."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from storage.errors import DatabaseUnusable, StoreUnavailable
from storage.held_files import LOG_ENDING, HeldFiles
from storage.migrate import load_migrations, migrate
from storage.queries import Queries, load_statements
from storage.sqlite import (
    Lane,
    WorkerConnection,
    is_unavailable,
    open_connection,
    primary_code,
    run_reads,
    run_units,
)
from storage.units import Reader, UnitOfWork

T = TypeVar("T")

MAX_WAITING_UNITS: Final = 10_000
MAX_WAITING_READS: Final = 2_000
UNITS_PER_COMMIT: Final = 256
READS_PER_BATCH: Final = 32

_SCHEME: Final = "sqlite://"
_WAL_TRIES: Final = 100
_WAL_PAUSE_S: Final = 0.05


def database_path(url: str, base: Path | None = None) -> Path | None:
    """The file a `sqlite:///path` URL names, relative to `base`; None for `sqlite://`, a database in memory.

    DatabaseUnusable: any other URL.
    """
    if url == _SCHEME:
        return None
    path = url.removeprefix(_SCHEME + "/")
    if path == url or not path or "?" in path or "#" in path:
        raise DatabaseUnusable(f"storage URL {url!r} is not of the form sqlite:///path")
    return (base or Path.cwd()) / path


def is_older(path: Path) -> bool:
    """Whether a database lacks migrations of this release: opening it would bring them (blocking). Of what is no
    database of ours nothing is said here."""
    if not path.is_file():
        return False
    if path.stat().st_size == 0:  # a database of no tables to SQLite
        return True
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            applied: int = connection.execute("SELECT count(*) FROM schema_migrations").fetchone()[0]
    except sqlite3.Error:
        return False
    return applied < len(load_migrations())


class Store:
    """The database of calls, money and messages. Make one with `Store.open`; close it."""

    def __init__(
        self,
        location: str | None,
        statements: Mapping[str, str],
        writer: WorkerConnection,
        reader: WorkerConnection,
        unit: UnitOfWork,
        look: Reader,
        held: HeldFiles | None,
    ) -> None:
        """Not for callers: `open` checks and migrates first."""
        self._location = location
        self._statements = statements
        self._writer = writer
        self._reader = reader
        self._unit = unit
        self._look = look
        self._held = held
        self._units = Lane(writer, run_units, limit=MAX_WAITING_UNITS, batch_limit=UNITS_PER_COMMIT)
        self._reads = Lane(reader, run_reads, limit=MAX_WAITING_READS, batch_limit=READS_PER_BATCH)

    @classmethod
    async def open(cls, url: str, *, base: Path | None = None) -> "Store":
        """Open, or create, and migrate a database. Folders on the way are created; the file is its owner's alone.

        DatabaseUnusable: the URL is not understood, or the file is not ours or newer than this program.
        StoreUnavailable: it cannot be opened now.
        """
        path = database_path(url, base)
        connections: list[WorkerConnection] = []
        try:
            location = _prepare_file(path)
            connections.append(await open_connection(location, read_only=False))
            if path is not None:
                await _use_write_ahead_log(connections[0])
            await connections[0].call(migrate, load_migrations())
            if path is not None:
                connections.append(await open_connection(location, read_only=True))
            writer, reader = connections[0], connections[-1]
            statements = load_statements()
            unit = UnitOfWork(await writer.call(Queries, statements))
            look = Reader(await reader.call(Queries, statements))
            held = None if path is None else HeldFiles(path)
            return cls(None if path is None else location, statements, writer, reader, unit, look, held)
        except (OSError, sqlite3.Error) as error:
            await _close_all(connections)
            if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_NOTADB:
                raise DatabaseUnusable(f"{path} is not a database") from error
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StoreUnavailable(f"{path}: {said}{_hint(path, said)}") from error
        except BaseException:
            await _close_all(connections)
            raise

    async def close(self) -> None:
        """Refuse new works, finish those that wait, close the database. Closing twice is fine."""
        await self._units.close()
        await self._reads.close()
        await _close_all([self._reader] if self._reader is self._writer else [self._reader, self._writer])

    def submit(self, work: Callable[[UnitOfWork], T]) -> asyncio.Future[T]:
        """Queue a unit of work: strictly in the order of submission, all or nothing, durable once it resolves.

        `work` runs on the database thread and must only compute and use the unit it is given. What it raises
        comes out here and undoes it alone. IllegalState: a constraint refused it. StoreUnavailable: nothing of
        it happened. Cancelled while it waits, it never runs; afterwards it runs to its end.
        """
        unit = self._unit
        return cast("asyncio.Future[T]", self._units.submit(lambda _: work(unit)))

    async def run(self, work: Callable[[UnitOfWork], T]) -> T:
        """`submit`, and wait for it."""
        return await self.submit(work)

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Ask something of one state of the database, every unit of work included that resolved before."""
        look = self._look
        value: Any = await self._reads.submit(lambda _: work(look))
        return cast("T", value)

    async def read_apart(self, work: Callable[[Reader], T]) -> T:
        """`read` on a connection of its own, for what reads so much that other reads should not wait for it.

        StoreUnavailable. Cancelled, it is broken off. A database in memory has one connection: there it is `read`.
        """
        if self._location is None:
            return await self.read(work)
        connection: WorkerConnection | None = None
        try:
            connection = await open_connection(self._location, read_only=True)
            look = Reader(await connection.call(Queries, self._statements))
            ((value, failure),) = await connection.call(run_reads, [lambda _: work(look)])
        except asyncio.CancelledError:
            if connection is not None:
                await connection.interrupt()  # or closing would wait until all is read
            raise
        except (sqlite3.Error, MemoryError) as error:
            raise StoreUnavailable(str(error) or "out of memory") from error
        finally:
            await _close_all([] if connection is None else [connection])
        if failure is not None:
            raise failure
        return cast("T", value)

    async def astray(self) -> list[Path]:
        """The files of the database that were deleted, moved or replaced since it was opened: what is written since is
        in files that no path leads to. OSError: it cannot be told now."""
        return [] if self._held is None else await asyncio.to_thread(self._held.astray)

    async def write_back(self) -> None:
        """Bring what only the write-ahead log holds into the database file, where the log's own file is astray: a crash
        would lose all of it. A log in its place is left as it is: where the database file was replaced by a copy
        of it, the log is what the copy lacks. StoreUnavailable, OSError."""
        if not any(file.name.endswith(LOG_ENDING) for file in await self.astray()):
            return
        try:
            await self._writer.call(_write_back)
        except (sqlite3.Error, ValueError, MemoryError) as error:
            raise StoreUnavailable(str(error) or "out of memory") from error

    def counters(self) -> Mapping[str, int]:
        """What the store has done so far, and how many works wait now."""
        figures: dict[str, int] = {}
        for name, lane in (("units", self._units), ("reads", self._reads)):
            done = lane.counters
            figures |= {
                f"{name}_run": done.works,
                f"{name}_batches": done.batches,
                f"{name}_failed_batches": done.failed_batches,
                f"{name}_refused": done.refused,
                f"{name}_largest_batch": done.largest_batch,
                f"{name}_waiting": lane.waiting,
            }
        return figures


def _hint(path: Path | None, said: str) -> str:
    """What is the matter with a database that cannot be opened, where it is the user who asks, or the disk."""
    if path is None or not path.exists() or os.access(path, os.R_OK | os.W_OK):
        return ""
    if "readonly" in said and path.stat().st_uid == os.geteuid():
        return "; the file, or the disk that it is on, takes no writing"
    return "; it belongs to another user: commands are for the user that the server runs as"


def _prepare_file(path: Path | None) -> str:
    """Create the file where there is none (webhook secrets lie in it), and name it as SQLite wants it."""
    if path is None:
        return ":memory:"
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return str(path)


async def _use_write_ahead_log(connection: WorkerConnection) -> None:
    """Switch the file to WAL. SQLite does not wait for a lock here, so a process that opens it too is waited out."""
    for remaining in reversed(range(_WAL_TRIES)):
        try:
            await connection.call(_set_journal)
        except sqlite3.OperationalError as error:
            if not is_unavailable(error) or remaining == 0:
                raise
            await asyncio.sleep(_WAL_PAUSE_S)
        else:
            return


def _set_journal(connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise DatabaseUnusable(f"the file system allows no write-ahead log, only {mode}")


def _write_back(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # waits for nobody: the rest goes the next time


async def _close_all(connections: list[WorkerConnection]) -> None:
    for connection in connections:
        with contextlib.suppress(sqlite3.Error):
            await connection.close()
