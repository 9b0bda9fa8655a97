"""How a process comes to rest: what it waits for, how long, and in which order. Time is the loop's, and passes at once.

What the signals themselves do: `tests/commands/test_serve_signals.py`.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import cast

import pytest

from b2bua.draining import FAREWELL_POLL_S, FAREWELL_S, SETTLE_S, Stop, drain
from b2bua.switch.switch import Switch

PATIENCE_S = 300.0
UNREGISTERING_S = 3.0
NEVER = float("inf")


class HurryingLoop(asyncio.SelectorEventLoop):
    """A loop that does not wait for its timers: it is as late as the next one says."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        super().__init__(_Hurrying(self))

    def time(self) -> float:
        """Seconds since it began."""
        return self.passed_s


class _Hurrying(selectors.SelectSelector):
    def __init__(self, loop: HurryingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen"
        self._loop.passed_s += timeout
        return super().select(0)


class Calls:
    """The switch as the end sees it: a call that is over at `over_at`, or so long after it is ended from here, and
    whose BYE is answered so long after that. What happened, and when, is in `log`."""

    def __init__(self, *, over_at: float = 0.0, settles_s: float = 0.0, parts_s: float = 0.0) -> None:
        self.log: list[tuple[str, float]] = []
        self._over_at = over_at
        self._settles_s = settles_s
        self._parts_s = parts_s
        self._parted_at = 0.0
        self._on_empty: Callable[[], None] | None = None

    def drain(self, on_empty: Callable[[], None]) -> None:
        self._on_empty = on_empty
        self._end_at(self._over_at)

    def live_calls(self) -> int:
        return int(self._on_empty is not None)

    def end_all_calls(self) -> None:
        self._note("ended")
        self._end_at(now() + self._settles_s)

    def unregister(self, on_done: Callable[[], None]) -> None:
        self._note("unregisters")
        asyncio.get_running_loop().call_later(UNREGISTERING_S, on_done)

    def is_parting(self) -> bool:
        return now() < self._parted_at

    def _note(self, what: str) -> None:
        self.log.append((what, round(now(), 6)))

    def _end_at(self, at: float) -> None:
        if at == 0.0:
            self._empty()
        elif at != NEVER:
            asyncio.get_running_loop().call_at(at, self._empty)

    def _empty(self) -> None:
        self._parted_at = now() + self._parts_s
        if self._on_empty is not None:
            on_empty, self._on_empty = self._on_empty, None
            on_empty()


def now() -> float:
    return asyncio.get_running_loop().time()


def drained(calls: Calls, *, second_signal_at: float = NEVER) -> float:
    """Let it come to rest; after how many seconds it has."""

    async def signalled() -> float:
        stop = Stop(asyncio.Event(), asyncio.Event())
        stop.signalled()
        assert (stop.drain.is_set(), stop.now.is_set()) == (True, False)
        if second_signal_at != NEVER:
            asyncio.get_running_loop().call_later(second_signal_at, stop.signalled)
        await drain(cast("Switch", calls), PATIENCE_S, stop)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something is still waited for"
        return round(now(), 3)

    with asyncio.Runner(loop_factory=HurryingLoop) as runner:
        return runner.run(signalled())


@pytest.mark.parametrize("over_at", [0.0, 42.0])
def test_calls_that_end_in_time_are_not_ended_from_here(over_at: float) -> None:
    calls = Calls(over_at=over_at)
    assert drained(calls) == over_at + UNREGISTERING_S
    assert calls.log == [("unregisters", over_at)]


def test_calls_that_outlast_the_time_are_ended() -> None:
    calls = Calls(over_at=NEVER, settles_s=2.0)
    drained(calls)
    assert calls.log == [("ended", PATIENCE_S), ("unregisters", PATIENCE_S + 2.0)]


def test_a_second_signal_ends_them_now() -> None:
    calls = Calls(over_at=NEVER, settles_s=2.0)
    drained(calls, second_signal_at=7.0)
    assert calls.log == [("ended", 7.0), ("unregisters", 9.0)]


def test_a_call_that_cannot_be_settled_holds_the_end_up_for_a_while_only() -> None:
    calls = Calls(over_at=NEVER, settles_s=NEVER)
    drained(calls)
    assert calls.log == [("ended", PATIENCE_S), ("unregisters", PATIENCE_S + SETTLE_S)]


@pytest.mark.parametrize(("parts_s", "waited_s"), [(3.5, 3.5), (32.0, FAREWELL_S)])
def test_what_ends_a_call_is_waited_for_beside_the_registrations(parts_s: float, waited_s: float) -> None:
    """Unregistered later, a trunk would still send calls here; told later, a party would stay in its call."""
    calls = Calls(over_at=42.0, parts_s=parts_s)
    assert drained(calls) == pytest.approx(42.0 + waited_s, abs=FAREWELL_POLL_S)
    assert calls.log == [("unregisters", 42.0)]
