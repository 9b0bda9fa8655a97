"""Names looked up by the system, in threads: those that take long hold up no others."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

QUICK_THREADS: Final = 32
SLOW_THREADS: Final = 4
SLOW_S: Final = 1.0
"""A name whose look-up took longer waits from then on among its like, until it is quick again."""
SLOW_NAMES_MAX: Final = 1_024  # beyond it the one that was slow longest ago is tried as a quick one again

T = TypeVar("T")


class NameLookups:
    """Runs look-ups for names in threads of its own. A name server that does not answer keeps a thread for many
    seconds and cannot be called off: names that wait for such ones have a few threads to themselves."""

    def __init__(self, threads_name: str, now: Callable[[], float]) -> None:
        """`now`: monotonic seconds, from any thread."""
        self._now = now
        self._quick = ThreadPoolExecutor(QUICK_THREADS, threads_name)
        self._slow = ThreadPoolExecutor(SLOW_THREADS, f"{threads_name}-slow")
        self._slow_names: dict[str, None] = {}
        self._lock = threading.Lock()

    async def look_up(self, name: str, work: Callable[[], T]) -> T:
        """What `work` gives for a name, or raises. Cancelled once it runs, it runs on and still counts for its name."""
        with self._lock:
            threads = self._slow if name in self._slow_names else self._quick

        def timed() -> T:
            began = self._now()
            try:
                return work()
            finally:
                self._took(name, self._now() - began)

        return await asyncio.get_running_loop().run_in_executor(threads, timed)

    def close(self) -> None:
        """Start no more; those under way end by themselves."""
        for threads in (self._quick, self._slow):
            threads.shutdown(wait=False, cancel_futures=True)

    def _took(self, name: str, seconds: float) -> None:
        with self._lock:
            self._slow_names.pop(name, None)
            if seconds < SLOW_S:
                return
            if len(self._slow_names) >= SLOW_NAMES_MAX:
                del self._slow_names[next(iter(self._slow_names))]
            self._slow_names[name] = None
