"""Every behaviour of sipp_scenarios/ against one running service, several at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from b2bua.demo.workplace import free_run
from b2bua.tokens import SystemTokens
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import SCENARIOS, Sipp
from tests.support.sipp_call import NUMBER_A, NUMBER_B, PASSWORD, USERNAME, Case, CaseRun, PortPair

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.xdist_group("sipp"),
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

AT_ONCE = 10
TALKED = "initiated ringing answered bridged completed"
A_ONLY = "initiated ringing answered failed"
ENDS = "answers_then_hangs_up"

#: The slow ones first: they set the time of the whole.
CASES = (
    Case("limit reached", "answers", "answers", "completed", "max_duration", TALKED, max_duration_s=10),
    Case("B says nothing", "answers", "silent", "failed", "b_unreachable", A_ONLY, repeats=True),
    Case("A says nothing", "silent", None, "failed", "unreachable", "initiated failed", repeats=True),
    Case("B does not answer", "answers", "rings_until_cancelled", "failed", "b_no_answer", A_ONLY),
    Case("A does not answer", "rings_until_cancelled", None, "no-answer", "no_answer", "initiated ringing no-answer"),
    Case(
        "200 of A crosses our CANCEL",
        "answers_as_cancel_comes",
        None,
        "no-answer",
        "no_answer",
        "initiated ringing no-answer",
    ),
    Case("B busy", "answers", "busy", "failed", "b_busy", A_ONLY),
    Case("B busy everywhere", "answers", "busy_everywhere", "failed", "b_busy", A_ONLY),
    Case("B rejects", "answers", "rejects", "failed", "b_rejected", A_ONLY),
    Case("B unavailable", "answers", "unavailable", "failed", "b_unreachable", A_ONLY),
    Case("B unknown", "answers", "unknown_number", "failed", "b_unreachable", A_ONLY),
    Case("B fails", "answers", "fails", "failed", "b_unreachable", A_ONLY),
    Case("B rings and times out", "answers", "times_out_after_ringing", "failed", "b_no_answer", A_ONLY),
    Case("B times out", "answers", "times_out_at_once", "failed", "b_unreachable", A_ONLY),
    Case("A busy", "busy", None, "failed", "busy", "initiated failed"),
    Case("A busy everywhere", "busy_everywhere", None, "failed", "busy", "initiated ringing failed"),
    Case("A rejects", "rejects", None, "failed", "rejected", "initiated ringing failed"),
    Case("A unavailable", "unavailable", None, "failed", "unreachable", "initiated failed"),
    Case("A unknown", "unknown_number", None, "failed", "invalid_number", "initiated failed"),
    Case("A fails", "fails", None, "failed", "network_error", "initiated failed"),
    Case(
        "A rings and times out",
        "times_out_after_ringing",
        None,
        "no-answer",
        "no_answer",
        "initiated ringing no-answer",
    ),
    Case("A times out", "times_out_at_once", None, "failed", "unreachable", "initiated failed"),
    Case("B hangs up", "answers", ENDS, "completed", "normal", TALKED, party="b"),
    Case("A hangs up", ENDS, "answers", "completed", "normal", TALKED, party="a", hold_a_ms=2500),
    Case("recorded", "answers", ENDS, "completed", "normal", TALKED, party="b", record=True),
    Case(
        "A without 180", "answers_without_180", ENDS, "completed", "normal", TALKED.replace("ringing ", ""), party="b"
    ),
    Case("B without 180", ENDS, "answers_without_180", "completed", "normal", TALKED, party="a", hold_a_ms=2000),
    Case(
        "early media of B", ENDS, "answers_after_early_media", "completed", "normal", TALKED, hold_a_ms=4000, hears=True
    ),
    Case("early media of A", "answers_after_early_media", ENDS, "completed", "normal", TALKED, party="b"),
    Case(
        "A hangs up while B rings", ENDS, "rings_until_cancelled", "failed", "a_hangup_before_bridge", A_ONLY, party="a"
    ),
    Case("200 of B crosses our CANCEL", ENDS, "answers_as_cancel_comes", "failed", "a_hangup_before_bridge", A_ONLY),
    Case(
        "hung up over REST while B rings",
        "answers",
        "rings_until_cancelled",
        "failed",
        "api_hangup",
        A_ONLY,
        ring_timeout_s=20,
        api_hangup_after="call.answered",
    ),
    Case(
        "hung up over REST while A rings",
        "rings_until_cancelled",
        None,
        "failed",
        "api_hangup",
        "initiated ringing failed",
        ring_timeout_s=20,
        api_hangup_after="call.ringing",
    ),
    Case("hung up over REST", "answers", "answers", "completed", "api_hangup", TALKED, api_hangup_after="call.bridged"),
    Case(
        "401 from A",
        "challenges_401",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "INVITE", "Authorization", "MD5"),
    ),
    Case(
        "401 from B, SHA-256",
        "answers",
        "challenges_401",
        "completed",
        "api_hangup",
        TALKED,
        api_hangup_after="call.bridged",
        challenge=("b", "INVITE", "Authorization", "SHA-256"),
    ),
    Case(
        "407 from A, SHA-256",
        "challenges_407",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "INVITE", "Proxy-Authorization", "SHA-256"),
    ),
    Case(
        "407 from B",
        ENDS,
        "challenges_407",
        "completed",
        "normal",
        TALKED,
        hold_a_ms=2500,
        challenge=("b", "INVITE", "Proxy-Authorization", "MD5"),
    ),
    Case(
        "407 to the BYE",
        "challenges_bye",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "BYE", "Proxy-Authorization", "MD5"),
    ),
    Case("A loses ACKs", "loses_acks", ENDS, "completed", "normal", TALKED, hold_b_ms=2500, plain_sipp=("loses_acks",)),
    Case("B loses ACKs", ENDS, "loses_acks", "completed", "normal", TALKED, hold_a_ms=4000, plain_sipp=("loses_acks",)),
    Case(
        "A repeats itself", "repeats_responses", ENDS, "completed", "normal", TALKED, plain_sipp=("repeats_responses",)
    ),
    Case(
        "B repeats itself",
        ENDS,
        "repeats_responses",
        "completed",
        "normal",
        TALKED,
        hold_a_ms=3000,
        plain_sipp=("repeats_responses",),
    ),
    Case("A forks", "forks", ENDS, "completed", "normal", TALKED, plain_sipp=("forks",)),
    Case("B forks", ENDS, "forks", "completed", "normal", TALKED, hold_a_ms=3000, plain_sipp=("forks",)),
)


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
                await run.play()

        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(one(case))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("sipp")
    first = free_run(SystemTokens(), 4 * len(CASES) + 20)
    pairs = [PortPair(*range(port, port + 4)) for port in range(first, first + 4 * len(CASES), 4)]
    spare = first + 4 * len(CASES)
    credentials = {"auth_username": USERNAME, "auth_password": PASSWORD}
    trunks = [trunk(f"leg-{port}", port, **credentials) for pair in pairs for port in (pair.a, pair.b)]
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
    ports = {"answers_options": bench.spare, "refuses_options": bench.spare + 1}
    peers = []
    for number, (scenario, port) in enumerate(ports.items()):
        folder = tmp_path / scenario
        folder.mkdir()
        peers.append(
            await Sipp.start(scenario, folder, port=port, control_port=bench.spare + 6 + number, calls=3, lifetime_s=20)
        )
    for outcome in await asyncio.gather(*(peer.finish(25) for peer in peers)):
        assert outcome.exit_status == 0, outcome.story()
    rows = (await bench.service.command("trunks"))["data"]
    assert isinstance(rows, list)
    states = {row["name"]: row for row in rows}
    assert states[f"options-{bench.spare + 1}"]["state"] == "down", states[f"options-{bench.spare + 1}"]
    reply = await bench.service.client.post(
        "/v1/masking/calls",
        {
            "party_a": f"sip:{NUMBER_A}@127.0.0.1:{bench.spare + 1}",
            "party_b": f"sip:{NUMBER_B}@127.0.0.1:{bench.pairs[0].b}",
        },
    )
    assert reply.status == 503, reply
    assert "retry-after" in reply.headers
    assert states[f"options-{bench.spare}"]["last_options_status"] == 200, states[f"options-{bench.spare}"]


def test_every_scenario_is_played_and_described() -> None:
    played = {scenario for case in CASES for scenario in (case.a, case.b) if scenario is not None}
    played |= {"asks_options", "asks_unknown_method", "stranger", "answers_options", "refuses_options"}
    there = {path.stem for path in SCENARIOS.glob("*.xml")}
    described = (SCENARIOS / "README.md").read_text("utf-8")
    assert played == there
    assert all(f"`{name}`" in described for name in there)
