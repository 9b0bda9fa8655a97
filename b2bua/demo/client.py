"""The integrator's side of the REST API: a plain HTTP client."""

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from b2bua.clock import Clock


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply, read whole. `elapsed_ms` from the request to the last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    elapsed_ms: float


class Refused(Exception):
    """The API said no."""


class RestClient:
    """Speaks to one running service with one key."""

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        self._url = url
        self._key = key
        self._clock = clock
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    async def place(self, party_a: str, party_b: str, **extra: object) -> tuple[dict[str, object], Reply]:
        """POST a masked call; its data. Raises `Refused`."""
        body = {"party_a": party_a, "party_b": party_b, **extra}
        reply = await self._send("POST", "/v1/masking/calls", body)
        return self._data(reply, 201), reply

    async def post(self, path: str, body: object = None) -> Reply:
        """A POST under the key, whatever comes of it."""
        return await self._send("POST", path, body)

    async def get(self, path: str) -> dict[str, object]:
        """The `data` of a GET under the key. Raises `Refused`."""
        return self._data(await self._send("GET", path), 200)

    async def fetch(self, url: str, method: str = "GET", **headers: str) -> Reply:
        """Any URL, without the key."""
        return await self._exchange(method, url, headers)

    async def _send(self, method: str, path: str, body: object = None) -> Reply:
        return await self._exchange(method, f"{self._url}{path}", {"Authorization": f"Bearer {self._key}"}, body)

    async def _exchange(self, method: str, url: str, headers: dict[str, str], content: object = None) -> Reply:
        began = self._clock.monotonic()
        async with self._http.request(method, url, headers=headers, json=content, allow_redirects=False) as response:
            body = await response.read()
            elapsed_ms = (self._clock.monotonic() - began) * 1000
            return Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, body, elapsed_ms)

    def _data(self, reply: Reply, expected: int) -> dict[str, object]:
        if reply.status != expected:
            raise Refused(f"{reply.status} instead of {expected}: {reply.body.decode('utf-8', 'replace')[:300]}")
        data = _parse(reply.body)
        if not isinstance(data, dict):
            raise Refused("a reply without data")
        return data


def _parse(body: bytes) -> object:
    content = json.loads(body)
    return content.get("data") if isinstance(content, dict) else None
