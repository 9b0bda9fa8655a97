"""Hard case 22: what becomes of an INVITE that is too large for UDP is said of where it went, and of no other
destination of its trunk. RFC 3261 section 18.1.1."""

import pytest

from b2bua.sip import oversized
from b2bua.sip.routing import TransportAddress
from b2bua.switch.health import UNANSWERED_CALLS_TO_DOWN
from storage.records import CallRecord
from tests.scenarios.conftest import OpenHouse
from tests.support.house import CARRIER, MASKED, OURS, Carrier, House
from tests.support.scripted_phone import rejects

OURS_BY_TCP = TransportAddress("tcp", OURS.host, OURS.port)
BY_TCP = TransportAddress("tcp", CARRIER.host, CARRIER.port)
TRUNK = f"""
[[trunks]]
name = "carrier"
uri = "sip:carrier.example"
addresses = ["203.0.113.0/24"]
numbers = ["{MASKED}"]
options_interval_s = 0
invite_timeout_s = 4
"""


@pytest.fixture
async def large(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose INVITEs are all too large, and whose trunk has TCP in DNS, where nobody is."""
    monkeypatch.setattr(oversized, "OVERSIZED_OCTETS", 400)
    house = await open_house(trunks=TRUNK)
    network, endpoint = house.network, house.endpoint
    endpoint.attach(network.attach(OURS_BY_TCP, endpoint.received))
    network.unreachable = lambda _content, _source, to: endpoint.transport_failed(to, unopened=True)
    house.trunks.resolved(house.trunk(), [CARRIER, BY_TCP])
    house.alice.on_invite = rejects(486)
    return house


def over_tcp(house: House) -> Carrier:
    """The carrier, by TCP as well."""
    return Carrier(house.network, [house.alice, house.bob], BY_TCP)


def ways(house: House) -> list[str]:
    """The transports that INVITEs were sent by since the last look."""
    found = [each.destination.transport for each in house.network.carried if each.content.startswith(b"INVITE ")]
    house.network.carried.clear()
    return found


def open_ways(house: House) -> set[str]:
    """The transports that calls may go by now."""
    return {each.transport for each in house.trunk().open_destinations(house.clock.monotonic())}


async def placed(house: House) -> CallRecord:
    return await house.over(await house.place())


async def test_trunk_case_22_where_tcp_is_refused_the_call_goes_by_udp(large: House) -> None:
    call = await placed(large)
    assert (call.legs[0].sip_status, call.legs[0].trunk) == (486, "carrier")
    assert ways(large) == ["tcp", "udp"]


async def test_trunk_case_22_a_refused_connection_is_no_failure_of_udp(large: House) -> None:
    for _ in range(UNANSWERED_CALLS_TO_DOWN):
        assert (await placed(large)).legs[0].sip_status == 486
        assert ways(large) == ["tcp", "udp"]
    assert open_ways(large) == {"udp"}
    assert (await placed(large)).legs[0].sip_status == 486
    assert ways(large) == ["udp"], "it is not even tried while it is left alone"
    assert large.trunk().failures == {"4xx": UNANSWERED_CALLS_TO_DOWN + 1}


async def test_trunk_case_22_silence_by_tcp_is_no_failure_of_udp(large: House) -> None:
    over_tcp(large).status = 0
    for _ in range(UNANSWERED_CALLS_TO_DOWN):
        assert (await placed(large)).legs[0].sip_status is None
        assert ways(large) == ["tcp"], "where it has been already is no other destination"
    assert open_ways(large) == {"udp"}
    assert f"trunk carrier at {BY_TCP}: no_response" in "\n".join(large.log.lines)
    assert (await placed(large)).legs[0].sip_status == 486
    assert ways(large) == ["udp"]


async def test_trunk_case_22_a_503_by_tcp_is_of_tcp(large: House) -> None:
    carrier = over_tcp(large)
    carrier.status, carrier.headers = 503, "Retry-After: 20"
    assert (await placed(large)).legs[0].sip_status == 503
    assert open_ways(large) == {"udp"}


async def test_trunk_case_22_an_answer_by_tcp_shows_that_tcp_is_there(large: House) -> None:
    carrier = over_tcp(large)
    carrier.status = 0
    for _ in range(UNANSWERED_CALLS_TO_DOWN - 1):
        await placed(large)
    carrier.status = None
    assert (await placed(large)).legs[0].sip_status == 486
    carrier.status = 0
    await placed(large)
    assert open_ways(large) == {"udp", "tcp"}
