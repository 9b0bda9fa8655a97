"""Recordings of live calls: packets in from the packet path, dual channel WAV files out, events when they are done.

The packet path only appends to a bounded queue. One thread drains all queues, places what it finds and writes; another
waits for the disk when a recording is closed, so that one slow fsync delays no other call's audio.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from media.events import MediaEvent
from media.recording.journal import Journal, part_of, place_of
from media.recording.master_keys import MasterKeys
from media.recording.recovery import RecoveredRecording, recover
from media.recording.tap import QUEUE_PACKETS, QueueTap, RecorderTap
from media.recording.writer import LiveRecording, RecordingCloser, RecordingWriter

TURN_S: Final = 0.2
JOIN_TIMEOUT_S: Final = 30.0

LOG: Final = logging.getLogger(__name__)


class Recorder:
    """All recordings under one folder. Its verbs return at once; what comes of them is told through `on_event`."""

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float],
        on_event: Callable[[MediaEvent], None],
        *,
        queue_packets: int = QUEUE_PACKETS,
        new_tap: Callable[[int], RecorderTap] = QueueTap,
        keys: MasterKeys | None = None,
        sealed: bool = False,
    ) -> None:
        """`clock` gives monotonic seconds; `on_event` is called from the recorder's own threads and must not block.

        `new_tap` makes the tap of one recording, for `queue_packets` packets: one that the packet path can fill.
        `keys` finish what is sealed already; `sealed`: new recordings are sealed with them.
        """
        self._root = root
        self._new_tap = new_tap
        self._clock = clock
        self._queue_packets = queue_packets
        self._keys = keys
        self._journal = Journal(root)
        self._written: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closer = RecordingCloser(self._journal, on_event)
        self._writer = RecordingWriter(root, self._journal, on_event, self._hand_over, keys if sealed else None)
        self._writer_thread = threading.Thread(target=self._write, name="recording-writer", daemon=True)
        self._closer_thread = threading.Thread(target=self._close_written, name="recording-closer", daemon=True)
        self._paths: dict[str, str] = {}

    def open(self) -> None:
        """Make the folder and start the threads; OSError when the folder cannot be made."""
        self._journal.open()
        self._writer_thread.start()
        self._closer_thread.start()

    def recover(self) -> list[RecoveredRecording]:
        """Finish what a crash left half written; to be called before the first `start`.

        A recording is found here, and after every later restart, until it is acknowledged. OSError when the folder
        cannot be read.
        """
        return recover(self._root, self._journal, self._keys)

    def acknowledge(self, call_id: str) -> None:
        """The recording of this call, finished or recovered, is known to the database: report it no more."""
        self._soon(lambda: self._closer.acknowledge(call_id))

    def leave(self, call_id: str) -> None:
        """The recording of this call is nobody's: report it no more, and leave its key beside it."""
        self._soon(lambda: self._closer.leave(call_id))

    def taken(self, path: str) -> bool:
        """Whether another recording has, or is about to have, this relative path; ValueError for a path outside."""
        place = place_of(self._root, path)
        return path in self._paths.values() or place.exists() or part_of(place).exists()

    def start(self, call_id: str, path: str, started_at: float) -> RecorderTap:
        """Record from monotonic second `started_at` into `path`, relative and ending in .wav."""
        tap = self._new_tap(self._queue_packets)
        self._paths[call_id] = path
        self._commands.put(lambda: self._writer.begin(call_id, path, started_at, tap))
        return tap

    def pause(self, call_id: str, at: float) -> None:
        """Leave out what is heard from monotonic second `at` on: silence stands in its place. It is never written."""
        self._commands.put(lambda: self._writer.pause(call_id, at))

    def resume(self, call_id: str, at: float) -> None:
        """Go on with what is heard from monotonic second `at` on."""
        self._commands.put(lambda: self._writer.resume(call_id, at))

    def finish(self, call_id: str, ended_at: float) -> None:
        """End at monotonic second `ended_at`; `RecordingFinished` or `RecordingFailed` follows for a started one."""
        self._paths.pop(call_id, None)
        self._commands.put(lambda: self._writer.finish(call_id, ended_at))

    def abandon(self, call_id: str) -> None:
        """Stop and delete the recording; no event follows."""
        self._paths.pop(call_id, None)
        self._commands.put(lambda: self._writer.abandon(call_id))

    def close(self) -> None:
        """Finish what is still live, now, and wait for the disk; the events come before it returns."""
        self._commands.put(None)
        if self._writer_thread.is_alive():
            self._writer_thread.join(JOIN_TIMEOUT_S)
            self._closer_thread.join(JOIN_TIMEOUT_S)

    def counters(self) -> Mapping[str, int]:
        """Totals since the start, and how many recordings are live."""
        return {
            "recordings_live": self._writer.live,
            "recordings_finished": self._closer.finished,
            "recordings_failed": self._writer.failed + self._closer.failed,
            "recordings_cut_short": self._writer.cut_short,
            "recording_gap_frames": self._writer.gap_frames,
            "recording_discarded_packets": self._writer.discarded_packets,
        }

    def _soon(self, work: Callable[[], None]) -> None:
        if self._closer_thread.is_alive():
            self._written.put(work)
        else:
            work()

    def _hand_over(self, live: LiveRecording) -> None:
        self._written.put(lambda: self._closer.close(live))

    def _write(self) -> None:
        turn_at = self._clock()
        while True:
            wait_s = max(0.0, turn_at - self._clock()) if self._writer.live else None
            try:
                command = self._commands.get(timeout=wait_s)
            except queue.Empty:
                now = self._clock()
                turn_at = now + TURN_S
                self._writer.turn(now)
                continue
            if command is None:
                break
            _done_alone(command)
        self._writer.finish_all(self._clock())
        self._written.put(None)

    def _close_written(self) -> None:
        while (job := self._written.get()) is not None:
            _done_alone(job)


def _done_alone(work: Callable[[], None]) -> None:
    """A defect of ours in one work: the thread goes on, for all recordings share it."""
    try:
        work()
    except Exception:
        LOG.exception("what was to be done for a recording failed")
