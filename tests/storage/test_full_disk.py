"""A disk that is full, as SQLite's page limit and as a file that may not grow: refused whole, and well afterwards."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable, UnknownRecord
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, an_event, an_organisation

ROOT = Path(__file__).parents[2]


async def limit_pages(store: Store, spare: int | None) -> None:
    """Let the database grow by `spare` pages more; None: as it likes."""

    def pragma(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        limit = 2**30 if spare is None else pages + spare
        connection.execute(f"PRAGMA max_page_count = {limit}")

    await store._writer.call(pragma)


def bulky(unit: UnitOfWork) -> None:
    for number in range(200):
        unit.outbox.add(an_event(a_call(f"bulk-{number}")))


def telling(call_id: str) -> Callable[[UnitOfWork], None]:
    def work(unit: UnitOfWork) -> None:
        unit.calls.save(a_call(call_id))
        unit.outbox.add(an_event(a_call(call_id)))

    return work


@pytest.mark.parametrize("where", ["memory", "file"])
async def test_a_full_database_refuses_whole_batches_and_recovers(where: str, url: str) -> None:
    store = await Store.open("sqlite://" if where == "memory" else url)
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    await store.run(telling("before"))
    await limit_pages(store, 2)
    outcomes = await asyncio.gather(
        store.run(telling("small")), store.run(bulky), store.run(telling("after")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert "full" in str(outcomes[1])
    assert [call.call_id for call in await store.read(lambda reader: reader.live_calls())] == ["before"]
    with pytest.raises(UnknownRecord):
        await store.read(lambda reader: reader.wallet("nobody"))
    await limit_pages(store, None)
    await store.run(bulky)
    await store.run(telling("after"))
    assert await store.read(lambda reader: reader.count_live()) == 2
    assert len(await store.read(lambda reader: reader.events(ORG, "bulk-199"))) == 1
    await store.close()


CHILD = """
import asyncio, resource, sys
from storage.errors import StoreUnavailable
from storage.store import Store
from tests.support.stored import ORG, an_organisation

async def main(path):
    store = await Store.open("sqlite:///" + path)
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
    kept, refused = 0, 0
    for number in range(400):
        try:
            await store.run(lambda unit: unit.ledger.credit("t%d" % number, ORG, 100, "x" * 400, 1))
            kept += 1
        except StoreUnavailable:
            refused += 1
            if refused == 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    wallet = await store.read(lambda reader: reader.wallet(ORG))
    mismatches = await store.read(lambda reader: reader.verify_ledger())
    await store.close()
    print(kept, refused, wallet.balance_paise, len(mismatches))

asyncio.run(main(sys.argv[1]))
"""


def test_a_commit_that_cannot_be_written_is_refused_and_the_next_one_stands(tmp_path: Path) -> None:
    probe = tmp_path / "probe.db"
    asyncio.run(_create(probe))
    limit = probe.stat().st_size + 300_000
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert hard == resource.RLIM_INFINITY or hard > limit
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(tmp_path / "store.db"), str(limit)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    kept, refused, balance, mismatches = (int(word) for word in child.stdout.split())
    assert (refused, kept) == (5, 395)
    assert balance == 100 * kept
    assert mismatches == 0


async def _create(path: Path) -> None:
    await (await Store.open(f"sqlite:///{path}")).close()
