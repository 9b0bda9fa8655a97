"""An integrator's HTTP server on loopback, and a dispatcher over a real store whose time the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from control_api.webhooks.dispatcher import Dispatcher, DispatcherSettings
from storage.records import CallRecord, Delivery, OutboxEvent, WebhookEndpoint, WebhookEvent
from storage.store import Store
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens
from tests.support.stored import ORG, a_call, adding, an_event, an_organisation

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes


async def accept(_: web.Request) -> web.StreamResponse:
    """The answer of an endpoint that is well."""
    return web.Response()


def answering(*statuses: int, headers: dict[str, str] | None = None) -> Answer:
    """These statuses in turn, then 200."""
    left = list(statuses)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=left.pop(0) if left else 200, headers=headers)

    return answer


@dataclass
class Receiver:
    """Hears requests; each path answers as it was told to, 200 otherwise."""

    base: str = ""
    heard: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    answers: dict[str, Answer] = field(default_factory=dict)
    connections: set[object] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note it and answer."""
        self.connections.add(request.transport)
        self.heard.put_nowait(Heard(request.path, dict(request.headers), await request.read()))
        return await self.answers.get(request.path, accept)(request)

    async def next(self) -> Heard:
        """The next request."""
        return await asyncio.wait_for(self.heard.get(), WAIT_S)


@dataclass
class WebhookBench:
    """One organisation; endpoints are paths of the receiver."""

    store: Store
    receiver: Receiver
    clock: ManualClock
    dispatcher: Dispatcher

    @classmethod
    async def open(cls, receiver: Receiver, settings: DispatcherSettings) -> "WebhookBench":
        """A store in memory with an organisation, and a dispatcher that is not started."""
        store = await Store.open("sqlite://")
        await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
        clock = ManualClock()

        def sign_url(call: CallRecord) -> str:
            return f"https://host/{call.call_id}.mp3"

        dispatcher = Dispatcher(store, clock, SeededTokens(), settings, sign_url, scheduler=clock)
        return cls(store, receiver, clock, dispatcher)

    async def close(self) -> None:
        """End both."""
        await self.dispatcher.close()
        await self.store.close()

    async def endpoint(self, path: str, *, secrets: tuple[str, ...] = ("secret",), url: str | None = None) -> None:
        """Add an endpoint named as its path."""
        row = WebhookEndpoint(path, ORG, url or self.receiver.base + path, secrets, frozenset(WebhookEvent), 1)
        await self.store.run(lambda unit: unit.accounts.add_endpoint(row))

    async def tell(self, *events: OutboxEvent) -> None:
        """Commit events as the switch does, and wake."""
        for event in events:
            await self.store.run(adding(event))
        self.dispatcher.wake()

    async def tell_calls(self, *call_ids: str) -> None:
        """One first event for each call, due now."""
        await self.tell(*(self.event(call_id) for call_id in call_ids))

    def event(self, call_id: str, sequence: int = 1, event: WebhookEvent = WebhookEvent.INITIATED) -> OutboxEvent:
        """An event of now."""
        return an_event(a_call(call_id), sequence, event, at=self.clock.wall_ms())

    async def log(self, path: str) -> list[tuple[str, int | None, str | None]]:
        """State, last status and last error of an endpoint's deliveries, oldest first."""
        rows = await self.store.read(lambda reader: reader.deliveries(ORG, path, 1, 100))
        last = [row.attempts[-1] if row.attempts else None for row in reversed(rows)]
        states = [row.state.value for row in reversed(rows)]
        return [
            (state, attempt.http_status if attempt else None, attempt.error if attempt else None)
            for state, attempt in zip(states, last, strict=True)
        ]

    async def settled(self, path: str, *states: str) -> list[tuple[str, int | None, str | None]]:
        """The log as soon as the states of the endpoint's deliveries are these."""
        async with asyncio.timeout(WAIT_S):
            for _ in range(1_000_000):
                log = await self.log(path)
                if [state for state, _, _ in log] == list(states) and all(status or error for _, status, error in log):
                    return log
        raise AssertionError(f"the deliveries never became {states}: {log}")

    async def seconds_to_retry(self, path: str, attempts: int) -> float:
        """How far off the next attempt of an endpoint's first delivery is, once so many have been logged."""
        async with asyncio.timeout(WAIT_S):
            while True:
                rows = await self.store.read(lambda reader: reader.deliveries(ORG, path, 1, 100))
                if len(rows[-1].attempts) == attempts and rows[-1].due_at is not None:
                    return (rows[-1].due_at - self.clock.wall_ms()) / 1000

    async def next_heard(self) -> Heard:
        """The next request, which may hang on an alarm that is due by now or about to be set."""
        async with asyncio.timeout(WAIT_S):
            while self.receiver.heard.empty():
                self.clock.advance(0)
                await self.store.read(lambda reader: None)
        return self.receiver.heard.get_nowait()

    async def claim(self) -> list[Delivery]:
        """What could be claimed now."""
        return await self.store.run(lambda unit: unit.outbox.claim_due(self.clock.wall_ms(), 100))
