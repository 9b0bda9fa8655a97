"""What comes to the listeners of a server that has just opened them."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

from b2bua.server import _take_calls
from b2bua.tokens import SystemTokens
from control_api.webhooks.dispatcher import Dispatcher, DispatcherSettings
from storage.store import Store
from tests.support.manual_clock import ManualClock
from tests.support.stored import a_call, adding, an_endpoint, an_event, an_organisation

HOUR_MS = 3_600_000


class Switch:
    """Takes calls once it is started, and writes its sign of life then."""

    def __init__(self, store: Store, now_ms: int) -> None:
        self.takes_calls = False
        self._store = store
        self._now_ms = now_ms

    def start(self) -> None:
        self.takes_calls = True
        self._store.submit(lambda unit: unit.calls.heartbeat(self._now_ms))

    def stop(self) -> None:
        self.takes_calls = False


async def test_calls_are_taken_without_a_wait_once_the_listeners_are_open() -> None:
    """An INVITE that comes while the outbox is taken over would be refused. That the clock was set back is seen all the
    same, by the sign of life before."""
    store, clock = await Store.open("sqlite://"), ManualClock()
    now_ms = clock.wall_ms()
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint()))
    await store.run(adding(an_event(a_call(), at=now_ms + 2 * HOUR_MS)))
    await store.run(lambda unit: unit.calls.heartbeat(now_ms + HOUR_MS))
    settings = DispatcherSettings(user_agent="test")
    dispatcher = Dispatcher(store, clock, SystemTokens(), settings, lambda call: call.call_id, scheduler=clock)
    switch: Any = Switch(store, now_ms)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        stack.push_async_callback(dispatcher.close)
        process: Any = SimpleNamespace(stack=stack)
        starting = asyncio.get_running_loop().create_task(_take_calls(process, switch, dispatcher))
        await asyncio.sleep(0)
        assert switch.takes_calls
        await starting
        assert await store.read(lambda reader: reader.next_due_at()) == now_ms + HOUR_MS
    assert not switch.takes_calls
