"""What the server does all the while: that it has ended is told."""

import asyncio
import logging
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from b2bua.server import _in_background


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
