"""What a payment does: the wallet is credited and the invoice is issued, in one unit of work and once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from b2bua.billing.documents import BilledParty, DocumentKind, TaxDocument
from b2bua.billing.errors import StateUnknown
from b2bua.billing.serials import day_in_india, document_number, financial_year
from b2bua.billing.tax import Tax, place_of_supply, tax_on
from control_api.payments.provider import ProviderPayment
from storage.billing_records import DocumentKind as StoredKind
from storage.billing_records import IssuedDocument, TopUp
from storage.payments import transfer_of
from storage.records import Organisation
from storage.units import UnitOfWork

CURRENCY: Final = "INR"


class PaymentMismatch(Exception):
    """The payment is not what was asked for: another amount or currency, not captured, or a second one."""


@dataclass(frozen=True, slots=True)
class BillingTerms:
    """Who supplies, under which series of invoices and of credit notes, and what is supplied: a services accounting
    code and its name."""

    supplier: BilledParty
    series: str
    credit_series: str
    sac: str
    description: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a top-up is asked for by: its id, the provider's order, the tax on it, when."""

    topup_id: str
    order_id: str
    tax: Tax
    at_ms: int


def topup_asked(terms: BillingTerms, organisation: Organisation, asked: Asked) -> TopUp:
    """The top-up as it is written down."""
    tax = asked.tax
    return TopUp(
        asked.topup_id,
        organisation.org_id,
        asked.order_id,
        tax.taxable_paise,
        tax.percent,
        tax.cgst_paise,
        tax.sgst_paise,
        tax.igst_paise,
        state_of(terms, organisation),
        asked.at_ms,
    )


def tax_for(terms: BillingTerms, organisation: Organisation, paise: int) -> Tax:
    """The tax on a top-up of an organisation."""
    return tax_on(paise, organisation.tariff.gst_percent, terms.supplier.state, state_of(terms, organisation))


def state_of(terms: BillingTerms, organisation: Organisation) -> str:
    """The GST number of an organisation's state: the supplier's where it has named none that there is."""
    try:
        return place_of_supply(organisation.gstin, organisation.state, terms.supplier.state)
    except StateUnknown:
        return terms.supplier.state


def credit_payment(unit: UnitOfWork, terms: BillingTerms, payment: ProviderPayment, at_ms: int) -> TopUp:
    """Credit the wallet and issue the invoice, or find that both were done. UnknownRecord: no such order;
    PaymentMismatch."""
    topup = unit.payments.of_order(payment.order_id)
    if topup.payment_id == payment.payment_id:
        return topup
    if topup.payment_id is not None:
        raise PaymentMismatch(f"the order {payment.order_id} was paid before")
    if not payment.captured or payment.currency != CURRENCY or payment.paise != topup.total_paise:
        raise PaymentMismatch(f"the payment {payment.payment_id} is not what was asked for")
    transfer_id = transfer_of(topup.topup_id)
    unit.ledger.credit(transfer_id, topup.org_id, topup.taxable_paise, payment.payment_id, at_ms)
    organisation = unit.accounts.organisation(topup.org_id)
    supplied = _supplied(terms, organisation, topup)
    if supplied != topup:
        unit.payments.taxed(supplied)
    number = _invoice(unit, terms, organisation, supplied, payment, at_ms)
    unit.payments.paid(topup.topup_id, payment.payment_id, at_ms, number)
    return unit.payments.of_order(payment.order_id)


def _supplied(terms: BillingTerms, organisation: Organisation, topup: TopUp) -> TopUp:
    """The top-up, taxed by the state that its customer has named by now: the invoice names the GSTIN of now too. Where
    rounding would make the tax another than was paid, by a paisa, it stays as it was asked for."""
    state = state_of(terms, organisation)
    tax = tax_on(topup.taxable_paise, topup.gst_percent, terms.supplier.state, state)
    if tax.total_paise != topup.total_paise:
        return topup
    return replace(
        topup,
        cgst_paise=tax.cgst_paise,
        sgst_paise=tax.sgst_paise,
        igst_paise=tax.igst_paise,
        place_of_supply=state,
    )


@dataclass(frozen=True, slots=True)
class Issue:
    """Whose a document is, and about which top-up; "": about none."""

    org_id: str
    topup_id: str


def issue_document(
    unit: UnitOfWork, series: str, issue: Issue, make: Callable[[str, date], TaxDocument], at_ms: int
) -> IssuedDocument:
    """Issue the document that `make` makes of its number, the next of its series, and its day."""
    day = day_in_india(at_ms)
    year = financial_year(day)
    serial = unit.payments.next_serial(series, year)
    document = make(document_number(series, year, serial), day)
    issued = IssuedDocument(
        document.number,
        series,
        year,
        serial,
        issue.org_id,
        issue.topup_id,
        at_ms,
        document.to_record(),
        StoredKind(document.kind),
    )
    unit.payments.issue(issued)
    return issued


def _invoice(
    unit: UnitOfWork,
    terms: BillingTerms,
    organisation: Organisation,
    topup: TopUp,
    payment: ProviderPayment,
    at_ms: int,
) -> str:
    state = topup.place_of_supply

    def invoice(number: str, day: date) -> TaxDocument:
        return TaxDocument(
            kind=DocumentKind.INVOICE,
            number=number,
            day=day,
            supplier=terms.supplier,
            customer=BilledParty(organisation.name, organisation.address or "", state, organisation.gstin),
            description=terms.description,
            sac=terms.sac,
            place_of_supply=state,
            tax=Tax(topup.taxable_paise, topup.gst_percent, topup.cgst_paise, topup.sgst_paise, topup.igst_paise),
            reference=payment.payment_id,
        )

    return issue_document(unit, terms.series, Issue(topup.org_id, topup.topup_id), invoice, at_ms).number
