"""What of a stream waits to be sent. Pure."""

from collections import deque
from typing import Final, NamedTuple

FRAMES_MAX: Final = 50  # a second; beyond it the oldest go, so that what arrives is never later than that
MARKS_MAX: Final = 200  # that wait; a call has few, but for a caller who plays with the keys


class Frame(NamedTuple):
    """20 ms of both parties; None: nothing is heard."""

    at_ms: int
    a: bytes | None
    b: bytes | None


class Mark(NamedTuple):
    """Something that happened in the call, to one party where `channel` is set."""

    name: str
    channel: str | None
    at_ms: int


class Backlog:
    """Frames and marks in their order. A full one drops its oldest frame, whole; of marks the new one."""

    __slots__ = ("_frames", "_marks", "_waiting", "dropped_frames", "dropped_marks")

    def __init__(self) -> None:
        self._waiting: deque[Frame | Mark] = deque()
        self._frames = 0
        self._marks = 0
        self.dropped_frames = 0
        self.dropped_marks = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put_frame(self, frame: Frame) -> None:
        """A frame more."""
        if self._frames >= FRAMES_MAX:
            self._drop_oldest()
        self._waiting.append(frame)
        self._frames += 1

    def put_mark(self, mark: Mark) -> None:
        """A mark more."""
        if self._marks >= MARKS_MAX:
            self.dropped_marks += 1
            return
        self._waiting.append(mark)
        self._marks += 1

    def take(self) -> Frame | Mark | None:
        """The oldest; None when nothing waits."""
        if not self._waiting:
            return None
        first = self._waiting.popleft()
        if isinstance(first, Frame):
            self._frames -= 1
        else:
            self._marks -= 1
        return first

    def drop_frames(self) -> None:
        """Nobody is there to take them: leave out all frames that wait."""
        self.dropped_frames += self._frames
        self._waiting = deque(entry for entry in self._waiting if isinstance(entry, Mark))
        self._frames = 0

    def _drop_oldest(self) -> None:
        oldest = next(index for index, entry in enumerate(self._waiting) if isinstance(entry, Frame))
        del self._waiting[oldest]
        self._frames -= 1
        self.dropped_frames += 1
