"""The behaviours that a stream could change, over TCP: a service without any UDP listener, trunks that take TCP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from b2bua.demo.client import Refused
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp
from tests.support.sipp_call import PASSWORD, USERNAME, Case, CaseRun, PortPair
from tests.support.sipp_cases import CASES

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

PLAYED = {
    "B hangs up": "t1",
    "A hangs up": "tn",
    "B does not answer": "t1",
    "B busy": "t1",
    "A busy": "tn",
    "A rejects": "t1",
    "B fails": "tn",
    "A hangs up while B rings": "t1",
    "200 of B crosses our CANCEL": "t1",
    "B without 180": "tn",
    "early media of B": "t1",
    "hung up over REST": "t1",
    "407 from B": "t1",
    "407 to the BYE": "tn",
    "B loses ACKs": "t1",
    "A forks": "t1",
    "A holds and resumes": "t1",
    "B updates": "tn",
    "A asks for an offer": "tn",
    "B moves": "t1",
    "A asks for fax": "t1",
    "B without SDP": "t1",
    "reliable 183 of B": "t1",
    "B refreshes by UPDATE": "t1",
    "B tries and no more": "tn",
    "A plays and no more": "t1",
    "the BYE of A crosses ours": "t1",
    "the BYE of B crosses ours": "tn",
    "200 of A crosses our CANCEL": "t1",
    "B forks": "t1",
    "A loses ACKs": "t1",
    "A repeats itself": "tn",
    "401 from A": "tn",
    "401 from B, SHA-256": "t1",
    "407 from A, SHA-256": "t1",
    "A refreshes by re-INVITE": "t1",
    "B refreshes by re-INVITE": "tn",
    "A refreshes by UPDATE": "tn",
    "A asks for longer sessions": "t1",
    "B asks for longer sessions": "tn",
    "B holds and resumes": "tn",
    "A updates": "t1",
    "B asks for an offer": "t1",
    "A moves": "tn",
    "B asks for fax": "tn",
    "reliable 183 of A": "tn",
    "early media of A": "tn",
    "A without SDP": "tn",
    "A with broken SDP": "t1",
    "B with broken SDP": "tn",
    "B with SRTP unasked": "t1",
    "A redirects": "t1",
    "B redirects": "tn",
    "A asks to be left alone": "tn",
    "B asks to be left alone": "t1",
    "A tries and no more": "t1",
    "B plays and no more": "tn",
    "A refuses as our CANCEL comes": "tn",
    "B plays reliably and no more": "t1",
    "A without 180": "t1",
    "A does not answer": "tn",
    "A fails": "t1",
    "B rejects": "tn",
    "B unavailable": "t1",
    "A unknown": "tn",
    "B rings and times out": "t1",
    "A times out": "tn",
    "hung up over REST while B rings": "t1",
    "hung up over REST while A rings": "tn",
    "SRTP of B, optional": "t1",
    "SRTP of A, required": "tn",
    "A busy everywhere": "t1",
    "B busy everywhere": "tn",
}
AT_ONCE = 24
OVER_TCP = tuple((case, PLAYED[case.name]) for case in CASES if case.name in PLAYED)


class TcpBench:
    """The service with a pair of trunks for each case, and one more for OPTIONS."""

    def __init__(self, service: ServiceUnderTest, first: int, listener: int, folder: Path) -> None:
        self.service = service
        self.first = first
        self.listener = listener
        self.folder = folder
        self.runs: dict[str, CaseRun] = {}

    async def play(self, index: int, case: Case, transport: str) -> None:
        """Play one case."""
        ports = PortPair(*range(self.first + 4 * index, self.first + 4 * index + 4))
        run = CaseRun(self.service, case, ports, self.folder / f"case-{index}", transport)
        self.runs[case.name] = run
        try:
            await run.play()
        except (Refused, aiohttp.ClientError, OSError, ValueError) as failure:
            run.problems.append(f"could not be played: {failure!r}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TcpBench]:
    folder = tmp_path_factory.mktemp("sipp-over-tcp")
    lease = PortLease(4 * len(OVER_TCP) + 10)
    request.addfinalizer(lease.close)
    first = lease.first
    spare = first + 4 * len(OVER_TCP)
    credentials = {"auth_username": USERNAME, "auth_password": PASSWORD}
    trunks = [
        trunk(f"leg-{port}", port, srtp=srtp, session_timer_s=case.session_timer_s, **credentials)
        for index, (case, _) in enumerate(OVER_TCP)
        for port, srtp in ((first + 4 * index, case.srtp_a), (first + 4 * index + 1, case.srtp_b))
    ]
    trunks.append(trunk(f"leg-{spare}", spare, **credentials))
    for each in trunks:
        each["uri"] = f"{each['uri']};transport=tcp"
    trunks[-1]["options_interval_s"] = 1
    listener = spare + 1
    sections = {"sip": {"listen": [f"tcp://127.0.0.1:{listener}"]}}
    async with service_under_test(folder / "service", trunks, sections=sections) as service:
        bench = TcpBench(service, first, listener, folder)
        places = asyncio.Semaphore(AT_ONCE)

        async def play(index: int, case: Case, transport: str) -> None:
            async with places:
                await bench.play(index, case, transport)

        await asyncio.gather(*(play(index, case, transport) for index, (case, transport) in enumerate(OVER_TCP)))
        yield bench


async def test_every_case_is_there() -> None:
    assert len(OVER_TCP) == len(PLAYED)


@pytest.mark.parametrize("case", [case for case, _ in OVER_TCP], ids=lambda case: case.name.replace(" ", "-"))
async def test_behaviour_over_tcp(bench: TcpBench, case: Case) -> None:
    run = bench.runs[case.name]
    assert not run.problems, run.report()
    invites = [
        message for outcome in run.outcomes for message in outcome.received if message.start.startswith("INVITE ")
    ]
    assert invites
    for invite in invites:
        assert invite.header("Via").startswith(f"SIP/2.0/TCP 127.0.0.1:{bench.listener};"), invite.text
        assert invite.header("Contact") == f"<sip:127.0.0.1:{bench.listener};transport=tcp>", invite.text


@pytest.mark.parametrize("scenario", ["asks_options", "asks_unknown_method"])
async def test_request_from_a_trunk_over_tcp(bench: TcpBench, scenario: str, tmp_path: Path) -> None:
    asking = await Sipp.start(
        scenario,
        tmp_path,
        port=bench.listener + 1,
        control_port=bench.listener + 2,
        arguments=[f"127.0.0.1:{bench.listener}"],
        lifetime_s=10,
        transport="t1",
    )
    outcome = await asking.finish(15)
    assert outcome.exit_status == 0, outcome.story()


async def test_our_options_over_tcp_take_a_trunk_up(bench: TcpBench, tmp_path: Path) -> None:
    peer = await Sipp.start(
        "answers_options",
        tmp_path,
        port=bench.listener - 1,
        control_port=bench.listener + 3,
        calls=30,
        lifetime_s=30,
        transport="t1",
    )
    try:
        async with asyncio.timeout(15):
            while await _last_options_status(bench) != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
    finally:
        await peer.kill()


async def _last_options_status(bench: TcpBench) -> object:
    rows = (await bench.service.command("trunks"))["data"]
    assert isinstance(rows, list)
    [row] = [row for row in rows if row["name"] == f"leg-{bench.listener - 1}"]
    return row["last_options_status"]


async def test_a_stranger_over_tcp_gets_silence_and_is_counted(bench: TcpBench) -> None:
    async with asyncio.timeout(5):
        with suppress(ConnectionError):  # some are told as they connect, some as they read
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.listener, local_addr=("127.0.0.2", 0))
            try:
                writer.write(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n\r\n")
                assert await reader.read() == b""
            finally:
                writer.close()
    assert (await _figures(bench))["maskbridge_sip_connections_refused_stranger_total"] >= 1


async def test_the_connections_are_counted(bench: TcpBench) -> None:
    figures = await _figures(bench)
    assert figures["maskbridge_sip_connections_opened_total"] >= len(OVER_TCP)
    assert "maskbridge_sip_connections" in figures


async def _figures(bench: TcpBench) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"{bench.service.url}/metrics") as response:
        text = await response.text()
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}
