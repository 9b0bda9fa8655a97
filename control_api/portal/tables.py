"""Cells of tables that tell their column's title, for screens too narrow for columns. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

_ROW: Final = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL: Final = re.compile(r"<t[hd]\b")


def titled(rows: Markup, columns: Sequence[str]) -> Markup:
    """The rows of a table's body with `data-title` in each cell but the first, which stands above the others. Rows with
    other than so many cells are left as they are."""
    titles = [column.lstrip(">") for column in columns]
    return Markup(_ROW.sub(lambda row: _titled_row(row.group(), titles), str(rows)))


def _titled_row(row: str, titles: Sequence[str]) -> str:
    if len(_CELL.findall(row)) != len(titles):
        return row
    left = iter(titles)

    def with_title(cell: re.Match[str]) -> str:
        title = next(left)
        return f'{cell.group()} data-title="{escape(title)}"' if title and title != titles[0] else cell.group()

    return _CELL.sub(with_title, row)
