"""SQLite behind aiosqlite: connections, and lanes that carry many works over to a connection's thread at once."""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar, cast

import aiosqlite

from storage.errors import IllegalState, StorageError, StoreUnavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
# What came of a work: its value, or why it failed.
Outcome = tuple[Any, BaseException | None]

BUSY_TIMEOUT_MS: Final = 10_000
CACHE_KIB: Final = 16_384
WAL_CHECKPOINT_PAGES: Final = 4_000
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
STATEMENT_CACHE: Final = 256

# The database cannot do it now, whatever was asked; any other error is the work's own.
_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def is_unavailable(error: BaseException) -> bool:
    """Whether it is the database that failed, and not what was asked of it."""
    # Python's module says MemoryError for SQLITE_NOMEM, which is none of its own errors.
    return isinstance(error, MemoryError) or (isinstance(error, sqlite3.Error) and primary_code(error) in _UNAVAILABLE)


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; SQLITE_ERROR for an error of the Python module."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


class WorkerConnection(aiosqlite.Connection):
    """An SQLite connection on a thread of its own that runs whole functions there."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A process that ends without closing its store must not hang on this thread: a commit cut short is
        # what the write-ahead log is for.
        self._thread.daemon = True

    async def connect(self) -> None:
        """Open the connection. Raises what opening raised, its thread gone."""
        try:
            await self
        except BaseException:
            # aiosqlite has told the thread to end but not waited: it would still speak to this loop once closed.
            await asyncio.to_thread(self._thread.join)
            raise

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """`function(connection, *arguments)` on the connection's thread. Runs alone and to its end."""
        execute: Callable[..., Awaitable[Any]] = self._execute
        return cast("T", await execute(function, self._conn, *arguments))


async def open_connection(location: str, *, read_only: bool) -> WorkerConnection:
    """A connection that waits for other processes' locks and never commits by itself."""

    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(
            location,
            timeout=BUSY_TIMEOUT_MS / 1000,
            isolation_level=None,
            cached_statements=STATEMENT_CACHE,
        )
        try:
            for pragma in (
                "foreign_keys = ON",
                "recursive_triggers = ON",  # or REPLACE would slip past the triggers that forbid a DELETE
                "synchronous = FULL",
                "secure_delete = ON",  # what is deleted, the key of an erased recording above all, is overwritten
                "temp_store = MEMORY",
                f"cache_size = -{CACHE_KIB}",
                f"wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}",
                f"journal_size_limit = {WAL_KEPT_BYTES}",
                *(("query_only = ON",) if read_only else ()),
            ):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    worker = WorkerConnection(connector)
    await worker.connect()
    return worker


class Savepoint:
    """A work's own corner of a unit of work: kept when it ends well, undone alone when it raises.

    Errors stay in `.error`; only those of the database itself, which undo the whole batch, go on.
    """

    __slots__ = ("_execute", "error")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self.error: BaseException | None = None

    def __enter__(self) -> "Savepoint":
        self._execute("SAVEPOINT work")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None:
            self._execute("RELEASE work")
            return True
        if not isinstance(error, Exception) or is_unavailable(error):
            return False
        self._execute("ROLLBACK TO work")
        self._execute("RELEASE work")
        self.error = as_storage_error(error)
        return True


