"""The packet path in plain Python: one thread, one epoll, raw non-blocking UDP sockets under a `StreamTable`."""

import os
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from media.errors import MediaOverloaded, UnknownLeg
from media.events import MediaEvent
from media.packet_path.converter import Converter
from media.packet_path.gate import STRAY_S
from media.packet_path.interface import (
    Address,
    PlaybackPlan,
    RemotePlan,
    SocketPair,
    StreamFigures,
    StreamPlan,
)
from media.packet_path.repacketiser import Frame
from media.packet_path.sockets import SocketWire
from media.packet_path.stream import Stream
from media.packet_path.table import StreamTable
from media.packet_path.tap import Tap
from media.rtp.dtmf import DIGITS

# Commands that wait for the packet thread. Only a thread that has died leaves so many.
COMMANDS_MAX: Final = 65_536
_COMMANDS_PER_TURN: Final = 256
_EVENTS_PER_WAIT: Final = 256
# Of what lies in a socket from before it was connected.
_LEFTOVERS_PER_TURN: Final = 256
_JOIN_TIMEOUT_S: Final = 10.0
# From this rate on, measured over a short window, each wake-up waits a little so that it finds several packets.
BUSY_PACKETS_PER_S: Final = 2_000
PAUSE_S: Final = 0.002
_RATE_WINDOW_S: Final = 0.1
# How soon a thread that computes must let the packet thread run; of the whole process.
SWITCH_INTERVAL_S: Final = 0.001

Command = tuple[Callable[..., None], tuple[object, ...]]


