"""Monthly statements as PDF, on as many pages of A4 as they need, with the fonts that every reader has."""

import io
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from b2bua.billing.statements import Statement

_MARGIN: Final = 18 * mm
_COLUMNS: Final = (
    ("Date", "date", 22 * mm),
    ("What", "kind", 20 * mm),
    ("Reference", "reference", 52 * mm),
    ("Document", "document", 34 * mm),
    ("Rs", "amount", 23 * mm),
    ("Balance", "balance", 23 * mm),
)
_PLAIN: Final = ParagraphStyle("plain", fontName="Helvetica", fontSize=10, leading=13)
_TITLE: Final = ParagraphStyle("title", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=18, leading=26)
_CELL: Final = ParagraphStyle("cell", parent=_PLAIN, fontSize=8, leading=10, splitLongWords=1)
_RIGHT: Final = ParagraphStyle("right", parent=_CELL, alignment=2)


def to_pdf(statement: Statement) -> bytes:
    """The statement; the same bytes each time."""
    out = io.BytesIO()
    title = f"Statement {statement.month}"
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=title,
        author=statement.customer,
        invariant=1,
    )
    gstin = f"<br/>GSTIN {escape(statement.gstin)}" if statement.gstin else ""
    so_far = "" if statement.complete else "<br/>The month is not over yet."
    template.build(
        [
            Paragraph(title, _TITLE),
            Paragraph(f"{escape(statement.customer)}{gstin}{so_far}", _PLAIN),
            Spacer(0, 6 * mm),
            _lines(statement),
        ]
    )
    return out.getvalue()


def _lines(statement: Statement) -> LongTable:
    heads = [Paragraph(f"<b>{head}</b>", _CELL) for head, _, _ in _COLUMNS]
    cells = [
        [
            Paragraph(escape(_text(row, name)), _RIGHT if name in ("amount", "balance") else _CELL)
            for _, name, _ in _COLUMNS
        ]
        for row in statement.table()
    ]
    table = LongTable([heads, *cells], colWidths=[width for _, _, width in _COLUMNS], repeatRows=1)
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.4, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return table


def _text(row: dict[str, object], name: str) -> str:
    if name == "reference" and row["calls"] is not None:
        return f"{row['calls']} calls"
    found = row[name]
    return "" if found is None else str(found)
