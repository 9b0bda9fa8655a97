"""What the store keeps of payments and of tax documents. Times are UTC in Unix milliseconds, money integer paise."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class TopUp:
    """A payment that was asked for, and what became of it.

    `order_id`: the payment provider's, by which it tells of the payment. `taxable_paise` goes to the wallet; with the
    taxes at `gst_percent` beside it is what is paid. `place_of_supply`: the GST number of a state. Paid: `payment_id`,
    `paid_at` and `invoice_number` are there, before: none.
    """

    topup_id: str
    org_id: str
    order_id: str
    taxable_paise: int
    gst_percent: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    place_of_supply: str
    created_at: int
    payment_id: str | None = None
    paid_at: int | None = None
    invoice_number: str | None = None

    @property
    def total_paise(self) -> int:
        """What is paid."""
        return self.taxable_paise + self.cgst_paise + self.sgst_paise + self.igst_paise


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """A tax invoice or credit note as it was issued: number `serial` of its series in its financial year.

    `content` is all that it says.
    """

    number: str
    series: str
    year: str
    serial: int
    org_id: str
    topup_id: str
    issued_at: int
    content: Mapping[str, Any]


class DiscrepancyKind(StrEnum):
    """What does not agree. Each is a statement of storage/sql/books.sql."""

    WALLET_BALANCE = "wallet_balance"
    WALLET_RESERVED = "wallet_reserved"
    RESERVATION_LEFT = "reservation_left"
    CALL_UNRESERVED = "call_unreserved"
    CALL_CHARGE = "call_charge"
    CHARGE_WITHOUT_CALL = "charge_without_call"
    PAYMENT = "payment"
    CREDIT_WITHOUT_PAYMENT = "credit_without_payment"
    INVOICE = "invoice"
    INVOICE_WITHOUT_PAYMENT = "invoice_without_payment"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Two things about money that should agree and do not: a defect, or a hand in the database.

    `subject`: the id of the wallet, call, payment or document. `expected` and `found` in paise, or, of a series,
    numbers; None: there is nothing to be compared.
    """

    kind: DiscrepancyKind
    org_id: str
    subject: str
    expected: int | None
    found: int | None
