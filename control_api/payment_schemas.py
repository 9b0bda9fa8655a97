"""What goes in and out about top-ups and tax documents."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from b2bua.billing.documents import TaxDocument, from_record
from control_api.account_bodies import Name
from control_api.schemas import ListMeta, Timestamp, Wire, enveloped
from control_api.timestamps import optional_timestamp, render_timestamp
from storage.billing_records import CreditNote, IssuedDocument, NoteKind, Refund, TopUp

LEAST_PAISE: Final = 1_000
MOST_PAISE: Final = 50_000_000
LEAST_REFUND_PAISE: Final = 100  # below it the provider pays nothing back
MOST_REFUND_PAISE: Final = 2 * MOST_PAISE  # a top-up with all the tax there may be
_TYPED: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_ID: Final = Field(min_length=1, max_length=64)


def paise_of(amount: object, least: int = LEAST_PAISE, most: int = MOST_PAISE) -> int:
    """An amount in rupees, a number or a string, with at most two decimals. Raises ValueError."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        raise ValueError("not an amount")
    if isinstance(amount, str) and not _TYPED.fullmatch(amount):
        raise ValueError("not an amount")  # Python would read more as a number than anybody means by one
    try:
        paise = Decimal(str(amount)) * 100
    except InvalidOperation:
        raise ValueError("not an amount") from None
    if not paise.is_finite() or paise != paise.to_integral_value() or not least <= paise <= most:
        raise ValueError("not an amount of paise, or out of range")
    return int(paise)


Amount = Annotated[
    int,
    Strict(),
    BeforeValidator(paise_of),
    WithJsonSchema({"type": "number", "minimum": LEAST_PAISE / 100, "maximum": MOST_PAISE / 100, "multipleOf": 0.01}),
]
RefundAmount = Annotated[
    int,
    Strict(),
    BeforeValidator(lambda amount: paise_of(amount, LEAST_REFUND_PAISE, MOST_REFUND_PAISE)),
    WithJsonSchema({"type": "number", "minimum": 1, "maximum": MOST_REFUND_PAISE / 100, "multipleOf": 0.01}),
]
NoteAmount = Annotated[
    int,
    Strict(),
    BeforeValidator(lambda amount: paise_of(amount, 1, MOST_REFUND_PAISE)),
    WithJsonSchema({"type": "number", "minimum": 0.01, "maximum": MOST_REFUND_PAISE / 100, "multipleOf": 0.01}),
]
Reference = Annotated[str, Strict(), _ID]
Signature = Annotated[str, Strict(), Field(min_length=1, max_length=256)]

PAYMENT_REQUIREMENTS: Final = {
    "topup_id": "a string",
    "invoice_number": "a string, or null",
    "kind": "correction or goodwill",
    "with_tax": "true, false or null",
    "reference": "a string of 1 to 200 printable characters",
    "reason": "a string of 1 to 200 printable characters",
    "amount": "rupees from 10 to 500000, with at most two decimals",
    "razorpay_payment_id": "a string",
    "razorpay_signature": "a string",
}
REFUND_REQUIREMENTS: Final = PAYMENT_REQUIREMENTS | {
    "amount": "rupees from 1 to 1000000, with at most two decimals",
}


class TopUpBody(Wire):
    """How much the wallet is to get, in rupees; the tax comes on top."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 500}]})

    amount: Amount


class ConfirmTopUpBody(Wire):
    """What the checkout in the browser gave."""

    razorpay_payment_id: Reference
    razorpay_signature: Signature


class RefundBody(Wire):
    """What is to be paid back of a payment, in rupees with its tax; all that is left where no `amount` is given. The
    same reference counts once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"topup_id": "b7c8d9e0-f1a2-4b3c-8d4e-5f60718293a4", "amount": 118, "reference": "ticket 17"}]
        }
    )

    topup_id: Reference
    reference: Name
    amount: RefundAmount | None = None
    reason: Name = "Asked for by the customer"


class CreditNoteBody(Wire):
    """A credit note, in rupees. A `correction` takes back some of an invoice, with its tax or without, and debits the
    wallet by the net amount; `goodwill` has no tax and credits the wallet. The same reference counts once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "correction",
                    "amount": 118,
                    "invoice_number": "INV/26-27/000001",
                    "reference": "ticket 18",
                    "reason": "Invoiced twice",
                }
            ]
        }
    )

    kind: NoteKind
    amount: NoteAmount
    reference: Name
    reason: Name
    invoice_number: Reference | None = None
    with_tax: Annotated[bool, Strict()] | None = Field(
        default=None, description="Whether tax is in the amount; default: of a correction"
    )


class ProviderEventBody(Wire):
    """An event of the payment provider; what else is in it is passed over."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"event": "payment.captured"}]})

    event: str
    payload: dict[str, Any] = Field(default_factory=dict)


class TopUpView(Wire):
    """A payment; amounts in rupees. `paid_at` and what follows are null until it has been made."""

    topup_id: str
    amount: float = Field(description="What the wallet gets")
    gst: float
    total: float = Field(description="What is paid")
    currency: str
    order_id: str = Field(description="The payment provider's")
    created_at: Timestamp
    payment_id: str | None
    paid_at: Timestamp | None
    invoice_number: str | None


