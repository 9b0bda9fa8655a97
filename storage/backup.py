"""Copies of a database that is in use, and what a copy says of itself. All of it blocks: for a thread or a command."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import DatabaseUnusable, StoreUnavailable

PAGES_AT_ONCE: Final = 2_000
_BUSY_S: Final = 10.0
# What stands in a database sealed with a master key: the keys of recordings, and second factors.
_SEALED: Final = (("recordings", "sealed_key"), ("people", "totp_sealed"))

Progress = Callable[[int, int], None]  # pages done, pages in all


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """What stands in a copy. `schema`: the last migration applied; `files`: recordings, relative to their folder.

    `sealed_by`: how many secrets, of recordings and of second factors, are sealed with each master key, by its id.
    """

    schema: int
    organisations: int
    calls: int
    files: frozenset[str]
    sealed_by: Mapping[str, int]


def copy_database(source: Path, target: Path, progress: Progress) -> None:
    """Copy a database as it is at this moment, whoever writes to it meanwhile: SQLite's online backup, within one read
    transaction, so that later writes neither get into it nor begin it anew. `target` must not be there.

    DatabaseUnusable, StoreUnavailable, and OSError where the target cannot be made.
    """
    if not source.is_file():
        raise StoreUnavailable(f"{source} is not there")
    target.touch(mode=0o600, exist_ok=False)
    with _telling(source), closing(sqlite3.connect(source, timeout=_BUSY_S, isolation_level=None)) as origin:
        origin.execute("PRAGMA query_only = ON")
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the moment
        with _telling(target), closing(sqlite3.connect(target, isolation_level=None)) as copy:
            origin.backup(
                copy, pages=PAGES_AT_ONCE, progress=lambda _status, left, total: progress(total - left, total)
            )
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole
        origin.execute("ROLLBACK")


def examine(path: Path) -> DatabaseCopy:
    """Look a copy through: its pages, its references, what stands in it. DatabaseUnusable where it is not sound."""
    with _telling(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise DatabaseUnusable(f"{path} is damaged: {verdict}")
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise DatabaseUnusable(f"{path} has references that lead nowhere")
        kept = connection.execute("SELECT wav_path, mp3_path FROM recordings WHERE purged_at IS NULL").fetchall()
        return DatabaseCopy(
            schema=_number(connection, "SELECT max(version) FROM schema_migrations"),
            organisations=_number(connection, "SELECT count(*) FROM organisations"),
            calls=_number(connection, "SELECT count(*) FROM cdrs"),
            files=frozenset(path for paths in kept for path in paths if path is not None),
            sealed_by=Counter(key_id for table, column in _SEALED for key_id in _key_ids(connection, table, column)),
        )


def _key_ids(connection: sqlite3.Connection, table: str, column: str) -> Iterator[str]:
    """The master key of each sealed text of a column; none where the schema is older than the column."""
    columns = {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
    if column in columns:
        for (sealed,) in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
            yield sealed.split(".")[1] if sealed.count(".") == 2 else "unknown"


def _number(connection: sqlite3.Connection, query: str) -> int:
    found = connection.execute(query).fetchone()[0]
    return 0 if found is None else int(found)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """SQLite's errors in storage's words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DatabaseUnusable(f"{path} is no sound database: {error}") from error
