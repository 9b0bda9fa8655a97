from dataclasses import replace

from storage.records import CallStatus
from storage.store import Store
from tests.support.stored import ORG, a_call, an_organisation, completed, failed, saving


async def test_a_call_is_written_and_rewritten(funded: Store) -> None:
    call = replace(a_call(), reference="order 7", max_duration_s=60, record=False)
    await funded.run(lambda unit: unit.calls.save(call))
    changed = replace(completed(call), status=CallStatus.IN_PROGRESS, masked_number="917969002803")
    await funded.run(lambda unit: unit.calls.save(changed))
    assert await funded.run(lambda unit: unit.calls.get("call-1")) == changed
    assert await funded.run(lambda unit: unit.calls.live()) == [changed]


async def test_a_cdr_is_written_once_and_takes_the_live_row_away(funded: Store) -> None:
    await funded.run(lambda unit: unit.calls.save(a_call()))
    cdr = completed(a_call())
    assert await funded.run(lambda unit: unit.cdrs.add(cdr))
    assert not await funded.run(lambda unit: unit.cdrs.add(failed(a_call())))
    assert await funded.run(lambda unit: unit.cdrs.get("call-1")) == cdr
    assert await funded.run(lambda unit: unit.calls.get("call-1")) is None


async def test_live_calls_are_counted_and_listed_oldest_first(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    for number, org_id in enumerate([ORG, "org-2", ORG]):
        call = a_call(f"call-{number}", org_id=org_id, created_at=50 - number)
        await funded.run(saving(call))
    assert await funded.run(lambda unit: (unit.calls.count_live(), unit.calls.count_live(ORG))) == (3, 2)
    assert [call.call_id for call in await funded.read(lambda reader: reader.live_calls())] == [
        "call-2",
        "call-1",
        "call-0",
    ]
    assert [call.call_id for call in await funded.read(lambda reader: reader.live_calls("org-2"))] == ["call-1"]
    assert await funded.run(lambda unit: unit.cdrs.add(failed(a_call("call-1", org_id="org-2"))))
    assert await funded.read(lambda reader: reader.count_live()) == 2


async def test_the_heartbeat_is_the_last_one(funded: Store) -> None:
    assert await funded.read(lambda reader: reader.last_heartbeat()) is None
    await funded.run(lambda unit: unit.calls.heartbeat(5))
    await funded.run(lambda unit: unit.calls.heartbeat(9))
    assert await funded.read(lambda reader: reader.last_heartbeat()) == 9
