"""Every behaviour of sipp_scenarios/ against one running service, several at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from b2bua.demo.client import Refused
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp
from tests.support.sipp_call import NUMBER_A, NUMBER_B, PASSWORD, USERNAME, Case, CaseRun, PortPair
from tests.support.sipp_cases import CASES

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

AT_ONCE = 10


class Bench:
    """The service with a pair of trunks for each case, and two more for OPTIONS."""

    def __init__(self, service: ServiceUnderTest, pairs: list[PortPair], spare: int, folder: Path) -> None:
        self.service = service
        self.pairs = pairs
        self.spare = spare
        self.folder = folder
        self.runs: dict[str, CaseRun] = {}

    async def play(self, cases: list[Case]) -> None:
        """Play these cases, some at a time."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(case: Case) -> None:
            async with places:
                index = CASES.index(case)
                run = CaseRun(self.service, case, self.pairs[index], self.folder / f"case-{index}")
                self.runs[case.name] = run
                try:
                    await run.play()
                except (Refused, aiohttp.ClientError, OSError, ValueError) as failure:
                    run.problems.append(f"could not be played: {failure!r}")

        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(one(case))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("sipp")
    lease = PortLease(4 * len(CASES) + 20)
    request.addfinalizer(lease.close)
    first = lease.first
    pairs = [PortPair(*range(port, port + 4)) for port in range(first, first + 4 * len(CASES), 4)]
    spare = first + 4 * len(CASES)
    credentials = {"auth_username": USERNAME, "auth_password": PASSWORD}
    trunks = [
        trunk(f"leg-{port}", port, srtp=srtp, session_timer_s=case.session_timer_s, **credentials)
        for pair, case in zip(pairs, CASES, strict=True)
        for port, srtp in ((pair.a, case.srtp_a), (pair.b, case.srtp_b))
    ]
    trunks += [trunk(f"options-{port}", port, options_interval_s=1) for port in (spare, spare + 1)]
    async with service_under_test(folder / "service", trunks) as service:
        wanted = [_params(item).get("case") for item in request.session.items]
        bench = Bench(service, pairs, spare, folder)
        await bench.play([case for case in CASES if case in wanted])
        yield bench


def _params(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec is not None else {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
async def test_behaviour(bench: Bench, case: Case) -> None:
    run = bench.runs[case.name]
    assert not run.problems, run.report()


@pytest.mark.parametrize(("scenario", "host"), [("asks_options", "127.0.0.1"), ("asks_unknown_method", "127.0.0.1")])
async def test_request_from_a_trunk(bench: Bench, scenario: str, host: str, tmp_path: Path) -> None:
    await _ask(bench, scenario, host, tmp_path)


async def test_stranger_gets_silence(bench: Bench, tmp_path: Path) -> None:
    await _ask(bench, "stranger", "127.0.0.2", tmp_path)


async def _ask(bench: Bench, scenario: str, host: str, folder: Path) -> None:
    asking = await Sipp.start(
        scenario,
        folder,
        port=bench.spare + 4,
        control_port=bench.spare + 5,
        host=host,
        arguments=[f"127.0.0.1:{bench.service.sip_port}"],
        lifetime_s=10,
    )
    outcome = await asking.finish(15)
    assert outcome.exit_status == 0, outcome.story()


async def test_options_tell_which_trunk_is_up(bench: Bench, tmp_path: Path) -> None:
    up, down = bench.spare, bench.spare + 1
    peers = []
    for number, (scenario, port) in enumerate((("answers_options", up), ("refuses_options", down))):
        folder = tmp_path / scenario
        folder.mkdir()
        peers.append(
            await Sipp.start(
                scenario, folder, port=port, control_port=bench.spare + 6 + number, calls=100, lifetime_s=60
            )
        )
    # They answer until they are killed: once a SIPp has ended, the next OPTIONS finds nobody there.
    assert (await _asked(bench, up, 200))["state"] == "up"
    assert (await _asked(bench, down, 503))["state"] == "down"
    reply = await bench.service.client.post(
        "/v1/masking/calls",
        {
            "party_a": f"sip:{NUMBER_A}@127.0.0.1:{down}",
            "party_b": f"sip:{NUMBER_B}@127.0.0.1:{bench.pairs[0].b}",
        },
    )
    assert reply.status == 503, reply
    assert "retry-after" in reply.headers
    for peer in peers:
        await peer.kill()
        outcome = await peer.finish(5)
        assert outcome.received, outcome.story()
        assert not outcome.errors, outcome.story()


async def _asked(bench: Bench, port: int, status: int) -> dict[str, object]:
    """The trunk's row once its OPTIONS was answered so."""
    async with asyncio.timeout(20):
        while True:
            rows = (await bench.service.command("trunks"))["data"]
            assert isinstance(rows, list)
            row: dict[str, object] = next(row for row in rows if row["name"] == f"options-{port}")
            if row["last_options_status"] == status:
                return row
            await asyncio.sleep(0.1)
