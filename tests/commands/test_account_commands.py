"""Organisations, keys, wallets, webhooks: the JSON is an interface, and a refusal is one line."""

import asyncio
import hashlib
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from b2bua.clock import SystemClock
from b2bua.commands.databases import moment
from b2bua.commands.inspection import SIGHTING_LIFE_MS
from storage.records import USUAL_SCOPES, CallStatus, TrunkSighting, WebhookEvent, changed
from storage.store import Store
from tests.support.stored import a_call, completed

DECLARED = "917969002802"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _url(desk: Any) -> str:
    return f"sqlite:///{desk.folder / 'var' / 'maskbridge.db'}"


def test_org_create_and_list(desk: Any) -> None:
    made = desk.json("org", "create", "Acme", "--gstin", "27AAPFU0939F1ZV", "--state", "27")
    assert set(made) == {"org_id", "name"}
    assert made["name"] == "Acme"
    assert UUID.fullmatch(made["org_id"])
    [row] = desk.json("org", "list")["data"]
    assert (row["org_id"], row["name"], row["gstin"], row["state"]) == (
        made["org_id"],
        "Acme",
        "27AAPFU0939F1ZV",
        "27",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["created_at"])
    status, out, _ = desk.type("org", "list")
    assert status == 0
    assert "Acme" in out


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_an_organisation_needs_a_name(desk: Any, name: str) -> None:
    assert "name" in desk.refused("org", "create", name)


def test_key_create_shows_the_key_once_and_stores_a_hash(desk: Any) -> None:
    org = desk.org()
    made = desk.json("key", "create", "--org", org, "--name", "web")
    assert set(made) == {"key_id", "key", "prefix", "scopes"}
    assert re.fullmatch(r"vp_[0-9a-f]{64}", made["key"])
    assert made["prefix"] == made["key"][:11]
    assert made["scopes"] == sorted(USUAL_SCOPES)
    listed = desk.json("key", "list", "--org", org)
    [row] = listed["data"]
    assert set(row) >= {"key_id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"}
    assert made["key"] not in str(listed)
    database = b"".join(path.read_bytes() for path in (desk.folder / "var").iterdir() if path.is_file())
    assert made["key"].encode() not in database
    assert hashlib.sha256(made["key"].encode()).hexdigest().encode() in database


def test_a_key_may_be_narrowed_and_revoked(desk: Any) -> None:
    org = desk.org()
    made = desk.json(
        *("key", "create", "--org", org, "--scopes", "calls:read,billing:read"),
        *("--expires", "2099-01-31T00:00:00Z", "--ips", "192.0.2.0/24, 2001:db8::1, ::ffff:10.0.0.0/104"),
    )
    assert made["scopes"] == ["billing:read", "calls:read"]
    revoked = desk.json("key", "revoke", made["key_id"])
    assert revoked["key_id"] == made["key_id"]
    [row] = desk.json("key", "list", "--org", org)["data"]
    assert row["expires_at"] == "2099-01-31T00:00:00Z"
    assert row["ips"] == ["192.0.2.0/24", "2001:db8::1/128", "10.0.0.0/8"]
    assert row["revoked_at"] == revoked["revoked_at"]


