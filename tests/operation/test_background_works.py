"""What the server does all the while: that it has ended is told."""

import asyncio
import logging
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from b2bua.call.model import TrunkState
from b2bua.housekeeping import keep_seen
from b2bua.server import _in_background
from b2bua.switch.journal import Journal
from storage.store import Store
from tests.support.manual_clock import ManualClock


async def _breaks() -> None:
    raise ZeroDivisionError("a defect")


async def _goes_on() -> None:
    await asyncio.Event().wait()


async def test_a_work_that_breaks_is_told_at_once_and_one_that_is_ended_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with AsyncExitStack() as stack:
        process: Any = SimpleNamespace(loop=asyncio.get_running_loop(), stack=stack)
        _in_background(process, _breaks())
        _in_background(process, _goes_on())
        for _ in range(3):
            await asyncio.sleep(0)
        (told,) = caplog.records
    assert (told.levelno, told.exc_info is not None) == (logging.CRITICAL, True)
    assert told.getMessage().startswith("_breaks has ended")
    assert len(caplog.records) == 1


async def test_of_trunks_nothing_is_known_any_more_once_the_server_has_ended() -> None:
    """Else they would be up for as long as the last sighting is good for."""
    store = await Store.open("sqlite://")
    written = asyncio.Event()
    journal = Journal(store, written.set)
    journal.start()
    state = TrunkState("carrier", "sip:192.0.2.1", True, "", 0, 30, 5, None, None, None)
    switch: Any = SimpleNamespace(trunk_states=lambda: [state])
    async with AsyncExitStack() as stack:
        process: Any = SimpleNamespace(loop=asyncio.get_running_loop(), stack=stack)
        _in_background(process, keep_seen(ManualClock(), switch, journal))
        await written.wait()
        (seen,) = await store.read(lambda reader: reader.trunk_sightings())
        assert (seen.name, seen.up) == ("carrier", True)
    await journal.close()
    assert await store.read(lambda reader: reader.trunk_sightings()) == []
    await store.close()
