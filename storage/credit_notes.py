"""Credit notes that an operator issues."""

from storage.billing_records import CreditNote, NoteKind, TaxParts
from storage.queries import Queries, Row


def note_of(row: Row) -> CreditNote:
    """The note of a `credit_notes.page` row."""
    number, org_id, kind, topup_id, reference, reason, taxable, cgst, sgst, igst, created_at = row
    parts = TaxParts(taxable, cgst, sgst, igst)
    return CreditNote(number, org_id, NoteKind(kind), topup_id, reference, reason, parts, created_at)


def transfer_of_note(number: str) -> str:
    """The id of the ledger's transfer that a note makes."""
    return f"note:{number}"


class CreditNotes:
    """Corrections and goodwill; refunds have theirs besides."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, note: CreditNote) -> None:
        """Write it down. IllegalState: more than was invoiced, no such document, or its reference was used."""
        row = (note.number, note.org_id, note.kind, note.topup_id, note.reference, note.reason)
        self._queries.run("credit_notes.add", (*row, *note.parts, note.created_at))

    def by_reference(self, org_id: str, reference: str) -> CreditNote | None:
        """An organisation's that was issued under a reference."""
        row = self._queries.one("credit_notes.by_reference", (org_id, reference))
        return None if row is None else note_of(row)

    def page(self, org_id: str, page: int, per_page: int) -> tuple[list[CreditNote], int]:
        """A page (from 1) of an organisation's, newest first, and how many there are."""
        rows = self._queries.all("credit_notes.page", (org_id, per_page, (page - 1) * per_page))
        return [note_of(row) for row in rows], self._queries.number("credit_notes.count", (org_id,))
