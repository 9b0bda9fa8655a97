"""Host names in Contacts: what is known of them at once, what is looked up meanwhile, and how much is remembered."""

import asyncio
import gc

import pytest

from b2bua.sip.location import Target
from b2bua.sip.routing import TransportAddress
from b2bua.switch.peer_names import KEPT_LIMIT, KEPT_S, OPEN_LIMIT, PeerNames
from b2bua.switch.trunks import Trunks
from b2bua.transport.resolver import Located
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

TRUNK = """
[[trunks]]
name = "t"
uri = "sip:sbc.carrier.example"
"""


def udp(host: str, port: int = 5060) -> TransportAddress:
    return TransportAddress("udp", host, port)


def asks(host: str, port: int | None = None, transport: str = "udp") -> Target:
    return Target(host, port, transport)


class Zone:
    """Stands in for the resolver: each look-up waits until it is answered."""

    def __init__(self) -> None:
        self.open: list[tuple[Target, asyncio.Future[Located]]] = []

    async def locate(self, target: Target) -> Located:
        """Whatever the test says, when it says it."""
        answer: asyncio.Future[Located] = asyncio.get_running_loop().create_future()
        self.open.append((target, answer))
        return await answer

    async def asked(self) -> list[Target]:
        """What waits for its answer now."""
        await asyncio.sleep(0)
        return [target for target, _ in self.open]

    async def answer(self, *destinations: TransportAddress, ttl_s: float = 60.0) -> None:
        """Answer the first that waits."""
        await self.asked()
        self.open.pop(0)[1].set_result(Located(destinations, ttl_s))
        for _ in range(3):  # what follows from it comes a few turns later
            await asyncio.sleep(0)


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.zone = Zone()
        self.trunks = Trunks(config_of(TRUNK).trunks, self.clock)
        self.names = PeerNames(self.trunks, self.zone, self.clock.monotonic)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_a_trunk_s_own_name_leads_to_its_destinations(desk: Desk) -> None:
    (trunk,) = desk.trunks
    desk.trunks.resolved(trunk, (udp("192.0.2.7"), TransportAddress("tcp", "192.0.2.7", 5060), udp("192.0.2.8", 5070)))
    assert desk.names.where(asks("SBC.Carrier.Example.")) == desk.names.where(asks("sbc.carrier.example"))
    assert desk.names.where(asks("SBC.Carrier.Example")) == (udp("192.0.2.7"), udp("192.0.2.8", 5070))
    assert desk.names.where(asks("sbc.carrier.example", 5080)) == (udp("192.0.2.7", 5080), udp("192.0.2.8", 5080))
    assert await desk.zone.asked() == []


async def test_a_trunk_that_was_never_found_or_is_reached_otherwise_is_no_answer(desk: Desk) -> None:
    assert desk.names.where(asks("sbc.carrier.example")) == ()
    (trunk,) = desk.trunks
    desk.trunks.resolved(trunk, (udp("192.0.2.7"),))
    assert desk.names.where(asks("sbc.carrier.example", transport="tcp")) == ()
    assert len(await desk.zone.asked()) == 2
    desk.names.close()


async def test_localhost_is_this_machine(desk: Desk) -> None:
    assert desk.names.where(asks("LocalHost", 5080)) == (udp("127.0.0.1", 5080), udp("::1", 5080))
    assert desk.names.where(asks("localhost", transport="tls"))[0] == TransportAddress("tls", "127.0.0.1", 5061)
    assert await desk.zone.asked() == []


async def test_another_name_is_looked_up_once_and_known_from_its_answer_on(desk: Desk) -> None:
    target = asks("gw.carrier.example", 5080)
    assert desk.names.where(target) == desk.names.where(asks("GW.carrier.example", 5080)) == ()
    assert await desk.zone.asked() == [target]
    await desk.zone.answer(udp("192.0.2.9", 5080))
    assert desk.names.where(target) == (udp("192.0.2.9", 5080),)
    assert await desk.zone.asked() == []


async def test_an_old_answer_serves_while_a_new_one_is_looked_for_and_not_for_ever(desk: Desk) -> None:
    target = asks("gw.carrier.example")
    desk.names.where(target)
    await desk.zone.answer(udp("192.0.2.9"), ttl_s=60)
    desk.clock.advance(61)
    assert desk.names.where(target) == (udp("192.0.2.9"),)
    await desk.zone.answer()
    assert desk.names.where(target) == (udp("192.0.2.9"),), "a name that is not found was found a while ago"
    assert await desk.zone.asked() == []
    desk.clock.advance(61)
    desk.names.where(target)
    await desk.zone.answer(udp("192.0.2.10"))
    assert desk.names.where(target) == (udp("192.0.2.10"),)
    desk.clock.advance(KEPT_S)
    assert desk.names.where(target) == ()
    desk.names.close()


async def test_a_name_that_is_not_found_is_not_asked_all_the_time(desk: Desk) -> None:
    target = asks("nowhere.example")
    desk.names.where(target)
    await desk.zone.answer(ttl_s=30)
    assert desk.names.where(target) == ()
    assert await desk.zone.asked() == []
    desk.clock.advance(31)
    desk.names.where(target)
    assert await desk.zone.asked() == [target]
    desk.names.close()


async def test_so_many_look_ups_at_once_and_so_many_names_remembered(desk: Desk) -> None:
    for number in range(OPEN_LIMIT + 5):
        desk.names.where(asks(f"h{number}.example"))
    assert len(await desk.zone.asked()) == OPEN_LIMIT
    for number in range(OPEN_LIMIT):
        await desk.zone.answer(udp(f"192.0.2.{number}"))
    for number in range(OPEN_LIMIT, KEPT_LIMIT + 1):
        desk.names.where(asks(f"h{number}.example"))
        await desk.zone.answer(udp("198.51.100.1"))
    assert desk.names.where(asks("h1.example")) == (udp("192.0.2.1"),)
    assert desk.names.where(asks("h0.example")) == (), "the one asked for longest ago is forgotten"
    desk.names.close()


async def test_nothing_is_left_of_what_was_under_way_at_the_end(desk: Desk) -> None:
    desk.names.where(asks("gw.carrier.example"))
    await desk.zone.asked()
    desk.names.close()
    desk.names.where(asks("other.example"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [answer.cancelled() for _, answer in desk.zone.open] == [True]
    gc.collect()
