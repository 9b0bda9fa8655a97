"""Waiting for what real sockets bring."""

import asyncio
from collections.abc import Callable


async def until(met: Callable[[], object], seconds: float = 8.0) -> None:
    """Let the loop run until something has come true; fails after a time."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def look() -> None:
        if met():
            done.set_result(None)
        elif not done.done():
            loop.call_later(0.002, look)

    look()
    await asyncio.wait_for(done, seconds)