class CheckoutView(Wire):
    """What the provider's checkout is opened with."""

    provider: str
    key_id: str
    url: str = Field(description="Of the provider's own payment page: a form is posted there from the browser")
    supplier: str = Field(description="Who is paid")
    paise: int = Field(description="What is paid")


class ShownTopUpView(TopUpView):
    """The same with what it can be paid by; null once it has been, or where no provider is configured."""

    checkout: CheckoutView | None


class NewTopUpView(TopUpView):
    """The same with what the checkout is opened with."""

    provider: str
    key_id: str
    checkout: CheckoutView


class RefundView(Wire):
    """A refund; amounts in rupees. What follows `created_at` is null until the provider has paid it back."""

    refund_id: str
    topup_id: str
    status: str = Field(description="`asked`: under way; `processed`; `failed`: nothing was paid back")
    amount: float = Field(description="What the wallet is debited")
    gst: float
    total: float = Field(description="What is paid back")
    currency: str
    reference: str
    reason: str
    created_at: Timestamp
    provider_refund_id: str | None
    settled_at: Timestamp | None
    credit_note_number: str | None


class CreditNoteView(Wire):
    """A credit note by the operator; amounts in rupees. Its document is among the invoices, by its number."""

    number: str
    kind: NoteKind
    amount: float = Field(description="What the wallet is debited, or of goodwill credited")
    gst: float
    total: float
    currency: str
    reference: str
    reason: str
    created_at: Timestamp


class InvoiceView(Wire):
    """A tax invoice or credit note; amounts in rupees with two decimals."""

    kind: str
    number: str
    date: str
    supplier: dict[str, Any]
    customer: dict[str, Any]
    description: str
    sac: str
    place_of_supply: str
    taxable_value: str
    gst_percent: int
    cgst: str
    sgst: str
    igst: str
    total: str
    total_in_words: str
    reverse_charge: bool
    reference: str
    against: str | None


TopUpReply: Final = enveloped("TopUpReply", ShownTopUpView)
NewTopUpReply: Final = enveloped("NewTopUpReply", NewTopUpView)
TopUpsReply: Final = enveloped("TopUpsReply", list[TopUpView], ListMeta)
RefundReply: Final = enveloped("RefundReply", RefundView)
RefundsReply: Final = enveloped("RefundsReply", list[RefundView], ListMeta)
CreditNoteReply: Final = enveloped("CreditNoteReply", CreditNoteView)
CreditNotesReply: Final = enveloped("CreditNotesReply", list[CreditNoteView], ListMeta)
InvoiceReply: Final = enveloped("InvoiceReply", InvoiceView)
InvoicesReply: Final = enveloped("InvoicesReply", list[InvoiceView], ListMeta)


def topup_representation(topup: TopUp) -> dict[str, object]:
    """A payment."""
    return {
        "topup_id": topup.topup_id,
        "amount": topup.taxable_paise / 100,
        "gst": (topup.total_paise - topup.taxable_paise) / 100,
        "total": topup.total_paise / 100,
        "currency": "INR",
        "order_id": topup.order_id,
        "created_at": render_timestamp(topup.created_at),
        "payment_id": topup.payment_id,
        "paid_at": optional_timestamp(topup.paid_at),
        "invoice_number": topup.invoice_number,
    }


def shown_topup(topup: TopUp, checkout: Mapping[str, object] | None) -> dict[str, object]:
    """A payment, with what it can be paid by where it has not been."""
    return {**topup_representation(topup), "checkout": None if topup.paid_at is not None else checkout}


def refund_representation(refund: Refund) -> dict[str, object]:
    """A refund."""
    parts = refund.parts
    return {
        "refund_id": refund.refund_id,
        "topup_id": refund.topup_id,
        "status": str(refund.state),
        "amount": parts.taxable_paise / 100,
        "gst": (parts.total_paise - parts.taxable_paise) / 100,
        "total": parts.total_paise / 100,
        "currency": "INR",
        "reference": refund.reference,
        "reason": refund.reason,
        "created_at": render_timestamp(refund.created_at),
        "provider_refund_id": refund.provider_refund_id,
        "settled_at": optional_timestamp(refund.settled_at),
        "credit_note_number": refund.credit_note_number,
    }


def note_representation(note: CreditNote) -> dict[str, object]:
    """A credit note by the operator."""
    parts = note.parts
    return {
        "number": note.number,
        "kind": str(note.kind),
        "amount": parts.taxable_paise / 100,
        "gst": (parts.total_paise - parts.taxable_paise) / 100,
        "total": parts.total_paise / 100,
        "currency": "INR",
        "reference": note.reference,
        "reason": note.reason,
        "created_at": render_timestamp(note.created_at),
    }


def number_in_path(number: str) -> str:
    """An invoice's number as a path has it: "INV-26-27-000001"."""
    return number.replace("/", "-")


def number_from_path(text: str) -> str:
    """The number again, also where the path has it as it stands, percent-encoded; what is none stays none."""
    if "/" in text:
        return text
    series, _, rest = text.partition("-")
    year, _, serial = rest.rpartition("-")
    return f"{series}/{year}/{serial}"


def document_of(issued: IssuedDocument) -> TaxDocument:
    """What was issued, as it was."""
    return from_record(issued.content)
