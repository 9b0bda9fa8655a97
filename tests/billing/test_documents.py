"""Invoices and credit notes as JSON, CSV and PDF."""

import csv
import io
import json
from dataclasses import replace
from datetime import date

import pytest

from b2bua.billing.documents import BilledParty, DocumentKind, TaxDocument, flat, from_record, rupees, to_csv
from b2bua.billing.pdf import to_pdf
from b2bua.billing.tax import tax_on

INVOICE = TaxDocument(
    kind=DocumentKind.INVOICE,
    number="INV/26-27/000001",
    day=date(2026, 11, 26),
    supplier=BilledParty("Example Telecom Private Limited", "1 MG Road, Bengaluru 560001", "29", "29ABCDE1234F1ZW"),
    customer=BilledParty("R&D <Logistics>", "", "27", None),
    description="Prepaid calling credit",
    sac="998419",
    place_of_supply="27",
    tax=tax_on(1_000_00, 18, "29", "27"),
    reference="pay_29QQoUBi66xm2f",
)


def test_a_document_is_kept_as_it_was() -> None:
    assert from_record(json.loads(json.dumps(INVOICE.to_record()))) == INVOICE
    note = replace(INVOICE, kind=DocumentKind.CREDIT_NOTE, against=INVOICE.number)
    assert from_record(json.loads(json.dumps(note.to_record()))) == note


def test_json_has_all_that_rule_46_asks_for() -> None:
    found = INVOICE.to_json()
    assert found["place_of_supply"] == "27 Maharashtra"
    assert (found["taxable_value"], found["igst"], found["cgst"], found["sgst"]) == (
        "1000.00",
        "180.00",
        "0.00",
        "0.00",
    )
    assert found["total"] == "1180.00"
    assert found["total_in_words"] == "Rupees One Thousand One Hundred Eighty Only"
    assert found["supplier"]["gstin"] == "29ABCDE1234F1ZW"
    assert found["reverse_charge"] is False


def test_csv_is_a_row_a_document() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([flat(INVOICE), flat(INVOICE)]).decode())))
    assert len(rows) == 2
    assert rows[0]["number"] == INVOICE.number
    assert rows[0]["customer_name"] == "R&D <Logistics>"
    assert rows[0]["customer_gstin"] == ""


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1+1", "@x", "-1+2"])
def test_no_cell_is_a_formula(name: str) -> None:
    document = replace(INVOICE, customer=replace(INVOICE.customer, name=name))
    (row,) = csv.DictReader(io.StringIO(to_csv([flat(document)]).decode()))
    assert row["customer_name"] == f"'{name}"


def test_amounts_below_nothing_stay_numbers() -> None:
    assert to_csv([{"amount": rupees(-1250)}]) == b"amount\r\n-12.50\r\n"
    assert to_csv([]) == b""


def test_a_pdf_is_one_page_and_the_same_each_time() -> None:
    pdf = to_pdf(INVOICE)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
    assert to_pdf(INVOICE) == pdf
    assert to_pdf(replace(INVOICE, number="INV/26-27/000002")) != pdf
