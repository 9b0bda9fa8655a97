"""Ports for tests that bind: runs that are free, each leased to one test at a time on the whole machine."""

import socket
from contextlib import ExitStack
from types import TracebackType

from b2bua.tokens import SystemTokens

# Below where the kernel gives ports away and where test calls have theirs, and beside the demo's.
_FROM = 10_000
_TO = 19_000
_SLOT = 10
_MOST_TRIES = 500


class PortLease:
    """`length` ports from `first` on, an even one, which no other lease has until this one is closed.

    A port stays unbound between its choice and its use, so that it being free says nothing: each slot of ten ports is
    held by an abstract Unix socket, which its process takes along however it ends.
    """

    def __init__(self, length: int) -> None:
        """Raises AssertionError when no such run is found."""
        tokens = SystemTokens()
        for _ in range(_MOST_TRIES):
            first = _FROM + _SLOT * (tokens.integer(32) % ((_TO - _FROM - length) // _SLOT))
            with ExitStack() as held:
                if all(_hold(held, slot) for slot in range(first, first + length, _SLOT)) and all(
                    is_free(port) for port in range(first, first + length)
                ):
                    self.first = first
                    self.length = length
                    self._held = held.pop_all()
                    return
        raise AssertionError(f"no {length} free ports in a row")

    def close(self) -> None:
        """Give them back. Harmless when they were."""
        self._held.close()

    def __enter__(self) -> int:
        return self.first

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def is_free(port: int) -> bool:
    """Whether a port of the IPv4 loopback can be bound, for UDP and for TCP."""
    return all(_binds(kind, port) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))


def _binds(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _hold(held: ExitStack, slot: int) -> bool:
    lock = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    try:
        lock.bind(f"\0maskbridge-test-ports-{slot}")
    except OSError:
        return False
    return True
