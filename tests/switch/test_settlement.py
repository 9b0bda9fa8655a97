"""What a call's end does to the books, and how much talk the balance still covers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from b2bua.switch.journal import Journal
from b2bua.switch.settlement import Settlement, settle_unit
from storage.records import TEST_NUMBER, CallRecord, CallStatus, Tariff, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens
from tests.support.stored import ORG, a_call, an_organisation, completed

CALL = a_call()
A_PULSE = 150  # paise
RESERVED = 2  # pulses


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """An organisation with a live call that has two pulses of its five rupees set aside."""
    opened = await Store.open("sqlite://")

    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation())
        unit.ledger.credit("first", ORG, 500, None, 1)
        unit.ledger.reserve("reserve", ORG, CALL.call_id, RESERVED * A_PULSE, 1)
        unit.calls.save(CALL)

    await opened.run(fill)
    yield opened
    await opened.close()


def books(
    store: Store, taken: Callable[[str], bool] = lambda _path: False, seed: int = 0
) -> tuple[Journal, Settlement]:
    journal = Journal(store, lambda: None)
    return journal, Settlement(journal, ManualClock(), SeededTokens(seed), taken)


async def settle(store: Store, record: CallRecord) -> CallRecord | None:
    return await store.run(lambda unit: settle_unit(unit, record, WebhookEvent.COMPLETED, "event-1", 9))


async def money(store: Store) -> tuple[int, int]:
    wallet = await store.read(lambda reader: reader.wallet(ORG))
    assert await store.read(lambda reader: reader.verify_ledger()) == []
    return wallet.balance_paise, wallet.reserved_paise


@pytest.mark.parametrize(("price", "kind"), [(150, "capture"), (1, "capture"), (0, "void")])
async def test_a_settled_call_is_live_no_more_and_its_money_is_taken_or_free(
    store: Store, price: int, kind: str
) -> None:
    ended = completed(CALL, price_paise=price)
    cdr = await settle(store, ended)
    assert cdr == replace(ended, sequence=ended.sequence + 1)
    assert await store.read(lambda reader: reader.live_calls()) == []
    assert await store.read(lambda reader: reader.any_call(CALL.call_id)) == cdr
    assert await money(store) == (500 - price, 0)
    transfers, _ = await store.read(lambda reader: reader.transfers(ORG, (0, 10), 1, 10))
    assert [each.kind for each in transfers if each.created_at == 9] == [kind]
    assert await settle(store, ended) is None
    assert await money(store) == (500 - price, 0)


async def test_a_step_is_written_with_its_event(store: Store) -> None:
    journal, settlement = books(store)
    rings = replace(CALL, status=CallStatus.RINGING, started_at=10_500)
    written = settlement.write(rings, WebhookEvent.RINGING)
    journal.start()
    await journal.close()
    assert written == replace(rings, sequence=CALL.sequence + 1)
    assert await store.read(lambda reader: reader.live_calls()) == [written]
    [event] = await store.read(lambda reader: reader.events(ORG, CALL.call_id))
    assert (event.event, event.sequence, event.call) == (WebhookEvent.RINGING, written.sequence, written)


async def extended(store: Store, record: CallRecord, pulses: int, seed: int = 0) -> int:
    """How many pulses more the wallet has for a call; asked with one seed, it is one question."""
    journal, settlement = books(store, seed=seed)
    told: list[int] = []
    settlement.extend(record, RESERVED, pulses, told.append)
    journal.start()
    await journal.close()
    [more] = told
    return more


@pytest.mark.parametrize(("pulses", "more"), [(1, 1), (2, 1), (3, 1)])
async def test_as_many_pulses_are_added_as_the_balance_covers(store: Store, pulses: int, more: int) -> None:
    assert await extended(store, CALL, pulses) == more
    assert await money(store) == (500, (RESERVED + more) * A_PULSE)
    assert await extended(store, CALL, pulses) == more, "the same question has the same answer"
    assert await extended(store, CALL, pulses, seed=1) == 0
    assert await money(store) == (500, (RESERVED + more) * A_PULSE)


async def test_pulses_that_cost_nothing_are_added_without_end(store: Store) -> None:
    free = replace(CALL, tariff=Tariff(rate_paise_per_minute=0))
    assert await extended(store, free, 3) == 3
    test = replace(CALL, masked_number=TEST_NUMBER)
    assert test.test
    assert await extended(store, test, 3, seed=1) == 3
    assert await money(store) == (500, RESERVED * A_PULSE)


def test_a_recording_lies_by_its_day_and_has_the_whole_id_where_the_short_name_is_taken(store: Store) -> None:
    record = replace(CALL, call_id="3f2b1c0d-0000-4000-8000-000000000001")
    _, settlement = books(store)
    assert settlement.recording_path(record) == "2023/11/14/3f2b1c0d.wav"
    _, settlement = books(store, lambda path: path == "2023/11/14/3f2b1c0d.wav")
    assert settlement.recording_path(record) == f"2023/11/14/{record.call_id}.wav"
    assert settlement.has_recording_at("2023/11/14/3f2b1c0d.wav")
