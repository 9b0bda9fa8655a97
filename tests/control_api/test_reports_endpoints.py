"""Call logs, totals and the wallet."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from b2bua.billing.documents import csv_rows
from control_api import tables
from control_api.routes import call_logs, statements
from storage.records import CallRecord, CallStatus
from storage.units import Reader
from tests.support.api_world import BODY, ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.stored import given

LOGS = "/v1/masking/call-logs"
STATS = "/v1/masking/stats"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def ids(world: ApiWorld, query: str = "") -> list[str]:
    reply = await world.get(LOGS + query)
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.json["data"]]


async def test_pages_newest_first(world: ApiWorld) -> None:
    placed = []
    for _ in range(5):
        placed.append(await world.place())
        world.clock.advance(1)
    assert await ids(world) == placed[::-1]
    reply = await world.get(LOGS + "?page=2&per_page=2")
    assert [row["id"] for row in reply.json["data"]] == [placed[2], placed[1]]
    meta = reply.json["meta"]
    assert (meta["total"], meta["page"], meta["per_page"], meta["total_pages"]) == (5, 2, 2, 3)
    assert meta["request_id"] == reply.headers["X-Request-Id"]


async def table(world: ApiWorld, query: str = "", key: str | None = None) -> list[dict[str, str]]:
    reply = await world.get(f"{LOGS}/csv{query}", **({} if key is None else {"key": key}))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv; charset=utf-8"), reply.body
    return list(csv.DictReader(io.StringIO(reply.body.decode())))


async def test_the_log_as_a_table_is_the_list_whole(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_logs, "ROWS_AT_ONCE", 2)
    for number in range(5):
        await world.place(reference=f"=r{number}")
        world.clock.advance(number % 2)
    listed = (await world.get(LOGS + "?per_page=100")).json["data"]
    rows = await table(world)
    assert [row["call_sid"] for row in rows] == [call["call_sid"] for call in listed]
    for row, call in zip(rows, listed, strict=True):
        shown = {name: call[name] for name in row if name not in ("test", "reference")}
        assert {name: row[name] for name in shown} == {
            name: "" if it is None else str(it) for name, it in shown.items()
        }
        assert row["reference"] == f"'{call['reference']}", "no spreadsheet takes it for a formula"
        assert row["test"] == "false"
    assert [row["reference"] for row in await table(world, "?reference=%3Dr3")] == ["'=r3"]


async def test_a_table_of_no_calls_has_its_heads(world: ApiWorld) -> None:
    await world.place()
    heads = (await world.get(LOGS + "/csv?status=failed")).body.decode()
    assert heads.startswith("call_sid,caller_number,target_number,masked_number,")
    assert heads.count("\r\n") == 1
    assert await table(world, key=OTHER_KEY) == []
    assert (await world.get(LOGS + "/csv?status=none")).status == 400


async def test_however_many_tables_are_had_one_piece_is_made_in_a_turn_of_the_loop(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, made_in = 0, []

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def counted(rows: Iterable[Mapping[str, object]]) -> bytes:
        made_in.append(turn)
        return csv_rows(rows)

    for module in (call_logs, statements):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
        monkeypatch.setattr(module, "csv_rows", counted)
    for number in range(4):
        await world.place()
        await world.store.run(given(number, lambda unit, n: unit.ledger.credit(f"t{n}", ORG, 100, "r", n)))
    counting = asyncio.create_task(count_turns())
    tables = await asyncio.gather(*(world.get(path) for path in (LOGS + "/csv", "/v1/account/ledger/csv") * 8))
    counting.cancel()
    lines = [table.body.count(b"\r\n") for table in tables]
    assert set(lines[::2]) == {5}
    assert min(lines[1::2]) >= 5
    assert len(made_in) == sum(lines) - len(lines) == len(set(made_in))


@pytest.mark.parametrize("is_revoked", [True, False])
async def test_a_revoked_key_gets_no_more_of_a_table(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, is_revoked: bool
) -> None:
    before = Reader.calls_before

    def read_on(reader: Reader, *asked: Any) -> list[CallRecord]:
        world.clock.advance(tables.LOOK_AGAIN_S)
        return before(reader, *asked)

    monkeypatch.setattr(call_logs, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(Reader, "calls_before", read_on)
    key = await world.add_key("7")
    found = (await world.store.read(lambda reader: reader.keys(ORG)))[-1]
    for _ in range(3):
        await world.place()
    at = world.clock.wall_ms() + round(2.5 * tables.LOOK_AGAIN_S * 1000)
    if is_revoked:  # while it is had
        await world.store.run(lambda unit: unit.accounts.revoke_key(found.key_id, at))
        with pytest.raises(ClientPayloadError):
            await world.get(LOGS + "/csv", key=key)
    else:
        assert (await world.get(LOGS + "/csv", key=key)).body.count(b"\r\n") == 4


@pytest.mark.parametrize("path", [LOGS + "/csv", "/v1/account/ledger/csv"])
async def test_what_a_table_would_be_is_told_without_a_body(world: ApiWorld, path: str) -> None:
    await world.place()
    told = await world.send("HEAD", path)
    assert (told.status, told.headers["Content-Type"], told.body) == (200, "text/csv; charset=utf-8", b"")
    assert (await world.get(LOGS)).status == 200  # on the same connection, where a body would be taken for its reply


async def test_those_alone_that_are_not_over(world: ApiWorld) -> None:
    over, live = await world.place(), await world.place()
    await world.finish(over)
    assert await ids(world, "?live=true") == [live]
    assert await ids(world, "?live=true&test=true") == []
    assert sorted(await ids(world, "?live=false")) == sorted((live, over))


async def test_past_the_end_is_empty(world: ApiWorld) -> None:
    await world.place()
    for page in ("2", "9" * 18, "9" * 19, "9" * 400):
        reply = await world.get(f"{LOGS}?page={page}")
        assert (reply.status, reply.json["data"]) == (200, [])
        assert (reply.json["meta"]["total"], reply.json["meta"]["page"]) == (1, int(page))


async def test_an_empty_log_has_no_pages(world: ApiWorld) -> None:
    meta = (await world.get(LOGS)).json["meta"]
    assert (meta["total"], meta["total_pages"], meta["page"], meta["per_page"]) == (0, 0, 1, 20)


async def test_per_page_is_clamped(world: ApiWorld) -> None:
    assert (await world.get(LOGS + "?per_page=100")).json["meta"]["per_page"] == 100
    for per_page in ("101", "5000", "9" * 30):
        assert (await world.get(f"{LOGS}?per_page={per_page}")).json["meta"]["per_page"] == 100


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=", "page"),
        ("page=1.5", "page"),
        ("page=one", "page"),
        ("page=%D9%A1", "page"),
        ("per_page=0", "per_page"),
        ("per_page=-5", "per_page"),
        ("page=1&page=2", "page"),
        ("status=", "status"),
        ("status=talking", "status"),
        ("start_date=yesterday", "start_date"),
        ("start_date=", "start_date"),
        ("start_date=2025-02-30T00:00:00Z", "start_date"),
        ("end_date=2025-01-01T00:00:00", "end_date"),
        ("end_date=1735689600", "end_date"),
        ("end_date=0000-01-01T00:00:00Z", "end_date"),
        ("reference=a%00b", "reference"),
        ("party=", "party"),
        ("live=yes", "live"),
    ],
)
async def test_a_bad_value_is_400(world: ApiWorld, query: str, field: str) -> None:
    reply = await world.get(f"{LOGS}?{query}")
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["field"]) == (
        400,
        "invalid_request",
        field,
    )


async def test_filters(world: ApiWorld) -> None:
    first = await world.place(reference="one")
    second = await world.place(reference="two", party_a="9123456789")
    await world.finish(second)
    assert await ids(world, "?status=completed") == [second]
    assert await ids(world, "?status=in-progress") == []
    assert await ids(world, "?reference=one") == [first]
    assert set(await ids(world, "?party=9876543211")) == {first, second}
    assert await ids(world, "?party=%2B91%2091234-56789") == [second]
    assert await ids(world, "?party=+919123456789") == [second], "a plus that was not encoded"
    assert await ids(world, "?party=9123456789&reference=one") == []
    assert await ids(world, "?party=sip:desk@pbx.example") == [], "what is no number is a condition too"


async def test_dates_are_exclusive_as_they_are_shown(world: ApiWorld) -> None:
    world.clock.advance(0.4)
    early = await world.place()
    world.clock.advance(1)
    late = await world.place()
    shown = [row["started_at"] for row in (await world.get(LOGS)).json["data"]]
    assert shown == ["2025-01-01T12:00:01Z", "2025-01-01T12:00:00Z"]
    assert await ids(world, f"?start_date={shown[1]}") == [late]
    assert await ids(world, f"?end_date={shown[0]}") == [early]
    assert await ids(world, f"?start_date={shown[1]}&end_date={shown[0]}") == []
    assert set(await ids(world, "?start_date=2025-01-01T17:29:59%2B05:30")) == {early, late}
    assert set(await ids(world, "?start_date=2025-01-01T17:29:59+05:30")) == {early, late}


@pytest.mark.parametrize("fraction", ["0000001", "0004", "001", "5", "9999999"])
async def test_a_date_within_a_second_is_after_what_is_shown_as_started_in_it(world: ApiWorld, fraction: str) -> None:
    call = await world.place()
    shown = (await world.get(LOGS)).json["data"][0]["started_at"]
    within = f"{shown[:-1]}.{fraction}Z"
    assert await ids(world, f"?end_date={within}") == [call]
    assert await ids(world, f"?start_date={within}") == []
    totals = [(await world.get(f"{STATS}?{date}={within}")).json["data"] for date in ("start_date", "end_date")]
    assert [data["total_calls"] for data in totals] == [0, 1]


async def test_another_organisation_sees_its_own_calls(world: ApiWorld) -> None:
    await world.place()
    reply = await world.get(LOGS, key=OTHER_KEY)
    assert (reply.json["data"], reply.json["meta"]["total"]) == ([], 0)


async def test_totals(world: ApiWorld) -> None:
    done, failed, missed = [await world.place() for _ in range(3)]
    await world.place()
    await world.finish(done)
    nothing = {
        "answered_at": None,
        "duration_s": 0,
        "bill_duration_s": 0,
        "price_paise": 0,
        "hangup_party": "system",
    }
    await world.finish(failed, status=CallStatus.FAILED, hangup_cause="b_busy", **nothing)
    never = {"a_answered_at": None, "hangup_cause": "no_answer"}
    await world.finish(missed, status=CallStatus.NO_ANSWER, **(nothing | never))
    data = (await world.get(STATS)).json["data"]
    assert data == {
        "total_sessions": data["total_sessions"],
        "active_sessions": data["active_sessions"],
        "total_mappings": data["total_mappings"],
        "total_calls": 4,
        "total_minutes": 2,
        "total_cost": 3,
        "answered_calls": 1,
        "failed_calls": 2,
    }


async def test_the_period_is_inclusive_as_it_is_shown(world: ApiWorld) -> None:
    world.clock.advance(0.7)
    await world.place()
    at = "2025-01-01T12:00:00Z"

    async def total(query: str) -> int:
        return int((await world.get(STATS + query)).json["data"]["total_calls"])

    assert await total(f"?start_date={at}&end_date={at}") == 1
    assert await total("?start_date=2025-01-01T12:00:01Z") == 0
    assert await total("?end_date=2025-01-01T11:59:59Z") == 0
    assert await total(f"?end_date={at}") == 1


async def test_the_default_is_the_last_30_days(world: ApiWorld) -> None:
    await world.place()
    world.clock.advance(30 * 86_400)
    assert (await world.get(STATS)).json["data"]["total_calls"] == 1
    world.clock.advance(1)
    assert (await world.get(STATS)).json["data"]["total_calls"] == 0


@pytest.mark.parametrize("field", ["start_date", "end_date"])
async def test_a_bad_date_is_400(world: ApiWorld, field: str) -> None:
    reply = await world.get(f"{STATS}?{field}=tomorrow")
    assert (reply.status, reply.json["error"]["field"]) == (400, field)


async def test_the_wallet_in_rupees_with_two_decimals(world: ApiWorld) -> None:
    call_id = await world.place(**BODY)
    await world.store.run(lambda unit: unit.ledger.reserve("r1", "org-one", call_id, 150, world.clock.wall_ms()))
    reply = await world.get("/v1/masking/billing")
    assert reply.json["data"] == {"balance": 500, "currency": "INR", "reserved": 1.5, "available": 498.5}
    assert b'"balance": 500.00' in reply.body
    assert b'"available": 498.50' in reply.body
