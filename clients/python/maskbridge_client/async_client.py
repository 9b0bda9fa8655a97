"""The client for asyncio."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

import httpx

from maskbridge_client.async_operations import AsyncOperations
from maskbridge_client.errors import Unreachable
from maskbridge_client.wire import Event, Reply, Request, backoff_s, check, events_of, wait_s

T = TypeVar("T")


class AsyncMaskbridge(AsyncOperations):
    """The API of one server with one key. Use it as an asynchronous context manager, or call `close`.

    `timeout_s` is for each attempt, `retries` how often a request is sent again, `longest_wait_s` how long a
    `Retry-After` is waited for. `transport` and `sleep` are for tests.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float = 10.0,
        retries: int = 2,
        longest_wait_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"User-Agent": "maskbridge-client"},
            timeout=timeout_s,
            transport=transport,
        )
        self._key = {"Authorization": f"Bearer {key}"}
        self._retries = retries
        self._longest_wait_s = longest_wait_s
        self._sleep = sleep

    async def __aenter__(self) -> "AsyncMaskbridge":
        return self

    async def __aexit__(self, *exit: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def stream_events(
        self, *, last_event_id: str | None = None, follow: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Events of all calls as they happen. With `follow` it connects again, from the last event that came."""
        attempt = 0
        while True:
            try:
                async for event in self._events(last_event_id):
                    attempt = 0
                    if event is not None:
                        last_event_id = event.event_id or last_event_id
                        yield event
            except httpx.TransportError as error:
                if not follow or attempt >= self._retries:
                    raise Unreachable(str(error)) from error
            if not follow:
                return
            await self._sleep(backoff_s(attempt))
            attempt += 1

    async def download(self, url: str) -> bytes:
        """A recording, by its signed URL, which is asked without the key: it need not be your server's."""
        return check(await self._attempts(Request("GET", url, keyed=False))).content

    async def _events(self, last_event_id: str | None) -> AsyncGenerator[Event | None, None]:
        """What comes on one connection; None for a sign of life."""
        headers = {**self._key, "Accept": "text/event-stream"}
        headers |= {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        async with self._http.stream("GET", "/v1/masking/events", headers=headers, timeout=60) as response:
            if response.status_code != 200:
                check(Reply(response.status_code, response.headers, await response.aread()))
            waiting: list[str] = []
            async for line in response.aiter_lines():
                waiting.append(line)
                if line.startswith(":"):
                    yield None
                if not line:
                    for event in events_of(waiting):
                        yield event
                    waiting = []

    async def _send(self, request: Request, read: Callable[[Reply], T]) -> T:
        return read(check(await self._attempts(request)))

    async def _attempts(self, request: Request) -> Reply:
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            try:
                reply = await self._once(request)
            except httpx.TransportError as error:
                may_repeat = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) or request.repeatable()
                if is_last or not may_repeat:
                    raise Unreachable(str(error) or type(error).__name__) from error
                await self._sleep(backoff_s(attempt))
                continue
            pause_s = wait_s(reply, attempt, self._longest_wait_s)
            if is_last or pause_s is None:
                return reply
            await self._sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, request: Request) -> Reply:
        payload = request.payload()
        headers = dict(request.headers) | (self._key if request.keyed else {})
        headers |= {} if payload is None else {"Content-Type": request.content_type}
        response = await self._http.request(
            request.method, request.path, params=request.parameters() or None, content=payload, headers=headers
        )
        return Reply(response.status_code, response.headers, response.content)

    def _new_key(self) -> str:
        return uuid.uuid4().hex
