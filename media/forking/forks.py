"""The thread that hands a live call's audio on: both parties' frames, every 20 ms, to whoever takes them.

The packet path copies packets into queues; here they are decoded. Nothing that is done here can hold a call up.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from media.codecs.linear import little_endian
from media.errors import MediaError, TooManySupervisors
from media.forking.playout import FRAME_MS, LONGEST_WAIT_S, Playout
from media.forking.seats import Seat
from media.forking.supervision import SEATS_PER_CALL, Diversion, Supervision
from media.packet_path.converter import Converter
from media.packet_path.repacketiser import Frame
from media.transcoding.packets import ConversionQueue, NewQueue, Packet

LOG: Final = logging.getLogger(__name__)
FRAME_S: Final = FRAME_MS / 1000
RATES_HZ: Final = (8000, 16_000)
# A thread that was held up for longer than this leaves the frames of that time out.
_LATE_S_MAX: Final = 0.2
_JOIN_TIMEOUT_S: Final = 10.0


class HeardFrame(NamedTuple):
    """20 ms of a call: `at_ms` from when the ear was put on, what A and what B is heard to say as little-endian samples
    of 16 bits, None for nothing."""

    at_ms: int
    a: bytes | None
    b: bytes | None


Take = Callable[[HeardFrame], None]
Poster = Callable[[Callable[[], None]], object]
_Delivery = tuple[Take, HeardFrame]


class ForkedPath(Protocol):
    """What is needed of `media.packet_path.interface.PacketPath`."""

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        """Copy what a stream sends to a queue, or stop doing so."""
        ...

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        """Send what was made of a diverted stream's audio."""
        ...


class Ear:
    """Who hears a call: made by `Forks.listen`, and of use to it alone."""

    __slots__ = ("began_at", "call_id", "muted_until", "rate_hz", "take")

    def __init__(self, call_id: str, rate_hz: int, take: Take, began_at: float) -> None:
        self.call_id = call_id
        self.rate_hz = rate_hz
        self.take = take
        self.began_at = began_at
        # Nothing is heard until then: for ever while the call is paused.
        self.muted_until = 0.0


class _ForkedCall:
    """One call that is heard. `ears` is replaced, not changed: the thread may be going through it."""

    __slots__ = ("ears", "playouts", "queues", "streams", "supervision")

    def __init__(self, streams: tuple[int, int], queues: tuple[ConversionQueue, ConversionQueue]) -> None:
        self.streams = streams
        self.queues = queues
        self.ears: tuple[Ear, ...] = ()
        self.supervision: Supervision | None = None
        self.playouts: dict[int, tuple[Playout, Playout]] = {}  # by rate; the thread's own


