"""A balance that falls below the threshold is written down once for each time, whatever takes it there."""

import pytest

from storage.billing_records import LowBalance, WalletEvent
from storage.errors import IllegalState, UnknownRecord
from storage.records import WebhookEvent
from storage.store import Store
from tests.support.stored import ORG, an_endpoint


@pytest.fixture
async def watched(funded: Store) -> Store:
    """Rs 1000, to be told below Rs 100."""
    await funded.run(lambda unit: unit.accounts.set_low_balance(ORG, 10_000))
    return funded


async def debit(store: Store, transfer_id: str, paise: int) -> None:
    await store.run(lambda unit: unit.ledger.debit(transfer_id, ORG, paise, None, 5))


async def credit(store: Store, transfer_id: str, paise: int) -> None:
    await store.run(lambda unit: unit.ledger.credit(transfer_id, ORG, paise, None, 6))


async def crossings(store: Store) -> list[tuple[int, int]]:
    return [(low.balance_paise, low.sequence) for low in await store.read(lambda reader: reader.untold_low_balances())]


async def test_a_crossing_is_written_down_once_and_again_after_the_balance_was_above(watched: Store) -> None:
    await debit(watched, "a", 90_000)
    assert await crossings(watched) == []  # at the threshold, not below
    await debit(watched, "b", 1)
    await debit(watched, "c", 1)
    assert await crossings(watched) == [(9_999, 1)]
    await credit(watched, "d", 1)
    await debit(watched, "e", 1)
    assert await crossings(watched) == [(9_999, 1)]  # still below in between
    await credit(watched, "f", 2)
    await debit(watched, "g", 500)
    assert await crossings(watched) == [(9_999, 1), (9_500, 2)]
    (first, _) = await watched.read(lambda reader: reader.untold_low_balances())
    assert first == LowBalance(1, ORG, f"Name of {ORG}", 9_999, 10_000, 5, 1)


async def test_calls_take_it_there_and_reservations_do_not(watched: Store) -> None:
    await debit(watched, "a", 89_900)
    await watched.run(lambda unit: unit.ledger.reserve("r", ORG, "call", 300, 7))
    assert await crossings(watched) == []
    await watched.run(lambda unit: unit.ledger.capture("c", "call", 300, 8))
    assert await crossings(watched) == [(9_800, 1)]


async def test_without_a_threshold_nothing_is_written_down(funded: Store) -> None:
    await debit(funded, "a", 100_000)
    assert await crossings(funded) == []


async def test_another_threshold_begins_anew(watched: Store) -> None:
    await debit(watched, "a", 95_000)
    await watched.run(lambda unit: unit.accounts.set_low_balance(ORG, 10_000))
    await debit(watched, "b", 1)
    assert await crossings(watched) == [(5_000, 1)]
    await watched.run(lambda unit: unit.accounts.set_low_balance(ORG, 6_000))
    await debit(watched, "c", 1)
    assert await crossings(watched) == [(5_000, 1), (4_998, 2)]
    with pytest.raises(IllegalState):
        await watched.run(lambda unit: unit.accounts.set_low_balance(ORG, 0))
    with pytest.raises(UnknownRecord):
        await watched.run(lambda unit: unit.accounts.set_low_balance("nobody", 1))


async def test_it_is_told_once_and_in_the_same_unit_of_work(watched: Store) -> None:
    await debit(watched, "a", 95_000)
    assert await watched.run(lambda unit: unit.low_balances.told(1, 9))
    assert not await watched.run(lambda unit: unit.low_balances.told(1, 9))
    assert await crossings(watched) == []


async def test_an_event_of_a_wallet_goes_to_those_who_want_it(watched: Store) -> None:
    other = an_endpoint("hook-2", events=frozenset({WebhookEvent.COMPLETED}))
    await watched.run(lambda unit: unit.accounts.add_endpoint(other))
    event = WalletEvent("event-1", ORG, 1, 100, 9_999, 10_000)
    assert await watched.run(lambda unit: unit.outbox.add_wallet_event(event)) == 1
    (delivery,) = await watched.run(lambda unit: unit.outbox.claim_due(100, 10))
    assert (delivery.event, delivery.endpoint.webhook_id) == (event, "hook-1")
    (log,) = await watched.read(lambda reader: reader.deliveries(ORG, "hook-1", 1, 10))
    assert (log.event, log.call_sid) == (WebhookEvent.WALLET_LOW, None)
    # Streams tell of calls.
    assert await watched.read(lambda reader: reader.told_after(0, 10)) == []
    assert await watched.read(lambda reader: reader.told_between(ORG, 0, 10, 10)) == []
    with pytest.raises(IllegalState):
        await watched.run(lambda unit: unit.outbox.add_wallet_event(event))