class PythonPacketPath:
    """See `media.packet_path.interface.PacketPath`.

    `clock` is monotonic seconds. `deliver` gets each event, through `poster`, on the thread that commands. `soon` runs
    a callable on that thread when it is done with what it does now (`loop.call_soon`): the commands given until then
    wake the packet thread once, and it does not contend for the interpreter meanwhile. No packet overtakes them.
    Without `soon` each command wakes it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        deliver: Callable[[MediaEvent], None],
        poster: Callable[[Callable[[], None]], object],
        commands_max: int = COMMANDS_MAX,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._poster = poster
        self._commands_max = commands_max
        self._soon = soon
        self._wakes_soon = False
        self._commands: deque[Command] = deque()
        self._events: list[MediaEvent] = []
        self._ended: list[Callable[[], None]] = []  # to be called back on the other thread, after the events
        self._table = StreamTable(self._events.append)
        self._streams: dict[int, Stream] = {}
        self._numbers = 0
        self._rtp: dict[int, tuple[Stream, SocketWire]] = {}
        self._srtp: dict[int, tuple[Stream, SocketWire]] = {}
        self._rtcp: dict[int, tuple[Stream, SocketWire]] = {}
        self._kept: dict[int, socket.socket] = {}  # sockets without a stream, by their numbers
        self._strays: dict[int, tuple[Address, float]] = {}  # who has sent to them last, and when
        self._wires: dict[SocketPair, SocketWire] = {}  # those of kept pairs
        self._pairs: dict[int, SocketPair] = {}  # by the streams over them
        self._fresh: list[SocketWire] = []
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._pause = select.epoll()
        self._pause.register(self._wake_fd, select.EPOLLIN)
        self._woken = False
        self._stopping = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._undelivered = 0
        self._audio_dropped = 0
        self._receive_errors = 0

    def start(self) -> None:
        """Start the thread; it is done at once when it runs already or the path is closed."""
        if self._thread is None and not self._closed:
            # Packets wait while another thread computes: for so long at most, instead of five times that.
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
            self._thread = threading.Thread(target=self._run, name="packet-path", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop the thread and close every socket; blocks for the turn it is in."""
        if self._closed:
            return
        self._closed = True
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(_JOIN_TIMEOUT_S)
        self._carry_out(len(self._commands))
        for number in self._streams:
            _shut(self._pairs[number])
        for waiting in self._kept.values():
            waiting.close()
        for pair in self._wires:
            pair.kept = False
        self._streams.clear()
        self._wires.clear()
        self._flush_events()
        self._epoll.close()
        self._pause.close()
        os.close(self._wake_fd)

    def open(self, plan: StreamPlan, sockets: SocketPair) -> int:
        """Take over a pair of sockets."""
        self._numbers += 1
        kept = self._wires.get(sockets)
        wire = SocketWire(sockets, self._fresh) if kept is None else kept
        stream = Stream(self._numbers, plan, wire)
        stream.inbound.gate.stray = wire.empty()  # now, while nobody has been told to send here yet
        # Nothing is expected before its remote side is known: that command wakes the thread for both.
        self._command(self._add, stream, wire, wake=False)
        self._wires.pop(sockets, None)
        sockets.kept = False
        self._streams[stream.number] = stream
        self._pairs[stream.number] = sockets
        return stream.number

    def set_remote(self, stream: int, plan: RemotePlan) -> None:
        """Apply what an SDP exchange settled."""
        self._command(self._set_remote, self._find(stream), plan)

    def expect(self, stream: int) -> None:
        """A leg has reason to send from now on."""
        self._command(self._expect, self._find(stream))

    def play(self, stream: int, plan: PlaybackPlan) -> None:
        """Start a tone in place of the one being played."""
        self._command(self._play, self._find(stream), plan)

    def stop_playing(self, stream: int) -> None:
        """Stop the tone."""
        self._command(self._table.stop_playing, self._find(stream))

    def send_digit(self, stream: int, digit: str, duration_ms: int) -> None:
        """Send a leg a digit in place of the audio."""
        if len(digit) != 1 or digit not in DIGITS:
            raise ValueError(f"no key is called {digit!r}")
        self._command(self._send_digit, self._find(stream), digit, duration_ms)

    def relay(self, source: int, sink: int) -> None:
        """Relay one way."""
        self._command(self._table.join, self._find(source), self._find(sink))

    def bridge(self, first: int, second: int) -> None:
        """Relay both ways."""
        self._command(self._bridge, self._find(first), self._find(second))

    def set_tap(self, stream: int, channel: int, tap: Tap | None) -> None:
        """Copy a stream's incoming audio to a recorder, or stop doing so."""
        self._command(self._table.set_tap, self._find(stream), channel, tap)

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        """Hand a stream's audio to a converter where the sink's codec needs that, or all of it, or to none."""
        self._command(self._table.set_converter, self._find(source), converter, whole)

    def set_listener(self, stream: int, listener: Converter | None) -> None:
        """Copy what a stream sends to who listens to it, or stop doing so."""
        self._command(self._table.set_listener, self._find(stream), listener)

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        """Copy what a stream sends to who passes it on to others, or stop doing so."""
        self._command(self._table.set_fork, self._find(stream), fork)

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        """Send what a source's converter has made. On any thread: it wakes the packet thread by itself."""
        to, by = self._streams.get(sink), self._streams.get(source)
        if to is None or by is None or self._closed:
            return
        if len(self._commands) >= self._commands_max:
            self._audio_dropped += len(frames)
            return
        self._commands.append((self._send_audio, (to, by, codec, frames)))
        self._wake()

    def close_stream(self, stream: int, closed: Callable[[], None], keep: bool = False) -> StreamFigures:
        """Close a stream; `closed` is called back once its sockets are, or are free for another one."""
        found = self._find(stream)
        del self._streams[stream]
        pair = self._pairs.pop(stream)
        wire = found.wire
        assert isinstance(wire, SocketWire)

        def ended() -> None:
            if wire.is_open and not self._closed:
                self._wires[pair] = wire
                pair.kept = True
            else:
                wire.shut()
            closed()

        # Never refused at the limit: there are no more of these than streams, and they free what is scarce.
        self._commands.append((self._remove, (found, ended, keep)))
        self._wake_soon()
        return found.figures()

    def after(self, callback: Callable[[], None]) -> None:
        """Call back once every earlier command has taken effect."""
        if self._closed:
            callback()
        else:
            self._command(self._ended.append, callback)

    def figures(self, stream: int) -> StreamFigures:
        """What a stream has done so far."""
        return self._find(stream).figures()

    def counters(self) -> Mapping[str, float]:
        """Totals since the start."""
        return {
            "streams": len(self._streams),
            "packets_relayed": self._table.relay.relayed,
            "tone_frames": self._table.pacer.played,
            "receive_errors": self._receive_errors,
            "events_undelivered": self._undelivered,
            "audio_dropped": self._audio_dropped,
            "commands_waiting": len(self._commands),
            "running": float(self._thread is not None and self._thread.is_alive()),
        }

    def _find(self, number: int) -> Stream:
        stream = self._streams.get(number)
        if stream is None:
            raise UnknownLeg("the media stream is closed")
        return stream

    def _command(self, function: Callable[..., None], *arguments: object, wake: bool = True) -> None:
        if self._closed:
            raise UnknownLeg("the packet path is closed")
        if len(self._commands) >= self._commands_max:
            raise MediaOverloaded("the packet path does not keep up with its commands")
        self._commands.append((function, arguments))
        if wake:
            self._wake_soon()

    def _wake_soon(self) -> None:
        if self._soon is None:
            self._wake()
        elif not self._wakes_soon:
            self._wakes_soon = True
            self._soon(self._wake_now)

    def _wake_now(self) -> None:
        self._wakes_soon = False
        if self._commands and not self._closed:
            self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            os.eventfd_write(self._wake_fd, 1)

    # From here on: the packet thread.

    def _run(self) -> None:
        table, poll, pause, clock = self._table, self._epoll.poll, self._pause.poll, self._clock
        busy, packets, counted_from = False, 0, clock()
        due: float | None = None
        now = counted_from
        while not self._stopping:
            if busy:
                # Let a few packets gather: waking costs more than relaying. A command ends the pause.
                pause(PAUSE_S, 1)
            ready = poll(-1 if due is None else max(due - now, 0.0), _EVENTS_PER_WAIT)
            if self._commands:
                # Before the packets: what arrives after a command was given finds it carried out.
                self._carry_out(_COMMANDS_PER_TURN)
            now = clock()
            self._receive(ready, now)
            packets += len(ready)
            due = table.next_due
            if due is not None and due <= now:
                table.advance(now)
                due = table.next_due
            if self._fresh:
                self._read_leftovers(now)
            if self._events or self._ended:
                self._flush_events()
            if now - counted_from >= _RATE_WINDOW_S:
                busy = packets >= (now - counted_from) * BUSY_PACKETS_PER_S
                packets, counted_from = 0, now

    def _receive(self, ready: list[tuple[int, int]], now: float) -> None:
        rtp_streams, buffer, handle = self._rtp, self._table.relay.buffer, self._table.relay.rtp
        for fd, _ in ready:
            found = rtp_streams.get(fd)
            if found is None:
                self._other(fd, now)
                continue
            stream, wire = found
            try:
                if wire.checked:
                    handle(stream, wire.receive(buffer), None, now)
                else:
                    size, source = wire.rtp_socket.recvfrom_into(buffer)
                    handle(stream, size, source[:2], now)
            except OSError:
                # An ICMP error of an earlier packet, or a packet that failed its checksum.
                self._receive_errors += 1

    def _other(self, fd: int, now: float) -> None:
        if fd == self._wake_fd:
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)
            # Cleared before the queue is looked at again, so that no command is left without a wake-up.
            self._woken = False
            if self._commands:
                self._wake()
            return
        found = self._srtp.get(fd)
        if found is not None:
            self._receive_srtp(*found, now)
            return
        found = self._rtcp.get(fd)
        if found is None:
            self._drop(fd, now)
            return
        stream, wire = found
        try:
            size, source = wire.control_socket.recvfrom_into(self._table.relay.buffer)
        except OSError:
            self._receive_errors += 1
            return
        self._table.relay.control(stream, size, source[:2], now)

    def _drop(self, fd: int, now: float) -> None:
        """What comes to a pair that rests."""
        kept = self._kept.get(fd)
        if kept is not None:
            with suppress(OSError):
                source = kept.recvfrom(1)[1][:2]
                if not self._commands:  # among which may be the leg that it is for
                    self._strays[fd] = source, now

    def _receive_srtp(self, stream: Stream, wire: SocketWire, now: float) -> None:
        relay = self._table.relay
        try:
            if wire.checked:
                relay.datagram(stream, wire.receive(relay.buffer), None, now)
            else:
                size, source = wire.rtp_socket.recvfrom_into(relay.buffer)
                relay.datagram(stream, size, source[:2], now)
        except OSError:
            self._receive_errors += 1

    def _carry_out(self, at_most: int) -> None:
        for _ in range(min(at_most, len(self._commands))):
            function, arguments = self._commands.popleft()
            function(*arguments)

    def _add(self, stream: Stream, wire: SocketWire) -> None:
        for waiting, streams in ((wire.rtp_socket, self._rtp), (wire.control_socket, self._rtcp)):
            number = waiting.fileno()
            streams[number] = (stream, wire)
            if self._kept.pop(number, None) is None:
                self._epoll.register(number, select.EPOLLIN)
        now = self._clock()
        stray = self._strays.pop(wire.rtp_socket.fileno(), None)
        if stray is not None and now - stray[1] < STRAY_S:
            stream.inbound.gate.stray = stray[0]
        self._table.add(stream, now)

    def _set_remote(self, stream: Stream, plan: RemotePlan) -> None:
        self._table.set_remote(stream, plan, self._clock())
        # Streams with SRTP are in a table of their own: those without need not be asked.
        wire = stream.wire
        assert isinstance(wire, SocketWire)
        number = wire.rtp_socket.fileno()
        self._rtp.pop(number, None)
        self._srtp.pop(number, None)
        (self._rtp if stream.opener is None else self._srtp)[number] = (stream, wire)

    def _expect(self, stream: Stream) -> None:
        self._table.expect(stream, self._clock())

    def _play(self, stream: Stream, plan: PlaybackPlan) -> None:
        self._table.play(stream, plan, self._clock())

    def _send_digit(self, stream: Stream, digit: str, duration_ms: int) -> None:
        self._table.send_digit(stream, digit, duration_ms, self._clock())

    def _send_audio(self, sink: Stream, source: Stream, codec: int, frames: Sequence[Frame]) -> None:
        self._table.send_audio(sink, source, codec, frames, self._clock())

    def _bridge(self, first: Stream, second: Stream) -> None:
        self._table.bridge(first, second, self._clock())

    def _remove(self, stream: Stream, closed: Callable[[], None], keep: bool) -> None:
        wire = stream.wire
        assert isinstance(wire, SocketWire)
        wire.keeps = keep
        number, control_number = wire.rtp_socket.fileno(), wire.control_socket.fileno()
        self._rtp.pop(number, None)
        self._srtp.pop(number, None)
        self._rtcp.pop(control_number, None)
        # Where it closes the sockets each leaves the epoll by itself with its last descriptor (epoll(7)).
        self._table.remove(stream, self._clock())
        if wire.is_open:
            self._kept[number], self._kept[control_number] = wire.rtp_socket, wire.control_socket
            self._strays.pop(number, None)
        self._ended.append(closed)

    def _read_leftovers(self, now: float) -> None:
        """Packets from before a socket was connected are still in it, strangers' among them: check their sources. Where
        there are more than a turn reads, they are among the first of the next."""
        fresh, self._fresh[:] = list(self._fresh), []
        for wire in fresh:
            number = wire.rtp_socket.fileno()
            found = self._rtp.get(number) or self._srtp.get(number)
            if found is None:
                continue
            if self._has_no_leftovers(found[0], wire.rtp_socket, now):
                wire.leftovers_read()
            else:
                self._fresh.append(wire)

    def _has_no_leftovers(self, stream: Stream, waiting: socket.socket, now: float) -> bool:
        for _ in range(_LEFTOVERS_PER_TURN):
            try:
                waiting.recv(1, socket.MSG_PEEK)
                if self._commands:
                    # Left for the next turn, after the command: the packet may be younger.
                    return False
                size, source = waiting.recvfrom_into(self._table.relay.buffer)
            except BlockingIOError:
                return True
            except OSError:
                self._receive_errors += 1  # of a packet that was sent earlier, and told once
            else:
                self._table.relay.datagram(stream, size, source[:2], now)
        return False

    def _flush_events(self) -> None:
        events, self._events[:] = list(self._events), []
        ended, self._ended[:] = list(self._ended), []
        if events or ended:
            self._post(lambda: self._deliver_all(events, ended))

    def _deliver_all(self, events: list[MediaEvent], ended: list[Callable[[], None]]) -> None:
        try:
            for event in events:
                self._deliver(event)
        finally:
            for callback in ended:
                callback()

    def _post(self, callback: Callable[[], None]) -> None:
        try:
            self._poster(callback)
        except RuntimeError:
            # The event loop is closed: nobody is left to tell.
            self._undelivered += 1


def _shut(pair: SocketPair) -> None:
    pair.rtp.close()
    pair.rtcp.close()
    pair.kept = False
