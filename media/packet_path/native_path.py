"""The packet path in C as the engine commands it: a few packet threads, each with its own table of streams.

What the threads do is in native/; here are the numbers of streams, and the way back of what they tell.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Final

from media.errors import MediaOverloaded, UnknownLeg
from media.events import DigitBegun, DigitPressed, MediaEvent, MediaLost, MediaStarted, PlaybackFinished
from media.packet_path import _native
from media.packet_path.converter import Converter
from media.packet_path.interface import (
    PlaybackPlan,
    RemotePlan,
    SocketPair,
    StreamFigures,
    StreamPlan,
    Watch,
)
from media.packet_path.native_srtp import StreamKeys
from media.packet_path.native_tones import NativeTones, surroundings
from media.packet_path.repacketiser import Frame
from media.packet_path.tap import Tap
from media.rtp.dtmf import DIGITS

# Commands that wait for a packet thread. Only a thread that has died leaves so many.
COMMANDS_MAX: Final = 65_536
# Streams of one packet thread: more than there are pairs of ports.
STREAMS_MAX: Final = 32_768

Callback = Callable[[], None]
Told = tuple[int, int, float, int, int, str]
"""An event as C has it: kind, stream number, seconds, digit's index, its duration in ms, tone."""


@dataclass(slots=True)
class _OpenStream:
    """One stream: whose it is, which thread has it, what that calls it."""

    number: int
    leg: str
    group: str
    thread: "_PacketThread"
    inside: _native.WorkerStream
    pair: SocketPair
    keys: StreamKeys = field(default_factory=StreamKeys)


@dataclass(slots=True)
class _Awaited:
    """What is called once a command has been carried out, by its number; `closed`: the stream that it has closed,
    `let_go`: the pair that its thread does not watch any more."""

    command: int
    callback: Callback
    closed: _OpenStream | None = None
    let_go: tuple[SocketPair, _native.WorkerSockets] | None = None


@dataclass(slots=True)
class _PacketThread:
    """A worker, and which of its commands are waited for, oldest first."""

    worker: _native.Worker
    awaited: deque[_Awaited] = field(default_factory=deque)
    streams: int = 0
    wakes_soon: bool = False


