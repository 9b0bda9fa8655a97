"""Routes whose target is a host name: the call goes where that leads, with the profile of the trunk it is sent by."""

from collections.abc import Awaitable, Callable

import pytest

from b2bua.sip.location import Choice
from b2bua.sip.routing import TransportAddress
from b2bua.switch.route_host import RouteHost
from tests.support.house import House
from tests.support.routes import DIALLED, WEST, peer, route
from tests.support.scripted_phone import BOB, answers, rejects, rings

ELSEWHERE = TransportAddress("udp", "203.0.113.99", 5060)
EAST = peer("east", BOB).replace(f"{BOB.sip.host}:{BOB.sip.port}", f"{ELSEWHERE.host}:{ELSEWHERE.port}")
NAMED = WEST + EAST + route(to="sip:{user}@bob.example:5070")
DEAD = TransportAddress("udp", "203.0.113.98", 5060)

OpenHouse = Callable[..., Awaitable[House]]


def the_host(house: House) -> RouteHost:
    """The one that the routes name."""
    (host,) = house.trunks.route_hosts
    return host


def bob_is_found(house: House, *destinations: TransportAddress) -> None:
    house.trunks.resolved(the_host(house), destinations or (BOB.sip,))


async def test_a_route_to_a_name_leads_where_the_name_does_and_not_to_its_trunk(open_house: OpenHouse) -> None:
    house = await open_house(trunks=NAMED)
    elsewhere = house.carrier_at(ELSEWHERE.host)
    bob_is_found(house)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.bob.hang_up()  # whoever a route leads to is heard, whatever trunk it is none of
    end = await house.relayed(call)
    assert (end.status, end.hangup_party) == ("completed", "b")
    assert house.bob.invite is not None
    assert house.bob.invite.request_uri == f"sip:{DIALLED}@bob.example:5070"
    assert elsewhere.received == []
    assert [leg.trunk for leg in end.legs] == ["west", "east"]


async def test_a_name_that_is_not_found_is_nowhere_and_takes_no_calls(open_house: OpenHouse) -> None:
    house = await open_house(trunks=NAMED)
    elsewhere = house.carrier_at(ELSEWHERE.host)
    house.trunks.resolved(the_host(house), ())
    response = await house.refused(DIALLED)
    assert (response.status, "Retry-After" in response.headers, elsewhere.received) == (503, True, [])
    assert house.trunk("east").up, "which says nothing of the trunk"


async def test_the_addresses_of_a_name_are_tried_in_turn_and_a_dead_one_is_left_alone(open_house: OpenHouse) -> None:
    house = await open_house(trunks=NAMED)
    dead = house.carrier_at(DEAD.host)
    dead.status = 0
    bob_is_found(house, DEAD, BOB.sip)
    house.bob.on_invite = rejects(486)
    for dead_was_asked in (1, 2, 3, 4, 4):  # 45 s apart: after the third it is left alone for 30 s, then for 60
        await house.relayed(await house.arrive(DIALLED))
        assert len(dead.invites) == dead_was_asked
    assert len(house.bob.invites) == 5


async def test_the_hosts_of_a_name_share_its_calls_by_weight(open_house: OpenHouse) -> None:
    house = await open_house(trunks=NAMED)
    other = house.carrier_at(DEAD.host)
    other.status = 486
    choices = ((Choice(1, (DEAD,)), Choice(1, (BOB.sip,))),)
    house.trunks.resolved(the_host(house), (DEAD, BOB.sip), choices=choices)
    house.bob.on_invite = rejects(486)
    for _ in range(20):
        await house.relayed(await house.arrive(DIALLED))
    assert len(other.invites) + len(house.bob.invites) == 20
    assert 4 < len(other.invites) < 16


async def test_a_call_that_had_to_wait_is_not_sent_where_its_name_was_found_to_be_dead(open_house: OpenHouse) -> None:
    house = await open_house(trunks=WEST + EAST.replace("options", "cps = 1\noptions") + route(to="sip:b@bob.example"))
    bob_is_found(house)
    house.bob.on_invite = rings()
    calls = [await house.arrive(DIALLED), await house.arrive(DIALLED)]
    house.trunks.unavailable(house.trunk("east"), BOB.sip, 30)
    await house.run(1.5)
    assert len(house.bob.invites) == 1
    house.bob.hang_up()
    for call in calls:
        await house.relayed(call)


@pytest.mark.parametrize(
    ("uri", "more", "to"),
    [
        ("sip:bob.example", "", "sip:{user}@Bob.example"),
        ("sip:bob.example:5080", "", "sip:{user}@bob.example"),
        ("sip:bob.example:5080", "", "sip:{user}@bob.example:5080"),
        ("sip:203.0.113.99", 'domain = "bob.example"', "sip:{user}@bob.example:5060"),
        ("sip:203.0.113.99", 'outbound_proxy = "sip:203.0.113.98"', "sip:{user}@bob.example"),
    ],
)
async def test_the_trunk_s_own_name_leads_to_the_trunk(open_house: OpenHouse, uri: str, more: str, to: str) -> None:
    east = EAST.replace(f"sip:{ELSEWHERE.host}:{ELSEWHERE.port}", uri)
    house = await open_house(trunks=WEST + east + more + route(to=to))
    assert house.trunks.route_hosts == ()
    house.trunks.resolved(house.trunk("east"), (BOB.sip,))
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.hang_up()
    await house.relayed(call)
