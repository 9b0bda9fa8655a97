"""Names that the system looks up: those that take long hold up no others."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from b2bua import lookups
from b2bua.commands.operation import LOOKUP_THREADS
from b2bua.demo.children import ROOT
from b2bua.lookups import NameLookups
from tests.support.manual_clock import ManualClock

FOUND = ["192.0.2.1"]
SOON_S = 10.0


def quick() -> list[str]:
    return FOUND


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> AsyncIterator[NameLookups]:
    monkeypatch.setattr(lookups, "QUICK_THREADS", 1)
    monkeypatch.setattr(lookups, "SLOW_THREADS", 1)
    monkeypatch.setattr(lookups, "SLOW_NAMES_MAX", 2)
    opened = NameLookups("test", clock.monotonic)
    yield opened
    opened.close()


async def be_slow(names: NameLookups, clock: ManualClock, name: str) -> None:
    def work() -> list[str]:
        clock.advance(lookups.SLOW_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(socket.gaierror):
        await names.look_up(name, work)


async def test_a_name_that_took_long_holds_up_no_other(names: NameLookups, clock: ManualClock) -> None:
    await be_slow(names, clock, "dead.example")
    answered = threading.Event()

    def wait() -> list[str]:
        answered.wait(SOON_S)
        return FOUND

    dead = asyncio.ensure_future(names.look_up("dead.example", wait))
    try:
        assert await asyncio.wait_for(names.look_up("good.example", quick), SOON_S / 2) == FOUND
        assert not dead.done()
    finally:
        answered.set()
    assert await dead == FOUND


async def test_a_name_that_is_quick_again_is_treated_so(names: NameLookups, clock: ManualClock) -> None:
    await be_slow(names, clock, "dead.example")
    await be_slow(names, clock, "back.example")
    await names.look_up("back.example", quick)
    answered = threading.Event()

    def wait() -> list[str]:
        answered.wait(SOON_S)
        return FOUND

    dead = asyncio.ensure_future(names.look_up("dead.example", wait))
    try:
        assert await asyncio.wait_for(names.look_up("back.example", quick), SOON_S / 2) == FOUND
    finally:
        answered.set()
    await dead


async def test_a_look_up_that_nobody_waits_for_any_more_counts_all_the_same(
    names: NameLookups, clock: ManualClock
) -> None:
    begun, answered = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait() -> list[str]:
        loop.call_soon_threadsafe(begun.set)
        answered.wait(SOON_S)
        clock.advance(lookups.SLOW_S)
        return FOUND

    dead = asyncio.ensure_future(names.look_up("dead.example", wait))
    await asyncio.wait_for(begun.wait(), SOON_S)
    dead.cancel()
    answered.set()
    await names.look_up("good.example", quick)  # after it, on the one thread
    assert "dead.example" in names._slow_names


async def test_the_names_that_are_slow_are_bounded(names: NameLookups, clock: ManualClock) -> None:
    for name in ("a.example", "b.example", "c.example"):
        await be_slow(names, clock, name)
    assert list(names._slow_names) == ["b.example", "c.example"]


CHILD = """
import asyncio, os, uvloop
from b2bua.commands.operation import more_lookup_threads

async def look_up():
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    print(len(os.listdir("/proc/self/task")))

more_lookup_threads()
asyncio.Runner(loop_factory=uvloop.new_event_loop).run(look_up())
"""


def test_names_that_wait_leave_the_event_loop_threads_to_connect_with() -> None:
    """Else two of them keep every connection up, also those to addresses."""
    environment = {name: value for name, value in os.environ.items() if name != "UV_THREADPOOL_SIZE"}
    child = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50, check=True
    )
    assert int(child.stdout) > LOOKUP_THREADS
