"""Which STUN and TURN servers answer: one that did not is waited for by nobody until it has answered again."""

from collections.abc import Callable
from typing import Final

# A silent server is asked again this long after it was asked last, beside an answer that does not wait for it.
PROBE_AFTER_S: Final = 5.0
# Servers whose silence is kept in mind; further ones are taken for well.
_SILENT_MAX: Final = 64


class ServerHealth:
    """Of all browsers together; of the gateway's thread alone. A server is known by its URL: one that answers over TCP
    may be silent over UDP. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._probed: dict[str, float] = {}  # of silent servers

    def is_silent(self, server: str) -> bool:
        """Whether it did not answer when it was last asked, and has not since."""
        return server in self._probed

    def is_due(self, server: str) -> bool:
        """Whether a silent server is to be asked again: True to one caller at a time."""
        now = self._clock()
        if now - self._probed.get(server, now) < PROBE_AFTER_S:
            return False
        self._probed[server] = now
        return True

    def noted(self, server: str, *, answered: bool) -> None:
        """What came of asking it."""
        if answered:
            self._probed.pop(server, None)
        elif server in self._probed or len(self._probed) < _SILENT_MAX:
            self._probed[server] = self._clock()

    def preferred(self, servers: list[str]) -> int:
        """Which of several to ask: the first that answers, or else the first."""
        return next((at for at, server in enumerate(servers) if not self.is_silent(server)), 0)
