"""A process killed amid its commits: what it was told is durable is there, what is there is whole."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from storage.store import Store
from tests.support.stored import ORG

ROOT = Path(__file__).parents[2]
KILLS = 4

CHILD = """
import asyncio, sys
from storage.store import Store
from tests.support.stored import ORG, a_call, an_endpoint, an_event, an_organisation, completed
from storage.records import WebhookEvent

async def main(path, first):
    store = await Store.open("sqlite:///" + path)
    if first == 0:
        await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
        await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint()))
        await store.run(lambda unit: unit.ledger.credit("first", ORG, 10**9, None, 1))

    async def call(number):
        record = a_call("call-%d" % number)

        def admit(unit):
            unit.ledger.reserve("r%d" % number, ORG, record.call_id, 150, 1)
            unit.calls.save(record)
            unit.outbox.add(an_event(record))

        def settle(unit):
            price = unit.ledger.capture("c%d" % number, record.call_id, 300, 2)
            unit.cdrs.add(completed(record, price_paise=price))
            unit.outbox.add(an_event(record, 2, WebhookEvent.COMPLETED))

        await store.run(admit)
        await store.run(settle)
        sys.stdout.write("%d\\n" % number)
        sys.stdout.flush()

    number = first
    while True:
        await asyncio.gather(*(call(number + offset) for offset in range(20)))
        number += 20

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def kill_after(path: Path, first: int, lines: int) -> set[int]:
    """Run the child until it has said `lines` numbers, kill it, and give all it said."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(first)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout as out:
        said = {int(out.readline()) for _ in range(lines)}
        os.kill(child.pid, signal.SIGKILL)
        rest = out.read().splitlines(keepends=True)
    assert child.wait() == -signal.SIGKILL
    return said | {int(line) for line in rest if line.endswith("\n")}


def rows(connection: sqlite3.Connection, statement: str) -> set[str]:
    return {row[0] for row in connection.execute(statement)}


def check(path: Path, durable: set[int]) -> int:
    """The database is whole; the highest call in it."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finished = rows(connection, "SELECT call_id FROM cdrs")
    assert {f"call-{number}" for number in durable} <= finished
    live = rows(connection, "SELECT call_id FROM calls")
    assert not live & finished
    assert finished == rows(connection, "SELECT call_id FROM transfers WHERE kind = 'capture'")
    assert finished == rows(connection, "SELECT call_id FROM events WHERE event = 'call.completed'")
    assert live | finished == rows(connection, "SELECT call_id FROM transfers WHERE kind = 'reserve'")
    assert live | finished == rows(connection, "SELECT call_id FROM events WHERE event = 'call.initiated'")
    told = connection.execute("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM deliveries)").fetchone()
    assert told[0] == told[1]
    connection.close()
    return max((int(call_id.removeprefix("call-")) for call_id in live | finished), default=-1)


async def mismatches(path: Path) -> tuple[list[object], int]:
    store = await Store.open(f"sqlite:///{path}")
    wrong = await store.read(lambda reader: reader.verify_ledger())
    wallet = await store.read(lambda reader: reader.wallet(ORG))
    live = await store.read(lambda reader: reader.count_live())
    await store.close()
    return [*wrong], wallet.reserved_paise - 150 * live


def test_killed_amid_commits_the_database_stays_whole(tmp_path: Path) -> None:
    path, durable, highest = tmp_path / "store.db", set[int](), -1
    for attempt in range(KILLS):
        durable |= kill_after(path, highest + 1, 15 + 40 * attempt)
        highest = check(path, durable)
        assert asyncio.run(mismatches(path)) == ([], 0)
