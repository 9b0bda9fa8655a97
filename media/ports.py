"""UDP port pairs of a range: RTP on the even port, RTCP on the next. A freed pair rests before it is given again."""

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from media.errors import PortsExhausted
from media.packet_path.interface import SocketPair

# Ports that another program holds are passed over, up to this many for one leg.
_TRIES_MAX: Final = 64


class Ports:
    """Hands out bound pairs, longest rested first. `first` and `last` are the range's ends, both inclusive."""

    def __init__(
        self,
        address: str,
        first: int,
        last: int,
        rest_s: float,
        clock: Callable[[], float],
        start: int = 0,
    ) -> None:
        """`start`: any number; where in the range to begin, so that ports are not guessed from the time of start."""
        if not 0 < first <= last <= 65_535:
            raise ValueError(f"not a port range: {first}-{last}")
        evens = list(range(first + first % 2, last, 2))
        begin = start % len(evens) if evens else 0
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._rest_s = rest_s
        self._clock = clock
        self._free = deque(evens[begin:] + evens[:begin])
        self._resting: deque[tuple[float, int]] = deque()

    def left(self) -> int:
        """Pairs that can be given now."""
        self._collect_rested()
        return len(self._free)

    def open_pair(self) -> SocketPair:
        """A fresh pair of non-blocking sockets; PortsExhausted when none is left."""
        self._collect_rested()
        for _ in range(min(_TRIES_MAX, len(self._free))):
            port = self._free.popleft()
            try:
                return self._bind_pair(port)
            except OSError:
                self.release(port)
        raise PortsExhausted("no free media port pair")

    def release(self, port: int) -> None:
        """Let a pair rest and then return to the others; its sockets are closed."""
        self._resting.append((self._clock() + self._rest_s, port))

    def _collect_rested(self) -> None:
        now = self._clock()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])

    def _bind_pair(self, port: int) -> SocketPair:
        rtp = self._bind(port)
        try:
            return SocketPair(rtp, self._bind(port + 1), port)
        except OSError:
            rtp.close()
            raise

    def _bind(self, port: int) -> socket.socket:
        opened = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            if self._family == socket.AF_INET6:
                with suppress(OSError):
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((self._address, port))
        except OSError:
            opened.close()
            raise
        return opened
