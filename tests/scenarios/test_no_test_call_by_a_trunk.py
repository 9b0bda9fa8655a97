"""The live switch places no test call, whatever asks it to, and takes none: its trunks lead to real telephones."""

from collections.abc import Awaitable, Callable

import pytest

from b2bua.call.errors import CapacityExhausted
from storage.records import TEST_NUMBER
from tests.support.house import House
from tests.support.routes import DIALLED, EAST, WEST, route
from tests.support.scripted_phone import answers

OpenHouse = Callable[..., Awaitable[House]]


@pytest.mark.parametrize("parties", [{}, {"party_a": "9000001000", "party_b": "9000001001"}])
@pytest.mark.parametrize("paise", [0, 10_000])
async def test_the_live_switch_refuses_a_test_call(open_house: OpenHouse, parties: dict[str, str], paise: int) -> None:
    house = await open_house(paise=paise)
    with pytest.raises(CapacityExhausted, match="Test calls"):
        await house.place(test=True, **parties)
    assert house.carrier.invites == []
    assert await house.store.read(lambda reader: reader.live_calls()) == []


async def test_a_caller_by_the_number_of_test_calls_pays_and_is_not_shown_to_test_keys(open_house: OpenHouse) -> None:
    house = await open_house(trunks=WEST + EAST + route(more='org = "org-1"\ncaller = "pass"'))
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED, from_uri=f"sip:{TEST_NUMBER}@198.51.100.9", from_display=None, headers=())
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(30.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert house.bob.invite is not None
    assert house.bob.invite.from_.uri.user == TEST_NUMBER
    assert (cdr.test, cdr.masked_number, cdr.price_paise) == (False, f"+{TEST_NUMBER}", 150)
