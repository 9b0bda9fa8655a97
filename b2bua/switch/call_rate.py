"""The call rate of a trunk: INVITEs leave no closer than the cap allows, and above it wait their turn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from b2bua.alarm import Alarm, Scheduler

LONGEST_WAIT_S: Final = 1.0  # a new call that would wait longer is not taken: one second's worth of calls wait
RESOLUTION_S: Final = 1e-6  # of the clock: a turn that is this near has come


@dataclass(slots=True, eq=False)
class Turn:
    """A place in the line; `come` is called when it is there."""

    come: Callable[[], None]


class CallRate:
    """Virtual scheduling (the generic cell rate algorithm without tolerance): the next free instant lies `1 / cps`
    after the last INVITE left. `cps` 0: no cap, every turn comes at once.

    The line is served in order. New calls are taken while one more of them would wait no longer than a second;
    `booked` are those taken that have not joined it yet. Legs of calls taken before join however long it is: there are
    no more of them than live calls, and each leaves it when its ring timeout ends.
    """

    __slots__ = ("_gap_s", "_line", "_next_at", "booked")

    def __init__(self, cps: int) -> None:
        self._gap_s = 1.0 / cps if cps else 0.0
        self._next_at = 0.0
        self._line: dict[Turn, None] = {}
        self.booked = 0

    @property
    def waiting(self) -> int:
        """INVITEs in the line."""
        return len(self._line)

    def has_room(self, now: float) -> bool:
        """Whether one more new call would get its turn within a second."""
        if not self._gap_s:
            return True
        ahead = len(self._line) + self.booked
        return max(0.0, self._next_at - now) + ahead * self._gap_s <= LONGEST_WAIT_S + RESOLUTION_S

    def join(self, come: Callable[[], None], now: float) -> Turn | None:
        """Ask for a turn. None: it is there, go; else the place in the line, which `leave` gives up."""
        if not self._gap_s or (not self._line and self._is_due(now)):
            self._next_at = max(now, self._next_at) + self._gap_s
            return None
        turn = Turn(come)
        self._line[turn] = None
        return turn

    def leave(self, turn: Turn) -> None:
        """Give a place up: those behind move on. Harmless when the turn has come."""
        self._line.pop(turn, None)

    def next_due(self) -> float | None:
        """When the first in the line has its turn; None when nobody waits."""
        return self._next_at if self._line else None

    def pop_due(self, now: float) -> Turn | None:
        """The first in the line if its turn has come, taken out of it."""
        if not self._line or not self._is_due(now):
            return None
        turn = next(iter(self._line))
        del self._line[turn]
        self._next_at = max(now, self._next_at) + self._gap_s
        return turn

    def _is_due(self, now: float) -> bool:
        return now + RESOLUTION_S >= self._next_at


class Paced(Protocol):
    """What has a call rate."""

    @property
    def rate(self) -> CallRate:
        """Its rate."""
        ...


class Pacing:
    """Calls each waiting INVITE when its turn comes, one alarm for each trunk that has a cap."""

    def __init__(self, trunks: Iterable[Paced], scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._alarms = {trunk.rate: Alarm(scheduler, partial(self._due, trunk.rate)) for trunk in trunks}

    def join(self, trunk: Paced, come: Callable[[], None]) -> Turn | None:
        """As `CallRate.join`, now; `come` is called from the scheduler."""
        turn = trunk.rate.join(come, self._scheduler.time())
        self._alarms[trunk.rate].set(trunk.rate.next_due())
        return turn

    def leave(self, trunk: Paced, turn: Turn) -> None:
        """As `CallRate.leave`."""
        trunk.rate.leave(turn)
        self._alarms[trunk.rate].set(trunk.rate.next_due())

    def _due(self, rate: CallRate) -> None:
        turn = rate.pop_due(self._scheduler.time())
        self._alarms[rate].set(rate.next_due())
        if turn is not None:
            turn.come()
