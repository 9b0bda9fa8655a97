"""Tax invoices, credit notes and monthly statements: frozen when they are issued, and kept as they were."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from b2bua.billing.gstin import STATES
from b2bua.billing.tax import Tax
from b2bua.billing.words import rupees_in_words


class DocumentKind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class BilledParty:
    """One side of a document. `state`: its GST number; `gstin` None: not registered."""

    name: str
    address: str
    state: str
    gstin: str | None


@dataclass(frozen=True, slots=True)
class TaxDocument:
    """A tax invoice, or a credit note against one (`against`: its number).

    `sac`: the services accounting code. `place_of_supply`: the GST number of a state. `reference`: what paid for it.
    """

    kind: DocumentKind
    number: str
    day: date
    supplier: BilledParty
    customer: BilledParty
    description: str
    sac: str
    place_of_supply: str
    tax: Tax
    reference: str
    against: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the API gives it; amounts in rupees with two decimals, and what follows from them."""
        tax = self.tax
        return {
            "kind": str(self.kind),
            "number": self.number,
            "date": self.day.isoformat(),
            "supplier": _party(self.supplier),
            "customer": _party(self.customer),
            "description": self.description,
            "sac": self.sac,
            "place_of_supply": f"{self.place_of_supply} {STATES[self.place_of_supply]}",
            "taxable_value": rupees(tax.taxable_paise),
            "gst_percent": tax.percent,
            "cgst": rupees(tax.cgst_paise),
            "sgst": rupees(tax.sgst_paise),
            "igst": rupees(tax.igst_paise),
            "total": rupees(tax.total_paise),
            "total_in_words": rupees_in_words(tax.total_paise),
            "reverse_charge": False,
            "reference": self.reference,
            "against": self.against,
        }

    def to_record(self) -> dict[str, Any]:
        """As the store keeps it; `from_record` reads it."""
        return {**asdict(self), "kind": str(self.kind), "day": self.day.isoformat()}


def from_record(record: Mapping[str, Any]) -> TaxDocument:
    """What `to_record` wrote."""
    return TaxDocument(
        **{
            **record,
            "kind": DocumentKind(record["kind"]),
            "day": date.fromisoformat(record["day"]),
            "supplier": BilledParty(**record["supplier"]),
            "customer": BilledParty(**record["customer"]),
            "tax": Tax(**record["tax"]),
        }
    )


def rupees(paise: int) -> str:
    """Rupees with two decimals: "-12.50"."""
    whole, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}{whole}.{rest:02}"


def to_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows of one shape as CSV (RFC 4180) in UTF-8 under their heads. What a spreadsheet would take for a formula is
    quoted with an apostrophe."""
    return csv_heads(rows[0]) + csv_rows(rows) if rows else b""


def csv_heads(names: Iterable[str]) -> bytes:
    """The heads alone."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow(names)
    return out.getvalue().encode()


def csv_rows(rows: Iterable[Mapping[str, object]]) -> bytes:
    """The rows alone."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_harmless(value) for value in row.values()] for row in rows)
    return out.getvalue().encode()


def flat(document: TaxDocument) -> dict[str, object]:
    """A document as one row of a table."""
    found = document.to_json()
    for side in ("supplier", "customer"):
        found.update({f"{side}_{name}": value for name, value in found.pop(side).items()})
    return found


def _harmless(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t", "\r", "-"):
        try:
            float(value)
        except ValueError:
            return f"'{value}"
    return "" if value is None else value


def _party(party: BilledParty) -> dict[str, Any]:
    return {
        "name": party.name,
        "address": party.address,
        "state": f"{party.state} {STATES[party.state]}",
        "gstin": party.gstin,
    }
