"""How a serving process comes to rest once it is signalled: live calls end, and what ends them arrives."""

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from b2bua.switch.switch import Switch

LOG: Final = logging.getLogger(__name__)

SETTLE_S: Final = 10.0  # after a forced end, so long for the last calls to be settled
# At the end, so long for what ends calls to be answered: what is lost on its way is sent again only while we run. A BYE
# goes out four times in it; who answers none of them is not waited for.
FAREWELL_S: Final = 4.0
FAREWELL_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stop:
    """How far the process has been asked to stop: `drain` at the first signal, `now` at the second."""

    drain: asyncio.Event
    now: asyncio.Event

    def signalled(self) -> None:
        """Take a signal in."""
        if self.drain.is_set():
            self.now.set()
        self.drain.set()


async def drain(switch: Switch, timeout_s: float, stop: Stop) -> None:
    """No new calls; live ones finish, at most `timeout_s` long or until the second signal, then end with BYE."""
    empty = asyncio.Event()
    switch.drain(empty.set)
    live = switch.live_calls()
    if live:
        LOG.info("live calls that may finish: %d, within %g s; a second signal ends them now", live, timeout_s)
    waits = [asyncio.ensure_future(empty.wait()), asyncio.ensure_future(stop.now.wait())]
    await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if not empty.is_set():
        switch.end_all_calls()
        await asyncio.wait(waits[:1], timeout=SETTLE_S)
    for wait in waits:
        wait.cancel()
    unregistered = asyncio.Event()
    switch.unregister(unregistered.set)
    await asyncio.gather(unregistered.wait(), _part(switch))


async def _part(switch: Switch) -> None:
    """Wait until nobody is left in a call for a message that was lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_S):
            while switch.is_parting():  # noqa: ASYNC110 - what it waits for are steps of many transactions
                await asyncio.sleep(FAREWELL_POLL_S)


def heed_no_signal(loop: asyncio.AbstractEventLoop) -> None:
    """All is done: a signal that still comes while the interpreter ends is not to be what the process dies of."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.remove_signal_handler(number)  # else the loop does it as it closes, and leaves the default
        signal.signal(number, signal.SIG_IGN)
