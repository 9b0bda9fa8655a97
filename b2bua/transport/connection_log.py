"""What the log says of a listener's connections: the same trouble once in a while, however often it comes."""

import logging
from collections.abc import Hashable
from typing import Final

from b2bua.sip.routing import TransportAddress
from b2bua.transport.tls import Identify

LOG_INTERVAL_S: Final = 60.0
"""The same failure, of one destination or of the system, is logged once in this time."""
TOLD_KEPT: Final = 256
"""Destinations, or hosts, of which it is remembered what was told; all are forgotten when one more comes."""

_LOGGER: Final = logging.getLogger(__name__)


class ConnectionLog:
    """One listener's. `now` is in seconds of the scheduler."""

    def __init__(self, local: TransportAddress, identify: Identify) -> None:
        self._local = local
        self._identify = identify
        self._failures = _Told()
        self._handshakes = _Told()
        self._shortages = _Told()

    def failed(self, remote: TransportAddress, why: str, now: float) -> None:
        """No connection to `remote` has come about, or none that anything came over: a peer that takes each one and
        closes it as the request comes was reached every time."""
        if self._failures.is_due(remote, why, now):
            identity = self._identify(remote)
            label = identity.label if identity is not None else "SIP"
            _LOGGER.warning("%s: no connection to %s: %s", label, remote, why)

    def handshake_failed(self, remote: TransportAddress, why: str, now: float) -> None:
        """One that came has come to nothing. Told by host: every attempt has a port of its own."""
        if self._handshakes.is_due(remote.host, "", now):
            _LOGGER.info("%s: no handshake with %s: %s", self._local, remote, why)

    def shortage(self, error: OSError, now: float) -> None:
        """The system has nothing left to take connections with, which is found again every second."""
        if self._shortages.is_due(None, "", now):
            _LOGGER.error("%s: no connection can be taken: %s", self._local, error.strerror)


class _Told:
    """When something of each kind was told last, and what."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[Hashable, tuple[float, str]] = {}

    def is_due(self, kind: Hashable, what: str, now: float) -> bool:
        """Whether this is to be told now: it is another than the last one of its kind, or that was long ago."""
        last = self._told.get(kind)
        if last is not None and last[1] == what and now - last[0] <= LOG_INTERVAL_S:
            return False
        if last is None and len(self._told) >= TOLD_KEPT:
            self._told.clear()
        self._told[kind] = now, what
        return True
