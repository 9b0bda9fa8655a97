"""One re-armable timer over a scheduler that can be the event loop or a test's manual clock."""

from collections.abc import Callable
from typing import Protocol


class Cancellable(Protocol):
    """A scheduled callback that can be withdrawn."""

    def cancel(self) -> None:
        """Withdraw it; harmless when it has already run."""
        ...


class Scheduler(Protocol):
    """What an alarm needs of an event loop; `asyncio.AbstractEventLoop` satisfies it as it is."""

    def time(self) -> float:
        """Monotonic seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Cancellable:
        """Run `callback` once at monotonic second `when`, or at once when that has passed."""
        ...


class Alarm:
    """A single timer: setting it replaces what was set.

    `when` is the monotonic second it will fire at, None when it is not set; to be read alone, and no property, as that
    costs a call each time that a message has been worked off.
    """

    __slots__ = ("_callback", "_handle", "_scheduler", "when")

    def __init__(self, scheduler: Scheduler, callback: Callable[[], object]) -> None:
        self._scheduler = scheduler
        self._callback = callback
        self._handle: Cancellable | None = None
        self.when: float | None = None

    def set(self, when: float | None) -> None:
        """Fire at monotonic second `when` in place of any earlier setting; None clears it."""
        if when == self.when:
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.when = when
        if when is not None:
            self._handle = self._scheduler.call_at(when, self._fire)

    def clear(self) -> None:
        """Withdraw the setting."""
        self.set(None)

    def _fire(self) -> None:
        self._handle = None
        self.when = None
        self._callback()
