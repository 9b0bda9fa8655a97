"""One stream of one call: its connection, what is sent over it, and how it is opened again."""

import asyncio
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from b2bua.clock import Clock
from b2bua.switch.audience import Ear, HeardCall, HeardFrame, Told
from control_api.streams.backlog import Backlog, Frame, Mark
from control_api.streams.line import CannotConnect, Dialler, Line, LineClosed
from control_api.streams.messages import (
    mark_message,
    mark_of,
    media_message,
    payload_of,
    silence_of,
    start_message,
    stop_message,
)
from storage.streams import Tracks

LOG: Final = logging.getLogger(__name__)

# Before each further try; one that has streamed for long enough begins with all of them anew.
PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
GOOD_FRAMES: Final = 500
CONNECTIONS_MAX: Final = 20  # of one stream, however well they went
LAST_WORDS_S: Final = 2.0  # for what waits and the `stop`, once the call is over


class StreamState(StrEnum):
    """How a stream does."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"


class StopReason(StrEnum):
    """Why a stream has ended."""

    CALL_ENDED = "call_ended"
    STOPPED = "stopped"
    CLOSED_BY_SERVER = "closed_by_server"
    UNREACHABLE = "unreachable"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What is streamed, and where to."""

    stream_id: str
    endpoint_id: str
    url: str
    secret: str
    rate_hz: int
    tracks: Tracks
    started_at: int


class CallStream:
    """Runs from its making until `stop`, or until nobody can be reached. Never raises into the call."""

    def __init__(
        self, plan: StreamPlan, call: HeardCall, dialler: Dialler, clock: Clock, pauses_s: tuple[float, ...] = PAUSES_S
    ) -> None:
        """Begins at once. Raises NotConnected, CapacityExhausted: the call cannot be heard."""
        self.plan = plan
        self.call_id = call.call_id
        self.org_id = call.org_id
        self.state = StreamState.CONNECTING
        self.reason: StopReason | None = None
        self.frames_sent = 0
        self.connections = 0
        self._call: HeardCall | None = call
        self._reference = call.reference
        self._dialler = dialler
        self._clock = clock
        self._pauses_s = pauses_s
        self._backlog = Backlog()
        self._more = asyncio.Event()
        self._sequence = 0
        self._at_ms = 0
        self._silence = silence_of(plan.rate_hz)
        self._talking: asyncio.Timeout | None = None  # while there is a connection
        self._ear: Ear | None = call.listen_in(plan.rate_hz, self._heard)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"stream {plan.stream_id}")

    @property
    def frames_dropped(self) -> int:
        """Frames that were left out: the server did not keep up, or was not there."""
        return self._backlog.dropped_frames

    def told(self, step: Told) -> None:
        """A step of the call."""
        name = mark_of(step)
        if name is not None and self.reason is None:
            self._backlog.put_mark(Mark(name, step.leg, self._at_ms))
            self._more.set()

    def stop(self, reason: StopReason) -> None:
        """Hear the call no more; what waits and the `stop` still go out, within `LAST_WORDS_S`. Harmless when it is
        stopped."""
        if self.reason is not None:
            return
        self.reason = reason
        self._let_go()
        self._more.set()
        if self._talking is not None:
            # What is being sent counts too: a server that takes nothing would hold it for ever.
            self._talking.reschedule(asyncio.get_running_loop().time() + LAST_WORDS_S)

    async def ended(self) -> None:
        """Wait until it is over."""
        await asyncio.gather(self._task, return_exceptions=True)

    def _is_over(self) -> bool:
        return self.reason is not None

    def _let_go(self) -> None:
        call, ear, self._call, self._ear = self._call, self._ear, None, None
        if call is not None and ear is not None:
            call.listen_no_more(ear)

    def _heard(self, frame: HeardFrame) -> None:
        if self.reason is None:
            self._at_ms = frame.at_ms
            self._backlog.put_frame(Frame(*frame))
            self._more.set()

    async def _run(self) -> None:
        tries_left = list(self._pauses_s)
        try:
            while not self._is_over():
                sent_before = self.frames_sent
                await self._once()
                if self.frames_sent - sent_before >= GOOD_FRAMES:
                    tries_left = list(self._pauses_s)
                if self._is_over():
                    break
                if not tries_left or self.connections >= CONNECTIONS_MAX:
                    self.stop(StopReason.UNREACHABLE)
                    break
                self.state = StreamState.RECONNECTING
                await self._rest(tries_left.pop(0))
        finally:
            self._let_go()
            self._backlog.drop_frames()
            self.state = StreamState.STOPPED
        LOG.info("stream %s of call %s: over, %s", self.plan.stream_id, self.call_id, self.reason)

    async def _rest(self, pause_s: float) -> None:
        """Wait before the next try, or until the stream is stopped. What is heard meanwhile goes nowhere."""
        until = asyncio.get_running_loop().time() + pause_s
        try:
            async with asyncio.timeout_at(until):
                while not self._is_over():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            pass
        self._backlog.drop_frames()

    async def _once(self) -> None:
        """One connection, from its opening to its end."""
        plan = self.plan
        self.connections += 1
        try:
            line = await self._dialler.dial(plan.url, plan.stream_id, plan.secret)
        except CannotConnect as error:
            LOG.warning("stream %s of call %s: %s", plan.stream_id, self.call_id, error)
            return
        try:
            if self.reason is None:
                self.state = StreamState.STREAMING
            await self._talk(line)
        except LineClosed as closed:
            if closed.wanted:
                self.stop(StopReason.CLOSED_BY_SERVER)
        finally:
            await line.close()

    async def _talk(self, line: Line) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_S if self._is_over() else None) as self._talking:
                await self._say_all(line)
        except TimeoutError:
            return
        finally:
            self._talking = None

    async def _say_all(self, line: Line) -> None:
        plan = self.plan
        await line.send(
            start_message(
                self._next(), plan.stream_id, self.call_id, self._reference, plan.rate_hz, plan.tracks, self.connections
            )
        )
        while not self._is_over():
            # Cleared before sending, which may take long: what is told meanwhile, the end too, is not missed.
            self._more.clear()
            await self._send_waiting(line)
            await self._more.wait()
        await self._send_waiting(line)
        reason = "" if self.reason is None else self.reason.value
        await line.send(stop_message(self._next(), reason, self.frames_sent, self.frames_dropped, self._at_ms))

    async def _send_waiting(self, line: Line) -> None:
        tracks = self.plan.tracks
        while (entry := self._backlog.take()) is not None:
            if isinstance(entry, Mark):
                await line.send(mark_message(self._next(), *entry))
                continue
            for channel, samples in (("a", entry.a), ("b", entry.b)):
                if tracks in (channel, Tracks.BOTH):
                    payload = self._silence if samples is None else payload_of(samples)
                    await line.send(media_message(self._next(), channel, entry.at_ms, payload))
            self.frames_sent += 1

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence
