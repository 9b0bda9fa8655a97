"""Several accounts with one carrier are several trunks at one address: a call is of the one by which something is
reached."""

from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from tests.support.house import CARRIER, MASKED, ONE_TRUNK, ORG, House
from tests.support.routes import DIALLED, EAST, WEST, peer, route
from tests.support.scripted_phone import ALICE, rings

OTHER_ACCOUNT = ONE_TRUNK.replace('"carrier"', '"other"').replace(f'["{MASKED}"]', "[]")


async def test_a_call_to_a_masked_number_is_of_the_account_that_has_it(open_house: Any) -> None:
    house: House = await open_house(trunks=OTHER_ACCOUNT + ONE_TRUNK)
    call = await house.bridged()
    house.bob.hang_up()
    await house.over(call)
    await house.run(40.0)
    house.bob.on_invite = rings()
    back = await house.arrive(MASKED)
    assert back.direction == "inbound"
    assert [(trunk.name, trunk.live_calls) for trunk in house.trunks] == [("other", 0), ("carrier", 2)]
    house.alice.hang_up()
    await house.ended(back)


async def test_a_route_of_one_account_is_found_for_its_calls(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + peer("west-2", ALICE) + EAST + route(more='trunk = "west-2"'))
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    assert [(trunk.name, trunk.live_calls) for trunk in house.trunks] == [("west", 0), ("west-2", 1), ("east", 1)]
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize("password", ["", 'challenge_username = "them"\nchallenge_password = "theirs"'])
async def test_nothing_of_an_account_with_a_password_is_reached_without_it(open_house: Any, password: str) -> None:
    """The first trunk of the address says what is asked; nobody gets round the second's password by that."""
    second = peer("west-2", ALICE, more=password)
    house: House = await open_house(trunks=WEST + second + EAST + route(more='trunk = "west-2"'))
    house.bob.on_invite = rings()
    if password:
        assert (await house.refused(DIALLED)).status == 404
        assert house.bob.received == []
        return
    call = await house.arrive(DIALLED)
    house.alice.hang_up()
    await house.relayed(call)


async def test_a_number_that_is_nobody_s_stays_so(open_house: Any) -> None:
    house: House = await open_house(trunks=OTHER_ACCOUNT + ONE_TRUNK)
    assert (await house.refused("917969002803")).status == 404
    assert CARRIER in house.trunk("other").destinations


async def test_a_peer_that_is_only_there_for_routes_gets_no_placed_calls(open_house: Any) -> None:
    """It may show no number: a call that went to it could not be placed."""
    house: House = await open_house(trunks=WEST + ONE_TRUNK + EAST.replace(f'["{MASKED}"]', "[]"))
    for _ in range(4):
        call = await house.bridged()
        assert [leg.trunk for leg in house.switch._calls[call.call_id].machine.record.legs] == ["carrier"] * 2
        house.bob.hang_up()
        await house.over(call)
        await house.run(40.0)


async def test_an_organisation_s_calls_go_by_the_trunk_that_may_show_its_number(open_house: Any) -> None:
    """Whosever turn it is: one that may show none of its numbers is of no use to it."""
    other = ONE_TRUNK.replace('"carrier"', '"other"').replace(MASKED, "917969002803")
    house: House = await open_house(trunks=other + ONE_TRUNK)
    await house.store.run(lambda unit: unit.accounts.set_numbers(ORG, (MASKED,)))
    for _ in range(3):
        call = await house.bridged()
        assert call.masked_number == MASKED
        assert [leg.trunk for leg in house.switch._calls[call.call_id].machine.record.legs] == ["carrier"] * 2
        house.bob.hang_up()
        await house.over(call)
        await house.run(40.0)
    house.trunks.held_off(house.trunk("carrier"), 600.0)
    with pytest.raises(CapacityExhausted):
        await house.place()
    assert [(trunk.promised, trunk.live_calls) for trunk in house.trunks] == [(0, 0), (0, 0)]
