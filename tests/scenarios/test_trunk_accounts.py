"""Several accounts with one carrier are several trunks at one address: a call is of the one by which something is
reached."""

from collections.abc import Sequence
from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.config import Route
from b2bua.sip.digest import Credentials
from b2bua.sip.message import Request
from b2bua.switch import trunks as trunks_module
from b2bua.switch.accounts import account_of
from b2bua.switch.trunk import Trunk
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


THEIRS = Credentials("them", "theirs")
GUARDED = 'challenge_username = "them"\nchallenge_password = "theirs"\n'
OURS_TOO = 'challenge_username = "us"\nchallenge_password = "ours"\n'
TO_SECOND = route(more='trunk = "west-2"')


@pytest.mark.parametrize("first", ["", OURS_TOO])
async def test_each_account_asks_for_its_own_password(open_house: Any, first: str) -> None:
    """Nobody gets round the second's password by what the first asks for, and nobody is asked for the first's."""
    trunks = peer("west", ALICE, more=first) + peer("west-2", ALICE, more=GUARDED) + EAST + TO_SECOND
    house: House = await open_house(trunks=trunks)
    house.bob.on_invite = rings()
    assert (await house.refused(DIALLED)).status == 401
    house.alice.events.clear()
    assert (await house.refused(DIALLED, credentials=Credentials("us", "ours"))).status == 403
    assert house.bob.received == []
    call = await house.arrive(DIALLED, credentials=THEIRS)
    assert house.trunk("west-2").live_calls == 1
    house.alice.hang_up()
    await house.relayed(call)


async def test_a_call_is_of_the_account_whose_password_it_has_proved(
    open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at once: by when it is taken up, its carrier may have moved, and it would be another's."""
    looked_at: list[str] = []

    def watched(request: Request, accounts: Sequence[Trunk], routes: Sequence[Route]) -> Trunk:
        account = account_of(request, accounts, routes)
        looked_at.append(account.name)
        return account

    monkeypatch.setattr(trunks_module, "account_of", watched)
    house: House = await open_house(trunks=WEST + peer("west-2", ALICE, more=GUARDED) + EAST + TO_SECOND)
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED, credentials=THEIRS)
    assert looked_at == ["west-2", "west-2"], "once without and once with credentials"
    house.alice.hang_up()
    await house.relayed(call)


async def test_an_account_without_a_password_is_not_asked_for_another_s(open_house: Any) -> None:
    trunks = peer("west", ALICE, more=GUARDED) + peer("west-2", ALICE) + EAST + TO_SECOND
    house: House = await open_house(trunks=trunks)
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    assert house.trunk("west-2").live_calls == 1
    house.alice.hang_up()
    await house.relayed(call)


async def test_each_account_has_its_own_session_timer_and_100rel(open_house: Any) -> None:
    strict = 'session_timer_min_s = 1800\nreliable_provisional = "off"'
    trunks = WEST + peer("west-2", ALICE, more=strict) + EAST + TO_SECOND + route(match="1", more='trunk = "west"')
    house: House = await open_house(trunks=trunks)
    house.bob.on_invite = rings()
    too_short = ("Session-Expires", "600")
    refused = await house.refused(DIALLED, headers=(too_short,))
    assert (refused.status, refused.headers.get("Min-SE")) == (422, "1800")
    house.alice.events.clear()
    assert (await house.refused(DIALLED, headers=(("Require", "100rel"),))).status == 420
    call = await house.arrive("1", headers=(too_short, ("Require", "100rel")))
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
