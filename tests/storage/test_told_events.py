"""What was told, as it is looked up: the events of an organisation by number, and a delivery with all its attempts."""

from collections.abc import Callable

import pytest

from storage.billing_records import WalletEvent
from storage.records import Delivery, DeliveryLog, DeliveryOutcome, DeliveryState, WebhookEvent
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.support.stored import ORG, a_call, adding, an_endpoint, an_event, an_organisation

OURS, THEIRS = a_call("call-1"), a_call("call-2", org_id="org-2")


@pytest.fixture
async def told(funded: Store) -> Store:
    """Three events of our call, and between them three of another organisation's."""

    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation("org-2"))
        unit.accounts.add_endpoint(an_endpoint("hook-2", org_id="org-2"))
        for sequence, event in enumerate((WebhookEvent.INITIATED, WebhookEvent.RINGING, WebhookEvent.ANSWERED), 1):
            for call in (OURS, THEIRS):
                unit.outbox.add(an_event(call, sequence, event))

    await funded.run(fill)
    return funded


async def claimed(store: Store, now: int = 20_000) -> list[Delivery]:
    return await store.run(lambda unit: unit.outbox.claim_due(now, 9))


async def finish(store: Store, delivery: Delivery, at: int, *, again_at: int | None = None, error: str = "") -> None:
    outcome = DeliveryOutcome(delivery.delivery_id, delivery.attempt, at, not error, again_at, None, error or None, 1)
    assert await store.run(lambda unit: unit.outbox.finish(outcome))


async def test_events_are_found_by_their_number_page_by_page(told: Store) -> None:
    whole = await told.read(lambda reader: reader.told_after(0, 9))
    assert [event.event_id for _, event in whole] == [
        *("call-1-1", "call-2-1", "call-1-2", "call-2-2", "call-1-3", "call-2-3")
    ]
    numbers = [number for number, _ in whole]
    assert numbers == sorted(set(numbers))
    assert await told.read(lambda reader: reader.told_after(numbers[1], 2)) == whole[2:4]
    assert await told.read(lambda reader: reader.told_after(numbers[5], 2)) == []


async def test_an_organisation_is_told_its_own_events_alone(told: Store) -> None:
    wallet = WalletEvent("wallet-1", ORG, 1, 10_000, 90, 100)
    await told.run(lambda unit: unit.outbox.add_wallet_event(wallet))  # it is of no call
    whole = await told.read(lambda reader: reader.told_after(0, 9))
    first, last = whole[0][0], whole[5][0] + 9
    assert await told.read(lambda reader: reader.told_between(ORG, 0, last, 9)) == whole[0::2]
    assert await told.read(lambda reader: reader.told_between("org-2", 0, last, 9)) == whole[1::2]
    assert await told.read(lambda reader: reader.told_between(ORG, first, last, 1)) == whole[2:3]
    assert await told.read(lambda reader: reader.told_between(ORG, first, whole[2][0], 9)) == whole[2:3]
    assert await told.read(lambda reader: reader.told_between(ORG, 0, whole[3][0], 9)) == [whole[0], whole[2]]


async def test_the_number_of_an_event_is_told_to_its_organisation_alone(told: Store) -> None:
    whole = await told.read(lambda reader: reader.told_after(0, 9))
    for number, event in whole:
        assert await told.run(_number_of(event.org_id, event.event_id)) == number
        other = "org-2" if event.org_id == ORG else ORG
        assert await told.run(_number_of(other, event.event_id)) is None
    assert await told.run(_number_of(ORG, "call-9-1")) is None


def _number_of(org_id: str, event_id: str) -> Callable[[UnitOfWork], int | None]:
    return lambda unit: unit.outbox.number_of(org_id, event_id)


async def test_a_delivery_is_shown_to_its_organisation_with_its_own_attempts(told: Store) -> None:
    ours, theirs = sorted(await claimed(told), key=lambda delivery: delivery.event.call_id)
    await finish(told, ours, 20_000, again_at=21_000, error="refused")
    await finish(told, theirs, 20_000)
    (again,) = [delivery for delivery in await claimed(told, 21_000) if delivery.event.call_id == "call-1"]
    await finish(told, again, 21_000)

    shown = await told.read(lambda reader: reader.delivery(ORG, ours.delivery_id))
    assert shown is not None
    log, event = shown
    assert (log.delivery_id, event) == (ours.delivery_id, ours.event)
    assert [attempt.error for attempt in log.attempts] == ["refused", None]
    assert await told.read(lambda reader: reader.delivery("org-2", ours.delivery_id)) is None
    assert await told.read(lambda reader: reader.delivery(ORG, theirs.delivery_id)) is None
    assert await told.read(lambda reader: reader.delivery(ORG, 999)) is None
    of_theirs = await told.read(lambda reader: reader.delivery("org-2", theirs.delivery_id))
    assert of_theirs is not None
    assert len(of_theirs[0].attempts) == 1


async def test_an_event_waits_for_one_of_its_call_that_is_on_its_way(funded: Store) -> None:
    await funded.run(adding(an_event(OURS, 1)))
    (first,) = await claimed(funded)
    await funded.run(adding(an_event(OURS, 2, WebhookEvent.RINGING)))
    assert await claimed(funded) == []
    await finish(funded, first, 20_000)
    (second,) = await claimed(funded)
    assert (first.event.sequence, second.event.sequence) == (1, 2)


async def test_what_was_given_up_comes_in_pages_newest_first(told: Store) -> None:
    given_up = []
    while due := await claimed(told):
        for delivery in due:
            await finish(told, delivery, 20_000, error="refused")
            given_up += [delivery.delivery_id] if delivery.event.org_id == ORG else []
    assert len(given_up) == 3
    await told.run(adding(an_event(OURS, 4, WebhookEvent.BRIDGED)))
    pages = [await told.read(_given_up(page)) for page in (1, 2, 3)]
    assert [[log.delivery_id for log in page] for page in pages] == [given_up[:0:-1], given_up[:1], []]
    assert {log.state for page in pages for log in page} == {DeliveryState.DEAD}


def _given_up(page: int) -> Callable[[Reader], list[DeliveryLog]]:
    return lambda reader: reader.deliveries(ORG, "hook-1", page, 2, dead_only=True)
