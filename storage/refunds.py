"""Refunds of payments."""

from storage.billing_records import Refund, RefundState, TaxParts
from storage.errors import UnknownRecord
from storage.queries import Queries, Row


def refund_of(row: Row) -> Refund:
    """The refund of a `refunds.refund` row."""
    refund_id, org_id, topup_id, reference, reason, taxable, cgst, sgst, igst, created_at, state, *settled = row
    return Refund(
        refund_id,
        org_id,
        topup_id,
        reference,
        reason,
        TaxParts(taxable, cgst, sgst, igst),
        created_at,
        RefundState(state),
        *settled,
    )


def hold_of(refund_id: str) -> str:
    """Under what, in place of a call's id, the ledger sets a refund's net amount aside."""
    return f"refund:{refund_id}"


class Refunds:
    """What is to be paid back, and what became of it."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, refund: Refund) -> None:
        """Write down a refund that is asked for. IllegalState: more than was paid, or its reference was used."""
        row = (refund.refund_id, refund.org_id, refund.topup_id, refund.reference, refund.reason)
        self._queries.run("refunds.add", (*row, *refund.parts, refund.created_at))

    def get(self, refund_id: str) -> Refund:
        """One by its id. UnknownRecord."""
        found = self._one("refunds.refund", refund_id)
        if found is None:
            raise UnknownRecord(f"no refund {refund_id}")
        return found

    def find(self, refund_id: str) -> Refund | None:
        """One by its id."""
        return self._one("refunds.refund", refund_id)

    def by_reference(self, topup_id: str, reference: str) -> Refund | None:
        """A payment's refund that was asked for under a reference."""
        return self._one("refunds.by_reference", topup_id, reference)

    def by_provider(self, provider_refund_id: str) -> Refund | None:
        """One by the provider's id."""
        return self._one("refunds.by_provider", provider_refund_id)

    def page(self, org_id: str, page: int, per_page: int) -> tuple[list[Refund], int]:
        """A page (from 1) of an organisation's refunds, newest first, and how many there are."""
        rows = self._queries.all("refunds.page", (org_id, per_page, (page - 1) * per_page))
        return [refund_of(row) for row in rows], self._queries.number("refunds.count", (org_id,))

    def left(self, topup_id: str) -> TaxParts:
        """What of a payment is neither paid back nor about to be. UnknownRecord."""
        row = self._queries.one("refunds.left", {"topup_id": topup_id})
        if row is None:
            raise UnknownRecord(f"no top-up {topup_id}")
        return TaxParts(*row)

    def known_to_provider(self, refund_id: str, provider_refund_id: str) -> None:
        """Note the provider's id. IllegalState: it is another's."""
        self._queries.run("refunds.set_provider_id", {"refund_id": refund_id, "provider_refund_id": provider_refund_id})

    def processed(
        self, refund_id: str, provider_refund_id: str, at: int, debited_paise: int, credit_note_number: str
    ) -> None:
        """Write down that it was paid back. IllegalState: it was before."""
        parameters = {
            "refund_id": refund_id,
            "provider_refund_id": provider_refund_id,
            "at": at,
            "debited_paise": debited_paise,
            "credit_note_number": credit_note_number,
        }
        self._queries.run("refunds.set_processed", parameters)

    def failed(self, refund_id: str, at: int) -> bool:
        """Write down that it is not paid back; False where that, or the contrary, was known."""
        return self._queries.run("refunds.set_failed", {"refund_id": refund_id, "at": at}) == 1

    def _one(self, statement: str, *parameters: str) -> Refund | None:
        row = self._queries.one(statement, parameters)
        return None if row is None else refund_of(row)
