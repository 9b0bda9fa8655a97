"""Calls that are asked for while nothing gets written: refused in time, and then nobody's phone rings for them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.call.model import PlaceCall, PlacedCall
from b2bua.switch.timely import ADMISSION_S
from storage.records import CallFilter, CallRecord
from storage.units import Reader, UnitOfWork
from tests.support.house import ORG, House
from tests.support.scripted_phone import ALICE, BOB
from tests.support.until import until

OpenHouse = Callable[..., Awaitable[House]]
COMMAND = PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number)
KEYED = PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number, idempotency_key="once", body_sha256="sha")


class Stall:
    """A disk that takes its time over the first unit of work that comes, and over what it is read with."""

    def __init__(self, house: House) -> None:
        self._let_go = threading.Event()
        self._begun = threading.Event()
        self._house = house
        self._run = house.store.run
        house.store.run = self._stalled  # type: ignore[method-assign]

    async def _stalled(self, work: Callable[[UnitOfWork], Any]) -> Any:
        self._house.store.run = self._run  # type: ignore[method-assign]
        asked = self._house.store.submit(work)
        self._house.store.submit(self._hold)  # in the same commit
        return await asked

    def _hold(self, _unit: UnitOfWork) -> None:
        self._begun.set()
        assert self._let_go.wait(10)

    async def is_under_way(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 10)

    def let_go(self) -> None:
        self._let_go.set()


def _calls(reader: Reader) -> list[CallRecord]:
    return reader.calls(ORG, CallFilter(), 1, 10)[0]


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _too_late(house: House, asked: "asyncio.Task[PlacedCall]") -> None:
    await _turns()
    house.clock.advance(ADMISSION_S + 0.1)
    await _turns()
    assert asked.done(), "it is told in time"
    assert isinstance(asked.exception(), CapacityExhausted)


async def _nothing_is_left(house: House) -> None:
    await house.run(1.0)
    assert house.carrier.invites == []
    wallet = await house.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000, 0)
    assert house.switch.live_calls() == 0
    assert house.trunk().live_calls == house.trunk().promised == 0


@pytest.mark.parametrize("command", [COMMAND, KEYED])
async def test_a_call_that_is_written_down_too_late_is_refused_in_time_and_never_dialled(
    open_house: OpenHouse, command: PlaceCall
) -> None:
    house = await open_house()
    await house.flush()
    stall = Stall(house)
    asked = asyncio.create_task(house.switch.place_call(command))
    await stall.is_under_way()
    try:
        await _too_late(house, asked)
        told: list[str] = []
        house.switch.drain(lambda: told.append("empty"))
        assert told == [], "the call may still come to be written"
    finally:
        stall.let_go()
    await _nothing_is_left(house)
    assert told == ["empty"]
    (call,) = await house.store.read(_calls)
    assert (call.status.value, call.hangup_cause, call.price_paise) == ("failed", "network_error", 0)


async def test_a_key_that_was_refused_too_late_places_one_call_when_it_is_sent_again(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.flush()
    stall = Stall(house)
    asked = asyncio.create_task(house.switch.place_call(KEYED))
    await stall.is_under_way()
    try:
        await _too_late(house, asked)
        await _too_late(house, asyncio.create_task(house.switch.place_call(KEYED)))
        again = asyncio.create_task(house.switch.place_call(KEYED))
        await _turns()
    finally:
        stall.let_go()
    placed = await again
    assert not placed.replayed
    assert (await house.switch.place_call(KEYED)).record.call_id == placed.record.call_id
    assert await house.store.read(lambda reader: reader.count_live()) == 1
    await house.run(1.0)
    assert len(house.carrier.invites) == 1
    await house.switch.hang_up(ORG, placed.record.call_id)
    await house.ended(placed.record)


async def test_a_wait_that_is_broken_off_leaves_no_call(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.flush()
    stall = Stall(house)
    asked = asyncio.create_task(house.switch.place_call(COMMAND))
    await stall.is_under_way()
    asked.cancel()
    await _turns()
    assert asked.cancelled()
    stall.let_go()
    await _nothing_is_left(house)


async def test_a_store_that_cannot_be_read_in_time_refuses(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()

    async def stalled(_work: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(house.store, "read", stalled)
    await _too_late(house, asyncio.create_task(house.switch.place_call(KEYED)))
    monkeypatch.undo()
    await _nothing_is_left(house)


async def test_a_balance_that_cannot_be_read_in_time_leaves_it_at_503(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    reads = list[object]()

    async def stalled(work: object) -> None:
        reads.append(work)
        await asyncio.Event().wait()

    def full(*, billed: bool) -> None:
        monkeypatch.setattr(house.store, "read", stalled)
        raise CapacityExhausted("The limit of concurrent calls is reached.")

    monkeypatch.setattr(house.switch, "check_capacity", full)
    asked = asyncio.create_task(house.switch.place_call(COMMAND))
    await until(lambda: reads)
    await _too_late(house, asked)
    monkeypatch.undo()
    await _nothing_is_left(house)
