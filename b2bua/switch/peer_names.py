"""Where the host names in peers' Contacts and routes lead. No message waits for DNS: what is not known yet is looked up
meanwhile, for the requests that follow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from b2bua.sip.location import Target
from b2bua.sip.routing import DEFAULT_PORT, TransportAddress
from b2bua.switch.locating import Locates
from b2bua.switch.trunks import Trunks

KEPT_LIMIT: Final = 256
"""Names whose addresses are remembered; for one more, that which was looked up longest ago is forgotten."""
KEPT_S: Final = 4 * 3600.0
"""So long an answer serves where no new one comes: longer than any call. From the end of its TTL on a new one is looked
for whenever it is used."""
OPEN_LIMIT: Final = 16
"""Look-ups at once; one more is not begun."""
_LOOPBACK: Final = ("127.0.0.1", "::1")  # what `localhost` is (RFC 6761 section 6.3)

Addresses = tuple[TransportAddress, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a look-up found, in monotonic seconds."""

    addresses: Addresses
    found_at: float
    fresh_until: float


class PeerNames:
    """Answers at once from what the trunks are located at and from look-ups of its own. To be used on the loop's
    thread; `now`: monotonic seconds."""

    def __init__(self, trunks: Trunks, resolver: Locates, now: Callable[[], float]) -> None:
        self._trunks = trunks
        self._resolver = resolver
        self._now = now
        self._known: dict[Target, _Known] = {}
        self._open: dict[Target, asyncio.Task[None]] = {}
        self._closed = False

    def where(self, target: Target) -> Addresses:
        """Where a host name leads, as far as is known: a trunk's own name to its destinations, at the target's port if
        it has one. `target.transport` is the one to be used."""
        transport = target.transport or "udp"
        target = Target(target.host.lower().removesuffix("."), target.port, transport, target.secure)
        if target.host == "localhost":
            port = target.port or DEFAULT_PORT[transport]
            return tuple([TransportAddress(transport, host, port) for host in _LOOPBACK])
        return self._of_trunk(target) or self._looked_up(target)

    def close(self) -> None:
        """Look for nothing more."""
        self._closed = True
        for task in self._open.values():
            task.cancel()

    def _of_trunk(self, target: Target) -> Addresses:
        """What the trunks of this name are located at. One that is reached by a proxy has that one's destinations."""
        found: dict[TransportAddress, None] = {}
        for trunk in self._trunks:
            if trunk.next_hop.host.lower() == target.host:
                for each in trunk.destinations:
                    if each.transport == target.transport:
                        found[each if target.port is None else each._replace(port=target.port)] = None
        return tuple(found)

    def _looked_up(self, target: Target) -> Addresses:
        now, known = self._now(), self._known.get(target)
        if known is None or now >= known.fresh_until:
            self._begin(target)
        return () if known is None or now - known.found_at >= KEPT_S else known.addresses

    def _begin(self, target: Target) -> None:
        if not self._closed and target not in self._open and len(self._open) < OPEN_LIMIT:
            self._open[target] = asyncio.get_running_loop().create_task(self._look_up(target))

    async def _look_up(self, target: Target) -> None:
        try:
            located = await self._resolver.locate(target)
        finally:
            del self._open[target]
        now, known = self._now(), self._known.pop(target, None)
        addresses, found_at = located.destinations, now
        if not addresses and known is not None:
            addresses, found_at = known.addresses, known.found_at
        if len(self._known) >= KEPT_LIMIT:
            del self._known[next(iter(self._known))]
        self._known[target] = _Known(addresses, found_at, now + located.ttl_s)
