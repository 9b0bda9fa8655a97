from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from b2bua.sip.message import Request
from b2bua.switch import journal
from tests.support.house import House
from tests.support.registrar import TRUNK, OpenWith, registrar

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture(autouse=True)
def _the_store_is_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "GATHER_S", 1e-6)
    monkeypatch.setattr(journal, "RETRY_FIRST_S", 0.0)
    monkeypatch.setattr(journal, "RETRY_LONGEST_S", 0.0)


@pytest.fixture
async def open_house() -> AsyncIterator[OpenHouse]:
    """Houses as a test wants them; each must come to rest, with nothing told to anyone it is not meant for."""
    houses: list[House] = []

    async def open_one(*arguments: object, **settings: object) -> House:
        house = await House.open(*arguments, **settings)  # type: ignore[arg-type]
        houses.append(house)
        return house

    yield open_one
    try:
        for house in houses:
            await house.at_rest()
    finally:
        for house in houses:
            await house.close()


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    """A house with one trunk, two phones and 1,000 rupees."""
    return await open_house()


@pytest.fixture
async def house_with() -> AsyncIterator[OpenWith]:
    """Houses whose registrar answers in turn. They never rest: a registration goes on until it is taken back."""
    houses: list[House] = []

    async def open_one(*answers_in_turn: Callable[[Request], bytes | None], trunk: str = TRUNK) -> House:
        house = await House.open(trunks=trunk)
        houses.append(house)
        house.carrier.on_register = registrar(*answers_in_turn)
        return house

    yield open_one
    for house in houses:
        await house.close()
