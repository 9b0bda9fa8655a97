"""One RTP source's clock against the recording's: from timestamps to places, whatever the network does to arrivals.

Everything is in samples of 8 kHz. The delay of a packet is its arrival less its timestamp: the network's shortest way,
on top of it the jitter, which is never negative, and what the two clocks have drifted apart. So the least delay of many
packets lies on the line that the drift draws, and only such least delays are looked at (cf. RFC 3550 appendix A.8,
whose jitter is about the rest). Two things are taken from them: the ratio of the clocks, from the least delays of some
minutes, and the line's height, from those of the last seconds.
"""

from collections import deque
from typing import Final

RATE_HZ: Final = 8000
WINDOW: Final = 2 * RATE_HZ  # least delays are taken over this long,
WINDOW_PACKETS: Final = 50  # and over at least so many packets
RECENT_WINDOWS: Final = 2  # closed windows that the height is taken from, beside the open one
HISTORY_WINDOWS: Final = 128  # closed windows that the ratio is taken from: four minutes of talk
LEARNED_SPAN: Final = 30 * RATE_HZ  # how much of them it takes for a ratio
STEP: Final = RATE_HZ // 100  # 10 ms: a least delay that far off the line is another way through the network
LARGEST_DRIFT: Final = 500e-6  # crystals are within 200 ppm; more than this is not drift

_Least = tuple[int, int]


class SourceClock:
    """Learns from `observe` where a timestamp lies. `drift` is how much the delay grows for each sample of time."""

    __slots__ = ("_closed", "_history", "_least", "_opened_at", "_packets", "drift", "learned")

    def __init__(self, drift: float = 0.0, learned: bool = False) -> None:
        """Begin with the drift that an earlier clock of the same source had `learned`."""
        self.drift = drift
        self.learned = learned
        self._closed: deque[_Least] = deque(maxlen=RECENT_WINDOWS)
        self._history: deque[_Least] = deque(maxlen=HISTORY_WINDOWS)
        self._least: _Least | None = None
        self._opened_at = 0
        self._packets = 0

    def observe(self, timestamp: int, arrival: int) -> None:
        """A packet has come. Timestamps are unwrapped: they only differ from each other by time."""
        delay = arrival - timestamp
        least = self._least
        if least is None:
            self._least = (timestamp, delay)
            self._opened_at = arrival
            self._packets = 1
            return
        if delay < least[1] + self.drift * (timestamp - least[0]):
            self._least = (timestamp, delay)
        self._packets += 1
        if arrival - self._opened_at >= WINDOW and self._packets >= WINDOW_PACKETS:
            self._close(self._least or least)

    def delay_at(self, timestamp: int) -> float:
        """The shortest delay at a timestamp, by what has come so far; at least one packet must have."""
        drift = self.drift
        delays = [delay + drift * (timestamp - at) for at, delay in self._closed]
        if self._least is not None:
            at, delay = self._least
            delays.append(delay + drift * (timestamp - at))
        return min(delays)

    def _close(self, least: _Least) -> None:
        if self._closed and abs(least[1] - self._line_at(least[0])) > STEP:
            self._history.clear()
        self._closed.append(least)
        self._history.append(least)
        self._least = None
        self._learn()

    def _line_at(self, timestamp: int) -> float:
        at, delay = self._closed[-1]
        return delay + self.drift * (timestamp - at)

    def _learn(self) -> None:
        """The ratio: the slope from the lowest point of the older half of the history to that of the newer one."""
        history = list(self._history)
        if history[-1][0] - history[0][0] < LEARNED_SPAN:
            return
        half = len(history) // 2
        drift = self.drift
        older = min(history[:half], key=lambda point: point[1] - drift * point[0])
        newer = min(history[half:], key=lambda point: point[1] - drift * point[0])
        if newer[0] - older[0] < LEARNED_SPAN // 2:
            return
        slope = (newer[1] - older[1]) / (newer[0] - older[0])
        self.drift = max(-LARGEST_DRIFT, min(LARGEST_DRIFT, slope))
        self.learned = True
