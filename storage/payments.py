"""Payments and the tax documents about them."""

import json

from storage.billing_records import DocumentKind, IssuedDocument, TopUp
from storage.codec import to_json
from storage.errors import UnknownRecord
from storage.queries import Queries, Row


def document_of(row: Row) -> IssuedDocument:
    """The document of a `payments.document` row."""
    number, series, year, serial, org_id, topup_id, issued_at, content, kind = row
    return IssuedDocument(
        number, series, year, serial, org_id, topup_id, issued_at, json.loads(content), DocumentKind(kind)
    )


def transfer_of(topup_id: str) -> str:
    """The id of the ledger's transfer that credits a top-up."""
    return f"topup:{topup_id}"


class Payments:
    """What was asked for, what was paid, what was issued for it."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, topup: TopUp) -> None:
        """Write down a payment that is asked for. IllegalState: no such organisation, or the order is known."""
        self._queries.run(
            "payments.add_topup",
            (
                topup.topup_id,
                topup.org_id,
                topup.order_id,
                topup.taxable_paise,
                topup.gst_percent,
                topup.cgst_paise,
                topup.sgst_paise,
                topup.igst_paise,
                topup.place_of_supply,
                topup.created_at,
            ),
        )

    def of_order(self, order_id: str) -> TopUp:
        """The top-up of a provider's order. UnknownRecord."""
        row = self._queries.one("payments.topup_of_order", (order_id,))
        if row is None:
            raise UnknownRecord(f"no top-up has the order {order_id}")
        return TopUp(*row)

    def of_payment(self, payment_id: str) -> TopUp:
        """The top-up that a provider's payment has paid for. UnknownRecord."""
        row = self._queries.one("payments.topup_of_payment", (payment_id,))
        if row is None:
            raise UnknownRecord(f"no top-up was paid by {payment_id}")
        return TopUp(*row)

    def get(self, org_id: str, topup_id: str) -> TopUp | None:
        """An organisation's top-up."""
        row = self._queries.one("payments.topup", (topup_id, org_id))
        return None if row is None else TopUp(*row)

    def page(self, org_id: str, page: int, per_page: int) -> tuple[list[TopUp], int]:
        """A page (from 1) of an organisation's top-ups, newest first, and how many there are."""
        rows = self._queries.all("payments.topups", (org_id, per_page, (page - 1) * per_page))
        return [TopUp(*row) for row in rows], self._queries.number("payments.count_topups", (org_id,))

    def document(self, org_id: str, number: str) -> IssuedDocument | None:
        """An organisation's tax document."""
        row = self._queries.one("payments.document", (number, org_id))
        return None if row is None else document_of(row)

    def documents(self, org_id: str, page: int, per_page: int) -> tuple[list[IssuedDocument], int]:
        """A page (from 1) of an organisation's tax documents, newest first, and how many there are."""
        rows = self._queries.all("payments.documents", (org_id, per_page, (page - 1) * per_page))
        return [document_of(row) for row in rows], self._queries.number("payments.count_documents", (org_id,))

    def taxed(self, topup: TopUp) -> None:
        """Write down its taxes and its place of supply, which have changed. IllegalState: it was paid before."""
        taxes = topup.cgst_paise, topup.sgst_paise, topup.igst_paise
        self._queries.run("payments.set_tax", (*taxes, topup.place_of_supply, topup.topup_id))

    def paid(self, topup_id: str, payment_id: str, at: int, invoice_number: str) -> None:
        """Write down that it was paid. IllegalState: it was before, or the payment is another top-up's."""
        self._queries.run("payments.set_paid", (payment_id, at, invoice_number, topup_id))

    def next_serial(self, series: str, year: str) -> int:
        """The number that the next document of a series has in a financial year."""
        return 1 + self._queries.number("payments.last_serial", (series, year))

    def issue(self, document: IssuedDocument) -> None:
        """Issue a document. IllegalState: its serial is not the next one."""
        self._queries.run(
            "payments.add_document",
            (
                document.number,
                document.series,
                document.year,
                document.serial,
                document.org_id,
                document.topup_id,
                document.issued_at,
                to_json(dict(document.content)),
                document.kind,
            ),
        )
