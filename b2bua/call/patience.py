"""How long a call waits for a browser that is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from b2bua.alarm import Alarm, Scheduler

RECONNECT_S: Final = 30  # for one to offer
ANSWER_S: Final = 3.0  # what an answer may take, which the time to connect begins after


class Patience:
    """`given_up`: called when the time is up. One that offers in time may take `connect_s` to be connected, once: what
    offers after that time is up gets no more."""

    def __init__(self, scheduler: Scheduler, connect_s: float, given_up: Callable[[], object]) -> None:
        self._scheduler = scheduler
        self._connect_s = connect_s
        self._given_up = given_up
        self._alarm: Alarm | None = None  # let go when nobody waits: it holds on to this
        self._expected_until: float | None = None
        self._late = False
        self.waiting = False

    def begin(self) -> None:
        """The browser is gone from now."""
        self.waiting, self._late, self._expected_until = True, False, None
        self._set(self._scheduler.time() + RECONNECT_S)

    def end(self) -> None:
        """There is one again, or nobody waits for it any more."""
        self.waiting = False
        if self._alarm is not None:
            self._alarm.clear()
            self._alarm = None

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While one offers: it is waited for longer where its offer is taken."""
        before = self._expected_until  # of one whose offer was taken, and who may be connecting still
        until = self._expect(self._scheduler.time() + ANSWER_S + self._connect_s)
        try:
            yield
        except BaseException:
            if self._expected_until == until:
                self._expected_until = before
                if before is None or before <= self._scheduler.time():
                    self.expect_none()
            raise
        self._expect(until)  # the one before may have failed meanwhile

    def _expect(self, until: float) -> float:
        if not self._late:
            self._expected_until = until
        return until

    def expect_none(self) -> None:
        """The one that has offered does not come."""
        self._expected_until = None
        if self.waiting and self._late:
            self._given_up()

    def _up(self) -> None:
        until = self._expected_until
        if until is None or until <= self._scheduler.time():
            self._given_up()
        else:
            self._late = True
            self._set(until)

    def _set(self, when: float) -> None:
        self._alarm = self._alarm or Alarm(self._scheduler, self._up)
        self._alarm.set(when)
