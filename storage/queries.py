"""The named statements of storage/sql and storage/migrations, and a connection that runs them."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

Row = tuple[Any, ...]
Parameters = Sequence[object] | Mapping[str, object]

_HEADING: Final = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): \S.*$", re.MULTILINE)


def split_statements(room: str, text: str) -> dict[str, str]:
    """`{"room.name": sql}` of a file in which each statement follows its `-- name: purpose` line.

    Raises ValueError for a name given twice, a heading without a statement, or text before the first heading.
    """
    headings = list(_HEADING.finditer(text))
    if not headings or text[: headings[0].start()].strip():
        raise ValueError(f"{room}.sql does not begin with a '-- name: purpose' line")
    statements: dict[str, str] = {}
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        name = f"{room}.{heading['name']}"
        statement = text[heading.end() : end].strip().removesuffix(";")
        if name in statements or not statement:
            raise ValueError(f"{name} is empty or there twice")
        statements[name] = statement
    return statements


def load_statements() -> Mapping[str, str]:
    """Every named statement of the package, read once per store."""
    statements: dict[str, str] = {}
    for file in sorted(files("storage").joinpath("sql").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            statements |= split_statements(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
    return MappingProxyType(statements)


class Queries:
    """Runs named statements on one SQLite connection, on that connection's thread.

    The text of a statement is the same object every time, so the connection's cache finds it prepared.
    """

    __slots__ = ("_execute", "_statements")

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self._execute = connection.execute
        self._statements = statements

    def one(self, name: str, parameters: Parameters = ()) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._execute(self._statements[name], parameters).fetchone()
        return row

    def all(self, name: str, parameters: Parameters = ()) -> list[Row]:
        """Every row. The statement carries its own LIMIT wherever a table can grow."""
        return self._execute(self._statements[name], parameters).fetchall()

    def number(self, name: str, parameters: Parameters = ()) -> int:
        """The first value of the first row, as an integer; 0 where there is none."""
        row = self.one(name, parameters)
        return 0 if row is None or row[0] is None else int(row[0])

    def run(self, name: str, parameters: Parameters = ()) -> int:
        """How many rows the statement wrote itself (rows written by triggers do not count)."""
        return self._execute(self._statements[name], parameters).rowcount

    def insert(self, name: str, parameters: Parameters = ()) -> int:
        """The row id of the row the statement inserted."""
        return self._execute(self._statements[name], parameters).lastrowid or 0
