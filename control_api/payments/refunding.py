"""What a refund does: its net amount is set aside, the provider pays it back, then the wallet is debited and the credit
note issued, in one unit of work and once."""

from dataclasses import dataclass, replace
from datetime import date

from b2bua.billing.documents import DocumentKind, TaxDocument, from_record
from b2bua.billing.errors import ShareUneven
from b2bua.billing.tax import Tax, share_of
from control_api.payment_schemas import LEAST_REFUND_PAISE
from control_api.payments.crediting import BillingTerms, Issue, credit_payment, issue_document
from control_api.payments.desk import PaymentDesk
from control_api.payments.provider import (
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    RefundStatus,
)
from storage.billing_records import Refund, RefundState, TaxParts, TopUp
from storage.errors import BalanceTooLow, UnknownRecord
from storage.person_records import AuditEntry
from storage.refunds import hold_of
from storage.store import Store
from storage.units import UnitOfWork


class RefundImpossible(Exception):
    """The payment cannot be paid back so; the text is a sentence for the operator."""


class RefundMismatch(Exception):
    """What the provider tells is not what was asked of it."""


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What an operator wants paid back of a payment. `paise` with tax; None: all that is left. `reference`: the same
    counts once. `refund_id`: for a new one."""

    refund_id: str
    org_id: str
    topup_id: str
    paise: int | None
    reference: str
    reason: str


async def pay_back(store: Store, desk: PaymentDesk, wish: RefundWish, entry: AuditEntry) -> Refund:
    """Pay back, or go on with what was asked for before under the reference; the refund, which may still be under way.

    RefundImpossible, UnknownRecord: no such payment, ProviderUnavailable: ask again under the same reference.
    """
    refund, topup = await store.run(lambda unit: ask_refund(unit, wish, entry))
    if refund.state is not RefundState.ASKED:
        return refund
    payment_id = topup.payment_id or ""
    try:
        told = await desk.provider.pay_back(payment_id, refund.parts.total_paise, refund.refund_id)
    except ProviderRefused as error:
        await store.run(lambda unit: fail_refund(unit, refund.refund_id, entry.at))
        raise RefundImpossible(f"The payment provider refuses: {error}") from None
    return await store.run(lambda unit: settle_refund(unit, desk.terms, refund, told, entry.at))


def ask_refund(unit: UnitOfWork, wish: RefundWish, entry: AuditEntry) -> tuple[Refund, TopUp]:
    """Write the refund down and set its net amount aside, or find it. RefundImpossible, UnknownRecord."""
    topup = unit.payments.get(wish.org_id, wish.topup_id)
    if topup is None:
        raise UnknownRecord(f"no top-up {wish.topup_id}")
    earlier = unit.refunds.by_reference(wish.topup_id, wish.reference)
    if earlier is not None:
        if wish.paise not in (None, earlier.parts.total_paise):
            raise RefundImpossible("This reference was used for another amount.")
        return earlier, topup
    if topup.payment_id is None:
        raise RefundImpossible("This top-up has not been paid.")
    parts = _parts(topup, unit.refunds.left(topup.topup_id), wish.paise)
    refund = Refund(wish.refund_id, wish.org_id, topup.topup_id, wish.reference, wish.reason, parts, entry.at)
    unit.refunds.add(refund)
    hold = hold_of(refund.refund_id)
    try:
        unit.ledger.reserve(f"hold:{refund.refund_id}", refund.org_id, hold, parts.taxable_paise, entry.at)
    except BalanceTooLow:
        raise RefundImpossible("The available balance of the wallet does not cover it.") from None
    unit.audit.add(entry)
    return refund, topup


def settle_refund(unit: UnitOfWork, terms: BillingTerms, refund: Refund, told: ProviderRefund, at_ms: int) -> Refund:
    """Take in what the provider tells of a refund: once processed, the debit and the credit note. RefundMismatch."""
    if told.paise != refund.parts.total_paise:
        raise RefundMismatch(f"the refund {told.provider_refund_id} is not what was asked for")
    present = unit.refunds.get(refund.refund_id)
    if present.state is RefundState.PROCESSED:
        return present
    if told.status is RefundStatus.FAILED:
        return fail_refund(unit, refund.refund_id, at_ms)
    unit.refunds.known_to_provider(refund.refund_id, told.provider_refund_id)
    if told.status is RefundStatus.PROCESSED:
        _process(unit, terms, present, told, at_ms)
    return unit.refunds.get(refund.refund_id)


def fail_refund(unit: UnitOfWork, refund_id: str, at_ms: int) -> Refund:
    """Give back what was set aside; where that was done before, nothing."""
    if unit.refunds.failed(refund_id, at_ms):
        unit.ledger.void(f"unhold:{refund_id}", hold_of(refund_id), at_ms)
    return unit.refunds.get(refund_id)


@dataclass(frozen=True, slots=True)
class RefundTold:
    """A refund that the provider tells of unasked, with the payment as it is by now; `refund_id` for one made there."""

    refund: ProviderRefund
    payment: ProviderPayment | None
    refund_id: str


def take_refund(unit: UnitOfWork, terms: BillingTerms, told: RefundTold, at_ms: int) -> Refund | None:
    """Take in what the provider tells unasked, of refunds made there too; None where there is nothing to take in.

    UnknownRecord: no such payment; RefundMismatch, PaymentMismatch.
    """
    topup = _topup_of(unit, terms, told, at_ms)
    known = _known(unit, topup, told.refund)
    if known is not None:
        return settle_refund(unit, terms, known, told.refund, at_ms)
    if told.refund.status is not RefundStatus.PROCESSED:
        return None
    left = unit.refunds.left(topup.topup_id)
    if told.refund.paise > left.total_paise:
        raise RefundMismatch(f"the refund {told.refund.provider_refund_id} is more than is left of its payment")
    provider_id = told.refund.provider_refund_id
    try:
        parts = _share(topup, left, told.refund.paise)
    except ShareUneven as error:
        raise RefundMismatch(f"the refund {provider_id} cannot be taken in: {error}") from None
    made_there = Refund(
        told.refund_id,
        topup.org_id,
        topup.topup_id,
        f"provider:{provider_id}",
        "Made at the payment provider",
        parts,
        at_ms,
    )
    unit.refunds.add(made_there)
    return settle_refund(unit, terms, made_there, told.refund, at_ms)


def _topup_of(unit: UnitOfWork, terms: BillingTerms, told: RefundTold, at_ms: int) -> TopUp:
    """The payment's top-up; told of the refund before it was told of the payment, it is credited now."""
    try:
        return unit.payments.of_payment(told.refund.payment_id)
    except UnknownRecord:
        if told.payment is None or told.payment.payment_id != told.refund.payment_id:
            raise
    return credit_payment(unit, terms, told.payment, at_ms)


