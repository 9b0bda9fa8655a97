"""Calls that arrive by a route, as a callback, and for nobody, between SIPps against one running service."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from b2bua.demo.client import Refused
from tests.support.free_ports import PortLease
from tests.support.service_under_test import service_under_test, trunk
from tests.support.sipp_arrivals import ARRIVALS, DIALLED, Arrival, ArrivalRun
from tests.support.sipp_call import PortPair

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.xdist_group("sipp arrivals"),
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

AT_ONCE = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, ArrivalRun]]:
    """All of them, played."""
    folder = tmp_path_factory.mktemp("sipp-arrivals")
    lease = PortLease(4 * len(ARRIVALS))
    request.addfinalizer(lease.close)
    first = lease.first
    pairs = [PortPair(*range(port, port + 4)) for port in range(first, first + 4 * len(ARRIVALS), 4)]
    trunks = [trunk(f"leg-{port}", port) for pair in pairs for port in (pair.a, pair.b)]
    routes = [
        {
            "trunk": f"leg-{pair.a}",
            "match": DIALLED,
            "to": f"sip:{{user}}@127.0.0.1:{pair.b}",
            "via": f"leg-{pair.b}",
        }
        for pair in pairs
    ]
    places = asyncio.Semaphore(AT_ONCE)
    played: dict[str, ArrivalRun] = {}
    async with service_under_test(folder / "service", trunks, routes=routes) as service:

        async def play(index: int, arrival: Arrival) -> None:
            run = ArrivalRun(service, arrival, pairs[index], folder / f"arrival-{index}")
            played[arrival.name] = run
            async with places:
                try:
                    await run.play()
                except (Refused, aiohttp.ClientError, OSError, ValueError) as failure:
                    run.problems.append(f"could not be played: {failure!r}")

        async with asyncio.TaskGroup() as group:
            for index, arrival in enumerate(ARRIVALS):
                group.create_task(play(index, arrival))
        yield played


@pytest.mark.parametrize("arrival", ARRIVALS, ids=lambda arrival: arrival.name.replace(" ", "-"))
async def test_arrival(runs: dict[str, ArrivalRun], arrival: Arrival) -> None:
    run = runs[arrival.name]
    assert not run.problems, run.report()
