from dataclasses import replace

import pytest

from storage.errors import IllegalState, UnknownRecord
from storage.outbox import LEASE_MS
from storage.records import CallRecord, Delivery, DeliveryOutcome, DeliveryState, OutboxEvent, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, adding, an_endpoint, an_event, an_organisation, completed

STEPS = (WebhookEvent.INITIATED, WebhookEvent.RINGING, WebhookEvent.ANSWERED, WebhookEvent.BRIDGED)


async def tell(store: Store, call: CallRecord, *sequences: int, at: int = 100) -> None:
    for sequence in sequences:
        event = an_event(call, sequence, STEPS[(sequence - 1) % 4], at=at)
        await store.run(adding(event))


async def claim(store: Store, now: int, limit: int = 100, **limits: int) -> list[Delivery]:
    return await store.run(lambda unit: unit.outbox.claim_due(now, limit, **limits))


async def finish(
    store: Store,
    delivery: Delivery,
    at: int,
    *,
    delivered: bool = True,
    again_at: int | None = None,
    http_status: int | None = None,
    error: str | None = None,
    duration_ms: int = 0,
    disable_endpoint: bool = False,
) -> bool:
    outcome = DeliveryOutcome(
        delivery.delivery_id,
        delivery.attempt,
        at,
        delivered,
        again_at,
        http_status,
        error,
        duration_ms,
        disable_endpoint,
    )
    return await store.run(lambda unit: unit.outbox.finish(outcome))


async def next_due_at(store: Store) -> int | None:
    return await store.read(lambda reader: reader.next_due_at())


def told(deliveries: list[Delivery]) -> list[tuple[str, str, int, int]]:
    return sorted((d.endpoint.webhook_id, d.event.call_id, d.event.sequence, d.attempt) for d in deliveries)


async def replay(store: Store, delivery: Delivery, at: int) -> None:
    await store.run(lambda unit: unit.outbox.replay(delivery.delivery_id, at))


async def add_endpoint(
    store: Store, webhook_id: str, *, org_id: str = ORG, events: frozenset[WebhookEvent] = frozenset(WebhookEvent)
) -> None:
    await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint(webhook_id, org_id=org_id, events=events)))