def _known(unit: UnitOfWork, topup: TopUp, told: ProviderRefund) -> Refund | None:
    known = unit.refunds.by_provider(told.provider_refund_id)
    if known is None and told.receipt is not None:
        known = unit.refunds.find(told.receipt)
    return known if known is not None and known.topup_id == topup.topup_id else None


def _process(unit: UnitOfWork, terms: BillingTerms, refund: Refund, told: ProviderRefund, at_ms: int) -> None:
    hold = hold_of(refund.refund_id)
    if unit.ledger.is_open(hold):
        unit.ledger.void(f"unhold:{refund.refund_id}", hold, at_ms)
    # Only what was refunded elsewhere, with nothing set aside for it, can have been spent; the books tell.
    debited = min(refund.parts.taxable_paise, unit.ledger.wallet(refund.org_id).available_paise)
    if debited:
        unit.ledger.debit(f"refund:{refund.refund_id}", refund.org_id, debited, told.provider_refund_id, at_ms)
    number = _credit_note(unit, terms, refund, told, at_ms)
    unit.refunds.processed(refund.refund_id, told.provider_refund_id, at_ms, debited, number)


def _credit_note(unit: UnitOfWork, terms: BillingTerms, refund: Refund, told: ProviderRefund, at_ms: int) -> str:
    topup = unit.payments.of_payment(told.payment_id)
    invoice = unit.payments.document(topup.org_id, topup.invoice_number or "")
    if invoice is None:
        raise UnknownRecord(f"no invoice of the top-up {topup.topup_id}")
    invoiced = from_record(invoice.content)
    parts = refund.parts

    def note(number: str, day: date) -> TaxDocument:
        return replace(
            invoiced,
            kind=DocumentKind.CREDIT_NOTE,
            number=number,
            day=day,
            description=f"Refund: {invoiced.description}",
            tax=Tax(parts.taxable_paise, invoiced.tax.percent, parts.cgst_paise, parts.sgst_paise, parts.igst_paise),
            reference=told.provider_refund_id,
            against=invoiced.number,
        )

    return issue_document(unit, terms.credit_series, Issue(topup.org_id, topup.topup_id), note, at_ms).number


def _parts(topup: TopUp, left: TaxParts, paise: int | None) -> TaxParts:
    wanted = left.total_paise if paise is None else paise
    if left.total_paise == 0:
        raise RefundImpossible("Nothing is left of this payment.")
    if wanted > left.total_paise:
        raise RefundImpossible("It is more than is left of this payment.")
    if wanted < LEAST_REFUND_PAISE:
        raise RefundImpossible("It is less than the payment provider pays back.")
    try:
        return _share(topup, left, wanted)
    except ShareUneven as error:
        raise RefundImpossible(f"It cannot be paid back so: {error}.") from None


def _share(topup: TopUp, left: TaxParts, paise: int) -> TaxParts:
    """ShareUneven."""
    share = share_of(
        Tax(left.taxable_paise, topup.gst_percent, left.cgst_paise, left.sgst_paise, left.igst_paise), paise
    )
    return TaxParts(share.taxable_paise, share.cgst_paise, share.sgst_paise, share.igst_paise)
