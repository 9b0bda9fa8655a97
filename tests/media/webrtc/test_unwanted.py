"""Relays that nobody wants any more: none is kept, however many there are."""

import asyncio
from typing import Any

from media.webrtc.unwanted import WAITING_MAX, UnwantedRelays


class Transport:
    closed = False

    def close(self) -> None:
        self.closed = True


class Relay:
    def __init__(self) -> None:
        self.transport = Transport()


async def granted(relay: Relay) -> Any:
    return object(), relay


async def never() -> Any:
    await asyncio.Event().wait()


async def test_one_that_is_granted_already_is_given_back_though_there_is_no_room_to_wait() -> None:
    unwanted, loop, relay = UnwantedRelays(), asyncio.get_running_loop(), Relay()
    asking = [loop.create_task(never()) for _ in range(WAITING_MAX + 1)]
    for each in asking:
        unwanted.take(each)
    done = loop.create_task(granted(relay))
    await done
    unwanted.take(done)
    assert relay.transport.closed
    assert asking[-1].cancelling(), "the one beyond the limit is given up"
    await unwanted.end()
    await asyncio.gather(*asking, return_exceptions=True)
    assert all(each.cancelled() for each in asking)
