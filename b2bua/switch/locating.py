"""Keeps the destinations of trunks, and of hosts that routes name, true to DNS (RFC 3263): located at the start, again
when the answers are old."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from b2bua.config import ListenAddress, TrunkUri
from b2bua.sip.location import Target, Way
from b2bua.sip.routing import is_ip_literal
from b2bua.switch.route_host import RouteHost
from b2bua.switch.trunk import NO_SUCH_NAME, UNANSWERED, Trunk
from b2bua.switch.trunks import Trunks
from b2bua.transport.resolver import Located

LOG: Final = logging.getLogger(__name__)

FIRST_LOOK_S: Final = 5.0
"""So long the start waits for names at most; what takes longer is found while calls are taken already."""
LOST_AGAIN_S: Final = 5.0
"""A name that was not found or that DNS failed to answer for, or whose trunk is down, is looked for again after this,
then after twice as long."""
LOST_AGAIN_LONGEST_S: Final = 60.0


class Locates(Protocol):
    """`Resolver`, or what stands in for it."""

    async def locate(self, target: Target) -> Located:
        """Where to send what is for `target`."""
        ...


def target_of(uri: TrunkUri) -> Target:
    """What a trunk's URI says of where it is."""
    return Target(
        uri.host, uri.port if uri.port_given else None, uri.transport if uri.transport_given else None, uri.secure
    )


def ways_of(listeners: Iterable[ListenAddress]) -> tuple[Way, ...]:
    """What these listeners let us send by, in their order."""
    return tuple(dict.fromkeys(Way(at.transport, 6 if ":" in at.host else 4) for at in listeners))


class Locating:
    """One task for each trunk with a name and each host that routes name. What goes down is looked for at once, for it
    may have moved.

    Calls never wait for it: they take the destinations that were found last.
    """

    def __init__(self, trunks: Trunks, resolver: Locates) -> None:
        self._trunks = trunks
        self._resolver = resolver
        self._named: list[Trunk | RouteHost] = [trunk for trunk in trunks if not is_ip_literal(trunk.next_hop.host)]
        self._named += trunks.route_hosts
        self._look_now = {named: asyncio.Event() for named in self._named}
        self._told = dict.fromkeys(self._named, "")  # what the last look-up had to tell of DNS that fails
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Look for all of them, and wait for what is found within `FIRST_LOOK_S`."""
        self._trunks.on_down = self._gone_down
        found = [asyncio.Event() for _ in self._named]
        self._tasks = [
            asyncio.create_task(self._keep(named, first)) for named, first in zip(self._named, found, strict=True)
        ]
        waits = [asyncio.ensure_future(first.wait()) for first in found]
        if waits:
            await asyncio.wait(waits, timeout=FIRST_LOOK_S)
        for wait in waits:
            wait.cancel()

    async def close(self) -> None:
        """Look for nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gone_down(self, named: Trunk | RouteHost) -> None:
        look_now = self._look_now.get(named)
        if look_now is not None:
            look_now.set()

    async def _keep(self, named: Trunk | RouteHost, first: asyncio.Event) -> None:
        target = named.target if isinstance(named, RouteHost) else target_of(named.next_hop)
        lost_for_s = LOST_AGAIN_S
        while True:
            located = await self._look_up(named, target)
            first.set()
            wait_s = located.ttl_s if located.destinations else LOST_AGAIN_LONGEST_S
            failed = bool(located.unanswered) and not located.destinations
            if named.destinations and (isinstance(named, RouteHost) or named.up) and not failed:
                lost_for_s = LOST_AGAIN_S
            else:
                wait_s, lost_for_s = min(wait_s, lost_for_s), min(lost_for_s * 2, LOST_AGAIN_LONGEST_S)
            look_now = self._look_now[named]
            look_now.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(look_now.wait(), wait_s)

    async def _look_up(self, named: Trunk | RouteHost, target: Target) -> Located:
        try:
            located = await self._resolver.locate(target)
            self._found(named, target.host, located)
        except Exception:  # a defect of ours says nothing of the name: it stays where it is, and is looked for again
            LOG.exception("%s: %s could not be looked up", named.identity.label, target.host)
            return Located((), LOST_AGAIN_S)
        return located

    def _found(self, named: Trunk | RouteHost, host: str, located: Located) -> None:
        """Take in what a look-up has found; where DNS failed, it says nothing against what was found before."""
        label, failure = named.identity.label, ""
        if located.unanswered:
            failed = ", ".join(f"{question.kind} {question.name}" for question in located.unanswered)
            failure = f"DNS fails to answer {failed}; {_outcome(named, located)}"
        # Some servers never answer for AAAA, say, and all works: that is told once.
        if failure and (failure != self._told[named] or not located.destinations):
            LOG.warning("%s: %s", label, failure)
        self._told[named] = failure
        if not located.unanswered and not located.destinations:
            LOG.warning("%s: %s does not resolve", label, host)
        if located.destinations and set(located.destinations) != {each.place for each in named.destinations}:
            LOG.info("%s is at %s", label, ", ".join(map(str, located.destinations)))
        lost = UNANSWERED if located.unanswered else NO_SUCH_NAME
        self._trunks.resolved(named, located.destinations, choices=located.choices, lost=lost)


def _outcome(named: Trunk | RouteHost, located: Located) -> str:
    """What comes of a query that failed."""
    if located.destinations:
        return "what else it tells is used"
    if named.destinations:
        return f"it stays at {', '.join(map(str, named.destinations))}"
    return "where it is is not known"
