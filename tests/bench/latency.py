"""The two latencies that matter: A's 200 to B's INVITE, and B's 200 to B's audio at A.

    python -m tests.bench.latency [CONCURRENT] [CALLS]

Real calls through REST between scripted phones; all live calls talk both ways at 50 packets a second.
"""

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop

from b2bua.demo.workplace import free_run
from b2bua.tokens import SystemTokens
from tests.bench.load import Percentiles
from tests.bench.phones import Phones
from tests.support.service_under_test import service_under_test, trunk

_FIRST_A, _FIRST_B = 9_800_000_000, 9_100_000_000


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """Both latencies in ms over `calls` calls, `concurrent` of them live at a time; `lost` never got so far."""

    concurrent: int
    calls: int
    lost: int
    a_answer_to_b_invite_ms: Percentiles
    b_answer_to_audio_ms: Percentiles


async def measure(concurrent: int, calls: int, folder: Path) -> LatencyReport:
    """Keep `concurrent` calls alive until `calls` have been placed."""
    hold_s = 5.0 if concurrent > 1 else 0.3
    spacing_s = hold_s / concurrent if concurrent > 1 else hold_s + 0.4
    first = free_run(SystemTokens(), 2)
    phones = Phones((first, first + 1), hold_s)
    trunks = [trunk("leg-a", first), trunk("leg-b", first + 1)]
    async with service_under_test(folder, trunks, media_ports=800, rupees=10 * calls + 1_000) as service:
        phones.open()
        try:
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with asyncio.TaskGroup() as group:
                for number in range(calls):
                    await asyncio.sleep(max(0.0, began + number * spacing_s - loop.time()))
                    a = f"sip:{_FIRST_A + number}@127.0.0.1:{first}"
                    b = f"sip:{_FIRST_B + number}@127.0.0.1:{first + 1}"
                    group.create_task(service.client.place(a, b, record=False))
            await asyncio.sleep(hold_s + 1.0)
        finally:
            await phones.close()
    # The first of many calls find fewer beside them than were asked for.
    counted = [marks for number, marks in sorted(phones.marks.items()) if concurrent == 1 or number >= concurrent]
    invite = [
        (marks.b_invited - marks.a_answered) * 1000
        for marks in counted
        if marks.b_invited is not None and marks.a_answered is not None
    ]
    audio = [
        (marks.a_heard_b - marks.b_answered) * 1000
        for marks in counted
        if marks.a_heard_b is not None and marks.b_answered is not None
    ]
    expected = calls if concurrent == 1 else calls - concurrent
    return LatencyReport(concurrent, expected, expected - len(audio), Percentiles.of(invite), Percentiles.of(audio))


def run(concurrent: int, calls: int) -> LatencyReport:
    """`measure` in a loop and a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="maskbridge-latency-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(measure(concurrent, calls, Path(folder)))


def main() -> None:
    """Print the report."""
    concurrent = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 4 * concurrent
    report = run(concurrent, calls)
    print(f"{report.concurrent} concurrent, {report.calls} calls, {report.lost} lost")
    print(f"A's 200 -> B's INVITE      {report.a_answer_to_b_invite_ms}")
    print(f"B's 200 -> B's audio at A  {report.b_answer_to_audio_ms}")


if __name__ == "__main__":
    main()
