"""Statements and the ledger over the API: they add up, are nobody else's, and are whole however long."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from b2bua.billing.statements import month_of
from storage.person_records import Role
from storage.units import UnitOfWork
from tests.support.api_world import ORG, OTHER_ORG, ApiWorld, api_world
from tests.support.signed_in import SignedIn, somebody

STATEMENTS = "/v1/account/statements"
LEDGER = "/v1/account/ledger"
DAY_MS = 86_400_000
# 1 and 2 January 2025, 00:00 by Indian time.
NEW_YEAR_MS = 1_735_669_800_000
SECOND_MS = NEW_YEAR_MS + DAY_MS


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.fixture
async def clerk(world: ApiWorld) -> SignedIn:
    return await somebody(world, Role.FINANCE)


async def fill(world: ApiWorld) -> int:
    """December and January: the balance before both."""
    before = (await world.store.read(lambda reader: reader.wallet(ORG))).balance_paise

    def work(unit: UnitOfWork) -> None:
        unit.ledger.credit("credit:a", ORG, 1_000, "first", NEW_YEAR_MS - 1)
        unit.ledger.credit("credit:b", ORG, 2_000, "=1+1", NEW_YEAR_MS)
        for number, at in enumerate((NEW_YEAR_MS + 1, SECOND_MS - 1, SECOND_MS, SECOND_MS)):
            unit.ledger.reserve(f"reserve:{number}", ORG, f"call-{number}", 150, at)
            if number == 3:
                unit.ledger.void(f"void:{number}", f"call-{number}", at)
            else:
                unit.ledger.capture(f"capture:{number}", f"call-{number}", 150, at)
        unit.ledger.debit("debit:c", ORG, 50, None, SECOND_MS + 1)

    await world.store.run(work)
    return before


async def test_a_month_leads_from_one_balance_to_the_other(world: ApiWorld, clerk: SignedIn) -> None:
    before = await fill(world)
    found = (await clerk.send("GET", f"{STATEMENTS}/2025-01")).json["data"]
    lines = [(row["date"], row["kind"], row["amount"], row["calls"]) for row in found["lines"]]
    assert lines[:3] == [
        ("2025-01-01", "credit", "20.00", None),
        ("2025-01-01", "calls", "-3.00", 2),
        ("2025-01-02", "debit", "-0.50", None),
    ]
    assert lines[3][:3] == ("2025-01-02", "calls", "-1.50")
    december = (await clerk.send("GET", f"{STATEMENTS}/2024-12")).json["data"]
    assert december["closing_balance"] == found["opening_balance"]
    assert found["complete"] is False
    assert december["complete"] is True
    now = (await world.store.read(lambda reader: reader.wallet(ORG))).balance_paise
    assert now == before + 3_000 - 450 - 50
    assert round(float(found["closing_balance"]) * 100) == now


async def test_a_statement_is_pdf_and_csv(world: ApiWorld, clerk: SignedIn) -> None:
    await fill(world)
    pdf = await clerk.send("GET", f"{STATEMENTS}/2025-01/pdf")
    assert (pdf.status, pdf.headers["Content-Type"], pdf.body[:5]) == (200, "application/pdf", b"%PDF-")
    table = await clerk.send("GET", f"{STATEMENTS}/2025-01/csv")
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert (rows[0]["kind"], rows[-1]["kind"], len(rows)) == ("opening", "closing", 6)
    assert rows[1]["reference"] == "'=1+1"


async def test_there_are_statements_from_the_first_month_to_this_one(world: ApiWorld, clerk: SignedIn) -> None:
    months = (await clerk.send("GET", STATEMENTS)).json
    assert months["data"][0] == {"month": "2025-01", "complete": False}
    last = (await clerk.send("GET", STATEMENTS, params={"page": str(months["meta"]["total_pages"])})).json["data"]
    assert len(last) == months["meta"]["total"] % 20
    first_month = await world.store.read(lambda reader: reader.organisation(ORG).created_at)
    assert last[-1]["month"] == month_of(first_month)
    assert (await clerk.send("GET", f"{STATEMENTS}/{last[-1]['month']}")).status == 200
    for missing in ("2025-02", "1969-12", "x", "2025-1", "2025-02/pdf", "x/csv"):
        assert (await clerk.send("GET", f"{STATEMENTS}/{missing}")).status == 404


async def test_the_ledger_is_paged_newest_first(world: ApiWorld, clerk: SignedIn) -> None:
    await fill(world)
    reply = (await clerk.send("GET", LEDGER, params={"per_page": "2"})).json
    assert [row["transfer_id"] for row in reply["data"]] == ["debit:c", "void:3"]
    assert reply["data"][0]["balance_change"] == "-0.50"
    assert (reply["data"][1]["call_sid"], reply["data"][1]["reserved_change"]) == ("call-3", "-1.50")
    params = {"start_date": "2024-12-31T18:30:00Z", "end_date": "2024-12-31T18:30:00Z"}
    day = (await clerk.send("GET", LEDGER, params=params)).json
    assert [row["transfer_id"] for row in day["data"]] == ["capture:0", "reserve:0", "credit:b"]
    assert day["meta"]["total"] == 3
    for wrong in ({"start_date": "today"}, {"page": "0"}):
        assert (await clerk.send("GET", LEDGER, params=wrong)).status == 400


@pytest.mark.parametrize("more", [0, 992, 1_500])
async def test_the_ledger_is_exported_whole_and_in_order(world: ApiWorld, clerk: SignedIn, more: int) -> None:
    await fill(world)

    def work(unit: UnitOfWork) -> None:
        for number in range(more):
            unit.ledger.credit(f"credit:{number}", ORG, 1, None, NEW_YEAR_MS + 5)
        unit.ledger.credit("credit:other", OTHER_ORG, 1, None, NEW_YEAR_MS)

    await world.store.run(work)
    params = {"start_date": "2024-12-31T18:29:59Z"}
    reply = await clerk.send("GET", f"{LEDGER}/csv", params=params)
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(rows) == 11 + more
    assert len({row["transfer_id"] for row in rows}) == len(rows)
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[0]["transfer_id"] == "credit:a"


async def test_an_empty_ledger_has_its_heads(clerk: SignedIn) -> None:
    reply = await clerk.send("GET", f"{LEDGER}/csv", params={"start_date": "2030-01-01T00:00:00Z"})
    assert reply.body.decode() == "transfer_id,at,kind,call_sid,reference,balance_change,reserved_change\r\n"
