"""A command of a new release beside a server of an older one: the tables stay that server's."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from b2bua.sole_use import lock_beside, sole_use
from storage.migrate import load_migrations, migrate

OLDER = 20


def _older_database(desk: Any) -> Path:
    database = Path(desk.folder / "var" / "maskbridge.db")
    database.unlink()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        migrate(connection, load_migrations()[:OLDER])
    return database


def _schema(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM schema_migrations").fetchone()[0])


@pytest.mark.parametrize(
    "command",
    [
        ("trunks",),
        ("org", "create", "Acme"),
        ("ledger", "check"),
        ("recording", "verify"),
        ("top", "--once"),
        ("prompt", "list", "--org", "x"),
    ],
)
def test_the_tables_of_an_older_server_that_runs_are_left_alone(desk: Any, command: tuple[str, ...]) -> None:
    database = _older_database(desk)
    with sole_use({"storage.url": lock_beside(database)}):
        assert "of an older release: restart that first" in desk.refused(*command)
        assert _schema(database) == OLDER
    if command != ("top", "--once"):  # which wants a server
        desk.type(*command)
        assert _schema(database) == len(load_migrations())


def test_a_server_of_this_release_is_no_obstacle(desk: Any) -> None:
    with sole_use({"storage.url": lock_beside(desk.folder / "var" / "maskbridge.db")}):
        assert desk.json("org", "list") == {"data": []}
