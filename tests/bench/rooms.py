"""Which room of the service the CPU goes to, from the samples that py-spy takes of a running one.

py-spy (https://github.com/benfred/py-spy) is a development tool that is not among the pinned dependencies; install it
beside them with `.venv/bin/pip install py-spy`. It looks at the process from outside, so the service runs as ever. What
is sampled is who has the interpreter; what the kernel does meanwhile for a thread that has let go of it is not in it.
"""

import asyncio
import re
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

SAMPLES_A_SECOND = 250
_STOPPED_WITHIN_S = 20.0
_PATH = re.compile(r"\((?:[^()]*/)?((?:b2bua|media|storage|control_api)/[^():]+):\d+\)$")
_ROOMS = (
    ("b2bua/sip/", "SIP: messages, transactions, dialogs"),
    ("b2bua/transport/", "transport: sockets under SIP"),
    ("b2bua/call/", "call: decisions"),
    ("b2bua/switch/", "switch: legs, trunks, routes"),
    ("media/sdp/", "SDP"),
    ("media/leg.py", "SDP"),
    ("media/", "media: ports, sockets, streams, packet path"),
    ("storage/", "storage"),
)
_REST = "event loop, interpreter and the rest"


def profiler() -> str:
    """The py-spy to use. Raises FileNotFoundError, saying what to do."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise FileNotFoundError("py-spy is missing; run: .venv/bin/pip install py-spy")
    return found


@asynccontextmanager
async def sampled(pid: int, samples: Path) -> AsyncIterator[None]:
    """Sample the process while in here, as stacks and counts into the file `samples`."""
    process = await asyncio.create_subprocess_exec(
        *(profiler(), "record", "--pid", str(pid), "--rate", str(SAMPLES_A_SECOND), "--format", "raw", "--gil"),
        *("--duration", "86400", "--output", str(samples)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(2)  # it writes down what it has
        await asyncio.wait_for(process.wait(), _STOPPED_WITHIN_S)


def shares(lines: Iterable[str]) -> Mapping[str, float]:
    """Percent of the samples by room, the largest first. A sample counts for the innermost frame that is the product's:
    what a library does there is done for it."""
    rooms: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rstrip("\n").rpartition(" ")
        if stack and count.isdigit():
            rooms[_room_of(stack.split(";"))] += int(count)
    total = rooms.total() or 1
    return {room: 100 * count / total for room, count in rooms.most_common()}


def _room_of(frames: list[str]) -> str:
    for frame in reversed(frames):
        found = _PATH.search(frame)
        if found is not None:
            for start, room in _ROOMS:
                if found[1].startswith(start):
                    return room
    return _REST
