"""How commands speak: aligned text for people, one JSON object for scripts."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

DEFAULT_CONFIG: Final = "maskbridge.toml"


class CommandFailed(Exception):
    """The command cannot be carried out; the text is the one line the operator sees."""


class Output:
    """Where results go."""

    def __init__(self, *, as_json: bool, out: TextIO) -> None:
        self.as_json = as_json
        self._out = out

    def line(self, text: str) -> None:
        """A line for people; nothing under `--json`."""
        if not self.as_json:
            self._out.write(text + "\n")
            self._out.flush()

    def one(self, values: Mapping[str, object], text: str | None = None) -> None:
        """One result: its JSON object, or `text`, or a `name  value` line each."""
        if self.as_json:
            self._write_json(values)
            return
        if text is not None:
            self.line(text)
            return
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            self.line(f"{name:<{width}}  {_shown(value)}")

    def rows(self, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
        """A list: `{"data": [...]}`, or a table of `columns`."""
        if self.as_json:
            self._write_json({"data": list(rows)})
            return
        cells = [[_shown(row.get(column)) for column in columns] for row in rows]
        widths = [max([len(column), *(len(line[i]) for line in cells)]) for i, column in enumerate(columns)]
        self.line("  ".join(f"{column:<{widths[i]}}" for i, column in enumerate(columns)).rstrip())
        for line in cells:
            self.line("  ".join(f"{cell:<{widths[i]}}" for i, cell in enumerate(line)).rstrip())

    def _write_json(self, value: object) -> None:
        self._out.write(json.dumps(value, ensure_ascii=False) + "\n")
        self._out.flush()


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(str(part) for part in value)
    return str(value)
