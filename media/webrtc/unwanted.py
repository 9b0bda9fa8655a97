"""Relays of browsers that have gone: what a TURN server still grants for them is given back."""

import asyncio
from typing import Any, Final

# How long a server's answer is waited for; a relay that it grants later ends by itself (RFC 8656 section 3.2).
GRANT_S: Final = 30.0
# Answers that are waited for at once; beyond it the next is given up.
WAITING_MAX: Final = 64


class UnwantedRelays:
    """Those of one gateway."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[None]] = set()

    def take(self, asking: asyncio.Task[Any]) -> None:
        """Give back what comes of a request: a candidate, and the relay that it is of where it is of one. Its transport
        tells the server as it closes; nobody has to wait for that."""
        if len(self._waiting) >= WAITING_MAX:
            if not asking.cancel():
                self.give_back(asking)
            return
        waiting = asyncio.get_running_loop().create_task(self._wait_for(asking))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def _wait_for(self, asking: asyncio.Task[Any]) -> None:
        try:
            await asyncio.wait((asking,), timeout=GRANT_S)
        finally:
            if not asking.cancel():
                self.give_back(asking)

    def give_back(self, asked: asyncio.Task[Any]) -> None:
        """The same, of a request that is done."""
        if not asked.cancelled() and asked.exception() is None:
            _, relay = asked.result()
            if relay is not None:
                relay.transport.close()

    async def end(self) -> None:
        """Wait for nothing any more."""
        waiting = tuple(self._waiting)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
