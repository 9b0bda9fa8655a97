"""What a relayed packet costs: the media engine against a plain C relay, on this machine, now.

    python -m tests.bench.relay [CALLS] [SECONDS]

Both relays run in a process of their own between the same load generator's sockets. The C programs beside this file are
compiled with `cc` each time.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.leg import LegProfile

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_PORTS = (21_000, 28_999)


@dataclass(frozen=True, slots=True)
class RelayCost:
    """One relay under load. CPU is user and system time of the relaying thread alone, per relayed packet."""

    cpu_us_per_packet: float
    packets_sent: int
    packets_lost: int
    delay_p50_us: float
    delay_p99_us: float
    delay_max_us: float


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
        load, relay = _compile("load", folder), _compile("relay", folder)
        engine: list[RelayCost] = []
        plain_c: list[RelayCost] = []
        for _ in range(2):
            engine.append(measure_engine(calls, seconds / 2, load))
            plain_c.append(_measure_plain(calls, seconds / 2, load, relay))
        return RelayComparison(calls, _cheapest(engine), _cheapest(plain_c))


def _cheapest(costs: list[RelayCost]) -> RelayCost:
    return min(costs, key=lambda cost: cost.cpu_us_per_packet)


def measure_engine(calls: int, seconds: float, load: Path) -> RelayCost:
    """The engine alone; `load` is the compiled load generator."""
    with ExitStack() as stack:
        parties = [stack.enter_context(_udp_socket()) for _ in range(2 * calls)]
        child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.relay", "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_ROOT,
            )
        )
        stack.callback(child.kill)
        assert child.stdin is not None
        assert child.stdout is not None
        _write_line(child.stdin, [party.getsockname()[1] for party in parties])
        serving = json.loads(child.stdout.readline())
        for party, port in zip(parties, serving["ports"], strict=True):
            party.connect(("127.0.0.1", port))
        cost = _run_load(load, seconds, parties, Path(f"/proc/{child.pid}/task/{serving['thread']}/schedstat"))
        child.stdin.close()
        child.wait(10)
        return cost


def _measure_plain(calls: int, seconds: float, load: Path, relay: Path) -> RelayCost:
    with ExitStack() as stack:
        parties = [stack.enter_context(_udp_socket()) for _ in range(2 * calls)]
        inside = [stack.enter_context(_udp_socket()) for _ in range(2 * calls)]
        for party, own in zip(parties, inside, strict=True):
            party.connect(own.getsockname())
            own.connect(party.getsockname())
        descriptors = [own.fileno() for own in inside]
        child = stack.enter_context(
            subprocess.Popen([relay, *map(str, descriptors)], stdout=subprocess.PIPE, pass_fds=descriptors)
        )
        stack.callback(child.kill)
        assert child.stdout is not None
        child.stdout.readline()
        return _run_load(load, seconds, parties, Path(f"/proc/{child.pid}/schedstat"))


def _run_load(load: Path, seconds: float, parties: list[socket.socket], cpu_of: Path) -> RelayCost:
    descriptors = [party.fileno() for party in parties]
    before = _cpu_ns(cpu_of)
    done = subprocess.run(
        [load, str(seconds), *map(str, descriptors)],
        pass_fds=descriptors,
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + 30,
    )
    used_ns = _cpu_ns(cpu_of) - before
    sent, received, p50, p99, longest = done.stdout.split()
    return RelayCost(
        used_ns / 1000 / max(int(received), 1),
        int(sent),
        int(sent) - int(received),
        float(p50),
        float(p99),
        float(longest),
    )


def _cpu_ns(schedstat: Path) -> int:
    return int(schedstat.read_text().split()[0])


def _compile(name: str, folder: str) -> Path:
    program = Path(folder) / name
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, _HERE / f"{name}.c"], check=True)
    return program


def _udp_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    return opened


def _write_line(stream: IO[bytes], value: object) -> None:
    stream.write(json.dumps(value).encode() + b"\n")
    stream.flush()


async def _serve() -> None:
    """The engine's process: party ports in on standard input, media ports out, until the input ends."""
    loop = asyncio.get_running_loop()
    settings = MediaSettings("127.0.0.1", ports=_PORTS)
    engine = MediaEngine(settings, SystemTokens(), time.monotonic, lambda event: None, None, loop.call_soon_threadsafe)
    before = set(os.listdir("/proc/self/task"))
    engine.start()
    (thread,) = set(os.listdir("/proc/self/task")) - before
    ports: list[int] = []
    for index, party in enumerate(json.loads(sys.stdin.readline())):
        leg = f"{index // 2}/{'ab'[index % 2]}"
        engine.open_leg(leg, LegProfile())
        offer = engine.offer(leg).decode()
        ports.append(int(offer.partition("m=audio ")[2].split()[0]))
        answer = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {party} RTP/AVP 8\r\n"
        )
        engine.apply_answer(leg, answer.encode())
        if index % 2:
            engine.bridge(f"{index // 2}/a", leg)
    print(json.dumps({"ports": ports, "thread": thread}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    engine.close()


def main() -> None:
    """Print the comparison."""
    if "--serve" in sys.argv:
        asyncio.run(_serve())
        return
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
