"""The media engine in a process of its own, as `tests.bench.media_load` drives it: a plan in on standard input, what
became of it out on standard output, until the input ends.

    python -m tests.bench.media_stage
"""

import asyncio
import base64
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.leg import LegProfile
from media.packet_paths import new_tap_for
from media.recording.recorder import Recorder
from tests.support.running_api import RunningApi

_PORTS: Final = (21_000, 28_999)
CHURNED_A_SECOND: Final = 50


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What the process is to do: relay between these ports of 127.0.0.1, two by two.

    `path`: "auto", "native" or "python". `srtp_key`: the parties' key with its salt, in base64, for
    AES_CM_128_HMAC_SHA1_80; "" for plain RTP. `harassed`: the REST API is served, and garbage is collected every
    second. `churn`: that many streams a second are opened, settled and closed beside these.
    """

    parties: tuple[int, ...]
    path: str = "auto"
    recording: bool = False
    srtp_key: str = ""
    harassed: bool = False
    churn: int = 0

    def to_json(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read_plan(line: str) -> StagePlan:
    """What `to_json` wrote."""
    plan = json.loads(line)
    return StagePlan(**{**plan, "parties": tuple(plan["parties"])})


def description(port: int, srtp_key: str) -> bytes:
    """A party's answer."""
    protocol = "RTP/SAVP" if srtp_key else "RTP/AVP"
    crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{srtp_key}\r\n" if srtp_key else ""
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} {protocol} 8\r\n{crypto}"
    ).encode()


class Stage:
    """The engine with the legs of a plan."""

    def __init__(self, plan: StagePlan, engine: MediaEngine) -> None:
        self._plan = plan
        self._engine = engine
        self._profile = LegProfile(srtp="required" if plan.srtp_key else "off")
        self.churned = 0

    def open(self, leg: str, party: int) -> int:
        """Open and settle a leg: our port."""
        self._engine.open_leg(leg, self._profile)
        offer = self._engine.offer(leg).decode()
        self._engine.apply_answer(leg, description(party, self._plan.srtp_key))
        return int(offer.partition("m=audio ")[2].split()[0])

    def open_all(self) -> list[int]:
        """Open and bridge every call: our ports, in the order of the parties."""
        ports = []
        for index, party in enumerate(self._plan.parties):
            call = index // 2
            ports.append(self.open(f"{call}/{'ab'[index % 2]}", party))
            if index % 2:
                self._engine.bridge(f"{call}/a", f"{call}/b")
                if self._plan.recording:
                    self._engine.record(f"{call}/a", f"{call}/b", f"call{call}", f"{call}.wav")
        return ports

    async def churn(self) -> None:
        """Open, settle and close streams for ever."""
        while True:
            leg = f"churn{self.churned}"
            self.open(leg, 9)
            self._engine.close_leg(leg)
            self.churned += 1
            await asyncio.sleep(1 / self._plan.churn)


async def _collect_garbage() -> None:
    while True:
        await asyncio.sleep(1)
        gc.collect()


def _new_engine(plan: StagePlan, recorder: Recorder | None) -> MediaEngine:
    loop = asyncio.get_running_loop()
    settings = MediaSettings("127.0.0.1", ports=_PORTS, port_rest_s=0.0, packet_path=plan.path)
    return MediaEngine(
        settings,
        SystemTokens(),
        time.monotonic,
        lambda _: None,
        recorder,
        loop.call_soon_threadsafe,
        soon=loop.call_soon,
        watch=watch_on(loop),
    )


def _threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


async def _serve(plan: StagePlan) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="maskbridge-bench-"))
        recorder = (
            Recorder(Path(folder), time.monotonic, lambda _: None, new_tap=new_tap_for(plan.path))
            if plan.recording
            else None
        )
        before = _threads()
        if plan.recording:
            recorder = Recorder(Path(folder), time.monotonic, lambda _: None, new_tap=new_tap_for(plan.path))
            recorder.open()
            stack.callback(recorder.close)
        writers = _threads() - before
        before = _threads()
        engine = _new_engine(plan, recorder)
        engine.start()
        stack.callback(engine.close)
        threads = _threads() - before
        stage = Stage(plan, engine)
        ports = stage.open_all()
        tasks = [asyncio.create_task(stage.churn())] if plan.churn else []
        api_port = 0
        if plan.harassed:
            api_port = await stack.enter_async_context(RunningApi(rate_limit_per_minute=1_000_000))
            tasks.append(asyncio.create_task(_collect_garbage()))
        say: Callable[..., Any] = print
        say(json.dumps({"ports": ports, "threads": [*threads], "writers": [*writers], "api": api_port}), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        say(json.dumps({"churned": stage.churned}), flush=True)


def sealing_key() -> str:
    """The parties' key: any."""
    return base64.b64encode(bytes(range(30))).decode()


if __name__ == "__main__":
    asyncio.run(_serve(read_plan(sys.stdin.readline())))
