"""Server-sent events: what was told of calls, as it happens (the event stream format of the HTML standard, 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final

from aiohttp import hdrs, web

from control_api.event_feed import End, Listener
from control_api.exchange import Api, Exchange
from control_api.rights import Right
from control_api.schemas import RECORDING_URL_LIFE_S
from control_api.signed_urls import signed_recording_url
from control_api.webhooks.payloads import render_body
from storage.records import OutboxEvent, WebhookEvent
from storage.units import Reader

EVENT_STREAM: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
WRITE_TIMEOUT_S: Final = 30.0  # a client that takes nothing for so long has gone
REPLAYED_AT_ONCE: Final = 200
REPLAY_WINDOW: Final = 50_000  # events of all organisations that a Last-Event-ID may lie behind
RECORDING_WAIT_S: Final = 60.0  # after the end of a call, so long for its recording
_RECONNECT_MS: Final = 3_000
_TERMINAL: Final = frozenset({WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.NO_ANSWER})


def wants_stream(exchange: Exchange) -> bool:
    """Whether the client asks for a stream where there is something else too."""
    return EVENT_STREAM in exchange.request.headers.get(hdrs.ACCEPT, "").lower()


async def stream_events(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The organisation's events from now on, or from after the one that `Last-Event-ID` names."""
    listener = await _join(api, exchange, None)
    try:
        stream = await _open(api, exchange, of_call=False)
        if exchange.request.method != hdrs.METH_HEAD:
            await stream.replay(_since(api, exchange, listener))
            await stream.follow(listener)
        return stream.response
    finally:
        api.feed.leave(listener)


async def stream_call(api: Api, exchange: Exchange, call_id: str) -> web.StreamResponse:
    """A call's events from its first on, or from after the one that `Last-Event-ID` names, to its last."""
    listener = await _join(api, exchange, call_id)
    try:
        stream = await _open(api, exchange, of_call=True)
        if exchange.request.method != hdrs.METH_HEAD:
            org_id, last = exchange.org_id, exchange.request.headers.get("Last-Event-ID")
            told = await api.store.read(lambda reader: reader.events(org_id, call_id))
            known = next((event.sequence for event in told if event.event_id == last), 0)
            stream.passed_over(known, told)
            await stream.replay(_each([event for event in told if event.sequence > known]))
            await stream.follow(listener)
        return stream.response
    finally:
        api.feed.leave(listener)


async def _join(api: Api, exchange: Exchange, call_id: str | None) -> Listener:
    transport = exchange.request.transport

    def alive() -> bool:
        return transport is not None and not transport.is_closing()

    return await api.feed.join(exchange.org_id, exchange.caller.bucket, alive, call_id)


async def _open(api: Api, exchange: Exchange, *, of_call: bool) -> "_Stream":
    headers = exchange.headers
    headers[hdrs.CONTENT_TYPE] = f"{EVENT_STREAM}; charset=utf-8"
    headers["X-Accel-Buffering"] = "no"  # a proxy in front has to pass each event on at once
    response = web.StreamResponse(headers=headers)
    await response.prepare(exchange.request)
    return _Stream(api, exchange, response, of_call=of_call)


async def _each(events: list[OutboxEvent]) -> AsyncIterator[list[OutboxEvent]]:
    yield events


async def _since(api: Api, exchange: Exchange, listener: Listener) -> AsyncIterator[list[OutboxEvent] | None]:
    """What was told between `Last-Event-ID` and where the listener takes over; None where that cannot be had."""
    last = exchange.request.headers.get("Last-Event-ID")
    if not last:
        return
    org_id, until = exchange.org_id, listener.after
    number = await api.store.read(lambda reader: reader.number_told(org_id, last))
    if number is None or until - number > REPLAY_WINDOW:
        yield None
        return
    after = number
    while after < until:
        told = await api.store.read(partial(_told_between, org_id, after, until))
        if told:
            yield [event for _number, event in told]
        after = told[-1][0] if len(told) == REPLAYED_AT_ONCE else until


def _told_between(org_id: str, after: int, until: int, reader: Reader) -> list[tuple[int, OutboxEvent]]:
    return reader.told_between(org_id, after, until, REPLAYED_AT_ONCE)


