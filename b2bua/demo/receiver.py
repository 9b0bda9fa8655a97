"""The integrator's side of the webhooks: an HTTP server that checks both signatures from the published rules alone."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from b2bua.clock import Clock
from b2bua.demo.journal import Journal

#: A V2 signature older than this is not believed.
_OLDEST_SIGNATURE_S: Final = 300


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it came. `at`: monotonic seconds."""

    at: float
    event: str
    call_sid: str
    sequence: int
    attempt: str
    event_id: str
    payload: dict[str, object]
    signed: bool
    signed_v2: bool

    @property
    def data(self) -> dict[str, object]:
        """The call's representation at that moment."""
        data = self.payload.get("data")
        return data if isinstance(data, dict) else {}


class WebhookReceiver:
    """Listens on a free port of loopback; everything received is in `journal`."""

    def __init__(self, journal: Journal[Received], clock: Clock, path: str) -> None:
        self.journal = journal
        self.secret = ""
        self._clock = clock
        self._path = path
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where webhooks are to be sent."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    async def open(self) -> None:
        """Begin to listen."""
        application = web.Application()
        application.router.add_post(self._path, self._receive)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        at = self._clock.monotonic()
        body = await request.read()
        try:
            payload = json.loads(body)
            received = Received(
                at=at,
                event=str(payload["event"]),
                call_sid=str(payload["call_sid"]),
                sequence=int(payload["sequence"]),
                attempt=request.headers.get("X-Edesy-Attempt", ""),
                event_id=request.headers.get("X-Edesy-Event-Id", ""),
                payload=payload,
                signed=signature_holds(self.secret, body, request.headers.get("X-Edesy-Signature", "")),
                signed_v2=signature_v2_holds(
                    self.secret, body, request.headers.get("X-Edesy-Signature-V2", ""), self._clock.wall_ms() // 1000
                ),
            )
        except (ValueError, KeyError, TypeError) as mistake:
            return web.Response(status=400, text=f"{type(mistake).__name__}: {mistake}")
        self.journal.add(received)
        return web.Response(status=204)


def signature_holds(secret: str, body: bytes, header: str) -> bool:
    """`X-Edesy-Signature`: `sha256=` and the lowercase hex HMAC-SHA256 of the raw body."""
    return hmac.compare_digest(f"sha256={_mac(secret, body)}".encode(), header.encode())


def signature_v2_holds(secret: str, body: bytes, header: str, now_s: int) -> bool:
    """`X-Edesy-Signature-V2`: `t=<unix>,v1=<hex>` over `<unix>.<raw body>`, of about now; any `v1` counts."""
    fields = [field.partition("=") for field in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    if len(times) != 1 or not times[0].isdecimal() or abs(now_s - int(times[0])) > _OLDEST_SIGNATURE_S:
        return False
    expected = _mac(secret, times[0].encode() + b"." + body)
    return any(hmac.compare_digest(expected.encode(), value.encode()) for name, _, value in fields if name == "v1")


def _mac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
