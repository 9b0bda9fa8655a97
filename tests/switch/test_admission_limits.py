"""What an operator set an organisation holds for each of its calls."""

from dataclasses import replace
from functools import partial

import pytest

from b2bua.call.errors import CapacityExhausted, IdempotencyConflict, InvalidParties, OrganisationSuspended
from b2bua.call.model import PlaceCall, PlacedCall
from b2bua.switch.admission import IDEMPOTENCY_MS, AdmissionPlan, ArrivalPlan, admit, admit_arrival, replay
from b2bua.switch.settlement import settle_unit
from storage.agent_records import Agent, AgentState
from storage.records import TEST_NUMBER, CallFilter, CallStatus, Organisation, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import a_call, failed

ORG = Organisation("org-1", "Shop", 1)
FIRST, SECOND = "917969002802", "919876543210"


async def opened(organisation: Organisation, numbers: tuple[str, ...] = ()) -> Store:
    store = await Store.open("sqlite://")

    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(organisation)
        unit.accounts.set_numbers(organisation.org_id, numbers)
        unit.ledger.credit("c", organisation.org_id, 10_000, None, 1)

    await store.run(fill)
    return store


async def place(store: Store, number: int = 1) -> PlacedCall:
    command = PlaceCall("org-1", "9876543210", "9123456789")
    plan = AdmissionPlan(
        call_id=f"call-{number}",
        event_id=f"event-{number}",
        party_a="9876543210",
        party_b="9123456789",
        candidates=[("carrier", FIRST), ("carrier", SECOND)],
        ring_timeout_s=45,
        record=False,
        at=5,
    )
    return await store.run(lambda unit: admit(unit, command, plan))


async def listed(store: Store, wanted: CallFilter) -> int:
    rows, total = await store.read(lambda reader: reader.calls("org-1", wanted, 1, 10))
    assert len(rows) == total
    return total


async def arrive(store: Store) -> None:
    plan = ArrivalPlan(
        call_id="call-9",
        event_id="event-9",
        org_id="org-1",
        party_a="9876543210",
        party_b="9123456789",
        masked_number=FIRST,
        trunk_a="carrier",
        pair_trunk=None,
        ring_timeout_s=45,
        record=False,
        at=5,
    )
    await store.run(lambda unit: admit_arrival(unit, plan))


async def test_a_suspended_organisation_places_and_takes_no_calls() -> None:
    store = await opened(replace(ORG, suspended_at=3))
    with pytest.raises(OrganisationSuspended):
        await place(store)
    with pytest.raises(OrganisationSuspended):
        await arrive(store)
    assert await store.read(lambda reader: reader.count_live("org-1")) == 0
    assert (await store.read(lambda reader: reader.wallet("org-1"))).reserved_paise == 0
    await store.run(lambda unit: unit.accounts.change_organisation(ORG))
    await place(store)
    await store.close()


async def test_an_organisation_has_a_limit_of_its_own() -> None:
    store = await opened(replace(ORG, max_concurrent_calls=2))
    await place(store, 1)
    await arrive(store)
    with pytest.raises(CapacityExhausted, match="organisation's limit"):
        await place(store, 2)
    await store.run(lambda unit: unit.cdrs.add(failed(a_call("call-1"))))
    await place(store, 3)
    await store.close()


async def test_an_organisation_shows_its_own_numbers_alone() -> None:
    store = await opened(ORG, (SECOND,))
    assert (await place(store)).record.masked_number == SECOND
    await store.run(lambda unit: unit.accounts.set_numbers("org-1", ("910000000000",)))
    with pytest.raises(CapacityExhausted, match="masked numbers"):
        await place(store, 2)
    await store.run(lambda unit: unit.accounts.set_numbers("org-1", ()))
    await place(store, 3)
    await store.close()


async def test_a_test_call_knows_no_wallet_no_numbers_and_no_limit() -> None:
    store = await opened(replace(ORG, max_concurrent_calls=1), (SECOND,))
    await place(store, 1)
    before = await store.read(lambda reader: reader.wallet("org-1"))
    command = PlaceCall("org-1", "9000001000", "9000001001", test=True)
    plan = AdmissionPlan("call-2", "event-2", "9000001000", "9000001001", [("test", TEST_NUMBER)], 45, False, 5)
    record = (await store.run(lambda unit: admit(unit, command, plan))).record
    assert (record.test, record.masked_number, record.tariff.rate_paise_per_minute) == (True, TEST_NUMBER, 0)
    assert await store.read(lambda reader: reader.wallet("org-1")) == before
    assert await store.read(lambda reader: reader.count_live("org-1")) == 1
    assert await store.read(lambda reader: reader.pairing_for(TEST_NUMBER, "9000001000")) is None
    ended = replace(
        record,
        status=CallStatus.COMPLETED,
        answered_at=6,
        ended_at=70_000,
        duration_s=69,
        bill_duration_s=120,
        price_paise=0,
        hangup_cause="normal",
    )
    cdr = await store.run(lambda unit: settle_unit(unit, ended, WebhookEvent.COMPLETED, "event-3", 80_000))
    assert cdr is not None
    assert cdr.price_paise == 0
    assert await store.read(lambda reader: reader.wallet("org-1")) == before
    stats = await store.read(lambda reader: reader.stats("org-1", None, None))
    tested = await store.read(lambda reader: reader.stats("org-1", None, None, test=True))
    assert (stats.total_calls, stats.active_sessions, stats.billed_s) == (1, 1, 0)
    assert (tested.total_calls, tested.answered_calls, tested.total_mappings) == (1, 1, 0)
    assert [await listed(store, CallFilter(test=test)) for test in (None, False, True)] == [2, 1, 1]
    by_party = CallFilter(party="9000001000", test=False)
    assert [await listed(store, by_party), await listed(store, replace(by_party, test=True))] == [0, 1]
    await store.close()


