"""What the store keeps of payments and of tax documents. Times are UTC in Unix milliseconds, money integer paise."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple


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


WALLET_SUBJECT: Final = "wallet:"


class DocumentKind(StrEnum):
    """What a tax document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


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
    kind: DocumentKind = DocumentKind.INVOICE


class TaxParts(NamedTuple):
    """An amount with its taxes, in paise: `taxable_paise` is what a wallet has of it."""

    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int

    @property
    def total_paise(self) -> int:
        """What is paid."""
        return sum(self)


class RefundState(StrEnum):
    """What became of a refund."""

    ASKED = "asked"
    PROCESSED = "processed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refund:
    """A payment, or a part of one, that is to be paid back. `reference` is the operator's, one for each refund of a
    payment; `provider_refund_id` the payment provider's, once it has it.

    Processed: `settled_at`, `debited_paise` and `credit_note_number` are there. `debited_paise` is less than the net
    amount only where a refund that was made elsewhere had been spent before.
    """

    refund_id: str
    org_id: str
    topup_id: str
    reference: str
    reason: str
    parts: TaxParts
    created_at: int
    state: RefundState = RefundState.ASKED
    provider_refund_id: str | None = None
    settled_at: int | None = None
    debited_paise: int | None = None
    credit_note_number: str | None = None


class NoteKind(StrEnum):
    """What a credit note by the operator is for."""

    CORRECTION = "correction"
    GOODWILL = "goodwill"


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note by the operator. A correction is about a `topup_id`, goodwill about none, and has no tax."""

    number: str
    org_id: str
    kind: NoteKind
    topup_id: str | None
    reference: str
    reason: str
    parts: TaxParts
    created_at: int


class Transfer(NamedTuple):
    """A movement of the ledger, as it was made: the `row`-th of all. `call_id` may be a refund's hold."""

    row: int
    transfer_id: str
    kind: str
    call_id: str | None
    reference: str | None
    balance_change: int
    reserved_change: int
    created_at: int


class MonthEntry(NamedTuple):
    """A credit or debit of a month. `document`: the number of its invoice or credit note."""

    at: int
    transfer_id: str
    kind: str
    reference: str | None
    balance_change: int
    document: str | None


class CallDay(NamedTuple):
    """The charged calls of a day, which is so many days after the first of 1970."""

    days: int
    calls: int
    charged_paise: int


class MonthOfWallet(NamedTuple):
    """What a wallet had at the beginning and the end of a month, and what moved between."""

    opening_paise: int
    closing_paise: int
    entries: tuple[MonthEntry, ...]
    days: tuple[CallDay, ...]


class LowBalance(NamedTuple):
    """A balance that fell below its organisation's threshold: the `sequence`-th time that this one's did."""

    crossing_id: int
    org_id: str
    name: str
    balance_paise: int
    threshold_paise: int
    crossed_at: int
    sequence: int


@dataclass(frozen=True, slots=True)
class WalletEvent:
    """A fact about a wallet to be told: its balance is low. Numbered 1, 2, 3 ... per organisation."""

    event_id: str
    org_id: str
    sequence: int
    created_at: int
    balance_paise: int
    threshold_paise: int

    @property
    def call_id(self) -> str:
        """What stands in place of a call's where events and deliveries are kept in order."""
        return WALLET_SUBJECT + self.org_id


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
    REFUND = "refund"
    REFUND_SPENT = "refund_spent"
    REFUND_WAITING = "refund_waiting"
    DEBIT_WITHOUT_REFUND = "debit_without_refund"
    CREDIT_NOTE = "credit_note"
    CREDIT_NOTE_OF_NOTHING = "credit_note_of_nothing"
    NOTE = "note"
    TRANSFER_WITHOUT_NOTE = "transfer_without_note"
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