def test_a_key_is_revoked_once(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    org = desk.org()
    key_id = desk.json("key", "create", "--org", org)["key_id"]
    first = desk.json("key", "revoke", key_id)
    later = SystemClock().wall_ms() + 60_000
    monkeypatch.setattr(SystemClock, "wall_ms", lambda _: later)
    assert desk.json("key", "revoke", key_id) == first
    audited = [entry["action"] for entry in desk.json("audit", "--org", org)["data"]]
    assert audited.count("key.revoke") == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--scopes", "calls:everything"), "scope"),
        (("--expires", "next week"), "time"),
        (("--expires", "2001-01-01T00:00:00Z"), "past"),
        (("--expires", "9999-12-31T23:59:59-23:59"), "9999"),
        (("--expires", "9999-12-31T23:59:59-00:01"), "9999"),
        (("--ips", "everywhere"), "address"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(desk: Any, arguments: tuple[str, ...], word: str) -> None:
    org = desk.org()
    assert word in desk.refused("key", "create", "--org", org, *arguments)
    assert desk.json("key", "list", "--org", org) == {"data": []}


def test_a_key_whose_expiry_no_date_can_show_is_listed_like_any_other(desk: Any) -> None:
    """Earlier versions took such ones."""
    org = desk.org()
    key_id = desk.json("key", "create", "--org", org, "--expires", "9999-12-31T23:59:59Z")["key_id"]
    with closing(sqlite3.connect(desk.folder / "var" / "maskbridge.db")) as connection, connection as database:
        database.execute("UPDATE api_keys SET expires_at = 253402387139000 WHERE key_id = ?", (key_id,))
    [row] = desk.json("key", "list", "--org", org)["data"]
    assert row["expires_at"] == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "create", "--org", "nobody"),
        ("wallet", "credit", "--org", "nobody", "--rupees", "1", "--reference", "x"),
        ("webhook", "add", "--org", "nobody", "--url", "https://x.example/"),
        ("key", "revoke", "nobody"),
        ("key", "list", "--org", "nobody"),
        ("webhook", "list", "--org", "nobody"),
        ("webhook", "deliveries", "--org", "nobody"),
        ("audit", "--org", "nobody"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(desk: Any, arguments: tuple[str, ...]) -> None:
    assert "nobody" in desk.refused(*arguments)


@pytest.mark.parametrize("typed", ["no\nbody", "no\udcffbody", "no\tbody\x1b[31m", "no\u2028body"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "list", "--org"),
        ("key", "revoke"),
        ("org", "set", "--address", "x"),
        ("webhook", "rotate"),
        ("webhook", "deliveries"),
        ("webhook", "deliveries", "--org"),
        ("audit", "--org"),
        ("recording", "verify"),
        ("prompt", "list", "--org"),
        ("person", "list", "--org"),
        ("webhook", "replay"),
    ],
)
def test_an_id_that_is_no_text_is_refused_in_one_line(desk: Any, arguments: tuple[str, ...], typed: str) -> None:
    said = desk.refused(*arguments, typed)
    assert said.removesuffix("\n").isprintable()


def test_an_id_larger_than_any_is_refused_in_one_line(desk: Any) -> None:
    assert "larger" in desk.refused("webhook", "replay", "9" * 26)


def test_a_credit_counts_once_for_its_reference(desk: Any) -> None:
    org = desk.org()
    credit = ("wallet", "credit", "--org", org, "--rupees", "500", "--reference", "inv-1")
    first = desk.json(*credit)
    assert set(first) == {"org_id", "transfer_id", "balance"}
    assert (first["org_id"], first["balance"]) == (org, 500)
    assert desk.json(*credit) == first
    assert "inv-1" in desk.refused("wallet", "credit", "--org", org, "--rupees", "501", "--reference", "inv-1")
    second = desk.json("wallet", "credit", "--org", org, "--rupees", "0.01", "--reference", "inv-2")
    assert second["balance"] == 500.01


@pytest.mark.parametrize("rupees", ["0", "-5", "1.005", "many", "NaN", "Infinity", "1e3", "1_000", "१००", " 5", ""])
def test_an_amount_that_is_none_is_refused(desk: Any, rupees: str) -> None:
    org = desk.org()
    assert "amount" in desk.refused("wallet", "credit", "--org", org, f"--rupees={rupees}", "--reference", "x")


def test_webhook_add_shows_the_secret_once(desk: Any) -> None:
    org = desk.org()
    made = desk.json("webhook", "add", "--org", org, "--url", "https://x.example/hook")
    assert set(made) == {"webhook_id", "url", "events", "secret"}
    assert made["url"] == "https://x.example/hook"
    assert made["events"] == sorted(event.value for event in WebhookEvent)
    assert len(made["secret"]) >= 32
    few = desk.json(
        "webhook", "add", "--org", org, "--url", "https://x.example/2", "--events", "call.completed, recording.ready"
    )
    assert few["events"] == ["call.completed", "recording.ready"]
    listed = desk.json("webhook", "list", "--org", org)
    assert [row["webhook_id"] for row in listed["data"]] == [made["webhook_id"], few["webhook_id"]]
    assert made["secret"] not in str(listed)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--url", "ftp://x.example/"), "address"),
        (("--url", "x.example"), "address"),
        (("--url", "https://"), "address"),
        (("--url", "https://[broken/"), "address"),
        (("--url", "https://x.example:99999/"), "address"),
        (("--url", "https://x.example/", "--events", "call.sung"), "call.sung"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(desk: Any, arguments: tuple[str, ...], word: str) -> None:
    assert word in desk.refused("webhook", "add", "--org", desk.org(), *arguments)


async def _fill(desk: Any, at: int) -> None:
    """What a running server would have written."""
    store = await Store.open(_url(desk))
    try:
        org = (await store.read(lambda reader: reader.organisations()))[0].org_id
        live, done = a_call("live-call", org_id=org), completed(a_call("done-call", org_id=org))
        sighting = TrunkSighting(
            "carrier", False, "OPTIONS unanswered (timeout)", 3, None, 1_000, None, at, 2, 0, 1, 12, 4
        )

        def work(unit: Any) -> None:
            unit.ledger.credit("c", org, 10_000, "c", 1)
            unit.ledger.reserve("r", org, "live-call", 150, 2)
            unit.numbers.choose(org, live.party_a, live.party_b, [("carrier", live.masked_number)], 3)
            unit.calls.save(live)
            unit.cdrs.add(done)
            unit.trunks.see([sighting], at)

        await store.run(work)
    finally:
        await store.close()


async def _routed(desk: Any, shown: str) -> None:
    """A call that a route sends on, with this caller shown."""
    store = await Store.open(_url(desk))
    try:
        org = (await store.read(lambda reader: reader.organisations()))[0].org_id
        call = changed(a_call("routed", org_id=org), party_a="9876543210", direction="inbound", masked_number=shown)

        def work(unit: Any) -> None:
            unit.ledger.credit("c", org, 10_000, "c", 1)
            unit.ledger.reserve("r", org, "routed", 150, 2)
            unit.calls.save(call)

        await store.run(work)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("shown", "told"), [("+919876543210", "+9*********10"), ("919876543210", "91********10"), (DECLARED, DECLARED)]
)
def test_the_caller_of_a_route_that_passes_it_is_shortened_too(desk: Any, shown: str, told: str) -> None:
    desk.add_trunks()
    desk.org()
    asyncio.run(_routed(desk, shown))
    (row,) = desk.json("calls")["data"]
    assert row["masked_number"] == told
    status, text, _ = desk.type("calls", "--live")
    assert (status, "9876543210" in text) == (0, False)


def test_calls_trunks_and_numbers_as_a_running_server_left_them(desk: Any) -> None:
    desk.add_trunks()
    desk.org()
    at = SystemClock().wall_ms()
    asyncio.run(_fill(desk, at))

    rows = desk.json("calls")["data"]
    assert [row["call_sid"] for row in rows] == ["live-call", "done-call"]
    live, done = rows
    assert (live["status"], live["party_a"], live["party_b"]) == (CallStatus.INITIATED, "98******11", "98******22")
    assert (done["status"], done["price"], done["duration_sec"], done["hangup_cause"]) == ("completed", 3, 94, "normal")
    assert [row["call_sid"] for row in desk.json("calls", "--live")["data"]] == ["live-call"]
    _, text, _ = desk.type("calls")
    assert "9811111111" not in text

    carrier, spare = desk.json("trunks")["data"]
    assert (carrier["name"], carrier["uri"], carrier["state"]) == ("carrier", "sip:192.0.2.77:5060", "down")
    assert (carrier["reason"], carrier["live_calls"]) == ("OPTIONS unanswered (timeout)", 3)
    figures = ("destinations", "open_destinations", "waiting", "placed", "failed")
    assert [carrier[figure] for figure in figures] == [2, 0, 1, 12, 4]
    assert [spare[figure] for figure in figures] == [0, 0, 0, 0, 0]
    assert (carrier["seen_at"], carrier["max_calls"], carrier["cps"]) == (moment(at), 30, 5)
    assert (spare["state"], spare["seen_at"]) == ("unknown", None)
    _, text, _ = desk.type("trunks")
    heading, shown, *_ = (line.split() for line in text.splitlines())
    assert shown[heading.index("uri")] == "sip:192.0.2.77:5060"
    assert {"live_calls", "max_calls", "cps", "waiting"} <= set(heading)

    numbers = desk.json("number", "list")["data"]
    assert numbers == [
        {"number": "917969002802", "trunks": ["carrier", "spare"], "live_calls": 1, "pairs": 1},
        {"number": "917969002803", "trunks": ["carrier"], "live_calls": 0, "pairs": 0},
    ]
    for command in (("trunks",), ("number", "list")):
        status, out, _ = desk.type(*command)
        assert status == 0
        assert "carrier" in out


@pytest.mark.parametrize("ago_ms", [SIGHTING_LIFE_MS + 1, -SIGHTING_LIFE_MS - 60_000])
def test_of_trunks_that_no_server_has_told_of_lately_nothing_is_known(desk: Any, ago_ms: int) -> None:
    """Nor where the clock was set back since: a time to come is no news."""
    desk.add_trunks()
    desk.org()
    asyncio.run(_fill(desk, SystemClock().wall_ms() - ago_ms))
    carrier, _spare = desk.json("trunks")["data"]
    assert carrier["state"] == "unknown"
    assert carrier["reason"] == "no server runs; it was down: OPTIONS unanswered (timeout)"


async def test_commands_work_while_a_server_has_the_database_open(desk: Any) -> None:
    store = await Store.open(_url(desk))
    writing = True

    async def keep_writing() -> int:
        beats = 0
        while writing:
            beats += 1
            await store.run(lambda unit: unit.calls.heartbeat(1))
        return beats

    server = asyncio.create_task(keep_writing())
    try:
        org = await asyncio.to_thread(desk.org)
        for number in range(5):
            credit = ("wallet", "credit", "--org", org, "--rupees", "10", "--reference", f"r{number}")
            await asyncio.to_thread(desk.json, *credit)
        seen = await store.read(lambda reader: reader.wallet(org))
        assert seen.balance_paise == 5_000, "the server sees at once what a command did"
    finally:
        writing = False
        assert await server > 0
        await store.close()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("org",),
        ("org", "create"),
        ("wallet", "credit", "--org", "x"),
        ("calls", "--backwards"),
        ("demo", "--calls", "many"),
    ],
)
def test_what_cannot_be_understood_is_one_line(desk: Any, arguments: tuple[str, ...]) -> None:
    status, out, err = desk.type(*arguments, config=False)
    assert status == 2
    assert out == ""
    assert err.startswith("maskbridge")
    assert err.count("\n") == 1, err


def test_help_and_version_are_no_failures(desk: Any) -> None:
    for arguments in (("--help",), ("key", "create", "--help")):
        status, out, err = desk.type(*arguments, config=False)
        assert (status, err) == (0, "")
        assert out.startswith("usage: maskbridge")
    status, out, _ = desk.type("--version", config=False)
    assert status == 0
    assert out.startswith("maskbridge ")


def test_a_database_of_something_else_is_one_line(desk: Any) -> None:
    (desk.folder / "var" / "maskbridge.db").write_bytes(b"not a database at all, but long enough to look at" * 100)
    assert "maskbridge.db" in desk.refused("org", "list")


@pytest.mark.parametrize("calls", ["0", "21"])
def test_the_demo_takes_a_few_calls(desk: Any, calls: str) -> None:
    status, _, err = desk.type("demo", "--calls", calls, config=False)
    assert status != 0
    assert "--calls" in err
