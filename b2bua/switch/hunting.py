"""Trunk hunting: by which trunk and to which destination each attempt goes, and the leg's place on the trunk."""

from collections.abc import Callable
from typing import Final, NamedTuple

from b2bua.call.failover import Onward
from b2bua.sip.routing import TransportAddress
from b2bua.switch.redirection import Redirection
from b2bua.switch.route_host import RouteHost
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks

MOST_REDIRECTS: Final = 3  # 3xx that are followed for one leg
MOST_ATTEMPTS: Final = 8  # INVITEs for one leg, whatever the number of trunks and of their destinations


class Attempt(NamedTuple):
    """One INVITE to be sent: by which trunk, to which of its destinations, and to which URI where a 3xx named one."""

    trunk: Trunk
    destination: TransportAddress
    request_uri: str | None = None

    def __str__(self) -> str:
        """As a log shows it."""
        return f"trunk {self.trunk.name} at {self.destination}"


class Hunt:
    """The attempts of one leg, made one after the other: the destinations of its trunk, then other trunks that are up,
    have room and may show `number`. With `number` None it stays on its trunk.

    A place on the first trunk has been promised; `give_up` gives back whatever place the leg has by then. `booked`:
    the first INVITE was given a place in the line of the trunk's call rate when that was promised. `only`: the one
    destination, or the host, to go to with the trunk's profile alone.
    """

    def __init__(
        self,
        trunks: Trunks,
        first: Trunk,
        number: str | None,
        now: Callable[[], float],
        *,
        booked: bool,
        only: TransportAddress | RouteHost | None = None,
    ) -> None:
        self.trunk = first
        self.transport = ""  # what the newest attempt was to go by
        self._trunks = trunks
        self._number = number
        self._now = now
        self._booked = booked
        self._only = only
        self._tried: list[Trunk] = [first]
        self._destinations: set[TransportAddress] = set()  # those tried of the present trunk
        self._known: tuple[TransportAddress, ...] | None = None  # the whole set when this call's order was drawn
        self._order: tuple[TransportAddress, ...] = ()
        self._attempts = 0
        self._redirects = 0
        self._redirections: list[Redirection] = []  # of the present trunk, to be followed before anything else
        self._called: set[str] = set()  # request URIs, none of which is called by a redirection again
        self._promised, self._taken = True, False

    def next(self, step: Onward = Onward.NEXT) -> Attempt | None:
        """Where to try next, the place there taken; None when nothing is left, and the last place given up."""
        if self._attempts == 0:
            self._start()
        if step is Onward.NEXT_TRUNK:
            self._destinations.update(self._set.destinations)
            self._redirections.clear()
        while self._attempts < MOST_ATTEMPTS:
            attempt = self._redirected() or self._straight()
            if attempt is not None:
                self._occupy()
                self._attempts += 1
                self.transport = attempt.destination.transport
                self._destinations.add(attempt.destination)
                return attempt
            if not self._change_trunk():
                break
        self.give_up()
        return None

    def redirect(self, called: str, targets: list[Redirection]) -> bool:
        """The newest attempt, to the URI `called`, was answered 3xx with these Contacts that may be followed: they are
        next, but for those that were called before, and but for all of them where too many 3xx have come. False where
        no Contact is left then, of an earlier 3xx either (8.1.3.4)."""
        self._called.add(called)
        fresh = [target for target in targets if target.request_uri not in self._called]
        if fresh and self._redirects < MOST_REDIRECTS:
            self._redirects += 1
            self._called.update(target.request_uri for target in fresh)
            self._redirections[:0] = fresh
        return bool(self._redirections)

    def is_open(self, attempt: Attempt) -> bool:
        """Whether an attempt that had to wait may still be made."""
        if attempt.request_uri is not None:
            return True
        return attempt.destination in self._open()

    def large_destination(self, attempt: Attempt) -> TransportAddress | None:
        """Where its INVITE goes instead if it is too large for UDP; None where nothing else is known to be there."""
        among = self._set.destinations
        large = attempt.trunk.large_destination(attempt.destination, among)
        return large if large is not None and large in attempt.trunk.open_among(among, self._now()) else None

    def went_to(self, destination: TransportAddress) -> None:
        """The newest attempt's INVITE went there for its size: this destination has been tried."""
        self._destinations.add(destination)

    def give_up(self) -> None:
        """Give back the leg's place; harmless when it has none."""
        if self._promised:
            self._promised = False
            self.trunk.withdraw(1, calls=1 if self._booked else 0)
        if self._taken:
            self._taken = False
            self.trunk.give_back()

    def _straight(self) -> Attempt | None:
        for destination in self._open():
            if destination not in self._destinations:
                return Attempt(self.trunk, destination)
        return None

    def _redirected(self) -> Attempt | None:
        while self._redirections:
            target = self._redirections.pop(0)
            named = target.address
            destination = next(iter(self._open()), None) if named is None else self._known_at(named)
            if destination is not None:
                return Attempt(self.trunk, destination, target.request_uri)
        return None

    def _known_at(self, address: TransportAddress) -> TransportAddress:
        """An address that a 3xx names: where the call may go anyhow it is that destination, and else the trunk's."""
        only = (self._only,) if isinstance(self._only, TransportAddress) else ()
        known = (*only, *self._set.destinations, *self.trunk.destinations)
        found = next((each for each in known if each.place == address), None)
        return address.expecting(self.trunk.expected) if found is None else found

    def _open(self) -> list[TransportAddress]:
        """Where it may be called now, in this call's own order: drawn once, and again if the set was found anew."""
        if isinstance(self._only, TransportAddress):
            return self.trunk.open_among((self._only,), self._now())
        among = self._set
        if self._known is not among.destinations:
            self._known = among.destinations
            self._order = self._trunks.order_for_a_call(among)
        return self.trunk.open_among(self._order, self._now())

    @property
    def _set(self) -> Trunk | RouteHost:
        """Whose destinations are tried, unless there is but one to go to."""
        return self._only if isinstance(self._only, RouteHost) else self.trunk

    def _occupy(self) -> None:
        if self._promised:
            self._promised, self._taken = False, True
            self.trunk.take(booked=self._booked)
            self._booked = False

    def _start(self) -> None:
        """What was promised may be a while ago: begin by another trunk where that one is down or second choice now."""
        now = self._now()
        if self._number is not None and (not self.trunk.usable(now) or self.trunk.second_choice(now)):
            better = self._trunks.choose(1, self._number)
            if better is not None and better is not self.trunk:
                self._tried.remove(self.trunk)
                self._move_to(better)

    def _change_trunk(self) -> bool:
        following = None if self._number is None else self._trunks.choose(1, self._number, self._tried)
        if following is None:
            return False
        self._move_to(following)
        return True

    def _move_to(self, trunk: Trunk) -> None:
        self.give_up()
        self._booked = False
        self.trunk = trunk
        self._tried.append(trunk)
        self._destinations = set()
        self._redirections = []
        trunk.promise(legs=1, calls=0)
        self._promised = True
