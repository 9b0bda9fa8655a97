"""What goes in and out about statements and the ledger."""

from typing import Final

from pydantic import Field

from b2bua.billing.documents import rupees
from b2bua.billing.serials import day_in_india
from b2bua.billing.statements import (
    LineKind,
    Statement,
    StatementLine,
    day_of,
    month_of,
    sorted_lines,
)
from control_api.account_bodies import PageQuery
from control_api.schemas import ListMeta, Moment, Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from storage.billing_records import MonthEntry, MonthOfWallet, Transfer
from storage.records import Organisation

_HOLD: Final = "refund:"
_KINDS: Final = (("topup:", LineKind.TOPUP), ("refund:", LineKind.REFUND))


class LedgerPeriodQuery(Wire):
    """Which period; both dates are inclusive, to the second."""

    start_date: Moment | None = Field(default=None, description="Default: the beginning")
    end_date: Moment | None = Field(default=None, description="Default: now")

    def period(self) -> tuple[int, int]:
        """First millisecond of the period, and the first after it."""
        start = 0 if self.start_date is None else self.start_date // 1000 * 1000
        return start, 2**62 if self.end_date is None else self.end_date // 1000 * 1000 + 1000


class LedgerQuery(LedgerPeriodQuery, PageQuery):
    """The same, and which page of it."""


class TransferView(Wire):
    """A movement of the ledger; amounts in rupees with two decimals.

    `kind`: `credit` and `debit` change the balance; `reserve` and `extend` set money aside, `capture` takes the charge
    of a call and gives the rest back, `void` gives all back.
    """

    transfer_id: str
    at: Timestamp
    kind: str
    call_sid: str | None
    reference: str | None
    balance_change: str
    reserved_change: str


class StatementMonthView(Wire):
    """A month that there is a statement of."""

    month: str
    complete: bool = Field(description="Whether the month is over")


class StatementLineView(Wire):
    """A payment, a correction, or all charged calls of a day."""

    date: str
    kind: LineKind
    reference: str | None
    document: str | None = Field(description="The number of the invoice or credit note")
    calls: int | None
    amount: str
    balance: str = Field(description="After it")


class StatementView(Wire):
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
    further: str = Field(description="What moved beyond the first 10000 payments of a month")
    closing_balance: str
    lines: list[StatementLineView]


LedgerReply: Final = enveloped("LedgerReply", list[TransferView], ListMeta)
StatementsReply: Final = enveloped("StatementsReply", list[StatementMonthView], ListMeta)
StatementReply: Final = enveloped("StatementReply", StatementView)


def transfer_representation(transfer: Transfer) -> dict[str, object]:
    """A movement of the ledger."""
    of_call = transfer.call_id is not None and not transfer.call_id.startswith(_HOLD)
    return {
        "transfer_id": transfer.transfer_id,
        "at": render_timestamp(transfer.created_at),
        "kind": transfer.kind,
        "call_sid": transfer.call_id if of_call else None,
        "reference": transfer.reference,
        "balance_change": rupees(transfer.balance_change),
        "reserved_change": rupees(transfer.reserved_change),
    }


def statement_of(organisation: Organisation, month: str, wallet: MonthOfWallet, now_ms: int) -> Statement:
    """A month of an organisation's wallet."""
    calls = (
        StatementLine(day_of(day.days), LineKind.CALLS, -day.charged_paise, calls=day.calls) for day in wallet.days
    )
    return Statement(
        month,
        organisation.name,
        organisation.gstin,
        month < month_of(now_ms),
        wallet.opening_paise,
        wallet.closing_paise,
        sorted_lines([*map(_line, wallet.entries), *calls]),
    )


def _line(entry: MonthEntry) -> StatementLine:
    usual = LineKind.CREDIT if entry.balance_change > 0 else LineKind.DEBIT
    kind = next((kind for prefix, kind in _KINDS if entry.transfer_id.startswith(prefix)), usual)
    return StatementLine(day_in_india(entry.at), kind, entry.balance_change, entry.reference, entry.document)
