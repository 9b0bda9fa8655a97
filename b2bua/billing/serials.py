"""Financial years, and the numbers of documents: consecutive in each year, at most sixteen characters (rule 46 of the
CGST Rules)."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from b2bua.billing.errors import SerialTooLong

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
_APRIL: Final = 4
_NUMBER_MAX: Final = 16
_DIGITS: Final = 6


def day_in_india(at_ms: int) -> date:
    """The day of an instant in Unix milliseconds, by Indian time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(IST).date()


def financial_year(day: date) -> str:
    """The year from April to March that a day lies in: "26-27"."""
    begins = day.year if day.month >= _APRIL else day.year - 1
    return f"{begins % 100:02}-{(begins + 1) % 100:02}"


def last_day_of_tax_notes(supplied: date) -> date:
    """Until when a credit note may change the tax of a supply: 30 November after its financial year has ended (section
    34(2) of the CGST Act). The annual return, which may end it earlier, is not known here."""
    return date(supplied.year + (1 if supplied.month >= _APRIL else 0), 11, 30)


def document_number(prefix: str, year: str, serial: int) -> str:
    """The number on a document: "INV/26-27/000001"; the serial grows beyond six digits where there is room.
    SerialTooLong, ValueError for a serial below 1."""
    if serial < 1:
        raise ValueError("serial numbers begin with 1")
    number = f"{prefix}/{year}/{serial:0{_DIGITS}}"
    if len(number) > _NUMBER_MAX:
        raise SerialTooLong(f"{number} has more than {_NUMBER_MAX} characters: the prefix must be shorter")
    return number
