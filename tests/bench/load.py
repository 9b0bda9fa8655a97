"""Masked calls at a steady rate through REST, between two SIPps.

    python -m tests.bench.load --rate 20 --calls 200

Starts a service of its own on free ports. Prints calls a second, failures, retransmissions, latency percentiles, CPU
and memory of the service; exits non-zero when a call failed.
"""

import argparse
import asyncio
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from b2bua.demo.client import Refused
from b2bua.demo.receiver import Received
from b2bua.demo.workplace import free_run
from b2bua.tokens import SystemTokens
from tests.support.service_under_test import TERMINAL_EVENTS, ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp

_FIRST_A, _FIRST_B = 6_000_000_000, 7_000_000_000
_MOST_IN_FLIGHT = 500
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """`calls` calls begun at `rate` a second; B hangs up `hold_ms` after it answered."""

    rate: float
    calls: int
    hold_ms: int = 1000
    record: bool = False

    @property
    def media_ports(self) -> int:
        """Enough for the calls that live or whose ports rest at any moment."""
        return min(max(400, int(self.rate * (self.hold_ms / 1000 + 5) * 4)), 10_000)

    @property
    def lifetime_s(self) -> int:
        """How long a SIPp may take for all of it."""
        return int(self.calls / self.rate + self.hold_ms / 1000 + 2 * _PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """A latency's distribution in ms."""

    count: int
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> "Percentiles":
        """Of any number of samples; all zero of none."""
        ordered = sorted(samples) or [0.0]

        def at(share: float) -> float:
            return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

        return cls(len(ordered), at(0.5), at(0.95), at(0.99), ordered[-1])

    def __str__(self) -> str:
        return f"p50 {self.p50:7.1f}  p95 {self.p95:7.1f}  p99 {self.p99:7.1f}  max {self.most:7.1f} ms  ({self.count})"


@dataclass(slots=True)
class LoadReport:
    """What came of a load. `failures` has a line for each call or leg that did not go as planned.

    `resident_mib`: the memory of the service when each quarter of the calls begins, and at the end.
    """

    plan: LoadPlan
    placed_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    retransmissions_of_ours: int = 0
    retransmissions_of_sipp: int = 0
    post_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    a_answer_to_b_invite_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    b_answer_to_ack_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    bye_to_other_leg_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    cpu_ms_per_call: float = 0.0
    resident_mib: list[float] = field(default_factory=list)

    @property
    def calls_a_second(self) -> float:
        """As really placed."""
        return self.plan.calls / self.placed_s if self.placed_s else 0.0

    def lines(self) -> list[str]:
        """For a human."""
        return [
            f"calls               {self.plan.calls} at {self.calls_a_second:.1f} a second",
            f"failures            {len(self.failures)}",
            f"retransmissions     {self.retransmissions_of_ours} of ours, {self.retransmissions_of_sipp} of SIPp's",
            f"POST                {self.post_ms}",
            f"A's 200 -> INVITE B {self.a_answer_to_b_invite_ms}",
            f"B's 200 -> ACK      {self.b_answer_to_ack_ms}",
            f"B's BYE -> BYE at A {self.bye_to_other_leg_ms}",
            f"CPU of the service  {self.cpu_ms_per_call:.2f} ms a call",
            f"memory, in quarters {' '.join(f'{mib:.1f}' for mib in self.resident_mib)} MiB",
            *(f"failure             {failure}" for failure in self.failures[:20]),
        ]


async def run_load(plan: LoadPlan, folder: Path) -> LoadReport:
    """Start a service in `folder`, put the load on it, take it down."""
    first = free_run(SystemTokens(), 4)
    trunks = [trunk("leg-a", first), trunk("leg-b", first + 1)]
    endings = _Endings(plan.calls)
    async with service_under_test(
        folder / "service", trunks, media_ports=plan.media_ports, rupees=10 * plan.calls + 1000, on_webhook=endings.add
    ) as service:
        return await _load(plan, folder, service, first, endings)


class _Endings:
    """Which call ended how, and when all have."""

    def __init__(self, calls: int) -> None:
        self.causes: dict[str, str] = {}
        self.everyone = asyncio.Event()
        self._calls = calls

    def add(self, webhook: Received) -> None:
        if webhook.event in TERMINAL_EVENTS:
            self.causes[webhook.call_sid] = f"{webhook.event} {webhook.data.get('hangup_cause')}"
            if len(self.causes) >= self._calls:
                self.everyone.set()


async def _load(plan: LoadPlan, folder: Path, service: ServiceUnderTest, first: int, endings: _Endings) -> LoadReport:
    report = LoadReport(plan)
    legs: list[Sipp] = []
    try:
        for number, (name, scenario) in enumerate((("a", "answers"), ("b", "answers_then_hangs_up"))):
            (folder / name).mkdir()
            legs.append(
                await Sipp.start(
                    scenario,
                    folder / name,
                    port=first + number,
                    control_port=first + 2 + number,
                    arguments=["-d", str(plan.hold_ms)],
                    calls=plan.calls,
                    lifetime_s=plan.lifetime_s,
                    log_messages=False,
                )
            )
        await _place_and_wait(plan, service, first, endings, report)
        for leg in legs:
            outcome = await leg.finish(_PATIENCE_S)
            if outcome.exit_status != 0:
                report.failures.append(
                    f"SIPp {outcome.scenario} ended with {outcome.exit_status}: {outcome.errors[:500]}"
                )
    finally:
        for leg in legs:
            await leg.kill()
    _read_logs(folder, report)
    return report


async def _place_and_wait(
    plan: LoadPlan, service: ServiceUnderTest, first: int, endings: _Endings, report: LoadReport
) -> None:
    loop = asyncio.get_running_loop()
    in_flight = asyncio.Semaphore(_MOST_IN_FLIGHT)
    post_ms: list[float] = []
    placed: list[str] = []

    async def place(number: int) -> None:
        async with in_flight:
            parties = f"sip:{_FIRST_A + number}@127.0.0.1:{first}", f"sip:{_FIRST_B + number}@127.0.0.1:{first + 1}"
            try:
                data, reply = await service.client.place(*parties, record=plan.record)
            except Refused as refused:
                report.failures.append(f"POST {number}: {refused}")
                return
            post_ms.append(reply.elapsed_ms)
            placed.append(str(data["call_sid"]))

    cpu_ms = service.cpu_ms()
    quarters = {round(plan.calls * quarter / 4) for quarter in range(4)}
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(plan.calls):
            await asyncio.sleep(max(began + number / plan.rate - loop.time(), 0))
            if number in quarters:
                report.resident_mib.append(service.resident_mib())
            group.create_task(place(number))
    report.placed_s = loop.time() - began + 1 / plan.rate
    try:
        await asyncio.wait_for(endings.everyone.wait(), _PATIENCE_S if len(placed) == plan.calls else 5.0)
    except TimeoutError:
        report.failures.append(f"{plan.calls - len(endings.causes)} calls did not end, or were not told of")
    report.cpu_ms_per_call = (service.cpu_ms() - cpu_ms) / plan.calls
    report.resident_mib.append(service.resident_mib())
    report.post_ms = Percentiles.of(post_ms)
    for cause, count in Counter(endings.causes.values()).items():
        if cause != "call.completed normal":
            report.failures.append(f"{count} calls ended with {cause}")


@dataclass(slots=True)
class _LegLog:
    """When what happened on one leg's SIPp, by the number in the dialled user."""

    invited: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    acknowledged: dict[int, float] = field(default_factory=dict)
    bye: dict[int, float] = field(default_factory=dict)
    repeated: int = 0
    own_retransmissions: int = 0


def _read_logs(folder: Path, report: LoadReport) -> None:
    a, b = _read_leg(folder / "a", _FIRST_A), _read_leg(folder / "b", _FIRST_B)
    report.retransmissions_of_ours = a.repeated + b.repeated
    report.retransmissions_of_sipp = a.own_retransmissions + b.own_retransmissions
    report.a_answer_to_b_invite_ms = _between(a.answered, b.invited)
    report.b_answer_to_ack_ms = _between(b.answered, b.acknowledged)
    report.bye_to_other_leg_ms = _between(b.bye, a.bye)


def _between(earlier: dict[int, float], later: dict[int, float]) -> Percentiles:
    return Percentiles.of((later[number] - at) * 1000 for number, at in earlier.items() if number in later)


def _read_leg(folder: Path, first_number: int) -> _LegLog:
    log, numbers, seen = _LegLog(), dict[str, int](), Counter[str]()
    with (folder / "short.log").open(encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 7:
                continue
            at, way, call_id, cseq, start = float(fields[2]), fields[3], fields[4], fields[5], fields[6]
            if way == "R" and start.startswith("INVITE "):
                numbers[call_id] = int(start.partition("sip:")[2].partition("@")[0]) - first_number
            if way == "R" and not start.startswith(("ACK ", "SIP/2.0")):
                seen[f"{call_id} {cseq}"] += 1
            number = numbers.get(call_id)
            if number is not None:
                _note(log, number, at, start, cseq)
    log.repeated = sum(count - 1 for count in seen.values())
    log.own_retransmissions = _counter(folder / "stat.csv", "Retransmissions(C)")
    return log


def _note(log: _LegLog, number: int, at: float, start: str, cseq: str) -> None:
    """The first time of each thing counts."""
    method = start.partition(" ")[0]
    if method == "SIP/2.0":
        times = log.answered if start.startswith("SIP/2.0 200") and cseq.endswith("INVITE") else None
    else:
        times = {"INVITE": log.invited, "ACK": log.acknowledged, "BYE": log.bye}.get(method)
    if times is not None:
        times.setdefault(number, at)


def _counter(path: Path, name: str) -> int:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return int(rows[-1][name]) if rows else 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Masked calls at a steady rate through REST, between two SIPps.")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--hold-ms", type=int, default=1000, help="how long B talks before it hangs up")
    parser.add_argument("--record", action="store_true", help="record the calls")
    options = parser.parse_args()
    plan = LoadPlan(options.rate, options.calls, options.hold_ms, options.record)
    with tempfile.TemporaryDirectory(prefix="maskbridge-load-") as folder:
        report = asyncio.run(run_load(plan, Path(folder)))
    for line in report.lines():
        print(line)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
