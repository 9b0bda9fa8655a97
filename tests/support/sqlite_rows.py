"""A bare SQLite connection with the product's schema, for tests of what the database itself refuses."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from storage.migrate import load_migrations
from tests.support.store_template import migrate_by_template


@contextmanager
def bare_database(location: str = ":memory:") -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(location, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        migrate_by_template(connection, load_migrations())
        yield connection
    finally:
        connection.close()
