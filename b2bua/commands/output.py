"""How commands speak: tables and colours on a terminal, plain aligned text elsewhere, one JSON object for scripts."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from b2bua.logs import CONTROLS

DEFAULT_CONFIG: Final = "maskbridge.toml"

# The looks of `Output.drawn`, and of cells that say one of these words; "" is plain.
LOOKS: Final[Mapping[str, str]] = {
    "dim": "dim",
    "bold": "bold",
    "request": "bold cyan",
    "good": "green",
    "bad": "bold red",
    "state": "yellow",
    "media": "magenta",
}
_CELLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("up", "completed", "in-progress", "delivered", "yes"), "green"),
    **dict.fromkeys(("down", "failed", "dead"), "bold red"),
    **dict.fromkeys(("no-answer", "unknown", "ringing", "answered", "initiated", "waiting", "leased"), "yellow"),
    "-": "dim",
}
_IN_JSON: Final = {code: f"\\u{code:04x}" for code in range(127, 160)}  # those that JSON lets pass
_IN_LINES: Final = {code: text for code, text in CONTROLS.items() if chr(code) not in "\n\t"}


class CommandFailed(Exception):
    """The command cannot be carried out; the text is the one line the operator sees."""


class Output:
    """Where results go. Colours only where `out` is a terminal, and there NO_COLOR and TERM are obeyed. What people see
    may be a peer's words, as a carrier's reason for refusing a call: no control character of theirs reaches a terminal.
    """

    def __init__(self, *, as_json: bool, out: TextIO) -> None:
        self.as_json = as_json
        self._out = out
        self.console: Console | None = None
        if out.isatty() and not as_json:
            self.console = Console(file=out, highlight=False, markup=False, emoji=False)

    def line(self, text: str) -> None:
        """A line for people; nothing under `--json`."""
        if not self.as_json:
            self._out.write(text.translate(_IN_LINES) + "\n")
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
            self.drawn([[(f"{name:<{width}}  ", "dim"), (_shown(value), "")]])

    def rows(self, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
        """A list: `{"data": [...]}`, or a table of `columns`."""
        if self.as_json:
            self._write_json({"data": list(rows)})
            return
        cells = [[_shown(row.get(column)) for column in columns] for row in rows]
        if self.console is not None:
            self._tabled(self.console, columns, cells)
            return
        widths = [max([len(column), *(len(line[i]) for line in cells)]) for i, column in enumerate(columns)]
        self.line("  ".join(f"{column:<{widths[i]}}" for i, column in enumerate(columns)).rstrip())
        for line in cells:
            self.line("  ".join(f"{cell:<{widths[i]}}" for i, cell in enumerate(line)).rstrip())

    def _tabled(self, console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        """A table; where the terminal is too narrow for it, each row by itself under its first cell."""
        table = table_of(columns, cells)
        if Measurement.get(console, console.options.update(width=10_000), table).maximum <= console.width:
            console.print(table)
            return
        width = max(map(len, columns[1:]), default=0)
        for row in cells:
            self.drawn([[(row[0], "bold")]])
            named = zip(columns[1:], row[1:], strict=True)
            self.drawn([(f"  {column:<{width}}  ", "dim"), (cell, _CELLS.get(cell, ""))] for column, cell in named)

    def drawn(self, lines: Iterable[Sequence[tuple[str, str]]]) -> None:
        """Lines of pieces, each with the word of `LOOKS` for how it looks; nothing under `--json`."""
        for pieces in lines:
            if self.console is None:
                self.line("".join(text for text, _looks in pieces).rstrip())
            else:
                told = ((text.translate(_IN_LINES), LOOKS.get(looks, "")) for text, looks in pieces)
                whole = Text.assemble(*told)
                self.console.print(whole, soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int | None], None]]:
        """A bar for long work on a terminal, told how much of how much (None: not known) is done; nothing elsewhere."""
        if self.console is None:
            yield _unseen
            return
        with Progress(console=self.console, transient=True) as bars:
            bar = bars.add_task(what, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)

    def _write_json(self, value: object) -> None:
        text = json.dumps(value, ensure_ascii=not _takes_all(self._out))
        self._out.write(text.translate(_IN_JSON) + "\n")
        self._out.flush()


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for a terminal. What does not fit is cut, but for ids, which are there to be copied."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        is_id = column.endswith(("_id", "_sid"))
        table.add_column(column, overflow="ellipsis", no_wrap=True, min_width=36 if is_id else None)
    for row in rows:
        table.add_row(*(Text(cell.translate(CONTROLS), _CELLS.get(cell, "")) for cell in row))
    return table


def _takes_all(out: TextIO) -> bool:
    """Whether it has signs for every text: one in memory has, and what is encoded as UTF-8."""
    return out.encoding is None or codecs.lookup(out.encoding).name == "utf-8"


def _unseen(_done: int, _total: int | None) -> None:
    """Who watches the progress where there is no terminal."""


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(str(part) for part in value)
    return str(value)
