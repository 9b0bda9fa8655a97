"""What a relayed packet costs: the media engine against a plain C relay, on this machine, now.

    python -m tests.bench.relay [CALLS] [SECONDS]

Both relays run in a process of their own between the same load generator's sockets. The C programs beside this file are
compiled with `cc` each time.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.media_load import Load, RelayCost, compile_programs, measure_engine, measure_plain


@dataclass(frozen=True, slots=True)
class RelayComparison:
    """The engine beside the C relay under the same load."""

    calls: int
    engine: RelayCost
    plain_c: RelayCost

    @property
    def ratio(self) -> float:
        """How many times the C relay's CPU the engine needs."""
        return self.engine.cpu_us_per_packet / self.plain_c.cpu_us_per_packet


def compare(calls: int = 50, seconds: float = 8.0) -> RelayComparison:
    """Run the same load of `calls` bridged calls, 50 packets a second each way, through both relays in turn.

    Each gets its time in two halves, so that what else the machine does falls on both; the cheaper half counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        load = Load(compile_programs(Path(folder)), calls, seconds / 2)
        engine: list[RelayCost] = []
        plain_c: list[RelayCost] = []
        for _ in range(2):
            engine.append(measure_engine(load))
            plain_c.append(measure_plain(load))
        return RelayComparison(calls, _cheapest(engine), _cheapest(plain_c))


def _cheapest(costs: list[RelayCost]) -> RelayCost:
    return min(costs, key=lambda cost: cost.cpu_us_per_packet)


def main() -> None:
    """Print the comparison."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 8.0
    comparison = compare(calls, seconds)
    for name, cost in (("engine", comparison.engine), ("plain C", comparison.plain_c)):
        print(
            f"{name:8} {cost.cpu_us_per_packet:6.2f} us CPU per packet, {cost.packets_lost} of {cost.packets_sent}"
            f" lost, delay p50 {cost.delay_p50_us:.0f} p99 {cost.delay_p99_us:.0f} max {cost.delay_max_us:.0f} us"
        )
    print(f"ratio    {comparison.ratio:6.2f}")


if __name__ == "__main__":
    main()
