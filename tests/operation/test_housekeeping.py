"""What a running process forgets every hour."""

import asyncio
from functools import partial

from b2bua.housekeeping import keep_house
from b2bua.switch.admission import IDEMPOTENCY_MS
from b2bua.switch.journal import Journal
from b2bua.switch.tracing import Tracing
from storage.records import IdempotentReply
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.manual_clock import ManualClock
from tests.support.stored import ORG, an_organisation

A_BUSY_HOUR = 2_500


def remember(numbers: range, created_at: int, unit: UnitOfWork) -> None:
    for number in numbers:
        unit.idempotency.put(IdempotentReply(ORG, f"key-{number}", "sha", "call", "request", created_at))


async def swept_once(store: Store, clock: ManualClock) -> None:
    """One round, until all that it writes is written."""
    journal = Journal(store, lambda: None)
    house = asyncio.create_task(keep_house(clock, journal, Tracing(journal, clock, clock, keep_days=0)))
    await asyncio.sleep(0)
    journal.start()
    await journal.close()
    house.cancel()
    await asyncio.gather(house, return_exceptions=True)


async def test_all_replies_go_that_no_key_asks_for_however_many_an_hour_has() -> None:
    clock = ManualClock()
    now = clock.wall_ms()
    store = await Store.open("sqlite://")
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    await store.run(partial(remember, range(A_BUSY_HOUR), now - IDEMPOTENCY_MS - 1))
    await store.run(partial(remember, range(A_BUSY_HOUR, A_BUSY_HOUR + 2), now - IDEMPOTENCY_MS))
    await swept_once(store, clock)
    left = await store.run(lambda unit: unit.idempotency.expire(2**62, limit=10_000))
    assert left == 2
    await store.close()