DAY_MS = 24 * 3600 * 1000


async def test_an_idempotency_key_is_good_for_a_day_for_one_body_of_one_organisation() -> None:
    """What is seen before the unit of work, `replay`, and inside it, where an equal request may have come first."""
    assert IDEMPOTENCY_MS == DAY_MS
    store = await opened(replace(ORG, max_concurrent_calls=1))
    first = PlaceCall("org-1", "9876543210", "9123456789", request_id="r1", idempotency_key="key", body_sha256="body")

    def plan(number: int, at: int) -> AdmissionPlan:
        return AdmissionPlan(
            f"call-{number}", f"event-{number}", first.party_a, first.party_b, [("carrier", FIRST)], 45, False, at
        )

    placed = await store.run(lambda unit: admit(unit, first, plan(1, 5)))
    assert (placed.record.call_id, placed.request_id, placed.replayed) == ("call-1", "r1", False)
    wallet = await store.read(lambda reader: reader.wallet("org-1"))
    again, at = replace(first, request_id="r2"), 5 + DAY_MS - 1

    async def assert_replayed() -> None:
        for reply in (
            await store.read(lambda reader: replay(reader, again, at)),
            await store.run(lambda unit: admit(unit, again, plan(2, at))),
        ):
            assert reply is not None
            assert (reply.record.call_id, reply.request_id, reply.replayed) == ("call-1", "r1", True)
        assert await store.read(lambda reader: reader.wallet("org-1")) == wallet, "nothing is set aside twice"

    await assert_replayed()
    other_body = replace(again, body_sha256="other")
    with pytest.raises(IdempotencyConflict):
        await store.read(lambda reader: replay(reader, other_body, at))
    with pytest.raises(IdempotencyConflict):
        await store.run(lambda unit: admit(unit, other_body, plan(2, at)))
    for stranger in (replace(again, org_id="org-2"), replace(again, idempotency_key="another")):
        assert await store.read(partial(replay, command=stranger, at=at)) is None
    assert await store.read(lambda reader: replay(reader, replace(again, idempotency_key=None), at)) is None

    ended = replace(
        placed.record, status=CallStatus.FAILED, ended_at=70, duration_s=0, price_paise=0, hangup_cause="no_answer"
    )
    await store.run(lambda unit: settle_unit(unit, ended, WebhookEvent.FAILED, "event-3", 80))
    wallet = await store.read(lambda reader: reader.wallet("org-1"))
    assert wallet.reserved_paise == 0
    await assert_replayed()

    assert await store.read(lambda reader: replay(reader, other_body, 5 + DAY_MS)) is None
    later = await store.run(lambda unit: admit(unit, other_body, plan(4, 5 + DAY_MS)))
    assert (later.record.call_id, later.request_id, later.replayed) == ("call-4", "r2", False)
    await store.close()


@pytest.mark.parametrize("field", ["party_a", "party_b"])
@pytest.mark.parametrize("agent", ["nobody", "theirs"])
async def test_an_agent_of_another_organisation_is_nobody_on_either_side(field: str, agent: str) -> None:
    store = await opened(ORG)

    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(Organisation("org-2", "Rival", 1))
        for org_id, name in (("org-1", "anna"), ("org-2", "theirs")):
            unit.agents.add(Agent(org_id, name, name.title(), AgentState.AVAILABLE, 1))

    await store.run(fill)

    def plan(called: str) -> AdmissionPlan:
        parties = {"party_a": "9876543210", "party_b": "9123456789", field: f"agent:{called}"}
        return AdmissionPlan(
            "call-1", "event-1", parties["party_a"], parties["party_b"], [("carrier", FIRST)], 45, False, 5
        )

    command = PlaceCall("org-1", "9876543210", "9123456789")
    with pytest.raises(InvalidParties) as refused:
        await store.run(lambda unit: admit(unit, command, plan(agent)))
    assert refused.value.field == field
    assert await store.read(lambda reader: reader.count_live("org-1")) == 0
    await store.run(lambda unit: admit(unit, command, plan("anna")))
    await store.close()
