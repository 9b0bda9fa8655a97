"""A database in memory as the migrations leave it, made once for all tests that open one."""

import sqlite3
from collections.abc import Sequence
from functools import cache

from storage.migrate import Migration, load_migrations, migrate


def migrate_by_template(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """`migrate`; an empty database in memory gets a copy of one that has gone through it, a tenth of the work."""
    (_, _, path), *_ = connection.execute("PRAGMA database_list")
    if path or tuple(migrations) != load_migrations() or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return migrate(connection, migrations)
    connection.deserialize(_template())
    return len(migrations)


@cache
def _template() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, load_migrations())
        return connection.serialize()
    finally:
        connection.close()
