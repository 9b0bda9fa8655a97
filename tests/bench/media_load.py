"""RTP of many calls through a relay in a process of its own: the media engine, the plain C relay, or rtpengine."""

import base64
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from media.rtp.packet import RtpPacket
from media.rtp.srtp import AES_CM_128_HMAC_SHA1_80
from tests.bench.media_stage import StagePlan, sealing_key
from tests.support.api_world import KEY
from tests.support.srtp_party import sealer

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent.parent
_SEALED_BYTES: Final = 12 + 160 + 10
_REQUESTS_A_SECOND: Final = 100


@dataclass(frozen=True, slots=True)
class RelayCost:
    """One relay under load. CPU is user and system time of the relaying threads alone, per relayed packet; `writer_us`
    of the threads that write recordings, `loop_cpu_ms` of the event loop's thread all that time. Delays and jitter
    are what the relay adds, with the kernel's part in it."""

    cpu_us_per_packet: float
    packets_sent: int
    packets_lost: int
    delay_p50_us: float
    delay_p99_us: float
    delay_max_us: float
    jitter_us: float
    writer_us_per_packet: float = 0.0
    loop_cpu_ms: float = 0.0
    churned: int = 0


@dataclass(frozen=True, slots=True)
class MediaPrograms:
    """The compiled load generator, the plain C relay, and the same over io_uring."""

    load: Path
    relay: Path
    relay_uring: Path


def compile_programs(folder: Path) -> MediaPrograms:
    """The C programs, into a folder."""
    for name in ("load", "relay", "relay_uring"):
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", folder / name, _HERE / f"{name}.c"], check=True)
    return MediaPrograms(folder / "load", folder / "relay", folder / "relay_uring")


@dataclass(frozen=True, slots=True)
class Load:
    """`calls` bridged calls of 50 packets a second each way, for that long."""

    programs: MediaPrograms
    calls: int
    seconds: float


def measure_engine(load: Load, plan: StagePlan | None = None) -> RelayCost:
    """The media engine as `plan` has it; its parties are filled in."""
    with ExitStack() as stack:
        parties = _sockets(stack, load)
        ports = tuple(party.getsockname()[1] for party in parties)
        plan = replace(plan or StagePlan(()), parties=ports)
        child = stack.enter_context(_child([sys.executable, "-m", "tests.bench.media_stage"]))
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(plan.to_json())
        child.stdin.flush()
        serving = json.loads(child.stdout.readline())
        for party, port in zip(parties, serving["ports"], strict=True):
            party.connect(("127.0.0.1", port))
        sealed = stack.enter_context(_sealed_packets(load, plan)) if plan.srtp_key else None
        harassing = stack.enter_context(ExitStack())
        harassing.enter_context(_harassing(serving["api"]))
        writers, looped = _cpu_us(child.pid, serving["writers"]), _cpu_us(child.pid, [str(child.pid)])
        cost = _run(load, parties, child.pid, serving["threads"], sealed)
        writing = (_cpu_us(child.pid, serving["writers"]) - writers) / max(cost.packets_sent - cost.packets_lost, 1)
        looping = (_cpu_us(child.pid, [str(child.pid)]) - looped) / 1000
        harassing.close()
        child.stdin.close()
        churned = json.loads(child.stdout.readline())["churned"]
        child.wait(20)
        return replace(cost, writer_us_per_packet=writing, loop_cpu_ms=looping, churned=churned)


def has_io_uring(programs: MediaPrograms) -> bool:
    """Whether the kernel lets us have it."""
    with socket.socketpair()[0] as one, socket.socketpair()[0] as other:
        descriptors = (one.fileno(), other.fileno())
        with _child([str(programs.relay_uring), *map(str, descriptors)], list(descriptors)) as child:
            assert child.stdout is not None
            return child.stdout.readline() != b""


def measure_uring(load: Load) -> RelayCost:
    """The C relay over io_uring."""
    return measure_plain(load, load.programs.relay_uring)


def measure_plain(load: Load, program: Path | None = None) -> RelayCost:
    """The C relay, or another that takes the same arguments."""
    with ExitStack() as stack:
        parties, inside = _sockets(stack, load), _sockets(stack, load)
        for party, own in zip(parties, inside, strict=True):
            party.connect(own.getsockname())
            own.connect(party.getsockname())
        descriptors = [own.fileno() for own in inside]
        child = stack.enter_context(_child([str(program or load.programs.relay), *map(str, descriptors)], descriptors))
        assert child.stdout is not None
        child.stdout.readline()
        return _run(load, parties, child.pid, [str(child.pid)], None)


def measure_ports(load: Load, pid: int, settle: Callable[[list[int]], list[int]]) -> RelayCost:
    """Any other relay: `settle` gets the parties' ports, two by two, and gives the relay's; all its threads count."""
    with ExitStack() as stack:
        parties = _sockets(stack, load)
        ports = settle([party.getsockname()[1] for party in parties])
        for party, port in zip(parties, ports, strict=True):
            party.connect(("127.0.0.1", port))
        threads = [entry.name for entry in Path(f"/proc/{pid}/task").iterdir()]
        return _run(load, parties, pid, threads, None)


def _run(load: Load, parties: list[socket.socket], pid: int, threads: list[str], sealed: Path | None) -> RelayCost:
    descriptors = [party.fileno() for party in parties]
    before = _cpu_us(pid, threads)
    done = subprocess.run(
        [load.programs.load, str(load.seconds), *map(str, descriptors)],
        pass_fds=descriptors,
        stdout=subprocess.PIPE,
        check=True,
        timeout=load.seconds + 30,
        env={"SEALED": f"{sealed}:{_SEALED_BYTES}"} if sealed is not None else {},
    )
    used_us = _cpu_us(pid, threads) - before
    sent, received, p50, p99, longest, jitter = done.stdout.split()
    return RelayCost(
        used_us / max(int(received), 1),
        int(sent),
        int(sent) - int(received),
        float(p50),
        float(p99),
        float(longest),
        float(jitter),
    )


def _cpu_us(pid: int, threads: list[str]) -> float:
    return sum(int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1000 for thread in threads)


@contextmanager
def _child(argv: list[str], descriptors: list[int] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, pass_fds=descriptors or ()
    ) as child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def _sealed_packets(load: Load, plan: StagePlan) -> Iterator[Path]:
    """A file of what all parties send, in the order in which they do."""
    session = sealer(AES_CM_128_HMAC_SHA1_80, base64.b64decode(plan.srtp_key))
    file = load.programs.load.parent / "sealed"
    with file.open("wb") as out:
        for number in range(int(load.seconds * 50)):
            for index in range(len(plan.parties)):
                packet = RtpPacket(8, number & 0xFFFF, number * 160, index + 1, b"\xd5" * 160)
                out.write(session.protect(packet.render()))
    yield file
    file.unlink()


@contextmanager
def _harassing(port: int) -> Iterator[None]:
    """A hundred requests a second to the API from now on. No port: none."""
    if not port:
        yield
        return
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / _REQUESTS_A_SECOND
            connection.request("GET", "/v1/masking/call-logs", headers={"Authorization": f"Bearer {KEY}"})
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
        connection.close()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(20)
        assert set(statuses) <= {200}, f"the API answered {sorted(set(statuses))}"


def _sockets(stack: ExitStack, load: Load) -> list[socket.socket]:
    return [stack.enter_context(_udp_socket()) for _ in range(2 * load.calls)]


def _udp_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    return opened


SRTP: Final = StagePlan((), srtp_key=sealing_key())
RECORDING: Final = StagePlan((), recording=True)
HARASSED: Final = StagePlan((), harassed=True)
