"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

LineKind: TypeAlias = Literal["topup", "credit", "refund", "debit", "calls"]
"""What a line of a statement is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What the provider's checkout is opened with."""

    provider: str
    """The payment provider"""
    key_id: str
    """The key's id"""
    url: str
    """Of the provider's own payment page: a form is posted there from the browser"""
    supplier: str
    """Who is paid"""
    paise: int
    """What is paid"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A tax invoice or credit note; amounts in rupees with two decimals."""

    kind: str
    """Which kind"""
    number: str
    """The number"""
    date: str
    """The day, by Indian time"""
    supplier: dict[str, Any]
    """Who supplies"""
    customer: dict[str, Any]
    """Whom it is made out to"""
    description: str
    """What is sold"""
    sac: str
    """The services accounting code"""
    place_of_supply: str
    """The customer's state"""
    taxable_value: str
    """Rupees before tax"""
    gst_percent: int
    """The rate of tax"""
    cgst: str
    """Rupees of central tax"""
    sgst: str
    """Rupees of state tax"""
    igst: str
    """Rupees of integrated tax"""
    total: str
    """Rupees, with tax"""
    total_in_words: str
    """The total in words"""
    reverse_charge: bool
    """Whether the customer pays the tax itself"""
    reference: str
    """Your own reference, in every reply and webhook about it"""
    against: str | None
    """The invoice that a credit note is against"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; amounts in rupees. What follows `created_at` is null until the provider has paid it back."""

    refund_id: str
    """The refund's id"""
    topup_id: str
    """The top-up's id"""
    status: str
    """`asked`: under way; `processed`; `failed`: nothing was paid back"""
    amount: float
    """What the wallet is debited"""
    gst: float
    """Rupees of tax"""
    total: float
    """What is paid back"""
    currency: str
    """Always `INR`"""
    reference: str
    """Your own reference, in every reply and webhook about it"""
    reason: str
    """Why, for people"""
    created_at: datetime
    """When it was made"""
    provider_refund_id: str | None
    """The refund at the provider; null: not yet"""
    settled_at: datetime | None
    """When the money went back; null: not yet"""
    credit_note_number: str | None
    """The number of the credit note, once there is one"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTopUp:
    """The same with what it can be paid by; null once it has been, or where no provider is configured."""

    topup_id: str
    """The top-up's id"""
    amount: float
    """What the wallet gets"""
    gst: float
    """Rupees of tax"""
    total: float
    """What is paid"""
    currency: str
    """Always `INR`"""
    order_id: str
    """The payment provider's"""
    created_at: datetime
    """When it was made"""
    payment_id: str | None
    """The payment at the provider; null: not yet"""
    paid_at: datetime | None
    """When it was paid; null: not yet"""
    invoice_number: str | None
    """The number of the invoice"""
    checkout: Checkout | None
    """What the provider's payment page is opened with; null once it is paid"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A payment, a correction, or all charged calls of a day."""

    date: str
    """The day, by Indian time"""
    kind: LineKind
    """Which kind"""
    reference: str | None
    """Your own reference, in every reply and webhook about it"""
    document: str | None
    """The number of the invoice or credit note"""
    calls: int | None
    """How many calls"""
    amount: str
    """Rupees, without tax"""
    balance: str
    """After it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementMonth:
    """A month that there is a statement of."""

    month: str
    """The month, such as `2026-11`"""
    complete: bool
    """Whether the month is over"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month of the wallet by Indian time; amounts in rupees with two decimals, what went out below 0."""

    month: str
    """The month, such as `2026-11`"""
    complete: bool
    """Whether the month is over, so that nothing is added any more"""
    customer: str
    """Whom it is made out to"""
    gstin: str | None
    """The GST number, of 15 characters"""
    currency: str
    """Always `INR`"""
    opening_balance: str
    """Rupees at the beginning of the month"""
    topups: str
    """Rupees that payments brought, without tax"""
    credits: str
    """Rupees that operators added"""
    refunds: str
    """Rupees that were paid back"""
    debits: str
    """Rupees that corrections took"""
    calls: str
    """How many calls"""
    further: str
    """What moved beyond the first 10000 payments of a month"""
    closing_balance: str
    """Rupees at the end of the month"""
    lines: list[StatementLine]
    """What happened, by day"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A payment; amounts in rupees. `paid_at` and what follows are null until it has been made."""

    topup_id: str
    """The top-up's id"""
    amount: float
    """What the wallet gets"""
    gst: float
    """Rupees of tax"""
    total: float
    """What is paid"""
    currency: str
    """Always `INR`"""
    order_id: str
    """The payment provider's"""
    created_at: datetime
    """When it was made"""
    payment_id: str | None
    """The payment at the provider; null: not yet"""
    paid_at: datetime | None
    """When it was paid; null: not yet"""
    invoice_number: str | None
    """The number of the invoice"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A movement of the ledger; amounts in rupees with two decimals. `kind`: `credit` and `debit` change the
    balance; `reserve` and `extend` set money aside, `capture` takes the charge of a call and gives the rest
    back, `void` gives all back.
    """

    transfer_id: str
    """The movement's id"""
    at: datetime
    """When it happened"""
    kind: str
    """Which kind"""
    call_sid: str | None
    """The call's id"""
    reference: str | None
    """Your own reference, in every reply and webhook about it"""
    balance_change: str
    """Rupees by which the balance changed"""
    reserved_change: str
    """Rupees by which the reservations changed"""