async def test_an_event_goes_to_each_endpoint_that_wants_it(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await add_endpoint(funded, "hook-2", events=frozenset({WebhookEvent.INITIATED}))
    await add_endpoint(funded, "hook-3", events=frozenset({WebhookEvent.RINGING}))
    await add_endpoint(funded, "hook-4", org_id="org-2")
    await add_endpoint(funded, "hook-5")
    await funded.run(lambda unit: unit.accounts.disable_endpoint("hook-5", 1))
    assert await funded.run(lambda unit: unit.outbox.add(an_event(a_call()))) == 2
    assert told(await claim(funded, 10_000)) == [("hook-1", "call-1", 1, 1), ("hook-2", "call-1", 1, 1)]


async def test_a_delivery_carries_the_call_as_it_was(funded: Store) -> None:
    await tell(funded, a_call(), 1)
    event = an_event(completed(a_call("call-2")), 7, WebhookEvent.COMPLETED, at=100)
    await funded.run(lambda unit: unit.outbox.add(event))
    first, second = await claim(funded, 100)
    assert isinstance(first.event, OutboxEvent)
    assert first.event.call == replace(a_call(), sequence=1)
    assert second.event == event
    assert second.endpoint == an_endpoint()
    assert await funded.read(lambda reader: reader.events(ORG, "call-2")) == [event]


async def test_an_event_nobody_wants_is_kept_all_the_same(store: Store) -> None:
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    assert await store.run(lambda unit: unit.outbox.add(an_event(a_call()))) == 0
    assert len(await store.read(lambda reader: reader.events(ORG, "call-1"))) == 1
    assert await next_due_at(store) is None
    assert await claim(store, 10**9) == []


async def test_an_event_leaves_in_the_unit_of_its_fact_or_not_at_all(funded: Store) -> None:
    def half(unit: UnitOfWork) -> None:
        unit.calls.save(a_call())
        unit.outbox.add(an_event(a_call()))
        unit.outbox.add(an_event(a_call()))

    with pytest.raises(IllegalState):
        await funded.run(half)
    assert await funded.read(lambda reader: (reader.live_calls(), reader.backlog())) == ([], 0)


async def test_of_a_call_only_the_lowest_sequence_is_on_its_way(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2, 3)
    for sequence in (1, 2, 3):
        (delivery,) = await claim(funded, 100)
        assert delivery.event.sequence == sequence
        assert await claim(funded, 100) == []
        assert await finish(funded, delivery, 100)
    assert await claim(funded, 10**9) == []
    assert await next_due_at(funded) is None


async def test_calls_and_endpoints_do_not_wait_for_one_another(funded: Store) -> None:
    await add_endpoint(funded, "hook-2")
    await tell(funded, a_call("c1"), 1, 2)
    await tell(funded, a_call("c2"), 1)
    first = await claim(funded, 100)
    assert told(first) == [
        ("hook-1", "c1", 1, 1),
        ("hook-1", "c2", 1, 1),
        ("hook-2", "c1", 1, 1),
        ("hook-2", "c2", 1, 1),
    ]
    (done,) = [d for d in first if (d.endpoint.webhook_id, d.event.call_id) == ("hook-2", "c1")]
    await finish(funded, done, 100)
    assert told(await claim(funded, 100)) == [("hook-2", "c1", 2, 1)]


async def test_a_failed_attempt_holds_its_call_until_it_is_due_again(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2)
    (delivery,) = await claim(funded, 100)
    assert await finish(funded, delivery, 110, delivered=False, again_at=5_110, http_status=500)
    assert await next_due_at(funded) == 5_110
    assert await claim(funded, 5_109) == []
    (delivery,) = await claim(funded, 5_110)
    assert (delivery.event.sequence, delivery.attempt) == (1, 2)
    assert await finish(funded, delivery, 5_120)
    assert told(await claim(funded, 5_120)) == [("hook-1", "call-1", 2, 1)]


async def test_an_event_given_up_makes_room_for_the_next(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2)
    (delivery,) = await claim(funded, 100)
    await finish(funded, delivery, 110, delivered=False, error="timeout", duration_ms=10_000)
    (following,) = await claim(funded, 110)
    assert following.event.sequence == 2
    await finish(funded, following, 120, http_status=204, duration_ms=7)
    (dead,) = await funded.read(lambda reader: reader.deliveries(ORG, "hook-1", 1, 10, dead_only=True))
    assert (dead.sequence, dead.state, dead.due_at) == (1, DeliveryState.DEAD, None)
    newest, _ = await funded.read(lambda reader: reader.deliveries(ORG, "hook-1", 1, 10))
    assert (newest.sequence, newest.state) == (2, DeliveryState.DELIVERED)
    (attempt,) = newest.attempts
    assert (attempt.attempt, attempt.delivered, attempt.http_status, attempt.duration_ms) == (1, True, 204, 7)


async def test_two_claims_never_overlap_while_the_lease_lasts(funded: Store) -> None:
    for number in range(6):
        await tell(funded, a_call(f"c{number}"), 1)
    first = await claim(funded, 100, 3, lease_ms=1_000)
    second = await claim(funded, 100, 3, lease_ms=1_000)
    assert len({d.delivery_id for d in first + second}) == 6
    assert await claim(funded, 1_099) == []
    assert await next_due_at(funded) == 1_100
    assert len(await claim(funded, 1_100)) == 6


async def test_whoever_lost_the_lease_cannot_settle_the_delivery(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2)
    (slow,) = await claim(funded, 100, lease_ms=1_000)
    (fast,) = await claim(funded, 1_100, lease_ms=1_000)
    assert (slow.delivery_id, slow.attempt, fast.attempt) == (fast.delivery_id, 1, 2)
    assert not await finish(funded, slow, 1_200, delivered=False)
    assert await claim(funded, 1_200) == []
    assert await finish(funded, fast, 1_300)
    assert not await finish(funded, fast, 1_300)
    newest = (await funded.read(lambda reader: reader.deliveries(ORG, "hook-1", 1, 10)))[-1]
    assert [(a.attempt, a.delivered) for a in newest.attempts] == [(1, False), (2, True)]


async def test_a_lease_that_ran_out_unclaimed_is_still_settled(funded: Store) -> None:
    await tell(funded, a_call(), 1)
    await tell(funded, a_call("other"), 1, at=50_000)
    (late,) = await claim(funded, 100, lease_ms=1_000)
    assert await claim(funded, 2_000, 0) == []
    assert await finish(funded, late, 2_100)
    assert told(await claim(funded, 60_000)) == [("hook-1", "other", 1, 1)]


async def test_at_start_leases_of_a_dead_process_are_released(funded: Store) -> None:
    await tell(funded, a_call("c1"), 1)
    await tell(funded, a_call("c2"), 1)
    await claim(funded, 100)
    assert await funded.run(lambda unit: unit.outbox.release_leases()) == 2
    assert [d.attempt for d in await claim(funded, 100)] == [2, 2]


async def test_a_dead_endpoints_backlog_holds_up_no_other(funded: Store) -> None:
    await add_endpoint(funded, "hook-2")
    for number in range(60):
        await tell(funded, a_call(f"old-{number:02}"), 1, at=number)
    for delivery in await claim(funded, 59, per_endpoint=1_000, limit=1_000):
        if delivery.endpoint.webhook_id == "hook-2":
            await finish(funded, delivery, 59)
        else:
            await finish(funded, delivery, 59, delivered=False, again_at=60)
    await tell(funded, a_call("new"), 1, at=100)
    claimed = await claim(funded, 200, 4)
    assert {d.endpoint.webhook_id for d in claimed} == {"hook-1", "hook-2"}
    assert sum(d.endpoint.webhook_id == "hook-1" for d in claimed) <= 3
    more = await claim(funded, 200, 1_000)
    assert {d.endpoint.webhook_id for d in more} == {"hook-1"}
    assert len(claimed) - 1 + len(more) == 8
    assert await claim(funded, 200, 1_000) == []


async def test_an_endpoint_at_its_cap_does_not_count_as_due(funded: Store) -> None:
    for number in range(3):
        await tell(funded, a_call(f"c{number}"), 1)
    await claim(funded, 100, per_endpoint=2, lease_ms=500)
    due_at = await funded.run(lambda unit: unit.outbox.next_due_at(per_endpoint=2))
    assert due_at == 600


async def test_an_organisation_has_its_share_under_way_and_no_more(funded: Store) -> None:
    await add_endpoint(funded, "hook-2")
    for number in range(3):
        await tell(funded, a_call(f"c{number}"), 1, at=number)
    claimed = await claim(funded, 100, per_endpoint=2, per_organisation=3)
    assert sorted(delivery.endpoint.webhook_id for delivery in claimed) == ["hook-1", "hook-1", "hook-2"]
    assert await claim(funded, 100, per_endpoint=2, per_organisation=3) == []
    lease_ends = await funded.run(lambda unit: unit.outbox.next_due_at(per_endpoint=2, per_organisation=3))
    assert lease_ends == 100 + LEASE_MS
    await finish(funded, claimed[2], 150)
    [next_one] = await claim(funded, 200, per_endpoint=2, per_organisation=3)
    assert next_one.endpoint.webhook_id == "hook-2"
    for other in (4, 5):
        assert len(await claim(funded, 200, per_endpoint=3, per_organisation=other)) == 1


async def test_room_that_dead_endpoints_give_up_goes_to_one_that_has_nothing_under_way(funded: Store) -> None:
    """However long its events have waited, and the others' too: dozens that hang would else leave none for anybody."""
    for number in range(4):
        await tell(funded, a_call(f"dead-{number}"), 1, at=100)
    assert len(await claim(funded, 100, limit=2)) == 2
    await add_endpoint(funded, "sound", events=frozenset({WebhookEvent.RINGING}))
    await tell(funded, a_call("fresh"), 2, at=200)
    assert "sound" in [delivery.endpoint.webhook_id for delivery in await claim(funded, 200, limit=1)]


async def test_410_disables_the_endpoint_and_what_waits_is_held(funded: Store) -> None:
    await tell(funded, a_call("c1"), 1, 2)
    await tell(funded, a_call("c2"), 1)
    gone = (await claim(funded, 100, 1))[0]
    await finish(funded, gone, 110, delivered=False, http_status=410, disable_endpoint=True)
    assert (await funded.read(lambda reader: reader.endpoints(ORG)))[0].disabled_at == 110
    assert await claim(funded, 10**9) == []
    assert await next_due_at(funded) is None
    assert await funded.run(lambda unit: unit.outbox.add(an_event(a_call("c3")))) == 0
    await funded.run(lambda unit: unit.accounts.enable_endpoint("hook-1"))
    held = await claim(funded, 10**9)
    assert sorted((d.event.call_id, d.event.sequence) for d in held) == [("c1", 2), ("c2", 1)]


async def test_an_ended_delivery_is_replayed_from_the_first_attempt(funded: Store) -> None:
    await tell(funded, a_call(), 1)
    (first,) = await claim(funded, 100)
    await finish(funded, first, 100, delivered=False)
    again = await funded.run(lambda unit: unit.outbox.replay(first.delivery_id, 500, org_id=ORG))
    assert again != first.delivery_id
    assert await next_due_at(funded) == 500
    (second,) = await claim(funded, 500)
    assert (second.delivery_id, second.attempt, second.event) == (again, 1, first.event)
    assert await funded.run(lambda unit: unit.outbox.replay(again, 600)) == again


async def test_a_replay_takes_its_place_by_sequence(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2, 3, 4)
    (first,) = await claim(funded, 100)
    await finish(funded, first, 100)
    replayed = await funded.run(lambda unit: unit.outbox.replay(first.delivery_id, 100))
    (front,) = await claim(funded, 100)
    assert front.delivery_id == replayed
    await finish(funded, front, 100)
    (second,) = await claim(funded, 100)
    assert second.event.sequence == 2
    behind = await funded.run(lambda unit: unit.outbox.replay(first.delivery_id, 100))
    await finish(funded, second, 100)
    order = []
    while claimed := await claim(funded, 100):
        (delivery,) = claimed
        order.append((delivery.delivery_id == behind, delivery.event.sequence))
        await finish(funded, delivery, 100)
    assert order == [(True, 1), (False, 3), (False, 4)]


async def test_a_replay_waits_behind_an_earlier_one_that_is_ready(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2)
    ended = []
    while claimed := await claim(funded, 100):
        ended += claimed
        await finish(funded, claimed[0], 100)
    for delivery in ended:
        await replay(funded, delivery, 200)
    for sequence in (1, 2):
        (delivery,) = await claim(funded, 200)
        assert delivery.event.sequence == sequence
        await finish(funded, delivery, 200)


async def test_what_cannot_be_replayed_is_refused(funded: Store) -> None:
    await tell(funded, a_call(), 1)
    (delivery,) = await claim(funded, 100)
    await finish(funded, delivery, 100)
    for work in (
        lambda unit: unit.outbox.replay(99, 1),
        lambda unit: unit.outbox.replay(delivery.delivery_id, 1, org_id="org-2"),
    ):
        with pytest.raises(UnknownRecord, match="no delivery"):
            await funded.run(work)
    await funded.run(lambda unit: unit.accounts.disable_endpoint("hook-1", 1))
    with pytest.raises(UnknownRecord, match="disabled"):
        await funded.run(lambda unit: unit.outbox.replay(delivery.delivery_id, 1))
    with pytest.raises(UnknownRecord):
        await finish(funded, replace(delivery, delivery_id=99), 1)


async def test_the_log_is_its_organisations_and_comes_in_pages(funded: Store) -> None:
    for number in range(5):
        await tell(funded, a_call(f"c{number}"), 1)

    async def log(org_id: str, page: int) -> list[str]:
        rows = await funded.read(lambda reader: reader.deliveries(org_id, "hook-1", page, 2))
        return [row.call_id for row in rows]

    assert [await log(ORG, page) for page in (1, 2, 3, 4)] == [["c4", "c3"], ["c2", "c1"], ["c0"], []]
    assert await log("org-2", 1) == []
    (row, *_) = await funded.read(lambda reader: reader.deliveries(ORG, "hook-1", 1, 1))
    assert (row.state, row.due_at, row.attempts, row.event) == (DeliveryState.READY, 100, (), WebhookEvent.INITIATED)


async def test_the_backlog_counts_what_is_still_to_be_made(funded: Store) -> None:
    await tell(funded, a_call(), 1, 2, 3)
    assert await funded.read(lambda reader: reader.backlog()) == 3
    (delivery,) = await claim(funded, 100)
    assert await funded.read(lambda reader: reader.backlog()) == 3
    await finish(funded, delivery, 100)
    assert await funded.read(lambda reader: reader.backlog()) == 2


async def test_a_changed_endpoint_gets_what_waits_and_other_events_from_then_on(funded: Store) -> None:
    await tell(funded, a_call(), 1)
    changed = replace(an_endpoint(), url="https://client.example/else", events=frozenset({WebhookEvent.RINGING}))
    await funded.run(lambda unit: unit.accounts.change_endpoint(changed))
    await tell(funded, a_call("call-2"), 1)
    await tell(funded, a_call("call-3"), 2)
    claimed = await claim(funded, 1_000)
    assert {delivery.endpoint for delivery in claimed} == {changed}
    assert told(claimed) == [("hook-1", "call-1", 1, 1), ("hook-1", "call-3", 2, 1)]
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.accounts.change_endpoint(an_endpoint("hook-2")))


async def test_what_an_endpoint_was_told_of_or_is_still_to_be(funded: Store) -> None:
    async def was_told(*events: WebhookEvent, webhook_id: str = "hook-1", org_id: str = ORG) -> bool:
        return await funded.read_apart(lambda reader: reader.was_told(org_id, webhook_id, frozenset(events)))

    await add_endpoint(funded, "hook-2", events=frozenset({WebhookEvent.WALLET_LOW}))
    await tell(funded, a_call(), 1, 2)
    (delivery,) = await claim(funded, 100)
    assert await finish(funded, delivery, 100)
    for event in STEPS:
        assert await was_told(event) == (event in STEPS[:2])
    assert await was_told(WebhookEvent.WALLET_LOW, WebhookEvent.RINGING)
    assert not await was_told(WebhookEvent.RINGING, org_id="org-2")
    assert not await was_told(*WebhookEvent, webhook_id="hook-2")
