"""What is refused first where several things are wrong at once: 400, then 402, then 503."""

from collections.abc import Awaitable, Callable

import pytest

from b2bua.call.errors import BalanceInsufficient, CapacityExhausted, InvalidParties
from b2bua.call.model import PlaceCall
from b2bua.switch.timely import ADMISSION_S
from storage.errors import StoreUnavailable
from storage.units import UnitOfWork
from tests.support.house import ORG, House
from tests.support.scripted_phone import ALICE, BOB

PULSE = 150
OpenHouse = Callable[..., Awaitable[House]]


def _draining(house: House) -> None:
    house.switch.drain(lambda: None)


def _trunk_down(house: House) -> None:
    house.trunk().up = False


def _overloaded(house: House) -> None:
    house.switch._admitting = house.config.calls.max_concurrent


FULL = pytest.mark.parametrize("make_full", [_draining, _trunk_down, _overloaded])


@FULL
async def test_without_balance_it_is_402_also_where_there_is_no_capacity(
    open_house: OpenHouse, make_full: Callable[[House], None]
) -> None:
    house = await open_house(paise=PULSE - 1)
    make_full(house)
    with pytest.raises(BalanceInsufficient):
        await house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number))
    house.switch._admitting = 0


@FULL
async def test_with_balance_it_is_503(open_house: OpenHouse, make_full: Callable[[House], None]) -> None:
    house = await open_house(paise=PULSE)
    make_full(house)
    with pytest.raises(CapacityExhausted):
        await house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number))
    assert house.switch.tally.calls_refused == 1
    house.switch._admitting = 0


async def test_wrong_parties_are_told_before_either(open_house: OpenHouse) -> None:
    house = await open_house(paise=0)
    _draining(house)
    with pytest.raises(InvalidParties):
        await house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=ALICE.number))


async def test_a_store_that_cannot_be_read_leaves_it_at_503(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(paise=0)
    _draining(house)

    async def refuse(work: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "read", refuse)
    with pytest.raises(CapacityExhausted):
        await house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number))
    monkeypatch.undo()


async def test_a_call_that_the_store_comes_to_too_late_is_refused(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever placed it has given up by then, or has placed it again."""
    house = await open_house(paise=PULSE)
    run = house.store.run

    async def late(work: Callable[[UnitOfWork], object]) -> object:
        house.clock.advance(ADMISSION_S + 0.1)
        return await run(work)

    monkeypatch.setattr(house.store, "run", late)
    with pytest.raises(CapacityExhausted):
        await house.switch.place_call(PlaceCall(org_id=ORG, party_a=ALICE.number, party_b=BOB.number))
    monkeypatch.undo()
    assert await house.store.read(lambda reader: reader.count_live()) == 0
    assert house.trunk().live_calls == 0
