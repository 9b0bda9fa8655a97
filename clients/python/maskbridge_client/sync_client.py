"""The client for threads."""

import time
import uuid
from collections.abc import Callable, Generator
from typing import TypeVar

import httpx

from maskbridge_client.errors import Unreachable
from maskbridge_client.sync_operations import Operations
from maskbridge_client.wire import Event, Reply, Request, backoff_s, check, events_of, wait_s

T = TypeVar("T")


class Maskbridge(Operations):
    """The API of one server with one key. Use it as a context manager, or call `close`.

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
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"User-Agent": "maskbridge-client"},
            timeout=timeout_s,
            transport=transport,
        )
        self._key = {"Authorization": f"Bearer {key}"}
        self._retries = retries
        self._longest_wait_s = longest_wait_s
        self._sleep = sleep

    def __enter__(self) -> "Maskbridge":
        return self

    def __exit__(self, *exit: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stream_events(self, *, last_event_id: str | None = None, follow: bool = True) -> Generator[Event, None, None]:
        """Events of all calls as they happen. With `follow` it connects again, from the last event that came."""
        attempt = 0
        while True:
            try:
                for event in self._events(last_event_id):
                    attempt = 0
                    if event is not None:
                        last_event_id = event.event_id or last_event_id
                        yield event
            except httpx.TransportError as error:
                if not follow or attempt >= self._retries:
                    raise Unreachable(str(error)) from error
            if not follow:
                return
            self._sleep(backoff_s(attempt))
            attempt += 1

    def download(self, url: str) -> bytes:
        """A recording, by its signed URL, which is asked without the key: it need not be your server's."""
        return check(self._attempts(Request("GET", url, keyed=False))).content

    def _events(self, last_event_id: str | None) -> Generator[Event | None, None, None]:
        """What comes on one connection; None for a sign of life."""
        headers = {**self._key, "Accept": "text/event-stream"}
        headers |= {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        with self._http.stream("GET", "/v1/masking/events", headers=headers, timeout=60) as response:
            if response.status_code != 200:
                check(Reply(response.status_code, response.headers, response.read()))
            waiting: list[str] = []
            for line in response.iter_lines():
                waiting.append(line)
                if line.startswith(":"):
                    yield None
                if not line:
                    yield from events_of(waiting)
                    waiting = []

    def _send(self, request: Request, read: Callable[[Reply], T]) -> T:
        return read(check(self._attempts(request)))

    def _attempts(self, request: Request) -> Reply:
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            try:
                reply = self._once(request)
            except httpx.TransportError as error:
                may_repeat = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) or request.repeatable()
                if is_last or not may_repeat:
                    raise Unreachable(str(error) or type(error).__name__) from error
                self._sleep(backoff_s(attempt))
                continue
            pause_s = wait_s(reply, attempt, self._longest_wait_s)
            if is_last or pause_s is None:
                return reply
            self._sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: Request) -> Reply:
        payload = request.payload()
        headers = dict(request.headers) | (self._key if request.keyed else {})
        headers |= {} if payload is None else {"Content-Type": request.content_type}
        response = self._http.request(
            request.method, request.path, params=request.parameters() or None, content=payload, headers=headers
        )
        return Reply(response.status_code, response.headers, response.content)

    def _new_key(self) -> str:
        return uuid.uuid4().hex
