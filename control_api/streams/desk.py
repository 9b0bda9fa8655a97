"""All streams of live calls: begun when a call is bridged or when a client asks, ended with the call."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from b2bua.call.errors import CallError, TooManyStreams
from b2bua.call.model import StreamWish
from b2bua.clock import Clock
from b2bua.switch.audience import HeardCall, Told
from b2bua.switch.trace_steps import BRIDGED, CLOSED
from b2bua.tokens import Tokens
from control_api.streams.line import Dialler
from control_api.streams.stream import CallStream, StopReason, StreamPlan, StreamState
from storage.errors import StorageError
from storage.store import Store
from storage.streams import StreamEndpoint

LOG: Final = logging.getLogger(__name__)

STREAMS_PER_CALL: Final = 2
STREAMS_MAX: Final = 200  # in all; each is a decoder, a hundred messages a second and a connection
STREAMS_OF_CALL: Final = 20  # one after the other; ended ones are told of as long as the call lives
CLOSE_S: Final = 3.0


class StreamDesk:
    """Begins and ends streams. An `Audience` of the switch; what it is told it only notes down."""

    def __init__(self, store: Store, clock: Clock, tokens: Tokens, dialler: Dialler) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._dialler = dialler
        self._streams: dict[str, list[CallStream]] = {}  # by call
        self._every_call: frozenset[str] = frozenset()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending_now = 0  # of calls that are over: each has its connection until it has said so
        self._counted = {"started": 0, "refused": 0, "sent": 0, "dropped": 0, "reconnected": 0}

    async def refresh(self) -> None:
        """Look up anew which organisations have all their calls streamed. StorageError."""
        self._every_call = await self._store.read(lambda reader: reader.streaming_organisations())

    def told(self, call: HeardCall, step: Told) -> None:
        """A step of a call: its bridging begins streams, its end ends them, and some others are marks in them."""
        if step.name == BRIDGED and (call.stream is not None or call.org_id in self._every_call):
            task = asyncio.get_running_loop().create_task(self._begin_wanted(call), name=f"streams of {call.call_id}")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        streams = self._streams.get(call.call_id)
        if streams is None:
            return
        for stream in streams:
            stream.told(step)
        if step.name == CLOSED:
            self._forget(call.call_id)

    def of(self, call_id: str) -> Sequence[CallStream]:
        """The streams of a live call, ended ones too, oldest first."""
        return tuple(self._streams.get(call_id, ()))

    def begin(self, call: HeardCall, endpoint: StreamEndpoint, wish: StreamWish) -> CallStream:
        """Stream a call from now on. Raises TooManyStreams, NotConnected, CapacityExhausted."""
        streams = self._streams.setdefault(call.call_id, [])
        try:
            self._check_room(streams)
            plan = StreamPlan(
                stream_id=self._tokens.uuid(),
                endpoint_id=endpoint.endpoint_id,
                url=wish.url,
                secret=endpoint.secret,
                rate_hz=wish.rate_hz,
                tracks=wish.tracks,
                started_at=self._clock.wall_ms(),
            )
            stream = CallStream(plan, call, self._dialler, self._clock)
        finally:
            if not streams:
                del self._streams[call.call_id]
        self._streams[call.call_id] = [*streams, stream]
        self._counted["started"] += 1
        return stream

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        every = [stream for streams in self._streams.values() for stream in streams]
        return {
            "streams_live": sum(stream.state is not StreamState.STOPPED for stream in every),
            "streams_started_total": self._counted["started"],
            "streams_refused_total": self._counted["refused"],
            "stream_connections_repeated_total": self._counted["reconnected"]
            + sum(max(0, stream.connections - 1) for stream in every),
            "stream_frames_sent_total": self._counted["sent"] + sum(stream.frames_sent for stream in every),
            "stream_frames_dropped_total": self._counted["dropped"] + sum(stream.frames_dropped for stream in every),
        }

    async def close(self) -> None:
        """End all streams, each with its `stop`."""
        for task in self._starting:
            task.cancel()
        streams = [stream for of_call in self._streams.values() for stream in of_call]
        for stream in streams:
            stream.stop(StopReason.SHUTDOWN)
        if streams:
            await asyncio.wait([asyncio.ensure_future(stream.ended()) for stream in streams], timeout=CLOSE_S)

    def _check_room(self, streams: Sequence[CallStream]) -> None:
        if sum(stream.reason is None for stream in streams) >= STREAMS_PER_CALL:
            raise TooManyStreams(f"A call has at most {STREAMS_PER_CALL} streams at once.")
        if len(streams) >= STREAMS_OF_CALL:
            raise TooManyStreams(f"A call can be streamed {STREAMS_OF_CALL} times.")
        if self.counters()["streams_live"] + self._ending_now >= STREAMS_MAX:
            raise TooManyStreams("As many calls are being streamed as can be. Please try again.")

    async def _begin_wanted(self, call: HeardCall) -> None:
        """What the call itself wants, and what its organisation wants of every call."""
        org_id, wish = call.org_id, call.stream
        try:
            endpoints = await self._store.read(lambda reader: reader.stream_endpoints(org_id))
        except StorageError as error:
            LOG.warning("call %s: its streams cannot be looked up: %s", call.call_id, error)
            return
        for endpoint in endpoints:
            wanted = wish if wish is not None and wish.endpoint_id == endpoint.endpoint_id else None
            if wanted is None and endpoint.every_call:
                wanted = StreamWish(endpoint.endpoint_id, endpoint.url, endpoint.rate_hz, endpoint.tracks)
            if wanted is not None:
                self._begin_or_note(call, endpoint, wanted)

    def _begin_or_note(self, call: HeardCall, endpoint: StreamEndpoint, wish: StreamWish) -> None:
        try:
            stream = self.begin(call, endpoint, wish)
        except CallError as error:
            self._counted["refused"] += 1
            LOG.warning("call %s: it is not streamed: %s", call.call_id, error)
            return
        stream.told(Told("media", None, BRIDGED, {}))

    def _forget(self, call_id: str) -> None:
        for stream in self._streams.pop(call_id, ()):
            stream.stop(StopReason.CALL_ENDED)
            self._ending(stream)

    def _ending(self, stream: CallStream) -> None:
        """Count what a stream has done, once it is over."""

        self._ending_now += 1

        async def count() -> None:
            try:
                await stream.ended()
            finally:
                self._ending_now -= 1
            self._counted["sent"] += stream.frames_sent
            self._counted["dropped"] += stream.frames_dropped
            self._counted["reconnected"] += max(0, stream.connections - 1)

        task = asyncio.get_running_loop().create_task(count(), name=f"end of stream {stream.plan.stream_id}")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
