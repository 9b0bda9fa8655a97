"""The thread that converts and listens: woken by packets, it decodes them, encodes what the packet path is to send, and
tells of keys that it hears."""

import logging
import os
import select
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from media.listening.listener import KeyListener
from media.packet_path.repacketiser import Frame
from media.rtp.dtmf import PressedDigit
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import ConversionQueue, NewQueue, Packet, new_packet_queue

LOG: Final = logging.getLogger(__name__)
_JOIN_TIMEOUT_S: Final = 10.0

SendAudio = Callable[[int, int, int, Sequence[Frame]], None]
"""`PacketPath.send_audio`: sink, source, codec, frames."""


class _Running:
    """One conversion with what leads to it and from it."""

    __slots__ = ("conversion", "faulty", "queue", "sink", "source")

    def __init__(self, source: int, sink: int, target: Target, queue: ConversionQueue) -> None:
        self.source = source
        self.sink = sink
        self.conversion = Conversion(target)
        self.queue = queue
        self.faulty = False  # a defect was met, and told of


class _Listening:
    """Who listens to a stream, with what leads to it and from it."""

    __slots__ = ("faulty", "heard", "listener", "queue")

    def __init__(self, queue: ConversionQueue, heard: Callable[[PressedDigit], None]) -> None:
        self.queue = queue
        self.heard = heard
        self.listener = KeyListener()
        self.faulty = False


class Transcoder:
    """All conversions, and all that is listened to, by the stream they take their packets from. `clock` is monotonic
    seconds.

    Its verbs are called on one thread; the work is done in `turn`, which is called by a thread of its own from `start`
    on. `wake` is how packets call it: the thread's by default. `new_queue` makes queues that the packet path can fill.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        send_audio: SendAudio,
        wake: Callable[[], None] | None = None,
        new_queue: NewQueue = new_packet_queue,
    ) -> None:
        self._clock = clock
        self._send_audio = send_audio
        self._wake = self._wake_thread if wake is None else wake
        self._new_queue = new_queue
        self._running: dict[int, _Running] = {}
        self._listening: dict[int, _Listening] = {}
        self._ended = {"lost": 0, "late": 0, "undecodable": 0, "dropped": 0}
        self._frames = 0
        self._woken = False
        self._stopping = False
        self._wake_fd = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; done at once when it runs."""
        if self._thread is None:
            self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._thread = threading.Thread(target=self._run, name="transcoder", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop the thread; waits for the turn it is in. Harmless when it never ran."""
        if self._thread is None:
            return
        self._stopping = True
        self._wake_thread()
        self._thread.join(_JOIN_TIMEOUT_S)
        self._running = {}
        self._listening = {}
        self._thread = None
        os.close(self._wake_fd)
        self._wake_fd = -1

    def begin(self, source: int, sink: int, target: Target) -> ConversionQueue:
        """Convert what the source sends for a sink, in place of any conversion of that source; where its packets go."""
        self.end(source)
        running = _Running(source, sink, target, self._new_queue(self._wake, self._wake_fd))
        # Replaced, not changed: the other thread may be going through it.
        self._running = {**self._running, source: running}
        return running.queue

    def end(self, source: int) -> None:
        """Stop converting what a source sends; harmless where nothing is."""
        running = self._running.get(source)
        if running is None:
            return
        self._running = {number: other for number, other in self._running.items() if number != source}
        for name, count in _counts(running).items():
            self._ended[name] += count

    def listen(self, stream: int, heard: Callable[[PressedDigit], None]) -> ConversionQueue:
        """Listen for keys in what a stream sends; where its packets go. `heard` is told of each press where `turn` is
        called."""
        listening = _Listening(self._new_queue(self._wake, self._wake_fd), heard)
        self._listening = {**self._listening, stream: listening}
        return listening.queue

    def listen_no_more(self, stream: int) -> None:
        """Stop listening to a stream; harmless where nobody does."""
        self._listening = {number: other for number, other in self._listening.items() if number != stream}

    def turn(self, now: float) -> float | None:
        """Do what there is to do; when to come again at the latest, None for not before a packet does."""
        dues = [due for due in (self._convert(now), self._listen(now)) if due is not None]
        return min(dues, default=None)

    def _listen(self, now: float) -> float | None:
        due: float | None = None
        for listening in self._listening.values():
            try:
                its_due = _hear(listening, now)
            except Exception:  # a defect of ours: this one listens anew, and all others go on
                if not listening.faulty:
                    LOG.exception("a stream that is listened to for keys met a defect, and packets of it are left out")
                listening.faulty, listening.listener = True, KeyListener()
                continue
            if its_due is not None and (due is None or its_due < due):
                due = its_due
        return due

    def _convert(self, now: float) -> float | None:
        due: float | None = None
        for running in self._running.values():
            try:
                its_due = self._convert_one(running, now)
            except Exception:  # a defect of ours: this one begins anew, and all others go on
                if not running.faulty:  # once: the next packets may meet it again
                    LOG.exception("a stream that is converted met a defect, and packets of it are left out")
                self._begin_anew(running)
                continue
            if its_due is not None and (due is None or its_due < due):
                due = its_due
        return due

    def _convert_one(self, running: _Running, now: float) -> float | None:
        conversion = running.conversion
        for packet in running.queue.take():
            self._send(running, conversion.put(Packet._make(packet)))
        due = conversion.due
        if due is not None and due <= now:
            self._send(running, conversion.advance(now))
            due = conversion.due
        return due

    def _begin_anew(self, running: _Running) -> None:
        ended = running.conversion
        running.faulty, running.conversion = True, Conversion(ended.target)
        self._ended["lost"] += ended.lost
        self._ended["late"] += ended.late
        self._ended["undecodable"] += ended.undecodable

    def counters(self) -> Mapping[str, float]:
        """Totals since the start, and how many conversions there are."""
        totals = dict(self._ended)
        for running in self._running.values():
            for name, count in _counts(running).items():
                totals[name] += count
        return {
            "conversions": len(self._running),
            "listeners": len(self._listening),
            "converted_frames": self._frames,
            **{f"conversion_packets_{name}": count for name, count in totals.items()},
        }

    def _send(self, running: _Running, frames: list[Frame]) -> None:
        if frames:
            self._frames += len(frames)
            self._send_audio(running.sink, running.source, running.conversion.target.codec, frames)

    def _wake_thread(self) -> None:
        if not self._woken and self._wake_fd >= 0:
            self._woken = True
            os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake_fd, select.POLLIN)
        due: float | None = None
        while not self._stopping:
            poll.poll(None if due is None else max(due - self._clock(), 0.0) * 1000)
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)
            # Cleared before the queues are looked at, so that no packet is left without a wake-up.
            self._woken = False
            due = self.turn(self._clock())


def _hear(listening: _Listening, now: float) -> float | None:
    """Tell of what is heard now; when to listen again."""
    listener = listening.listener
    presses = [press for packet in listening.queue.take() for press in listener.put(Packet._make(packet))]
    due = listener.due
    if due is not None and due <= now:
        presses += listener.advance(now)
        due = listener.due
    for press in presses:
        listening.heard(press)
    return due


def _counts(running: _Running) -> dict[str, int]:
    conversion = running.conversion
    return {
        "lost": conversion.lost,
        "late": conversion.late,
        "undecodable": conversion.undecodable,
        "dropped": running.queue.dropped,
    }
