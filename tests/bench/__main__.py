"""`make bench`: what things cost, each beside a yardstick measured in the same run.

    python -m tests.bench [--quick]

Absolute times mean little on a shared machine; the ratios travel better. `--quick` runs a tenth of everything.
"""

import argparse
import asyncio
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench import latency, relay, routed, sip_messages, storage_units
from tests.bench.load import LoadPlan, LoadReport, run_load
from tests.bench.tables import say, table
from tests.bench.yardstick import python_loop_ms

RATE = 50.0
CALLS = 2_000
HOLD_MS = 250  # the phones send no RTP: what a relayed packet costs stands in a table of its own
ROUTED = ((1, 12), (50, 800), (100, 1_500))  # calls a second, and how many

Row = tuple[str, ...]


def main() -> int:
    """Print every table."""
    parser = argparse.ArgumentParser(description="What things cost, each beside a yardstick of the same run.")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    if shutil.which("cc") is None:
        say("the yardstick is a C program and cc is missing; run: sudo apt-get install gcc libc6-dev")
        return 1
    part = 10 if options.quick else 1
    say(f"Python {platform.python_version()} on {platform.machine()}")
    relayed_packets(seconds=6.0 / part)
    messages(4_000 // part)
    storage(1_000 // part)
    latencies(part)
    routed_well = routed_calls(part)
    report = masked_calls(CALLS // part)
    return 0 if routed_well and not report.failures else 1


def relayed_packets(seconds: float) -> None:
    """CPU of a relayed RTP packet against a plain C relay."""
    rows = []
    for calls in (50, 100):
        compared = relay.compare(calls, seconds)
        for name, cost in (("maskbridge", compared.engine), ("plain C relay", compared.plain_c)):
            rows.append(
                (
                    f"{calls} calls, {name}",
                    f"{cost.cpu_us_per_packet:.1f} us",
                    f"{cost.cpu_us_per_packet / compared.plain_c.cpu_us_per_packet:.2f}",
                    f"{cost.delay_p50_us / 1000:.2f} / {cost.delay_p99_us / 1000:.2f} ms",
                    f"{cost.packets_lost} of {cost.packets_sent}",
                )
            )
    table(("relayed RTP packet", "CPU", "ratio to C", "added delay p50 / p99", "lost"), rows)


def messages(count: int) -> None:
    """Parse and render of SIP messages against the pure-Python loop."""
    loop_us = python_loop_ms() * 1000
    rows = [
        (name.removesuffix("_us").replace("_", " "), f"{figure:.1f} us", f"{figure / loop_us * 1000:.2f}")
        for name, figure in sip_messages.measure(count).items()
    ]
    table(("SIP message", "CPU", "ratio to 1/1000 loop"), rows)


def storage(calls: int) -> None:
    """Units of work against the pure-Python loop."""
    loop_us = python_loop_ms() * 1000
    rows = [
        (name.removesuffix("_us").replace("_", " "), f"{figure:.0f} us", f"{figure / loop_us * 1000:.2f}")
        for name, figure in storage_units.measure(max(100, calls)).items()
        if name.endswith("_us")
    ]
    table(("unit of work", "CPU", "ratio to 1/1000 loop"), rows)


def latencies(part: int) -> None:
    """The two latencies that matter, at 1 and at 50 concurrent calls."""
    rows = []
    for concurrent, calls in ((1, max(5, 30 // part)), (50, max(100, 300 // part))):
        report = latency.run(concurrent, calls)
        for name, times in (
            ("A's 200 -> B's INVITE", report.a_answer_to_b_invite_ms),
            ("B's 200 -> B's audio at A", report.b_answer_to_audio_ms),
        ):
            rows.append(
                (
                    f"{name}, {concurrent} concurrent",
                    f"{times.p50:.1f} ms",
                    f"{times.p99:.1f} ms",
                    f"{times.most:.1f} ms",
                    f"{report.lost} of {report.calls}",
                )
            )
    table(("latency", "p50", "p99", "max", "lost"), rows)


def routed_calls(part: int) -> bool:
    """Routed calls between two SIPps, no REST and no database: their CPU, and the delay that we add to each message.
    Whether none failed."""
    costs: list[Row] = []
    delays: list[Row] = []
    failures: list[str] = []
    for rate, calls in ROUTED:
        loop_ms = python_loop_ms()
        report = routed.run(routed.RoutedPlan(rate, max(5, calls // part), HOLD_MS))
        loop_ms = (loop_ms + python_loop_ms()) / 2
        failures += report.failures
        if rate > 1:
            costs.append(
                (
                    f"{report.plan.calls} at {rate} a second, media anchored, no RTP",
                    f"{report.cpu_ms_per_call:.2f} ms",
                    f"{report.cpu_ms_per_call / loop_ms:.2f}",
                    f"{report.kernel_share:.0%}",
                    f"{report.failed_calls}",
                    f"{report.retransmissions_of_ours}",
                    " to ".join(f"{mib:.0f}" for mib in report.resident_mib) + " MiB",
                )
            )
        for name, times in (
            ("INVITE", report.invite_ms),
            ("180", report.ringing_ms),
            ("200", report.answer_ms),
            ("BYE", report.bye_ms),
        ):
            figures = (f"{ms:.1f} ms" for ms in (times.p50, times.p95, times.p99, times.most))
            delays.append((f"{name} in to {name} out, {rate} a second", *figures, f"{times.count}"))
    table(("routed calls", "CPU a call", "ratio to loop", "in the kernel", "failed", "sent again", "memory"), costs)
    table(("delay added by us", "p50", "p95", "p99", "max", "messages"), delays)
    for failure in failures[:20]:
        say(f"failure: {failure}")
    return not failures


def masked_calls(calls: int) -> LoadReport:
    """Masked calls through REST with webhooks against the pure-Python loop."""
    loop_ms = python_loop_ms()
    with tempfile.TemporaryDirectory(prefix="maskbridge-bench-") as folder:
        report = asyncio.run(run_load(LoadPlan(RATE, calls, hold_ms=HOLD_MS), Path(folder)))
    table(
        (f"{calls} masked calls at {report.calls_a_second:.0f} a second", "", "ratio to loop"),
        [
            (
                "CPU of the service a call, webhooks on, no RTP, no recording",
                f"{report.cpu_ms_per_call:.1f} ms",
                f"{report.cpu_ms_per_call / loop_ms:.2f}",
            ),
            ("the pure-Python loop", f"{loop_ms:.1f} ms", "1.00"),
            ("calls failed", f"{len(report.failures)}", ""),
            ("retransmissions of ours", f"{report.retransmissions_of_ours}", ""),
            ("POST p50 / p99", f"{report.post_ms.p50:.1f} / {report.post_ms.p99:.1f} ms", ""),
            ("memory, in quarters", " ".join(f"{mib:.0f}" for mib in report.resident_mib) + " MiB", ""),
        ],
    )
    for failure in report.failures[:20]:
        say(f"failure: {failure}")
    return report


if __name__ == "__main__":
    sys.exit(main())
