"""Monthly statements: what a wallet had, what came and went, what it had then. Days and months are India's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from b2bua.billing.documents import rupees
from b2bua.billing.serials import IST

IST_OFFSET_MS: Final = 19_800_000
_DECEMBER: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LineKind(StrEnum):
    """What a line of a statement is about."""

    TOPUP = "topup"
    CREDIT = "credit"
    REFUND = "refund"
    DEBIT = "debit"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """What changed the balance: one payment, or all calls of a day (`calls`: how many)."""

    day: date
    kind: LineKind
    paise: int
    reference: str | None = None
    document: str | None = None
    calls: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of a wallet. `complete`: the month is over. `further_paise`: what more moved than there are lines for."""

    month: str
    customer: str
    gstin: str | None
    complete: bool
    opening_paise: int
    closing_paise: int
    lines: tuple[StatementLine, ...]

    @property
    def further_paise(self) -> int:
        """Nothing, but for a month with more lines than a statement has."""
        return self.closing_paise - self.opening_paise - sum(line.paise for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """As the API gives it; amounts in rupees with two decimals."""
        sums = {kind: sum(line.paise for line in self.lines if line.kind is kind) for kind in LineKind}
        return {
            "month": self.month,
            "complete": self.complete,
            "customer": self.customer,
            "gstin": self.gstin,
            "currency": "INR",
            "opening_balance": rupees(self.opening_paise),
            "topups": rupees(sums[LineKind.TOPUP]),
            "credits": rupees(sums[LineKind.CREDIT]),
            "refunds": rupees(sums[LineKind.REFUND]),
            "debits": rupees(sums[LineKind.DEBIT]),
            "calls": rupees(sums[LineKind.CALLS]),
            "further": rupees(self.further_paise),
            "closing_balance": rupees(self.closing_paise),
            "lines": self.rows(),
        }

    def rows(self) -> list[dict[str, object]]:
        """The lines as rows of a table, each with the balance after it."""
        found: list[dict[str, object]] = []
        balance = self.opening_paise
        for line in self.lines:
            balance += line.paise
            found.append(
                {
                    "date": line.day.isoformat(),
                    "kind": str(line.kind),
                    "reference": line.reference,
                    "document": line.document,
                    "calls": line.calls,
                    "amount": rupees(line.paise),
                    "balance": rupees(balance),
                }
            )
        return found

    def table(self) -> list[dict[str, object]]:
        """The same between the opening and the closing balance, as CSV has it."""
        begins, ends = bounds_of(self.month)
        last = day_of((ends + IST_OFFSET_MS) // 86_400_000 - 1)
        first = day_of((begins + IST_OFFSET_MS) // 86_400_000)
        rows = [_bare(first, "opening", self.opening_paise), *self.rows()]
        if self.further_paise:
            rows.append({**_bare(last, "further", self.closing_paise), "amount": rupees(self.further_paise)})
        return [*rows, _bare(last, "closing", self.closing_paise)]


def sorted_lines(lines: Sequence[StatementLine]) -> tuple[StatementLine, ...]:
    """By day; the calls of a day behind its payments."""
    return tuple(sorted(lines, key=lambda line: (line.day, line.kind is LineKind.CALLS)))


def month_of(at_ms: int) -> str:
    """The month of an instant: "2026-11"."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(IST).strftime("%Y-%m")


def bounds_of(month: str) -> tuple[int, int]:
    """The first millisecond of a month, and the first after it. ValueError where it is none."""
    begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=IST)
    if month != begins.strftime("%Y-%m"):
        raise ValueError("not a month")
    return _ms_of(begins), _ms_of(_next(begins))


def months_between(first: str, last: str) -> list[str]:
    """Both and all between, the last one first."""
    begins = datetime.strptime(first, "%Y-%m").replace(tzinfo=IST)
    found: list[str] = []
    while begins.strftime("%Y-%m") <= last:
        found.append(begins.strftime("%Y-%m"))
        begins = _next(begins)
    return found[::-1]


def day_of(days: int) -> date:
    """The day so many days after the first of 1970."""
    return _EPOCH.date() + timedelta(days=days)


def _next(begins: datetime) -> datetime:
    if begins.month == _DECEMBER:
        return begins.replace(year=begins.year + 1, month=1)
    return begins.replace(month=begins.month + 1)


def _ms_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _bare(day: date, kind: str, balance_paise: int) -> dict[str, object]:
    nothing = dict.fromkeys(("reference", "document", "calls", "amount"))
    return {"date": day.isoformat(), "kind": kind, **nothing, "balance": rupees(balance_paise)}