class Forks:
    """All calls that are heard. Its verbs are called on one thread, the event loop's, where the frames arrive too.

    The work is done in `turn`, which a thread of its own calls every 20 ms while there is any. `post` runs a callable
    on the loop's thread.
    """

    def __init__(
        self,
        path: ForkedPath,
        clock: Callable[[], float],
        post: Poster,
        new_queue: NewQueue,
        diversion: Diversion | None = None,
        *,
        threaded: bool = True,
    ) -> None:
        """`diversion`: how what a party hears is mixed; without it nobody can be supervised. `threaded` False: somebody
        else calls the turns."""
        self._path = path
        self._clock = clock
        self._post = post
        self._new_queue = new_queue
        self._diversion = diversion
        self._threaded = threaded
        self._calls: dict[str, _ForkedCall] = {}
        self._frames = 0
        self._late_frames = 0
        self._dropped = 0
        self._next_at = 0.0
        self._stopping = False
        self._work = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self, call_id: str, streams: tuple[int, int], rate_hz: int, take: Take, *, muted: bool = False) -> Ear:
        """Hear a call from now on, as frames of 8000 or 16000 samples a second. MediaOverloaded, UnknownLeg."""
        if rate_hz not in RATES_HZ:
            raise ValueError(f"a call is heard at {RATES_HZ} Hz")
        call = self._calls.get(call_id)
        if call is None:
            call = self._fork(call_id, streams)
        ear = Ear(call_id, rate_hz, take, self._clock())
        ear.muted_until = float("inf") if muted else 0.0
        call.ears = (*call.ears, ear)
        self._wake()
        return ear

    def stop(self, ear: Ear) -> None:
        """Hear it no more; harmless when that is so already. What is on its way still arrives."""
        call = self._calls.get(ear.call_id)
        if call is None:
            return
        call.ears = tuple(other for other in call.ears if other is not ear)
        self._forget_unheard(ear.call_id, call)

    def sit(self, seat: Seat, streams: tuple[int, int]) -> None:
        """Let a supervisor take part in a call from now on. MediaOverloaded, UnknownLeg, TooManySupervisors; the
        seat's line is closed then."""
        diversion = self._diversion
        call = self._calls.get(seat.call_id)
        try:
            if diversion is None or (
                call is not None and call.supervision is not None and len(call.supervision.seats) >= SEATS_PER_CALL
            ):
                raise TooManySupervisors(f"a call has at most {SEATS_PER_CALL} supervisors")
            call = call or self._fork(seat.call_id, streams)
        except MediaError:
            seat.line.close()
            raise
        if call.supervision is None:
            new_queue = partial(self._new_queue, _nothing, -1)
            let_go = partial(self._supervision_over, seat.call_id)
            call.supervision = Supervision(streams, diversion, new_queue, self._path.send_audio, self._post, let_go)
        call.supervision.take_on(seat)
        self._wake()

    def leave(self, seat: Seat) -> None:
        """A supervisor takes part no more; harmless when that is so already."""
        call = self._calls.get(seat.call_id)
        if call is not None and call.supervision is not None and seat in call.supervision.seats:
            supervision = call.supervision
            supervision.seats = tuple(other for other in supervision.seats if other is not seat)
            if not supervision.seats:
                supervision.end()
                self._supervision_over(seat.call_id)
        seat.line.close()

    def settled(self, call_id: str) -> None:
        """A leg of a call may take another codec now."""
        call = self._calls.get(call_id)
        if call is not None and call.supervision is not None:
            call.supervision.settled()

    def pause(self, call_id: str) -> None:
        """Let nobody hear the call from now on."""
        self._mute(call_id, float("inf"))

    def resume(self, call_id: str) -> None:
        """Let the call be heard again: what was said before this instant never is."""
        self._mute(call_id, self._clock() + LONGEST_WAIT_S)

    def hears(self, call_id: str) -> bool:
        """Whether this call has an ear; a supervisor is none."""
        call = self._calls.get(call_id)
        return call is not None and bool(call.ears)

    def forget(self, call_id: str) -> None:
        """The call is over, or nobody hears it any more. Harmless for one that is not heard."""
        call = self._calls.get(call_id)
        if call is None:
            return
        self._calls = {name: other for name, other in self._calls.items() if name != call_id}
        call.ears = ()
        if call.supervision is not None:
            for seat in call.supervision.seats:
                seat.line.close()
            call.supervision.end()
        self._dropped += sum(queue.dropped for queue in call.queues)
        self._take_off(call.streams)

    def close(self) -> None:
        """Stop the thread; waits for the turn it is in."""
        self._stopping = True
        self._calls = {}
        if self._thread is not None:
            self._work.set()
            self._thread.join(_JOIN_TIMEOUT_S)
            self._thread = None

    def turn(self, now: float) -> float | None:
        """Hand out what is due; when to come again, None for not before there is a call to hear."""
        calls = list(self._calls.items())
        if not calls:
            self._next_at = 0.0
            return None
        if not self._next_at or now - self._next_at > _LATE_S_MAX:
            self._late_frames += int((now - self._next_at) / FRAME_S) if self._next_at else 0
            self._next_at = now
        batch: list[_Delivery] = []
        while self._next_at <= now:
            for name, call in calls:
                try:
                    self._hand_out(call, self._next_at, batch)
                except Exception:
                    LOG.exception("call %s: it is heard and supervised no more", name)
                    calls = [each for each in calls if each[0] != name]
                    self._post(partial(self.forget, name))
            self._next_at += FRAME_S
        if batch:
            self._frames += len(batch)
            self._post(partial(_deliver, batch))
        return self._next_at

    def counters(self) -> Mapping[str, float]:
        """Totals since the start, and how many calls are heard."""
        live = sum(queue.dropped for call in self._calls.values() for queue in call.queues)
        return {
            "forked_calls": len(self._calls),
            "forked_frames": self._frames,
            "forked_frames_late": self._late_frames,
            "forked_packets_dropped": self._dropped + live,
        }

    def _fork(self, call_id: str, streams: tuple[int, int]) -> _ForkedCall:
        # Nobody is told of packets: they are looked after by the clock.
        queues = self._new_queue(_nothing, -1), self._new_queue(_nothing, -1)
        try:
            for stream, queue in zip(streams, queues, strict=True):
                self._path.set_fork(stream, queue)
        except MediaError:
            self._take_off(streams)
            raise
        call = _ForkedCall(streams, queues)
        self._calls = {**self._calls, call_id: call}
        return call

    def _supervision_over(self, call_id: str) -> None:
        """Its last supervisor has left: it is let go once the parties' audio goes its own way again."""
        call = self._calls.get(call_id)
        if call is not None and call.supervision is not None and call.supervision.is_over:
            call.supervision = None
            self._forget_unheard(call_id, call)

    def _forget_unheard(self, call_id: str, call: _ForkedCall) -> None:
        if not call.ears and call.supervision is None:
            self.forget(call_id)

    def _take_off(self, streams: tuple[int, int]) -> None:
        for stream in streams:
            # One that is closed copies nothing any more; where the path is overloaded, its queue fills up.
            try:
                self._path.set_fork(stream, None)
            except MediaError:
                continue

    def _mute(self, call_id: str, until: float) -> None:
        call = self._calls.get(call_id)
        for ear in () if call is None else call.ears:
            ear.muted_until = until

    def _hand_out(self, call: _ForkedCall, at: float, batch: list[_Delivery]) -> None:
        ears = call.ears
        supervision = call.supervision
        rates = {ear.rate_hz for ear in ears} | (set() if supervision is None else supervision.rates_hz)
        for rate_hz in rates - call.playouts.keys():
            call.playouts[rate_hz] = Playout(rate_hz), Playout(rate_hz)
        for rate_hz in call.playouts.keys() - rates:
            del call.playouts[rate_hz]
        for channel, queue in enumerate(call.queues):
            for taken in queue.take():
                packet = Packet._make(taken)
                for playouts in call.playouts.values():
                    playouts[channel].put(packet)
        heard = {rate_hz: [playout.take(at) for playout in playouts] for rate_hz, playouts in call.playouts.items()}
        if supervision is not None:
            supervision.turn(heard, at)
        for ear in ears:
            a, b = (None, None) if at < ear.muted_until else heard[ear.rate_hz]
            at_ms = max(0, round((at - ear.began_at) * 1000 / FRAME_MS)) * FRAME_MS
            batch.append((ear.take, HeardFrame(at_ms, a and little_endian(a), b and little_endian(b))))

    def _wake(self) -> None:
        if self._threaded and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="forking", daemon=True)
            self._thread.start()
        self._work.set()

    def _run(self) -> None:
        while not self._stopping:
            due = self.turn(self._clock())
            if due is None:
                self._work.wait()
                self._work.clear()
            else:
                self._work.wait(max(0.0, due - self._clock()))
                self._work.clear()


def _deliver(batch: list[_Delivery]) -> None:
    for take, frame in batch:
        take(frame)


def _nothing() -> None:
    """Nobody is woken."""
