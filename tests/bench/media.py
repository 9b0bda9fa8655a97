"""`make bench-media`: what the media cost, each figure beside a yardstick measured in the same run.

    python -m tests.bench.media [--quick]

The yardstick is a plain C epoll relay under the same load, whose sender never sleeps; of what is computed and not
relayed it is a pure-Python loop. Every step is measured in rounds, one after the other with the yardstick, so that what
else the machine does falls on all; of each the cheapest round counts for CPU, the calmest for delays and the worst for
loss.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench import mp3, rtpengine, srtp, transcoding
from tests.bench.media_load import (
    HARASSED,
    RECORDING,
    SRTP,
    Load,
    MediaPrograms,
    RelayCost,
    compile_programs,
    has_io_uring,
    measure_engine,
    measure_plain,
    measure_uring,
)
from tests.bench.media_stage import CHURNED_A_SECOND, StagePlan
from tests.bench.tables import say, table
from tests.bench.yardstick import python_loop_ms

CALLS: Final = (100, 300, 600)
ROUNDS: Final = 3
SECONDS: Final = 5.0

Measured = Callable[[Load], RelayCost]


def main() -> int:
    """Print every table; 1 without a compiler."""
    parser = argparse.ArgumentParser(description="What the media cost, beside a plain C relay.")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--path", default="auto", choices=("auto", "native", "python"), help="which packet path")
    options = parser.parse_args()
    if shutil.which("cc") is None:
        say("the yardstick is a C program and cc is missing; run: sudo apt-get install gcc libc6-dev")
        return 1
    rounds, seconds = (1, 2.0) if options.quick else (ROUNDS, SECONDS)
    with tempfile.TemporaryDirectory(prefix="maskbridge-bench-") as folder:
        programs = compile_programs(Path(folder))
        for calls in CALLS:
            relayed(Load(programs, calls, seconds), rounds, options.path)
        churned(programs, seconds, options.path)
    part = 10 if options.quick else 1
    sealed_packets(20_000 // part)
    recordings(2.0 / part)
    table(transcoding.HEAD, transcoding.rows(1_500 // part))
    return 0


def relayed(load: Load, rounds: int, path: str) -> None:
    """One number of calls through every relay."""
    ways: dict[str, Measured] = {
        "plain C relay": measure_plain,
        "maskbridge": _engine(StagePlan((), path=path)),
        "maskbridge, API asked 100 times a second, garbage collected every second": _engine(
            replace(HARASSED, path=path)
        ),
        "maskbridge, recording": _engine(replace(RECORDING, path=path)),
        "maskbridge, SRTP on both legs": _engine(replace(SRTP, path=path)),
    }
    if has_io_uring(load.programs):
        ways["plain C relay over io_uring"] = measure_uring
    if rtpengine.is_installed():
        ways["rtpengine, userspace, one thread"] = rtpengine.measure_rtpengine
    found: dict[str, list[RelayCost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, measure in ways.items():
            found[name].append(measure(load))
    yardstick_us = min(cost.cpu_us_per_packet for cost in found["plain C relay"])
    rows = [_row(name, costs, yardstick_us) for name, costs in found.items()]
    head = (f"{load.calls} calls, {100 * load.calls} packets a second", "CPU a packet", "ratio to C")
    table((*head, "delay p50 / p99 / max", "jitter", "lost"), rows)


def _engine(plan: StagePlan) -> Measured:
    return lambda load: measure_engine(load, plan)


def _row(name: str, costs: list[RelayCost], yardstick_us: float) -> tuple[str, ...]:
    best = min(costs, key=lambda cost: cost.cpu_us_per_packet)
    calm = min(costs, key=lambda cost: cost.delay_p99_us)
    worst = max(costs, key=lambda cost: cost.packets_lost)
    writing = f" + {best.writer_us_per_packet:.2f}" if best.writer_us_per_packet else ""
    times = (calm.delay_p50_us, calm.delay_p99_us, calm.delay_max_us)
    return (
        name,
        f"{best.cpu_us_per_packet:.2f}{writing} us",
        f"{best.cpu_us_per_packet / yardstick_us:.2f}",
        " / ".join(f"{us / 1000:.2f}" for us in times) + " ms" if calm.delay_max_us else "",
        f"{calm.jitter_us / 1000:.2f} ms" if calm.delay_max_us else "",
        f"{worst.packets_lost} of {worst.packets_sent}",
    )


def churned(programs: MediaPrograms, seconds: float, path: str) -> None:
    """Streams opened, settled and closed beside a hundred calls, and what the calls notice of it."""
    load = Load(programs, 100, 2 * seconds)
    still = measure_engine(load, StagePlan((), path=path))
    busy = measure_engine(load, StagePlan((), path=path, churn=CHURNED_A_SECOND))
    rows = [
        (
            name,
            f"{cost.loop_cpu_ms / cost.churned:.2f} ms" if cost.churned else "",
            f"{cost.delay_p50_us / 1000:.2f} / {cost.delay_p99_us / 1000:.2f} / {cost.delay_max_us / 1000:.2f} ms",
            f"{cost.packets_lost} of {cost.packets_sent}",
        )
        for name, cost in (("alone", still), (f"{busy.churned} streams set up and torn down beside them", busy))
    ]
    table(("100 calls", "CPU of the loop a stream", "delay p50 / p99 / max", "lost"), rows)


def sealed_packets(count: int) -> None:
    """CPU of a packet in the relay, without its system calls, with SRTP and without."""
    found = srtp.measure(count)
    plain_us = found["plain to plain"]
    rows = [(name, f"{cost_us:.1f} us", f"+{cost_us - plain_us:.1f} us") for name, cost_us in found.items()]
    table(("packet in the relay, no sockets", "CPU", "more than plain"), rows)


def recordings(hours: float) -> None:
    """The MP3 of a long call."""
    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(mp3.measure(Path(folder), hours))
    loop_s = python_loop_ms() / 1000
    rows = [
        (f"{cost.kind}", f"{cost.cpu_s:.1f} s", f"{cost.cpu_s / loop_s:.0f}", f"{cost.peak_memory_mib:.0f} MiB")
        for cost in costs
    ]
    table((f"MP3 of a recording of {hours:g} hours", "CPU an hour of call", "ratio to loop", "memory"), rows)


if __name__ == "__main__":
    sys.exit(main())
