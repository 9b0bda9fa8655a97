"""Numbered migrations: each applied in one unit of work and remembered with its checksum."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from storage.errors import DatabaseUnusable

_FILE_NAME: Final = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")

_CREATE_RECORD: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version  INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    checksum TEXT    NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `version` counts 1, 2, 3 ..."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied migration may never be edited."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Its statements one by one; a trigger's inner semicolons do not part it."""
        pending = ""
        for line in self.text.splitlines(keepends=True):
            pending += line
            if sqlite3.complete_statement(pending):
                yield pending
                pending = ""
        if pending.strip():
            raise ValueError(f"migration {self.version} does not end with a complete statement")


def load_migrations() -> tuple[Migration, ...]:
    """The package's migrations in order. ValueError when their numbers are not 1, 2, 3 ..."""
    found = []
    for file in files("storage").joinpath("migrations").iterdir():
        match = _FILE_NAME.match(file.name)
        if match is not None:
            found.append(Migration(int(match["version"]), match["name"], file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("the migrations are not numbered 1, 2, 3 ...")
    return tuple(found)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """Bring a database up to the last migration: how many were applied.

    Safe when several processes do it at once: each step looks again under the write lock, which is not asked for where
    there is nothing to do. DatabaseUnusable: the file is another program's, newer than these migrations, or had other
    ones applied. A step that fails is undone whole and sqlite3.Error goes on.
    """
    _check_ours(connection)
    applied = 0
    while _next_step(connection, migrations) is not None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_CREATE_RECORD)
            step = _next_step(connection, migrations)
            if step is not None:
                _apply(connection, step)
                applied += 1
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    return applied


def _check_ours(connection: sqlite3.Connection) -> None:
    tables = _tables(connection)
    if tables and "schema_migrations" not in tables:
        raise DatabaseUnusable("the database belongs to another program")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _next_step(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> Migration | None:
    done = []
    if "schema_migrations" in _tables(connection):
        done = connection.execute("SELECT version, name, checksum FROM schema_migrations ORDER BY version").fetchall()
    if len(done) > len(migrations):
        raise DatabaseUnusable(
            f"the database is at version {len(done)}, this program knows {len(migrations)}: "
            "it was last used by a newer release"
        )
    for (version, name, checksum), migration in zip(done, migrations, strict=False):
        if (version, name, checksum) != (migration.version, migration.name, migration.checksum):
            raise DatabaseUnusable(f"migration {version} ({name}) of the database is not the one of this program")
    return migrations[len(done)] if len(done) < len(migrations) else None


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in migration.statements():
        connection.execute(statement)
    connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)",
        (migration.version, migration.name, migration.checksum),
    )
