"""UDP port pairs of a range: RTP on the even port, RTCP on the next. A freed pair rests before it is given again.

Sockets are opened ahead, and those of a freed pair are kept open: to open and to close them costs a call a dozen system
calls.
"""

import errno
import logging
import resource
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from media.errors import PortsExhausted
from media.packet_path.interface import SocketPair

# Ports that another program holds are passed over, up to this many for one leg.
_TRIES_MAX: Final = 64
# Pairs opened ahead: with fewer in turn a party that talks on would soon meet the next call on its pair.
AHEAD_MAX: Final = 128
# Pairs that are open though no leg has them, those opened ahead among them; what is more is closed.
KEPT_MAX: Final = 1024
# The system has no descriptor or no memory for a socket: whose port it was to be makes no difference.
_NOTHING_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
# So long after such a refusal no pair counts as one that can be given, unless it is open.
_NOTHING_LEFT_S: Final = 1.0
_LOG_INTERVAL_S: Final = 60.0
# They take at most this share of the files that the process may have open: two each.
_SHARE_OF_FILES: Final = 8

LOG: Final = logging.getLogger(__name__)


def kept_pairs_max() -> int:
    """`KEPT_MAX`, or fewer where this process may have few files open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return KEPT_MAX if soft == resource.RLIM_INFINITY else min(KEPT_MAX, soft // _SHARE_OF_FILES // 2)


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
        kept_max: int = KEPT_MAX,
        dscp: int = 0,
    ) -> None:
        """`start`: any number; where in the range to begin, so that ports are not guessed from the time of start.
        `kept_max`: how many pairs may stay open that no leg has. `dscp`: how their packets are marked (RFC 2474)."""
        if not 0 < first <= last <= 65_535:
            raise ValueError(f"not a port range: {first}-{last}")
        evens = list(range(first + first % 2, last, 2))
        begin = start % len(evens) if evens else 0
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._rest_s = rest_s
        self._clock = clock
        self._kept_max = kept_max
        self._dscp = dscp
        self._free = deque(evens[begin:] + evens[:begin])
        self._open: deque[SocketPair] = deque()
        self._resting: deque[tuple[float, int | SocketPair]] = deque()
        self._kept = 0  # open pairs, those that rest too
        self._held: set[int] = set()  # RTP ports that are bound here
        self._ending: set[SocketPair] = set()  # of legs that end, and are to be kept
        self._short_until = self._tell_again_at = clock()  # of what the system gives

    def left(self) -> int:
        """Pairs that can be given now: those that are open alone where the system has just refused a socket."""
        self._collect_rested()
        return len(self._open) + (len(self._free) if self._clock() >= self._short_until else 0)

    def holds(self, port: int) -> bool:
        """Whether a port is one that is bound here, not another program's or nobody's."""
        return port - port % 2 in self._held

    def open_pair(self) -> SocketPair:
        """A pair of non-blocking sockets, one that is open if there is; PortsExhausted when none is left or the system
        has no socket."""
        self._collect_rested()
        if self._open:
            self._kept -= 1
            return self._open.popleft()
        for _ in range(min(_TRIES_MAX, len(self._free))):
            pair = self._bind_next()
            if pair is not None:
                return pair
        raise PortsExhausted("no media port is left")

    def open_ahead(self, at_most: int) -> int:
        """Open up to so many pairs ahead, as far as they are wanted and can be: how many it has opened."""
        self._collect_rested()
        opened = 0
        wanted = min(at_most, AHEAD_MAX - len(self._open), self._room(), len(self._free))
        while opened < wanted:
            try:
                pair = self._bind_next()
            except PortsExhausted:
                break
            if pair is None:
                break
            self._open.append(pair)
            self._kept += 1
            opened += 1
        return opened

    def keep(self, pair: SocketPair) -> bool:
        """Whether the pair of a leg that ends is to be kept open: it has a place from now on then."""
        if self._room() <= 0:
            return False
        self._ending.add(pair)
        return True

    def release(self, pair: SocketPair) -> None:
        """Let a pair rest and then return to the others, open where the packet path has kept it, closed otherwise."""
        self._ending.discard(pair)
        if pair.kept:
            self._kept += 1
        else:
            self._held.discard(pair.port)
            _close(pair)
        self._resting.append((self._clock() + self._rest_s, pair if pair.kept else pair.port))

    def close(self) -> None:
        """Close what is open here; pairs that the packet path has kept are its to close."""
        while self._open:
            _close(self._open.popleft())

    def _room(self) -> int:
        return self._kept_max - self._kept - len(self._ending)

    def _collect_rested(self) -> None:
        now = self._clock()
        while self._resting and self._resting[0][0] <= now:
            rested = self._resting.popleft()[1]
            if isinstance(rested, SocketPair):
                self._open.append(rested)
            else:
                self._free.append(rested)

    def _bind_next(self) -> SocketPair | None:
        """The pair of the port that is free longest; None where another program has one of the two. PortsExhausted:
        the system has no socket, and the port stays as free as it is."""
        port = self._free.popleft()
        try:
            return self._bind_pair(port)
        except OSError as error:
            if error.errno in _NOTHING_LEFT:
                self._free.appendleft(port)
                raise self._shortage(error) from error
            self._resting.append((self._clock() + self._rest_s, port))
            return None

    def _shortage(self, error: OSError) -> PortsExhausted:
        """Note that the system has no socket, and say so once in a while."""
        now, what = self._clock(), f"no media port can be opened: {error.strerror}"
        self._short_until = now + _NOTHING_LEFT_S
        if now >= self._tell_again_at:
            self._tell_again_at = now + _LOG_INTERVAL_S
            LOG.error("%s", what)
        return PortsExhausted(what)

    def _bind_pair(self, port: int) -> SocketPair:
        rtp = self._bind(port)
        try:
            pair = SocketPair(rtp, self._bind(port + 1), port)
        except OSError:
            rtp.close()
            raise
        self._held.add(port)
        return pair

    def _bind(self, port: int) -> socket.socket:
        opened = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            if self._family == socket.AF_INET6:
                with suppress(OSError):
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._mark(opened)
            opened.bind((self._address, port))
        except OSError:
            opened.close()
            raise
        return opened

    def _mark(self, opened: socket.socket) -> None:
        if not self._dscp:
            return
        with suppress(OSError):  # then they go out unmarked
            if self._family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, self._dscp << 2)
            else:
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)


def is_of_this_machine(address: str) -> bool:
    """Whether an interface of this machine has the address: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _close(pair: SocketPair) -> None:
    pair.rtp.close()
    pair.rtcp.close()
