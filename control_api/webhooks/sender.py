"""One attempt: sign, POST, and what came of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import aiohttp
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from b2bua.clock import Clock
from control_api.webhooks.connector import BoundedConnector
from control_api.webhooks.settings import DispatcherSettings
from control_api.webhooks.signing import SIGNATURE_HEADER, SIGNATURE_V2_HEADER, sign_body, sign_body_v2
from control_api.webhooks.targets import TargetResolver, check_target, failure_text
from storage.records import Delivery, EndpointReply, WebhookEndpoint

CONTENT_TYPE: Final = "Content-Type"
JSON_TYPE: Final = "application/json"
EVENT_ID_HEADER: Final = "X-Edesy-Event-Id"
ATTEMPT_HEADER: Final = "X-Edesy-Attempt"

LARGEST_REPLY_BYTES: Final = 16_384  # read so that the connection can be used again; with more it is closed
KEEP_ALIVE_S: Final = 30.0
LONGEST_ERROR: Final = 200
# What of an answer is kept, for whoever looks for what is wrong.
KEPT_BYTES: Final = 2_048
KEPT_HEADERS: Final = 24
KEPT_HEADER_LENGTH: Final = 256
_NOT_KEPT: Final = frozenset({"set-cookie", "www-authenticate"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What an attempt brought: a status, or the error that kept it away."""

    http_status: int | None
    error: str | None
    retry_after: str | None
    answer: EndpointReply | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A test event as it was sent, and what came of it."""

    headers: Mapping[str, str]
    body: bytes
    reply: Reply
    duration_ms: int


class Sender:
    """POSTs webhooks over one pool of connections: no cookies, no proxies, no redirects, no unpacking of replies."""

    def __init__(self, settings: DispatcherSettings, clock: Clock) -> None:
        """To be made where the event loop runs; `close` it."""
        self._timeout_s = settings.timeout_s
        self._allow_private = settings.allow_private_targets
        self._clock = clock
        self._resolver = TargetResolver(clock, allow_private=settings.allow_private_targets)
        self._session = ClientSession(
            connector=BoundedConnector(self._resolver, limit=settings.max_in_flight, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": settings.user_agent, CONTENT_TYPE: JSON_TYPE},
            skip_auto_headers=("Accept-Encoding",),
            timeout=aiohttp.ClientTimeout(total=None),  # ours below covers all of it, to the millisecond
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._resolver.close()

    async def send(self, delivery: Delivery, body: bytes) -> Reply:
        """Make the attempt; never raises but for cancellation. Once a status is there, what follows it is no matter."""
        return await self._post(delivery.endpoint.url, body, self._headers(delivery, body))

    async def try_out(self, endpoint: WebhookEndpoint, event_id: str, body: bytes) -> Trial:
        """Send a test event, signed as every event is; never raises but for cancellation."""
        headers = {
            CONTENT_TYPE: JSON_TYPE,
            **self._signed(endpoint, body),
            EVENT_ID_HEADER: event_id,
            ATTEMPT_HEADER: "1",
        }
        started_at = self._clock.monotonic()
        reply = await self._post(endpoint.url, body, headers)
        return Trial(headers, body, reply, round((self._clock.monotonic() - started_at) * 1000))

    async def _post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        http_status = retry_after = error = answer = None
        try:
            async with asyncio.timeout(self._timeout_s):
                url = URL(address)
                check_target(url, self._allow_private)
                async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                    http_status = response.status
                    retry_after = response.headers.get("Retry-After")
                    answer = _answer(response, b"")
                    answer = _answer(response, await _read_away(response))
        except TimeoutError:
            error = f"no response within {self._timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _writable(failure_text(failure))[:LONGEST_ERROR]
        return Reply(http_status, error if http_status is None else None, retry_after, answer)

    def _signed(self, endpoint: WebhookEndpoint, body: bytes) -> Mapping[str, str]:
        # The first has room for one signature: the old secret's, which every receiver has until the rotation ends.
        return {
            SIGNATURE_HEADER: sign_body(body, endpoint.secrets[-1]),
            SIGNATURE_V2_HEADER: sign_body_v2(body, endpoint.secrets, self._clock.wall_ms() // 1000),
        }

    def _headers(self, delivery: Delivery, body: bytes) -> Mapping[str, str]:
        return {
            **self._signed(delivery.endpoint, body),
            EVENT_ID_HEADER: delivery.event.event_id,
            ATTEMPT_HEADER: str(delivery.attempt),
        }


async def _read_away(response: ClientResponse) -> bytes:
    """Read it to its end, or as far as is worth it: the beginning."""
    content = response.content
    kept, seen = b"", 0
    while not content.at_eof():
        part = await content.readany()
        kept += part[: KEPT_BYTES + 1 - len(kept)]
        seen += len(part)
        if seen > LARGEST_REPLY_BYTES:
            response.close()
            break
    return kept


def _answer(response: ClientResponse, body: bytes) -> EndpointReply:
    """What of an answer is kept: no secrets of the endpoint's, and no more than a screen of it."""
    named = ((name, text) for name, text in response.headers.items() if name.lower() not in _NOT_KEPT)
    headers = {name[:64]: _writable(text[:KEPT_HEADER_LENGTH]) for name, text in islice(named, KEPT_HEADERS)}
    text = body[:KEPT_BYTES].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return EndpointReply(headers, text, len(body) > KEPT_BYTES)


def _writable(text: str) -> str:
    """The text without the surrogates that aiohttp makes of bytes that are no UTF-8: no database and no JSON takes
    them."""
    return text.encode("utf-8", "replace").decode("utf-8")
