"""Credit notes by the operator: with the note its transfer is made, in one unit of work and once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from b2bua.billing.documents import BilledParty, DocumentKind, TaxDocument, from_record
from b2bua.billing.errors import ShareUneven
from b2bua.billing.serials import day_in_india, last_day_of_tax_notes
from b2bua.billing.tax import Tax, share_of
from control_api.payments.crediting import BillingTerms, Issue, issue_document, state_of
from storage.billing_records import CreditNote, IssuedDocument, NoteKind, TaxParts
from storage.billing_records import DocumentKind as StoredKind
from storage.credit_notes import transfer_of_note
from storage.errors import BalanceTooLow
from storage.person_records import AuditEntry
from storage.units import UnitOfWork


class NoteImpossible(Exception):
    """The note cannot be issued so; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class NoteWish:
    """What an operator wants credited. `paise`: of a correction with tax the tax is in it. `invoice_number`: what a
    correction corrects; goodwill has none, and no tax. `reference`: the same counts once."""

    org_id: str
    kind: NoteKind
    paise: int
    with_tax: bool
    invoice_number: str | None
    reference: str
    reason: str


def issue_note(unit: UnitOfWork, terms: BillingTerms, wish: NoteWish, entry: AuditEntry) -> CreditNote:
    """Issue the note and make its transfer, or find it. NoteImpossible, UnknownRecord: no such organisation."""
    unit.accounts.organisation(wish.org_id)
    earlier = unit.credit_notes.by_reference(wish.org_id, wish.reference)
    if earlier is not None:
        if not _is_wished(unit, earlier, wish):
            raise NoteImpossible("This reference was used for another credit note.")
        return earlier
    issue = _goodwill if wish.kind is NoteKind.GOODWILL else _correction
    note = issue(unit, terms, wish, entry.at)
    unit.credit_notes.add(note)
    unit.audit.add(entry)
    return note


def _goodwill(unit: UnitOfWork, terms: BillingTerms, wish: NoteWish, at_ms: int) -> CreditNote:
    """Nothing that was invoiced changes: no tax, and the wallet is credited."""
    if wish.invoice_number is not None:
        raise NoteImpossible("Goodwill changes no invoice.")
    if wish.with_tax:
        raise NoteImpossible("Goodwill has no tax, because nothing that was invoiced changes.")
    organisation = unit.accounts.organisation(wish.org_id)
    state = state_of(terms, organisation)

    def document(number: str, day: date) -> TaxDocument:
        return TaxDocument(
            kind=DocumentKind.CREDIT_NOTE,
            number=number,
            day=day,
            supplier=terms.supplier,
            customer=BilledParty(organisation.name, organisation.address or "", state, organisation.gstin),
            description=wish.reason,
            sac=terms.sac,
            place_of_supply=state,
            tax=Tax(wish.paise, 0, 0, 0, 0),
            reference=wish.reference,
        )

    number = _issued(unit, terms, Issue(wish.org_id, ""), document, at_ms)
    unit.ledger.credit(transfer_of_note(number), wish.org_id, wish.paise, wish.reference, at_ms)
    parts = TaxParts(wish.paise, 0, 0, 0)
    return CreditNote(number, wish.org_id, wish.kind, None, wish.reference, wish.reason, parts, at_ms)


def _correction(unit: UnitOfWork, terms: BillingTerms, wish: NoteWish, at_ms: int) -> CreditNote:
    """Some of what was invoiced is taken back, and leaves the wallet."""
    invoice = _invoice(unit, wish)
    if invoice is None:
        raise NoteImpossible("A correction needs the number of an invoice of this organisation.")
    invoiced = from_record(invoice.content)
    parts = _parts(unit, wish, invoice, invoiced, day_in_india(at_ms))
    percent = invoiced.tax.percent if wish.with_tax else 0

    def document(number: str, day: date) -> TaxDocument:
        return replace(
            invoiced,
            kind=DocumentKind.CREDIT_NOTE,
            number=number,
            day=day,
            description=f"{wish.reason}: {invoiced.description}",
            tax=Tax(parts.taxable_paise, percent, parts.cgst_paise, parts.sgst_paise, parts.igst_paise),
            reference=wish.reference,
            against=invoiced.number,
        )

    number = _issued(unit, terms, Issue(wish.org_id, invoice.topup_id), document, at_ms)
    try:
        if parts.taxable_paise:
            unit.ledger.debit(transfer_of_note(number), wish.org_id, parts.taxable_paise, wish.reference, at_ms)
    except BalanceTooLow:
        raise NoteImpossible("The available balance of the wallet does not cover it.") from None
    return CreditNote(number, wish.org_id, wish.kind, invoice.topup_id, wish.reference, wish.reason, parts, at_ms)


def _invoice(unit: UnitOfWork, wish: NoteWish) -> IssuedDocument | None:
    found = unit.payments.document(wish.org_id, wish.invoice_number or "")
    return found if found is not None and found.kind is StoredKind.INVOICE else None


def _is_wished(unit: UnitOfWork, earlier: CreditNote, wish: NoteWish) -> bool:
    """Whether an earlier note is what is asked for again: of its kind, amount and payment, and as to its tax."""
    invoice, issued = _invoice(unit, wish), unit.payments.document(wish.org_id, earlier.number)
    if issued is None or (earlier.kind, earlier.parts.total_paise) != (wish.kind, wish.paise):
        return False
    if earlier.topup_id != (None if invoice is None else invoice.topup_id):
        return False
    # The share of a small amount may be no tax at all: the document says what it was asked with.
    percent = from_record(issued.content).tax.percent
    if invoice is None:
        return not wish.with_tax
    return percent == (from_record(invoice.content).tax.percent if wish.with_tax else 0)


def _issued(
    unit: UnitOfWork, terms: BillingTerms, issue: Issue, document: Callable[[str, date], TaxDocument], at_ms: int
) -> str:
    return issue_document(unit, terms.credit_series, issue, document, at_ms).number


def _parts(unit: UnitOfWork, wish: NoteWish, invoice: IssuedDocument, invoiced: TaxDocument, today: date) -> TaxParts:
    left = unit.refunds.left(invoice.topup_id)
    if wish.paise > (left.total_paise if wish.with_tax else left.taxable_paise):
        raise NoteImpossible("It is more than is left of this invoice.")
    if not wish.with_tax:
        return TaxParts(wish.paise, 0, 0, 0)
    last_day = last_day_of_tax_notes(invoiced.day)
    if today > last_day:
        raise NoteImpossible(f"The tax of this invoice could be corrected until {last_day.isoformat()}; leave it out.")
    whole = Tax(left.taxable_paise, invoiced.tax.percent, left.cgst_paise, left.sgst_paise, left.igst_paise)
    try:
        share = share_of(whole, wish.paise)
    except ShareUneven as error:
        raise NoteImpossible(f"It cannot be corrected so: {error}.") from None
    return TaxParts(share.taxable_paise, share.cgst_paise, share.sgst_paise, share.igst_paise)
