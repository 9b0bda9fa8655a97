"""Routed calls at a steady rate: SIPp -> maskbridge -> SIPp, no REST, no database, media anchored.

    python -m tests.bench.routed --rate 100 --calls 6000
    python -m tests.bench.routed --rate 100 --calls 3000 --profile

Starts a service of its own on free ports. Prints calls a second, failures, retransmissions, the post-dial delay that
the service adds, CPU and memory of the service; exits non-zero when a call failed. With `--profile` also which room of
the service the CPU goes to, sampled from outside by py-spy (see `tests.bench.rooms`), which costs CPU of its own: the
other figures of that run are not to be compared.
"""

import argparse
import asyncio
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from b2bua.demo.workplace import free_run
from b2bua.tokens import SystemTokens
from tests.bench.load import Percentiles
from tests.bench.rooms import profiler, sampled, shares
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp

_PATIENCE_S = 40.0
_SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class RoutedPlan:
    """`calls` calls begun at `rate` a second; the caller hangs up `hold_ms` after the answer. `profile`: sample where
    the CPU goes."""

    rate: int
    calls: int
    hold_ms: int = 500
    profile: bool = False

    @property
    def media_ports(self) -> int:
        """Enough for the calls that live or whose ports rest at any moment."""
        return min(max(400, int(self.rate * (self.hold_ms / 1000 + 2.5) * 4)), 16_000)

    @property
    def lifetime_s(self) -> int:
        """How long a SIPp may take for all of it."""
        return int(self.calls / self.rate + self.hold_ms / 1000 + 2 * _PATIENCE_S)


@dataclass(slots=True)
class RoutedReport:
    """What came of it. `failures` has a line for each SIPp that did not go as planned.

    `kernel_share`: what of the CPU the kernel used for the service; `rooms`: percent of it by room, where sampled.
    """

    plan: RoutedPlan
    took_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    failed_calls: int = 0
    retransmissions_of_ours: int = 0
    retransmissions_of_sipp: int = 0
    invite_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    ringing_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    answer_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    bye_ms: Percentiles = field(default_factory=lambda: Percentiles.of(()))
    cpu_ms_per_call: float = 0.0
    kernel_share: float = 0.0
    rooms: Mapping[str, float] = field(default_factory=dict)
    resident_mib: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a human."""
        return [
            f"calls               {self.plan.calls} in {self.took_s:.1f} s, asked for at {self.plan.rate} a second",
            f"failed              {self.failed_calls}",
            f"retransmissions     {self.retransmissions_of_ours} of ours, {self.retransmissions_of_sipp} of SIPp's",
            f"INVITE in -> out    {self.invite_ms}",
            f"180 in -> out       {self.ringing_ms}",
            f"200 in -> out       {self.answer_ms}",
            f"BYE in -> out       {self.bye_ms}",
            f"CPU of the service  {self.cpu_ms_per_call:.2f} ms a call, {self.kernel_share:.0%} of it in the kernel",
            f"memory              {' '.join(f'{mib:.1f}' for mib in self.resident_mib)} MiB",
            *(f"{share:17.1f} %  {room}" for room, share in self.rooms.items()),
            *(f"failure             {failure}" for failure in self.failures[:20]),
        ]


async def run_routed(plan: RoutedPlan, folder: Path) -> RoutedReport:
    """Start a service in `folder`, put the load on it, take it down."""
    first = free_run(SystemTokens(), 4)
    route = {"match": "6[0-9]+", "to": f"sip:{{user}}@127.0.0.1:{first + 1}", "via": "callee", "caller": "pass"}
    async with service_under_test(
        folder / "service",
        [trunk("caller", first), trunk("callee", first + 1)],
        media_ports=plan.media_ports,
        routes=[{"trunk": "caller", **route}],
    ) as service:
        return await _load(plan, folder, service, first)


async def _load(plan: RoutedPlan, folder: Path, service: ServiceUnderTest, first: int) -> RoutedReport:
    report = RoutedReport(plan)
    loop = asyncio.get_running_loop()
    common = ["-d", str(plan.hold_ms)]
    target = f"127.0.0.1:{service.sip_port}"
    pace = ["-r", str(plan.rate), "-l", str(plan.rate * 40)]
    legs: list[Sipp] = []
    try:
        legs.append(await _start("answers", folder / "b", plan, first + 1, first + 3, common))
        report.resident_mib.append(service.resident_mib())
        async with AsyncExitStack() as watching:
            if plan.profile:
                await watching.enter_async_context(sampled(service.service.pid, folder / "samples"))
            cpu_ms, kernel_ms, began = service.cpu_ms(), service.kernel_ms(), loop.time()
            legs.append(await _start("calls", folder / "a", plan, first, first + 2, [*common, *pace, target]))
            for leg in reversed(legs):
                outcome = await leg.finish(plan.lifetime_s)
                if outcome.exit_status != 0:
                    said = outcome.errors[:500]
                    report.failures.append(f"SIPp {outcome.scenario} ended with {outcome.exit_status}: {said}")
            report.took_s = loop.time() - began
            await asyncio.sleep(_SETTLE_S)
            used_ms = service.cpu_ms() - cpu_ms
        report.cpu_ms_per_call = used_ms / plan.calls
        report.kernel_share = (service.kernel_ms() - kernel_ms) / (used_ms or 1.0)
        report.resident_mib.append(service.resident_mib())
    finally:
        for leg in legs:
            await leg.kill()
    _read_logs(folder, report)
    if plan.profile:
        report.rooms = shares((folder / "samples").read_text("utf-8").splitlines())
    return report


def run(plan: RoutedPlan) -> RoutedReport:
    """`run_routed` in a loop and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="maskbridge-routed-") as folder:
        return asyncio.run(run_routed(plan, Path(folder)))


