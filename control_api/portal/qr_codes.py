"""QR codes, drawn into a page."""

import io

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """An SVG of a QR code with a quiet zone, dark on light whatever the page's colours are."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn, kind="svg", scale=5, border=3, dark="#000", light="#fff", xmldecl=False, svgns=False,
        svgclass="qr", lineclass=None, nl=False, title="QR code for an authenticator",
    )  # fmt: skip
    return Markup(drawn.getvalue().decode("utf-8"))