class NativePacketPath:
    """See `media.packet_path.interface.PacketPath`. Its clock is the system's monotonic one.

    `deliver` gets each event on the thread that commands. `poster` and `soon` are as `PythonPacketPath` has them;
    `watch` calls back on that thread while a descriptor is readable. `threads`: how many packet threads there are; the
    streams of one group are on one of them.
    """

    def __init__(
        self,
        deliver: Callable[[MediaEvent], None],
        poster: Callable[[Callback], object],
        watch: Watch,
        commands_max: int = COMMANDS_MAX,
        soon: Callable[[Callback], object] | None = None,
        threads: int = 1,
        streams_max: int = STREAMS_MAX,
    ) -> None:
        self._deliver = deliver
        self._poster = poster
        self._watch = watch
        self._soon = soon
        outside = surroundings()
        self._threads = [_PacketThread(_native.Worker(streams_max, commands_max, outside)) for _ in range(threads)]
        self._tones = NativeTones()
        self._streams: dict[int, _OpenStream] = {}
        self._legs: dict[int, str] = {}  # of streams that are being closed too: their last events are on their way
        self._groups: dict[str, tuple[_PacketThread, int]] = {}  # and how many streams each has
        self._kept: dict[SocketPair, tuple[_PacketThread, _native.WorkerSockets]] = {}
        self._let_go: set[SocketPair] = set()  # by threads that may look at them once more
        self._numbers = 0
        self._undelivered = 0
        self._audio_dropped = 0
        self._closed = False
        for thread in self._threads:
            watch(thread.worker.told_fd, partial(self._told, thread))

    def start(self) -> None:
        """Start the threads; they run already, or the path is closed: nothing happens. OSError when there can be no
        further thread."""
        if not self._closed:
            for thread in self._threads:
                thread.worker.start()

    def close(self) -> None:
        """Stop the threads and close every socket; blocks for the turn they are in."""
        if self._closed:
            return
        self._closed = True
        happened: list[Callback] = []
        for thread in self._threads:
            self._watch(thread.worker.told_fd, None)
            thread.worker.stop()
            happened += self._happened(thread)
        for stream in self._streams.values():
            stream.thread.worker.discard(stream.inside)
        for pair in self._kept:
            pair.kept = False
        self._kept.clear()
        self._streams.clear()
        self._legs.clear()
        if happened:
            try:
                self._poster(partial(_call_all, happened))
            except RuntimeError:
                # The event loop is closed: nobody is left to tell.
                self._undelivered += 1

    def open(self, plan: StreamPlan, sockets: SocketPair) -> int:
        """Take over a pair of sockets."""
        if self._closed:
            raise UnknownLeg("the packet path is closed")
        thread = self._thread_of(plan.group)
        inside = self._opened(thread, plan, sockets)
        self._numbers += 1
        _, members = self._groups.get(plan.group, (thread, 0))
        self._groups[plan.group] = thread, members + 1
        thread.streams += 1
        self._streams[self._numbers] = _OpenStream(self._numbers, plan.leg, plan.group, thread, inside, sockets)
        self._legs[self._numbers] = plan.leg
        # Nothing is expected before its remote side is known: that command wakes the thread for both.
        return self._numbers

    def _opened(self, thread: _PacketThread, plan: StreamPlan, pair: SocketPair) -> _native.WorkerStream:
        """A stream over a pair that is kept or new."""
        number = self._numbers + 1
        keeping, kept = self._kept.get(pair, (thread, None))
        if kept is None:
            inside = thread.worker.open(number, plan, None, pair.rtp.fileno(), pair.rtcp.fileno())
            # They are the worker's to close from now on.
            pair.rtp.detach()
            pair.rtcp.detach()
        elif keeping is thread:
            inside = thread.worker.open(number, plan, kept, -1, -1)
        else:
            inside = thread.worker.open(number, plan, None, *kept.descriptors, former=kept)
            self._leave(keeping, pair, kept)
        self._kept.pop(pair, None)
        pair.kept = False
        return inside

    def _leave(self, thread: _PacketThread, pair: SocketPair, kept: _native.WorkerSockets) -> None:
        """Have a thread watch a pair no longer: another does."""
        thread.worker.let_go(kept)
        self._let_go.add(pair)
        with suppress(MediaOverloaded):  # a thread that has died: nothing is forgotten before the end
            thread.awaited.append(_Awaited(thread.worker.nothing(), _nothing, let_go=(pair, kept)))
            self._wake_soon(thread)

    def set_remote(self, stream: int, plan: RemotePlan) -> None:
        """Apply what an SDP exchange settled."""
        found = self._find(stream)
        if plan.keying is None:
            found.thread.worker.set_remote(found.inside, plan, None)
        else:
            with found.keys.following(plan.keying) as keys:
                found.thread.worker.set_remote(found.inside, plan, keys)
        self._wake_soon(found.thread)

    def expect(self, stream: int) -> None:
        """A leg has reason to send from now on."""
        found = self._find(stream)
        found.thread.worker.expect(found.inside)
        self._wake_soon(found.thread)

    def play(self, stream: int, plan: PlaybackPlan) -> None:
        """Start a tone in place of the one being played."""
        found = self._find(stream)
        found.thread.worker.play(found.inside, self._tones.of(plan.tone), plan.overrides)
        self._wake_soon(found.thread)

    def stop_playing(self, stream: int) -> None:
        """Stop the tone."""
        found = self._find(stream)
        found.thread.worker.stop_playing(found.inside)
        self._wake_soon(found.thread)

    def send_digit(self, stream: int, digit: str, duration_ms: int) -> None:
        """Send a leg a digit in place of the audio."""
        if len(digit) != 1 or digit not in DIGITS:
            raise ValueError(f"no key is called {digit!r}")
        found = self._find(stream)
        found.thread.worker.send_digit(found.inside, DIGITS.index(digit), duration_ms)
        self._wake_soon(found.thread)

    def relay(self, source: int, sink: int) -> None:
        """Relay one way; ValueError for streams of different groups."""
        thread, by, to = self._pair(source, sink)
        thread.worker.join(by, to)
        self._wake_soon(thread)

    def bridge(self, first: int, second: int) -> None:
        """Relay both ways; ValueError for streams of different groups."""
        thread, one, other = self._pair(first, second)
        thread.worker.bridge(one, other)
        self._wake_soon(thread)

    def set_tap(self, stream: int, channel: int, tap: Tap | None) -> None:
        """Copy a stream's incoming audio to a recorder, or stop doing so. TypeError for a tap that C cannot fill."""
        if tap is not None and not isinstance(tap, _native.Tap):
            raise TypeError("the packet thread cannot fill this tap")
        found = self._find(stream)
        found.thread.worker.set_tap(found.inside, channel, tap)
        self._wake_soon(found.thread)

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        """Hand a stream's audio to a converter where the sink's codec needs that, or all of it, or to none. TypeError
        for one that C cannot fill."""
        if converter is not None and not isinstance(converter, _native.Converter):
            raise TypeError("the packet thread cannot fill this converter")
        found = self._find(source)
        found.thread.worker.set_converter(found.inside, converter, whole)
        self._wake_soon(found.thread)

    def set_listener(self, stream: int, listener: Converter | None) -> None:
        """Copy what a stream sends to who listens to it, or to nobody. TypeError for one that C cannot fill."""
        if listener is not None and not isinstance(listener, _native.Converter):
            raise TypeError("the packet thread cannot fill this listener")
        found = self._find(stream)
        found.thread.worker.set_listener(found.inside, listener)
        self._wake_soon(found.thread)

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        """Copy what a stream sends to who passes it on, or to nobody. TypeError for one that C cannot fill."""
        if fork is not None and not isinstance(fork, _native.Converter):
            raise TypeError("the packet thread cannot fill this fork")
        found = self._find(stream)
        found.thread.worker.set_fork(found.inside, fork)
        self._wake_soon(found.thread)

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        """Send what a source's converter has made. On any thread: it wakes the packet thread by itself."""
        to, by = self._streams.get(sink), self._streams.get(source)
        if to is None or by is None or to.thread is not by.thread or self._closed:
            return
        try:
            to.thread.worker.send_audio(to.inside, by.inside, codec, frames)
        except MediaOverloaded:
            self._audio_dropped += len(frames)
        except UnknownLeg:
            return  # closed by the other thread just now
        to.thread.worker.wake()

    def close_stream(self, stream: int, closed: Callback, keep: bool = False) -> StreamFigures:
        """Close a stream; `closed` is called back once its sockets are, or are free for another one."""
        found = self._find(stream)
        del self._streams[stream]
        thread = found.thread
        thread.streams -= 1
        self._leave_group(found.group)
        # What another thread may look at once more must not be another file by then.
        keep = keep or found.pair in self._let_go
        thread.awaited.append(_Awaited(thread.worker.remove(found.inside, keep), closed, found))
        self._wake_soon(thread)
        return StreamFigures._make(found.inside.figures())

    def after(self, callback: Callback) -> None:
        """Call back once every earlier command has taken effect, on every thread."""
        if self._closed:
            callback()
            return
        left = len(self._threads)

        def one_more() -> None:
            nonlocal left
            left -= 1
            if not left:
                callback()

        for thread in self._threads:
            thread.awaited.append(_Awaited(thread.worker.nothing(), one_more))
            self._wake_soon(thread)

    def figures(self, stream: int) -> StreamFigures:
        """What a stream has done so far."""
        return StreamFigures._make(self._find(stream).inside.figures())

    def counters(self) -> Mapping[str, float]:
        """Totals since the start."""
        counted = [thread.worker.counted() for thread in self._threads]
        relayed, played, receive_errors, events_lost = (sum(column) for column in zip_longest(*counted))
        return {
            "streams": len(self._streams),
            "packets_relayed": relayed,
            "tone_frames": played,
            "receive_errors": receive_errors,
            "events_undelivered": self._undelivered + events_lost,
            "audio_dropped": self._audio_dropped,
            "commands_waiting": sum(thread.worker.waiting for thread in self._threads),
            "running": float(all(thread.worker.running for thread in self._threads)),
        }

    def _find(self, number: int) -> _OpenStream:
        stream = self._streams.get(number)
        if stream is None:
            raise UnknownLeg("the media stream is closed")
        return stream

    def _pair(self, first: int, second: int) -> tuple[_PacketThread, _native.WorkerStream, _native.WorkerStream]:
        one, other = self._find(first), self._find(second)
        if one.thread is not other.thread:
            raise ValueError(f"the legs {one.leg} and {other.leg} are of different calls")
        return one.thread, one.inside, other.inside

    def _thread_of(self, group: str) -> _PacketThread:
        found = self._groups.get(group)
        return found[0] if found is not None else min(self._threads, key=lambda thread: thread.streams)

    def _leave_group(self, group: str) -> None:
        thread, members = self._groups[group]
        if members == 1:
            del self._groups[group]
        else:
            self._groups[group] = thread, members - 1

    def _wake_soon(self, thread: _PacketThread) -> None:
        if self._soon is None:
            thread.worker.wake()
        elif not thread.wakes_soon:
            thread.wakes_soon = True
            self._soon(partial(self._wake_now, thread))

    def _wake_now(self, thread: _PacketThread) -> None:
        thread.wakes_soon = False
        if not self._closed:
            thread.worker.wake()

    def _told(self, thread: _PacketThread) -> None:
        """A packet thread has something to tell."""
        if not self._closed:
            _call_all(self._happened(thread))

    def _happened(self, thread: _PacketThread) -> list[Callback]:
        """The events, then what waited for commands that have been carried out."""
        carried_out = thread.worker.carried_out()
        happened: list[Callback] = []
        for told in thread.worker.events():
            leg = self._legs.get(told[1])
            if leg is not None:
                happened.append(partial(self._deliver, event_of(told, leg)))
        while thread.awaited and thread.awaited[0].command <= carried_out:
            awaited = thread.awaited.popleft()
            happened.append(awaited.callback)
            if awaited.closed is not None:
                self._closed_stream(thread, awaited.closed)
            if awaited.let_go is not None:
                pair, sockets = awaited.let_go
                self._let_go.discard(pair)
                thread.worker.forget(sockets)
        return happened

    def _closed_stream(self, thread: _PacketThread, stream: _OpenStream) -> None:
        del self._legs[stream.number]
        thread.worker.discard(stream.inside)
        sockets = stream.inside.sockets
        if sockets.descriptors[0] < 0:
            thread.worker.forget(sockets)
        elif not self._closed:
            self._kept[stream.pair] = thread, sockets
            stream.pair.kept = True


def _nothing() -> None:
    """Nobody waits for it."""


def event_of(told: Told, leg: str) -> MediaEvent:
    """What a packet thread tells of a leg, as an event."""
    kind, _, seconds, digit, duration_ms, tone = told
    if kind == _native.MEDIA_STARTED:
        return MediaStarted(leg, seconds)
    if kind == _native.DIGIT_BEGUN:
        return DigitBegun(leg, DIGITS[digit])
    if kind == _native.DIGIT_PRESSED:
        return DigitPressed(leg, DIGITS[digit], duration_ms)
    if kind == _native.MEDIA_LOST:
        return MediaLost(leg, seconds)
    return PlaybackFinished(leg, tone)


def _call_all(callbacks: Sequence[Callback]) -> None:
    """Call each in its order, those behind one that fails too; the last failure is raised."""
    failure: BaseException | None = None
    for callback in callbacks:
        try:
            callback()
        except BaseException as error:  # noqa: BLE001 - raised when the rest has been called
            error.__context__ = error.__context__ or failure
            failure = error
    if failure is not None:
        raise failure