async def _start(
    scenario: str, folder: Path, plan: RoutedPlan, port: int, control_port: int, arguments: list[str]
) -> Sipp:
    _make(folder)
    return await Sipp.start(
        scenario,
        folder,
        port=port,
        control_port=control_port,
        arguments=arguments,
        calls=plan.calls,
        lifetime_s=plan.lifetime_s,
        log_messages=False,
    )


def _make(folder: Path) -> None:
    folder.mkdir()


@dataclass(slots=True)
class _Moments:
    """When each message of each call was seen by one SIPp, by (call number, what)."""

    at: dict[tuple[int, str], float] = field(default_factory=dict)
    repeated: int = 0


def _read_logs(folder: Path, report: RoutedReport) -> None:
    a, b = _read(folder / "a" / "short.log"), _read(folder / "b" / "short.log")
    report.retransmissions_of_ours = a.repeated + b.repeated
    for name in ("a", "b"):
        rows = _statistics(folder / name / "stat.csv")
        report.retransmissions_of_sipp += int(rows["Retransmissions(C)"])
        report.failed_calls = max(report.failed_calls, int(rows["FailedCall(C)"]))
    report.invite_ms = _between(a, "S INVITE", b, "R INVITE")
    report.ringing_ms = _between(b, "S 180 INVITE", a, "R 180 INVITE")
    report.answer_ms = _between(b, "S 200 INVITE", a, "R 200 INVITE")
    report.bye_ms = _between(a, "S BYE", b, "R BYE")


def _between(one: _Moments, earlier: str, other: _Moments, later: str) -> Percentiles:
    return Percentiles.of(
        (other.at[number, later] - at) * 1000
        for (number, what), at in one.at.items()
        if what == earlier and (number, later) in other.at
    )


def _read(path: Path) -> _Moments:
    moments, numbers, seen = _Moments(), dict[str, int](), Counter[str]()
    with path.open(encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 7:
                continue
            at, way, call_id, cseq, start = float(fields[2]), fields[3], fields[4], fields[5], fields[6]
            method = start.partition(" ")[0]
            if method == "INVITE":
                numbers[call_id] = int(start.partition("sip:6")[2].partition("@")[0])
            if way == "R" and method != "ACK":
                seen[f"{call_id} {cseq} {start}"] += 1
            if method == "SIP/2.0":
                method = f"{start.split(' ')[1]} {cseq.split(' ')[-1]}"
            moments.at.setdefault((numbers.get(call_id, -1), f"{way} {method}"), at)
    moments.repeated = sum(count - 1 for count in seen.values())
    return moments


def _statistics(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=";"))[-1]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Routed calls at a steady rate between two SIPps.")
    parser.add_argument("--rate", type=int, default=100, help="calls a second")
    parser.add_argument("--calls", type=int, default=6000)
    parser.add_argument("--hold-ms", type=int, default=500, help="how long the caller talks before it hangs up")
    parser.add_argument("--profile", action="store_true", help="sample which room the CPU goes to, with py-spy")
    options = parser.parse_args()
    if options.profile:
        try:
            profiler()
        except FileNotFoundError as missing:
            print(missing)
            return 1
    report = run(RoutedPlan(options.rate, options.calls, options.hold_ms, options.profile))
    for line in report.lines():
        print(line)
    return 1 if report.failures or report.failed_calls else 0


if __name__ == "__main__":
    sys.exit(main())
