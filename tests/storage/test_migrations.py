import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import DatabaseUnusable
from storage.migrate import Migration, load_migrations, migrate
from storage.store import Store

ONE = Migration(1, "one", "CREATE TABLE one (x INTEGER) STRICT;\nINSERT INTO one VALUES (1);\n")
TWO = Migration(2, "two", "ALTER TABLE one ADD COLUMN y TEXT;")
BROKEN = Migration(2, "broken", "CREATE TABLE two (x INTEGER);\nINSERT INTO nowhere VALUES (1);")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_each_is_applied_once_and_recorded_with_its_checksum(connection: sqlite3.Connection) -> None:
    assert migrate(connection, (ONE,)) == 1
    assert migrate(connection, (ONE, TWO)) == 1
    assert migrate(connection, (ONE, TWO)) == 0
    recorded = connection.execute("SELECT version, name, checksum FROM schema_migrations").fetchall()
    assert recorded == [(1, "one", ONE.checksum), (2, "two", TWO.checksum)]
    assert connection.execute("SELECT x, y FROM one").fetchall() == [(1, None)]


def test_one_that_fails_is_undone_whole(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, (ONE, BROKEN))
    assert tables(connection) == {"schema_migrations", "one"}
    assert not connection.in_transaction
    assert migrate(connection, (ONE, TWO)) == 1


def test_a_newer_database_is_refused_untouched(connection: sqlite3.Connection) -> None:
    migrate(connection, (ONE, TWO))
    with pytest.raises(DatabaseUnusable, match=r"at version 2, this program knows 1.*newer release"):
        migrate(connection, (ONE,))
    assert not connection.in_transaction


def test_an_altered_migration_is_refused(connection: sqlite3.Connection) -> None:
    migrate(connection, (ONE,))
    with pytest.raises(DatabaseUnusable, match="migration 1"):
        migrate(connection, (Migration(1, "one", ONE.text + "-- edited"), TWO))
    assert "y" not in {row[1] for row in connection.execute("PRAGMA table_info(one)")}


def test_another_programs_database_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE contacts (name TEXT)")
    with pytest.raises(DatabaseUnusable, match="another program"):
        migrate(connection, (ONE,))
    assert tables(connection) == {"contacts"}


def test_a_triggers_semicolons_do_not_part_it() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON one BEGIN\n  DELETE FROM one;\n  DELETE FROM one;\nEND;\n"
    assert list(Migration(1, "x", ONE.text + trigger).statements())[-1] == trigger


def test_an_unfinished_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="complete statement"):
        list(Migration(1, "x", "CREATE TABLE one (x INTEGER)").statements())


def test_the_packages_migrations_are_numbered_from_one() -> None:
    migrations = load_migrations()
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    assert migrations[0].name == "initial"


async def test_opening_a_newer_file_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    newer = sqlite3.connect(path, isolation_level=None)
    migrate(newer, (*load_migrations(), Migration(len(load_migrations()) + 1, "later", "CREATE TABLE later (x);")))
    newer.close()
    with pytest.raises(DatabaseUnusable, match="newer release"):
        await Store.open(f"sqlite:///{path}")


async def test_a_database_that_needs_nothing_is_opened_and_read_while_another_process_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    await (await Store.open(url)).close()
    with closing(sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        store = await Store.open(url)
        assert await store.read(lambda reader: reader.organisations()) == []
        await store.close()
        another.execute("ROLLBACK")
