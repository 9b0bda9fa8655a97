"""One attempt: sign, POST, and what came of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import ClientResponse, ClientSession, TCPConnector
from yarl import URL

from b2bua.clock import Clock
from control_api.webhooks.settings import DispatcherSettings
from control_api.webhooks.signing import SIGNATURE_HEADER, SIGNATURE_V2_HEADER, sign_body, sign_body_v2
from control_api.webhooks.targets import TargetResolver, check_target
from storage.records import Delivery

EVENT_ID_HEADER: Final = "X-Edesy-Event-Id"
ATTEMPT_HEADER: Final = "X-Edesy-Attempt"

LARGEST_REPLY_BYTES: Final = 16_384  # read so that the connection can be used again; with more it is closed
KEEP_ALIVE_S: Final = 30.0
LONGEST_ERROR: Final = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What an attempt brought: a status, or the error that kept it away."""

    http_status: int | None
    error: str | None
    retry_after: str | None


class Sender:
    """POSTs webhooks over one pool of connections: no cookies, no proxies, no redirects, no unpacking of replies."""

    def __init__(self, settings: DispatcherSettings, clock: Clock) -> None:
        """To be made where the event loop runs; `close` it."""
        self._timeout_s = settings.timeout_s
        self._allow_private = settings.allow_private_targets
        self._clock = clock
        self._resolver = TargetResolver(allow_private=settings.allow_private_targets)
        self._session = ClientSession(
            connector=TCPConnector(
                resolver=self._resolver, limit=settings.max_in_flight, keepalive_timeout=KEEP_ALIVE_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": settings.user_agent, "Content-Type": "application/json"},
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
        http_status = retry_after = error = None
        try:
            async with asyncio.timeout(self._timeout_s):
                url = URL(delivery.endpoint.url)
                check_target(url, self._allow_private)
                async with self._session.post(
                    url, data=body, headers=self._headers(delivery, body), allow_redirects=False
                ) as response:
                    http_status = response.status
                    retry_after = response.headers.get("Retry-After")
                    await _read_away(response)
        except TimeoutError:
            error = f"no response within {self._timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"[:LONGEST_ERROR]
        return Reply(http_status, error if http_status is None else None, retry_after)

    def _headers(self, delivery: Delivery, body: bytes) -> Mapping[str, str]:
        secrets = delivery.endpoint.secrets
        return {
            SIGNATURE_HEADER: sign_body(body, secrets[0]),
            SIGNATURE_V2_HEADER: sign_body_v2(body, secrets, self._clock.wall_ms() // 1000),
            EVENT_ID_HEADER: delivery.event.event_id,
            ATTEMPT_HEADER: str(delivery.attempt),
        }


async def _read_away(response: ClientResponse) -> None:
    content = response.content
    seen = 0
    while not content.at_eof():
        seen += len(await content.readany())
        if seen > LARGEST_REPLY_BYTES:
            response.close()
            return