class _Stream:
    """One connection. Of a call each event is sent once, whether it is replayed or comes live."""

    def __init__(self, api: Api, exchange: Exchange, response: web.StreamResponse, *, of_call: bool) -> None:
        self.response = response
        self._api = api
        self._exchange = exchange
        self._of_call = of_call
        self._broken = False
        self._looked_up_at = api.clock.monotonic()
        self._last_sequence = 0  # of the call that it follows
        self._over_at: float | None = None
        self._recording_to_come = False
        self._recording_told = False

    def passed_over(self, known: int, told: list[OutboxEvent]) -> None:
        """What the client has had already counts for when the call is over."""
        for event in told:
            if event.sequence <= known:
                self._note(event)
        self._last_sequence = known

    async def replay(self, batches: AsyncIterator[list[OutboxEvent] | None]) -> None:
        """Send what lies before the live events. Where the client's last event is not known any more, it is told."""
        await self._write(f"retry: {_RECONNECT_MS}\n\n".encode())
        async for batch in batches:
            if batch is None:
                await self._write(
                    event_frame("gap", {"reason": "the events after Last-Event-ID are not kept for replay"})
                )
            else:
                await self._send(batch)

    async def follow(self, listener: Listener) -> None:
        """Send what comes until the stream ends."""
        while not self._broken:
            events = await listener.take(HEARTBEAT_S if self._over_at is None else 1.0)
            if self._of_call:
                events = [event for event in events if event.sequence > self._last_sequence]
            if listener.end is None and not await self._may_listen(idle=not events):
                listener.finish(End.UNAUTHORIZED)
                events = []
            if events:
                await self._send(events)
            elif listener.end is None:
                await self._write(b": heartbeat\n\n")
            if self._is_over():
                listener.finish(End.CALL_OVER)
            if listener.end is not None:
                await self._write(event_frame("end", {"reason": listener.end}))
                return

    async def _may_listen(self, *, idle: bool) -> bool:
        """Whether its key is good still: looked up in every pause, and where there is none every `HEARTBEAT_S`."""
        now = self._api.clock.monotonic()
        if not idle and now - self._looked_up_at < HEARTBEAT_S:
            return True
        self._looked_up_at = now
        return await self._exchange.still_good()

    def _is_over(self) -> bool:
        if self._over_at is None:
            return False
        waits = self._recording_to_come and not self._recording_told
        return not waits or self._api.clock.monotonic() - self._over_at > RECORDING_WAIT_S

    def _note(self, event: OutboxEvent) -> None:
        """What an event says of how much is still to come of its call."""
        self._last_sequence = event.sequence
        if event.event in _TERMINAL:
            self._over_at = self._api.clock.monotonic()
            self._recording_to_come = event.call.recording_path is not None
        elif event.event is WebhookEvent.RECORDING_READY:
            self._recording_told = True

    async def _send(self, events: list[OutboxEvent]) -> None:
        if self._of_call:
            for event in events:
                self._note(event)
        seen = [event for event in events if self._exchange.caller.sees(event.call)]
        if seen:
            await self._write(b"".join(self._frame_of(event) for event in seen))

    def _frame_of(self, event: OutboxEvent) -> bytes:
        """An event as its webhook tells it; a recording's address, which needs no key, for who may read recordings."""
        settings, url = self._api.settings, None
        if event.event is WebhookEvent.RECORDING_READY and Right.RECORDINGS_READ in self._exchange.caller.rights:
            expires_at_s = self._api.clock.wall_ms() // 1000 + RECORDING_URL_LIFE_S
            url = signed_recording_url(settings.url_signing_key, settings.public_url, event.call_id, expires_at_s)
        body = render_body(event, settings.log_number_style, url)
        return f"id: {event.event_id}\nevent: {event.event.value}\ndata: ".encode() + body + b"\n\n"

    async def _write(self, content: bytes) -> None:
        if self._broken:
            return
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self.response.write(content)
        except (TimeoutError, ConnectionError):
            self._broken = True
            transport = self._exchange.request.transport
            if transport is not None:
                transport.abort()


def event_frame(event: str, data: Mapping[str, object]) -> bytes:
    """An event of the stream, without an id."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
