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
class Invoice:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; amounts in rupees. What follows `created_at` is null until the provider has paid it back."""

    refund_id: str
    topup_id: str
    status: str
    """`asked`: under way; `processed`; `failed`: nothing was paid back"""
    amount: float
    """What the wallet is debited"""
    gst: float
    total: float
    """What is paid back"""
    currency: str
    reference: str
    reason: str
    created_at: datetime
    provider_refund_id: str | None
    settled_at: datetime | None
    credit_note_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A payment, a correction, or all charged calls of a day."""

    date: str
    kind: LineKind
    reference: str | None
    document: str | None
    """The number of the invoice or credit note"""
    calls: int | None
    amount: str
    balance: str
    """After it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementMonth:
    """A month that there is a statement of."""

    month: str
    complete: bool
    """Whether the month is over"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month of the wallet by Indian time; amounts in rupees with two decimals, what went out below 0."""

    month: str
    complete: bool
    customer: str
    gstin: str | None
    currency: str
    opening_balance: str
    topups: str
    credits: str
    refunds: str
    debits: str
    calls: str
    further: str
    """What moved beyond the first 10000 payments of a month"""
    closing_balance: str
    lines: list[StatementLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A payment; amounts in rupees. `paid_at` and what follows are null until it has been made."""

    topup_id: str
    amount: float
    """What the wallet gets"""
    gst: float
    total: float
    """What is paid"""
    currency: str
    order_id: str
    """The payment provider's"""
    created_at: datetime
    payment_id: str | None
    paid_at: datetime | None
    invoice_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A movement of the ledger; amounts in rupees with two decimals. `kind`: `credit` and `debit` change the
    balance; `reserve` and `extend` set money aside, `capture` takes the charge of a call and gives the rest
    back, `void` gives all back.
    """

    transfer_id: str
    at: datetime
    kind: str
    call_sid: str | None
    reference: str | None
    balance_change: str
    reserved_change: str
