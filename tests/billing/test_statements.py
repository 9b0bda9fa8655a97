"""Statements: months of India, lines that add up from the opening to the closing balance."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest

from b2bua.billing.documents import to_csv
from b2bua.billing.statement_pdf import to_pdf
from b2bua.billing.statements import (
    LineKind,
    Statement,
    StatementLine,
    bounds_of,
    day_of,
    month_of,
    months_between,
    sorted_lines,
)

DAY = date(2026, 11, 3)
LINES = (
    StatementLine(DAY, LineKind.TOPUP, 50_000, "pay_1", "INV/26-27/000001"),
    StatementLine(DAY, LineKind.CALLS, -1_550, calls=7),
    StatementLine(date(2026, 11, 30), LineKind.REFUND, -10_000, "rfnd_1", "CN/26-27/000001"),
)
STATEMENT = Statement("2026-11", "R&D <Logistics>", None, True, 700, 39_150, LINES)


def test_lines_add_up() -> None:
    found = STATEMENT.to_json()
    assert [row["balance"] for row in found["lines"]] == ["507.00", "491.50", "391.50"]
    assert (found["opening_balance"], found["closing_balance"], found["further"]) == ("7.00", "391.50", "0.00")
    assert (found["topups"], found["calls"], found["refunds"], found["debits"]) == (
        "500.00",
        "-15.50",
        "-100.00",
        "0.00",
    )


def test_the_table_leads_from_one_balance_to_the_other() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(STATEMENT.table()).decode())))
    assert [(row["date"], row["kind"], row["amount"], row["balance"]) for row in rows] == [
        ("2026-11-01", "opening", "", "7.00"),
        ("2026-11-03", "topup", "500.00", "507.00"),
        ("2026-11-03", "calls", "-15.50", "491.50"),
        ("2026-11-30", "refund", "-100.00", "391.50"),
        ("2026-11-30", "closing", "", "391.50"),
    ]


def test_what_there_are_no_lines_for_is_told_as_a_sum() -> None:
    longer = replace(STATEMENT, closing_paise=40_150)
    assert longer.to_json()["further"] == "10.00"
    assert [row["amount"] for row in longer.table()][-2:] == ["10.00", None]


def test_a_pdf_is_the_same_each_time_and_as_long_as_it_must_be() -> None:
    assert to_pdf(STATEMENT) == to_pdf(STATEMENT)
    assert to_pdf(STATEMENT).startswith(b"%PDF-")
    long = replace(STATEMENT, lines=LINES[:1] * 120, gstin="29ABCDE1234F1ZW", complete=False)
    assert to_pdf(long).count(b"/Type /Page\n") > 2


def test_payments_stand_before_the_calls_of_their_day() -> None:
    assert sorted_lines([LINES[1], LINES[2], LINES[0]]) == LINES


def test_months_are_indias() -> None:
    begins, ends = bounds_of("2026-12")
    assert month_of(begins) == "2026-12"
    assert month_of(begins - 1) == "2026-11"
    assert month_of(ends) == "2027-01"
    assert (begins + 19_800_000) % 86_400_000 == 0
    assert day_of(20_090) == date(2025, 1, 2)
    assert months_between("2026-11", "2027-01") == ["2027-01", "2026-12", "2026-11"]


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "26-01", "2026-11-01", "x", "٢٠٢٦-11"])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|match|unconverted"):
        bounds_of(text)
