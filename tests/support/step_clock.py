"""A manual clock that lets a test do something just before the n-th of the things that happen."""

from collections.abc import Callable
from typing import Any

from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock, ManualHandle
from tests.support.memory_media import MemoryPath
from tests.support.scripted_phone import Phone


class StepClock(ManualClock):
    """Counts deliveries of SIP messages and timers, those of media left out, from `from_s` seconds after its start on.

    `act` is done once, before the step numbered `at`; `acted_at` is when that was.
    """

    def __init__(self, at: int, act: Callable[[], object], from_s: float = 0.0) -> None:
        super().__init__()
        self.steps = 0
        self.acted_at: float | None = None
        self._at = at
        self._act = act
        self._from = self.time() + from_s

    def count_no_more(self) -> None:
        """What happens from now on is no step."""
        self._from = float("inf")

    def call_at(self, when: float, callback: Callable[[], object], /) -> ManualHandle:
        """Run `callback` at its time, as a step where it is one."""
        if _is_of_media(callback):
            return super().call_at(when, callback)
        return super().call_at(when, lambda: self._step(callback))

    def _step(self, callback: Callable[[], object]) -> None:
        if self.time() >= self._from:
            if self.steps == self._at:
                self.acted_at = self.time()
                self._act()
            self.steps += 1
        callback()


def _is_of_media(callback: Any) -> bool:
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, Phone) or isinstance(getattr(getattr(owner, "_callback", None), "__self__", None), MemoryPath):
        return True
    inside = [cell.cell_contents for cell in getattr(callback, "__closure__", None) or ()]
    return any(isinstance(each, LossyNetwork) and not each.keeps for each in inside)