class _Look:
    """A read's own corner: its errors stay in `.error`."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> "_Look":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None:
            return True
        if not isinstance(error, Exception):
            return False
        self.error = as_storage_error(error)
        return True


def as_storage_error(error: Exception) -> Exception:
    """SQLite's errors in storage's words; any other as it is."""
    if isinstance(error, sqlite3.IntegrityError):
        translated: StorageError = IllegalState(str(error))
    elif is_unavailable(error):
        translated = StoreUnavailable(_said(error))
    else:
        return error
    translated.__cause__ = error
    return translated


@contextlib.contextmanager
def _undone_unless_ended(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    finally:
        # Some failures (a full disk) end the transaction by themselves, others leave it open.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def run_units(connection: sqlite3.Connection, works: Sequence[Work]) -> list[Outcome]:
    """Run works in one SQLite transaction, each in its savepoint, and commit once.

    Raises sqlite3.Error or MemoryError when the batch as a whole came to nothing; it is rolled back then.
    """
    outcomes: list[Outcome] = []
    with _undone_unless_ended(connection):
        connection.execute("BEGIN IMMEDIATE")
        for work in works:
            value = None
            with Savepoint(connection) as savepoint:
                value = work(connection)
            outcomes.append((value, savepoint.error))
        connection.execute("COMMIT")
    return outcomes


def run_reads(connection: sqlite3.Connection, works: Sequence[Work]) -> list[Outcome]:
    """Run reads on one and the same state of the database."""
    outcomes: list[Outcome] = []
    with _undone_unless_ended(connection):
        connection.execute("BEGIN")
        for work in works:
            value = None
            with _Look() as look:
                value = work(connection)
            outcomes.append((value, look.error))
        connection.execute("ROLLBACK")
    return outcomes


class RunBatch(Protocol):
    """`run_units` or `run_reads`."""

    def __call__(self, connection: sqlite3.Connection, works: Sequence[Work]) -> list[Outcome]: ...


@dataclass(slots=True)
class LaneCounters:
    """What a lane has done. `refused`: turned away at the queue's limit or after closing."""

    works: int = 0
    batches: int = 0
    failed_batches: int = 0
    refused: int = 0
    largest_batch: int = 0


class Lane:
    """A bounded first-in-first-out queue of works before a connection, drained in batches.

    Whatever waits when the connection is free goes over together, at most `batch_limit`. A work cancelled before
    that never runs; one cancelled later runs all the same and its value is dropped.
    """

    def __init__(self, connection: WorkerConnection, run_batch: RunBatch, *, limit: int, batch_limit: int) -> None:
        self._connection = connection
        self._run_batch = run_batch
        self._limit = limit
        self._batch_limit = batch_limit
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[asyncio.Future[Any], Work]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self.counters = LaneCounters()
        self._task = self._loop.create_task(self._drain())

    @property
    def waiting(self) -> int:
        """How many works wait now."""
        return len(self._waiting)

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue a work. The future may carry StoreUnavailable at once: the queue is full or the lane closed."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closing or len(self._waiting) >= self._limit:
            self.counters.refused += 1
            future.set_exception(StoreUnavailable("closed" if self._closing else "too many works wait already"))
            return future
        self._waiting.append((future, work))
        self._wake.set()
        return future

    async def close(self) -> None:
        """Refuse new works, finish those that wait."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _drain(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._next_batch()
            if batch:
                await self._run(batch)
            elif self._closing:
                return
            else:
                self._wake.clear()

    def _next_batch(self) -> list[tuple[asyncio.Future[Any], Work]]:
        batch: list[tuple[asyncio.Future[Any], Work]] = []
        while self._waiting and len(batch) < self._batch_limit:
            entry = self._waiting.popleft()
            if not entry[0].done():
                batch.append(entry)
        return batch

    async def _run(self, batch: list[tuple[asyncio.Future[Any], Work]]) -> None:
        self.counters.batches += 1
        self.counters.works += len(batch)
        self.counters.largest_batch = max(self.counters.largest_batch, len(batch))
        works = [work for _, work in batch]
        try:
            outcomes = await self._connection.call(self._run_batch, works)
        except (sqlite3.Error, ValueError, MemoryError) as error:
            # ValueError is aiosqlite's word for a connection that is closed.
            self.counters.failed_batches += 1
            outcomes = [(None, _unavailable(error)) for _ in batch]
        for (future, _), (value, failure) in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)


def _said(error: BaseException) -> str:
    return str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)


def _unavailable(cause: Exception) -> StoreUnavailable:
    error = StoreUnavailable(_said(cause))
    error.__cause__ = cause
    return error
