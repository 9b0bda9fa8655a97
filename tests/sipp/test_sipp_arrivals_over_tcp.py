"""The same calls over TCP, both legs of them: all that go by a route."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.free_ports import PortLease
from tests.support.sipp_arrivals import ARRIVALS, Arrival, ArrivalRun, play_all

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

OVER_TCP = tuple(arrival for arrival in ARRIVALS if arrival.streams and not (arrival.paired or arrival.profile))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, ArrivalRun]]:
    """Those that are wanted, played."""
    wanted = [item.callspec.params.get("arrival") for item in request.session.items if hasattr(item, "callspec")]
    arrivals = [arrival for arrival in OVER_TCP if arrival in wanted]
    with PortLease(4 * len(arrivals) + 2) as first:
        yield await play_all(tmp_path_factory.mktemp("sipp-arrivals"), arrivals, first, "tcp")


@pytest.mark.parametrize("arrival", OVER_TCP, ids=lambda arrival: arrival.name.replace(" ", "-"))
async def test_arrival_over_tcp(runs: dict[str, ArrivalRun], arrival: Arrival) -> None:
    run = runs[arrival.name]
    assert not run.problems, run.report()
