"""The lettered timers of RFC 3261 (Table 4, amended by RFC 6026) and a queue of whatever is due next."""

import heapq
from typing import TYPE_CHECKING, Final, Protocol

T1_S: Final = 0.5
"""Round-trip time estimate."""
T2_S: Final = 4.0
"""The longest interval between retransmissions of a non-INVITE request or of an INVITE's final response."""
T4_S: Final = 5.0
"""The longest a message stays in the network."""

TIMER_A: Final = "A"  # INVITE again
TIMER_B: Final = "B"  # INVITE without any response
TIMER_C: Final = "C"  # INVITE with provisional responses alone (16.6; a limit of ours on either side)
TIMER_D: Final = "D"  # response retransmissions after an INVITE's failure
TIMER_E: Final = "E"  # other request again
TIMER_F: Final = "F"  # other request without a final response
TIMER_G: Final = "G"  # INVITE's failure response again
TIMER_H: Final = "H"  # no ACK to it
TIMER_I: Final = "I"  # ACK retransmissions
TIMER_J: Final = "J"  # retransmissions of an answered request
TIMER_K: Final = "K"  # response retransmissions
TIMER_L: Final = "L"  # INVITE retransmissions after its 2xx (RFC 6026)
TIMER_M: Final = "M"  # 2xx retransmissions and those of other forks (RFC 6026)
TIMER_U: Final = "U"  # ours: another request that its user leaves unanswered until the peer has given up by timer F

DURATION_S: Final = {
    TIMER_A: T1_S,
    TIMER_B: 64 * T1_S,
    TIMER_C: 181.0,  # "MUST be larger than 3 minutes"
    TIMER_D: 32.0,  # "at least 32 seconds for unreliable transports"
    TIMER_E: T1_S,
    TIMER_F: 64 * T1_S,
    TIMER_G: T1_S,
    TIMER_H: 64 * T1_S,
    TIMER_I: T4_S,
    TIMER_J: 64 * T1_S,
    TIMER_K: T4_S,
    TIMER_L: 64 * T1_S,
    TIMER_M: 64 * T1_S,
    TIMER_U: 64 * T1_S,
}
"""How long a timer runs at first on an unreliable transport."""

LONGEST_INTERVAL_S: Final = {TIMER_A: float("inf"), TIMER_E: T2_S, TIMER_G: T2_S}
"""Timers that retransmit: their interval doubles up to this."""

WAITING_TIMERS: Final = frozenset({TIMER_D, TIMER_I, TIMER_J, TIMER_K})
"""Timers that wait for retransmissions: zero on a reliable transport."""


class TimerOwner(Protocol):
    """Something that timers run for; `running` maps a timer to its entry in the queue and is the queue's to change."""

    @property
    def running(self) -> dict[str, int]:
        """The timers that run now."""
        ...


class PythonTimerQueue:
    """A heap of deadlines with lazy deletion: a disarmed entry is skipped, or swept out when it is one of many.

    Holds at most twice the timers that run, and a small constant.
    """

    __slots__ = ("_heap", "_next_entry", "_stale")

    _SWEEP_FROM: Final = 256

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimerOwner, str]] = []
        self._next_entry = 0
        self._stale = 0

    def __len__(self) -> int:
        """The timers that run."""
        return len(self._heap) - self._stale

    def arm(self, owner: TimerOwner, timer: str, when: float) -> None:
        """Let `timer` of `owner` fall due at monotonic second `when`, in place of an earlier setting."""
        if timer in owner.running:
            self.disarm(owner, timer)
        self._next_entry += 1
        owner.running[timer] = self._next_entry
        heapq.heappush(self._heap, (when, self._next_entry, owner, timer))

    def disarm(self, owner: TimerOwner, timer: str) -> None:
        """Stop it; nothing when it does not run."""
        if owner.running.pop(timer, None) is None:
            return
        self._stale += 1
        if self._stale > self._SWEEP_FROM and self._stale * 2 > len(self._heap):
            self._sweep()

    def disarm_all(self, owner: TimerOwner) -> None:
        """Stop all timers of `owner`."""
        for timer in tuple(owner.running):
            self.disarm(owner, timer)

    def keep(self, owner: TimerOwner, live: tuple[str, ...]) -> None:
        """Stop those timers of `owner` that are not among these."""
        for timer in tuple(owner.running):
            if timer not in live:
                self.disarm(owner, timer)

    def next_due(self) -> float | None:
        """The monotonic second the earliest running timer falls due, None when none runs."""
        heap = self._heap
        while heap:
            when, entry, owner, timer = heap[0]
            if owner.running.get(timer) == entry:
                return when
            heapq.heappop(heap)
            self._stale -= 1
        return None

    def pop_due(self, now: float) -> tuple[TimerOwner, str] | None:
        """Take the earliest timer due at `now` or before, None when there is none; it no longer runs."""
        when = self.next_due()
        if when is None or when > now:
            return None
        _, _, owner, timer = heapq.heappop(self._heap)
        del owner.running[timer]
        return owner, timer

    def _sweep(self) -> None:
        self._heap = [item for item in self._heap if item[2].running.get(item[3]) == item[1]]
        heapq.heapify(self._heap)
        self._stale = 0


if TYPE_CHECKING:
    TimerQueue = PythonTimerQueue
else:
    try:
        from b2bua.sip._timers import TimerQueue
    except ModuleNotFoundError:
        # Without a compiler at the installation.
        TimerQueue = PythonTimerQueue
