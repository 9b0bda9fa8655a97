"""Tax documents as PDF, on one page of A4, with the fonts that every reader has."""

import io
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from b2bua.billing.documents import DocumentKind, TaxDocument

_TITLES: Final = {DocumentKind.INVOICE: "Tax invoice", DocumentKind.CREDIT_NOTE: "Credit note"}
_WIDTH: Final = 174 * mm


def to_pdf(document: TaxDocument) -> bytes:
    """The document; the same bytes each time."""
    out = io.BytesIO()
    found = document.to_json()
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"{_TITLES[document.kind]} {document.number}",
        author=document.supplier.name,
        invariant=1,
    )
    plain = ParagraphStyle("plain", fontName="Helvetica", fontSize=10, leading=13)
    small = ParagraphStyle("small", parent=plain, fontSize=8)
    title = ParagraphStyle("title", parent=plain, fontName="Helvetica-Bold", fontSize=18, leading=26)
    template.build(
        [
            Paragraph(_TITLES[document.kind], title),
            _heads(found, plain),
            Spacer(0, 6 * mm),
            _parties(found, plain),
            Spacer(0, 6 * mm),
            _amounts(found, plain),
            Spacer(0, 4 * mm),
            Paragraph(f"<b>{escape(found['total_in_words'])}</b>", plain),
            Spacer(0, 4 * mm),
            Paragraph("Tax is not payable under reverse charge. Made by computer; valid without a signature.", small),
        ]
    )
    return out.getvalue()


def _heads(found: dict[str, Any], style: ParagraphStyle) -> Table:
    facts = [
        ("Number", found["number"]),
        ("Date", found["date"]),
        ("Place of supply", found["place_of_supply"]),
        ("Payment" if found["kind"] == DocumentKind.INVOICE else "Reference", found["reference"]),
    ]
    if found["against"]:
        facts.append(("Against invoice", found["against"]))
    return _table([[_text(name, style), _text(value, style)] for name, value in facts], [40 * mm, _WIDTH - 40 * mm])


def _parties(found: dict[str, Any], style: ParagraphStyle) -> Table:
    cells = []
    for title, side in (("Supplier", found["supplier"]), ("Customer", found["customer"])):
        lines = [f"<b>{title}</b>", escape(side["name"]), escape(side["address"]), escape(side["state"])]
        lines.append(f"GSTIN {escape(side['gstin'])}" if side["gstin"] else "Not registered")
        cells.append(Paragraph("<br/>".join(line for line in lines if line), style))
    return _table([cells], [_WIDTH / 2, _WIDTH / 2])


def _amounts(found: dict[str, Any], style: ParagraphStyle) -> Table:
    percent = found["gst_percent"]
    rows = [
        ("Description", "SAC", "Rs"),
        (found["description"], found["sac"], found["taxable_value"]),
        (f"CGST {percent / 2:g} %", "", found["cgst"]),
        (f"SGST {percent / 2:g} %", "", found["sgst"]),
        (f"IGST {percent} %", "", found["igst"]),
        ("Total", "", found["total"]),
    ]
    rows = [row for row in rows if row[0][:4] not in ("CGST", "SGST", "IGST") or row[2] != "0.00"]
    right = ParagraphStyle("right", parent=style, alignment=2)
    cells = [[_text(name, style), _text(sac, style), _text(amount, right)] for name, sac, amount in rows]
    return _table(cells, [_WIDTH - 60 * mm, 25 * mm, 35 * mm])


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text), style)


def _table(cells: list[list[Paragraph]], widths: list[float]) -> Table:
    table = Table(cells, colWidths=widths)
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.4, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return table
