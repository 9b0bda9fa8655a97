"""The live switch places no test call, whatever asks it to: its trunks lead to real telephones."""

from collections.abc import Awaitable, Callable

import pytest

from b2bua.call.errors import CapacityExhausted
from tests.support.house import House

OpenHouse = Callable[..., Awaitable[House]]


@pytest.mark.parametrize("parties", [{}, {"party_a": "9000001000", "party_b": "9000001001"}])
@pytest.mark.parametrize("paise", [0, 10_000])
async def test_the_live_switch_refuses_a_test_call(open_house: OpenHouse, parties: dict[str, str], paise: int) -> None:
    house = await open_house(paise=paise)
    with pytest.raises(CapacityExhausted, match="Test calls"):
        await house.place(test=True, **parties)
    assert house.carrier.invites == []
    assert await house.store.read(lambda reader: reader.live_calls()) == []
