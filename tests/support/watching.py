"""An event loop as the packet path in C is told by it."""

import asyncio
from collections.abc import Callable

from media.packet_path.interface import Watch


def watch_on(loop: asyncio.AbstractEventLoop) -> Watch:
    """Calls back on this loop."""

    def watch(descriptor: int, readable: Callable[[], None] | None) -> None:
        if readable is None:
            loop.remove_reader(descriptor)
        else:
            loop.add_reader(descriptor, readable)

    return watch
