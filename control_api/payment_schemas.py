"""What goes in and out about top-ups and tax documents."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from b2bua.billing.documents import TaxDocument, from_record
from control_api.schemas import ListMeta, Timestamp, Wire, enveloped
from control_api.timestamps import optional_timestamp, render_timestamp
from storage.billing_records import IssuedDocument, TopUp

LEAST_PAISE: Final = 1_000
MOST_PAISE: Final = 50_000_000
_ID: Final = Field(min_length=1, max_length=64)


def paise_of(amount: object) -> int:
    """An amount in rupees, a number or a string, with at most two decimals. Raises ValueError."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        raise ValueError("not an amount")
    try:
        paise = Decimal(str(amount)) * 100
    except InvalidOperation:
        raise ValueError("not an amount") from None
    if not paise.is_finite() or paise != paise.to_integral_value() or not LEAST_PAISE <= paise <= MOST_PAISE:
        raise ValueError("not an amount of paise, or out of range")
    return int(paise)


Amount = Annotated[
    int,
    Strict(),
    BeforeValidator(paise_of),
    WithJsonSchema({"type": "number", "minimum": LEAST_PAISE / 100, "maximum": MOST_PAISE / 100, "multipleOf": 0.01}),
]
Reference = Annotated[str, Strict(), _ID]
Signature = Annotated[str, Strict(), Field(min_length=1, max_length=256)]

PAYMENT_REQUIREMENTS: Final = {
    "amount": "rupees from 10 to 500000, with at most two decimals",
    "razorpay_payment_id": "a string",
    "razorpay_signature": "a string",
}


class TopUpBody(Wire):
    """How much the wallet is to get, in rupees; the tax comes on top."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 500}]})

    amount: Amount


class ConfirmTopUpBody(Wire):
    """What the checkout in the browser gave."""

    razorpay_payment_id: Reference
    razorpay_signature: Signature


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


class NewTopUpView(TopUpView):
    """The same with what the checkout is opened with."""

    provider: str
    key_id: str


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


TopUpReply: Final = enveloped("TopUpReply", TopUpView)
NewTopUpReply: Final = enveloped("NewTopUpReply", NewTopUpView)
TopUpsReply: Final = enveloped("TopUpsReply", list[TopUpView], ListMeta)
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


def number_in_path(number: str) -> str:
    """An invoice's number as a path has it: "INV-26-27-000001"."""
    return number.replace("/", "-")


def number_from_path(text: str) -> str:
    """The number again; what is none stays none."""
    series, _, rest = text.partition("-")
    year, _, serial = rest.rpartition("-")
    return f"{series}/{year}/{serial}"


def document_of(issued: IssuedDocument) -> TaxDocument:
    """What was issued, as it was."""
    return from_record(issued.content)
