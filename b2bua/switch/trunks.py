"""The trunks together: whose a source is, which one a leg takes, and what is heard of each."""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, cast

from b2bua.call.arrival import Target, target_hosts
from b2bua.call.masking import DEFAULT_SIP_PORT
from b2bua.call.model import TrunkState
from b2bua.clock import Clock
from b2bua.config import Route
from b2bua.config import Trunk as TrunkConfig
from b2bua.sip.digest import Credentials
from b2bua.sip.location import Choices, drawn, expecting
from b2bua.sip.message import Request
from b2bua.sip.routing import TransportAddress, is_ip_literal
from b2bua.sip.settings import PeerPolicy
from b2bua.switch.accounts import account_of
from b2bua.switch.route_host import (
    RouteHost,
    expected_there,
    host_key,
    identity_there,
    route_address,
    route_addresses,
    route_hosts,
)
from b2bua.switch.trunk import NO_SUCH_NAME, Trunk, expected_of
from b2bua.switch.why_unanswered import why_unanswered
from b2bua.tokens import Tokens
from b2bua.transport.tls import PeerIdentity
from media.leg import LegProfile

LOG: Final = logging.getLogger(__name__)

DOWN_STATUSES: Final = frozenset({408, 503})
_STRICTEST: Final = PeerPolicy(reliable_provisional="off")  # of a source that is no trunk's
FOUND_HOSTS_LIMIT: Final = 64  # addresses of one trunk's name remembered; the one found longest ago is forgotten
FOUND_HOSTS_LIFE_S: Final = 4 * 3600.0  # longer than any call
PEER_CACHE_LIMIT: Final = 4096  # sources remembered as trunk or stranger; emptied when full


class Trunks:
    """All trunks: choice, ownership of sources, and what their OPTIONS and live traffic say of them.

    `on_down` is called with each trunk that goes down, and with each host of routes whose destinations all do,
    `on_lost` with a trunk and the destination of it whose OPTIONS or calls are in vain, or the one of our registration
    where its name leads there no more; again as long as that is so. `on_moved` with a trunk whose name leads to
    a host that it has not led to of late.
    `last_failure` is asked why the last connection to an address failed.
    """

    def __init__(
        self,
        configs: Iterable[TrunkConfig],
        clock: Clock,
        routes: Sequence[Route] = (),
        agents: TrunkConfig | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        """What comes from addresses that `routes` send calls to is heard, whatever trunk they are of; the calls they
        make belong to a trunk only where its own addresses have them. `agents`: the line that agents are dialled on,
        which is none of the trunks: it is neither chosen, probed nor shown, and makes no calls. `tokens` draw the order
        of a trunk's destinations for each call; without them all calls have that of the look-up."""
        self._clock = clock
        self._tokens = tokens
        self.on_down: Callable[[Trunk | RouteHost], None] = _ignore
        self.on_lost: Callable[[Trunk, TransportAddress], None] = _unheard
        self.on_moved: Callable[[Trunk], None] = _ignore
        self.last_failure: Callable[[TransportAddress], str | None] = _unknown
        listed = tuple(configs)
        least = math.lcm(*(config.weight for config in listed))
        self._trunks = tuple(_trunk_of(config, least) for config in listed)
        self.agents = None if agents is None else _trunk_of(agents, agents.weight)
        self._line = None if agents is None else TransportAddress("udp", agents.uri.host, agents.uri.port)
        self._by_name = {trunk.name: trunk for trunk in reversed(self._trunks)}
        self._routes = tuple(routes)
        self._targets = target_hosts(routes)
        self._route_hosts = route_hosts(routes, listed)
        self._shares: dict[int, int] = {}  # of each priority: the share of the trunk chosen last
        self._owners: dict[str, tuple[Trunk, ...]] = {}  # of each address, as far as it has been asked for
        self._identities: dict[TransportAddress, PeerIdentity | None] = {}  # likewise: each message by TLS asks
        if self.agents is not None and self._line is not None:
            self.agents.destinations = (self._line,)
        for trunk in self._trunks:
            trunk.route_hosts = tuple([host for host in self.route_hosts if host.via is trunk.config])
            hop = trunk.next_hop
            if is_ip_literal(hop.host):
                there = TransportAddress(hop.transport, hop.host, hop.port)
                trunk.destinations = (there.expecting(trunk.expected),)
        self._by_config = {
            trunk.name: {
                address: self._called_by(address, trunk) for address in route_addresses(self._routes, trunk.config)
            }
            for trunk in self._trunks
        }
        self._by_route: dict[tuple[str, TransportAddress], TransportAddress] = {}
        for trunk in self._trunks:
            self._follow_routes(trunk)

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks)

    def __len__(self) -> int:
        return len(self._trunks)

    def is_peer(self, source: TransportAddress) -> bool:
        """Whether the source's address belongs to a trunk or a route sends calls to it; anything else is a stranger."""
        host = source.host
        if self._owners_of(host) or host in self._targets or source == self._line:
            return True
        return any(host in named.found_hosts for named in self._route_hosts.values())

    @property
    def route_hosts(self) -> tuple[RouteHost, ...]:
        """The hosts that routes name and that are no trunk's own."""
        return tuple(self._route_hosts.values())

    def host_of(self, target: Target, via: Trunk) -> RouteHost | None:
        """The host that a route's target has to be looked up as; None where that is not needed."""
        key = host_key(target, via.config)
        return None if key is None else self._route_hosts[key]

    def _called_by(self, address: TransportAddress, via: Trunk) -> TransportAddress:
        """An address of a route with who is expected there: whose it is by configuration, whatever DNS says later."""
        owner = self.owner(address)
        return address.expecting(expected_there(address.host, via.config) if owner is None else owner.expected)

    def _follow_routes(self, via: Trunk) -> None:
        """Take in which addresses of its routes the name of `via` leads to, too: what is nobody else's by configuration
        is called by that name there."""
        called = dict(self._by_config[via.name])
        for address, there in called.items():
            if there.expected == expected_there(address.host, via.config) and via.has_address(address.host):
                called[address] = address.expecting(via.expected)
        via.route_addresses = frozenset(called.values())
        health = via.health  # as it is now: `health_of` forgets what is no place any more
        for address, there in called.items():
            before = self._by_route.get((via.name, address), there)
            self._by_route[via.name, address] = there
            known = health.get(before)
            if before != there and known is not None:
                via.health_of(there).asked_before(known)

    def address_of(self, target: Target, via: Trunk) -> TransportAddress | None:
        """The address that a route's target names; None as `route_address` has it."""
        address = route_address(target, via.config)
        return None if address is None else self._by_route.get((via.name, address), address)

    @property
    def dialled(self) -> tuple[Trunk, ...]:
        """All that legs are dialled by: the trunks, and the agents' line."""
        return self._trunks if self.agents is None else (*self._trunks, self.agents)

    @property
    def promised(self) -> int:
        """Legs that are to be dialled yet, over any of them or to agents."""
        return sum([trunk.promised for trunk in self.dialled])

    def _owners_of(self, host: str) -> tuple[Trunk, ...]:
        owners = self._owners.get(host)
        if owners is None:
            if len(self._owners) >= PEER_CACHE_LIMIT:
                self._owners.clear()
            owners = self._owners[host] = tuple([trunk for trunk in self._trunks if trunk.has_address(host)])
        return owners

    def owner(self, source: TransportAddress) -> Trunk | None:
        """The trunk that a source belongs to: of several, the one that is there, then one that is at its address, then
        one with its port, then the first."""
        return next(iter(self._nearest(source)), None)

    def owner_of(self, request: Request, source: TransportAddress) -> Trunk | None:
        """The trunk that a request outside a dialog from this source belongs to; of accounts that share it, see
        `account_of`."""
        owners = self._nearest(source)
        if len(owners) < 2:
            return next(iter(owners), None)
        return account_of(request, owners, self._routes)

    def policy_of(self, request: Request, source: TransportAddress) -> PeerPolicy:
        """The policy for a request outside a dialog that comes from this source."""
        trunk = self.owner_of(request, source)
        return _STRICTEST if trunk is None else trunk.policy

    def held_to(self, policy: PeerPolicy) -> Trunk | None:
        """The trunk whose calls `policy_of` gives this policy for: the very one, for accounts may have the same."""
        for trunk in self._trunks:
            if trunk.policy is policy:
                return trunk
        return None

    def _nearest(self, source: TransportAddress) -> tuple[Trunk, ...]:
        owners = self._owners_of(source.host)
        if len(owners) < 2:
            return owners
        place = source.place
        near = [_nearness(trunk, place) for trunk in owners]
        nearest = max(near)
        among = [trunk for trunk, how_near in zip(owners, near, strict=True) if how_near == nearest]
        if source.expected:  # over a connection of ours, which one of them has been proved to be at
            among.sort(key=lambda trunk: trunk.expected != source.expected)
        return tuple(among)

    def named(self, name: str) -> Trunk:
        """The trunk of this name, which the configuration declares."""
        return self._by_name[name]

    def identity_of(self, destination: TransportAddress) -> PeerIdentity | None:
        """Who is expected at a destination, None where it is no trunk's nor any route's. Where it says that itself,
        those of this name alone are looked at, as long as one of them is there. Where it does not, the first of all
        there that is verified, trunks before routes, says whose name it is."""
        known = self._identities
        if destination not in known:
            if len(known) >= PEER_CACHE_LIMIT:
                known.clear()
            known[destination] = self._identity_at(destination)
        return known[destination]

    def _identity_at(self, destination: TransportAddress) -> PeerIdentity | None:
        everyone: tuple[Trunk | RouteHost, ...] = (*self._trunks, *self._route_hosts.values())
        found = [each.identity for each in everyone if _is_among(destination, each.destinations)]
        if found:
            return max(found, key=lambda identity: identity.verify)
        via = next((trunk for trunk in self._trunks if _is_among(destination, trunk.route_addresses)), None)
        if destination.expected:
            named = (each for each in everyone if each.expected == destination.expected)
            there = next((each for each in named if _has_address(each, destination.host)), None)
            if there is None and via is not None:
                return _identity_by(destination, via)
            in_general = self.identity_of(destination.place)
            if there is None:
                return in_general
            return replace(there.identity, listens=in_general is not None and in_general.listens)
        owner = self.owner(destination)
        if owner is not None:
            return owner.identity if via is not None else replace(owner.identity, listens=False)
        return None if via is None else _identity_by(destination, via)

    def at(self, host: str, port: int | None) -> Trunk | None:
        """The trunk whose `uri` has this host and port. A port that is not given is 5060, and where no trunk there has
        that it is the one of a `uri` that gives none either."""
        here = [trunk for trunk in self._trunks if trunk.config.uri.host.lower() == host.lower()]
        exact = [trunk for trunk in here if trunk.config.uri.port == (port or DEFAULT_SIP_PORT)]
        open_to_dns = [trunk for trunk in here if port is None and not trunk.config.uri.port_given]
        return next(iter((*exact, *open_to_dns)), None)

    def choose(
        self, legs: int, number: str | None = None, but: Collection[Trunk] = (), own: Collection[str] = ()
    ) -> Trunk | None:
        """The trunk a plain number goes out by: up, with room for `legs`, of the lowest priority, shared by weight.

        `number` restricts it to trunks that may show this masked number; those of `but` have been tried. `own`, where
        there are any: it may show one of these. Without `number`, one that may show no number at all, as a peer that is
        only there for routes, is taken where there is no other.
        """
        now = self._clock.monotonic()
        ready = [
            trunk
            for trunk in self._trunks
            if trunk not in but
            and (number is None or number in trunk.config.numbers)
            and (not own or not set(own).isdisjoint(trunk.config.numbers))
            and trunk.usable(now)
            and trunk.has_room(now, legs)
        ]
        if not ready:
            return None
        ready = [trunk for trunk in ready if trunk.config.numbers] or ready
        preference = min((trunk.second_choice(now), trunk.config.priority) for trunk in ready)
        return self._fairest(
            [trunk for trunk in ready if (trunk.second_choice(now), trunk.config.priority) == preference]
        )

    def _fairest(self, equals: list[Trunk]) -> Trunk:
        """Stride scheduling: each leg adds to its trunk's share what is in inverse proportion to the weight, and the
        smallest share is next. One that had to be passed over for a while does not catch up: it begins where the
        others are."""
        priority = equals[0].config.priority
        reached = self._shares.get(priority, 0)
        for trunk in equals:
            trunk.share = max(trunk.share, reached)
        chosen = min(equals, key=lambda trunk: trunk.share)
        self._shares[priority] = chosen.share
        return chosen

    def too_fast(self, legs: int) -> bool:
        """Whether a trunk that is up could take `legs` more but for its call rate: it is worth asking again soon."""
        now = self._clock.monotonic()
        return any(trunk.usable(now) and not trunk.is_full(legs) for trunk in self._trunks)

    def order_for_a_call(self, where: Trunk | RouteHost) -> tuple[TransportAddress, ...]:
        """Its destinations in the order that one call is to try them: hosts of equal priority by weight, drawn anew
        each time (RFC 2782). The one that we are registered with comes before all."""
        order = where.destinations
        if where.choices and self._tokens is not None:
            order = drawn(where.choices, self._tokens)
        return where.home_first(order) if isinstance(where, Trunk) else order

    def resolved(
        self,
        where: Trunk | RouteHost,
        destinations: Sequence[TransportAddress],
        *,
        choices: Choices = (),
        lost: str = NO_SUCH_NAME,
    ) -> None:
        """A trunk's destinations in the order to try them, and what calls draw theirs from; where there are none, for
        the reason `lost`, the last ones found stay good, and a trunk that never had any is down until it has. Likewise
        those of a host of routes."""
        if destinations:
            if isinstance(where, Trunk) and not where.destinations and not where.up:
                self._mark(where, up=True, reason="resolved")
            elsewhere = any(each.host not in where.found_hosts for each in destinations)
            expected = where.expected
            where.destinations = tuple([each.expecting(expected) for each in destinations])
            drawn_from = choices if any(len(equals) > 1 for equals in choices) else ()
            where.choices = expecting(drawn_from, expected)
            _remember_hosts(where, self._clock.monotonic())
            if isinstance(where, Trunk):
                self._follow_routes(where)
                self._tell_of_moves(where, elsewhere=elsewhere)
        elif not where.destinations:
            where.lost = lost
            if isinstance(where, Trunk):
                self._mark(where, up=False, reason=lost)
        self._owners.clear()
        self._identities.clear()

    def _tell_of_moves(self, trunk: Trunk, *, elsewhere: bool) -> None:
        home = trunk.registered_at
        if home is not None and home not in trunk.destinations:
            self.on_lost(trunk, home)
        if elsewhere:
            self.on_moved(trunk)

    def probe_answered(
        self, trunk: Trunk, status: int, round_trip_s: float, destination: TransportAddress | None = None
    ) -> None:
        """An OPTIONS to a destination, the first where none is named, got a final response so long after it was sent:
        any of them but 408 and 503 shows a live peer."""
        where = destination or trunk.destination
        if status in DOWN_STATUSES:
            self._probed(trunk, where, status, None)
            self._not_answering(trunk, where, f"OPTIONS answered {status}", for_sure=True)
            return
        self._probed(trunk, where, status, round(round_trip_s * 1000, 1))
        self._answered_at(trunk, where)
        self._mark(trunk, up=True, reason=f"OPTIONS answered {status}")

    def probe_failed(self, trunk: Trunk, cause: str, destination: TransportAddress | None = None) -> None:
        """An OPTIONS to a destination, the first where none is named, got nothing. The second in a row takes the
        destination down, and the trunk with the last of them."""
        where = destination or trunk.destination
        self._probed(trunk, where, None, None)
        self._not_answering(trunk, where, f"OPTIONS unanswered ({self.why(cause, where)})", for_sure=False)

    def _probed(
        self, trunk: Trunk, where: TransportAddress | None, status: int | None, round_trip_ms: float | None
    ) -> None:
        """What is shown of a trunk's OPTIONS are those to the destination that calls go to first."""
        first = next(iter(trunk.open_destinations(self._clock.monotonic())), trunk.destination)
        if where in (None, first) or trunk.last_options_at is None:
            trunk.last_options_at = self._clock.wall_ms()
            trunk.last_options_status = status
            trunk.round_trip_ms = round_trip_ms

    def _not_answering(self, trunk: Trunk, where: TransportAddress | None, reason: str, *, for_sure: bool) -> None:
        if where is None:
            self._mark(trunk, up=False, reason=reason)
            return
        health = trunk.health_of(where)
        health.probe_failed(for_sure=for_sure)
        silent = [each for each in trunk.destinations if each in trunk.health and trunk.health[each].silent]
        if len(silent) == len(trunk.destinations):
            self._mark(trunk, up=False, reason=reason)
        elif trunk.up and len(trunk.destinations) == 1:
            trunk.reason = f"{reason}, asked again"
        elif trunk.up and health.silent:
            trunk.reason = f"{len(silent)} of {len(trunk.destinations)} destinations down: {reason}"
        if health.silent:
            self.on_lost(trunk, where)

    def alive(self, trunk: Trunk, destination: TransportAddress | None = None) -> None:
        """Live traffic was answered, by a destination of the trunk: proof enough that it is up."""
        self._answered_at(trunk, destination)
        if not trunk.up and (destination is None or destination in trunk.destinations):
            self._mark(trunk, up=True, reason="answered a call")

    def unanswered(self, trunk: Trunk, destination: TransportAddress, cause: str) -> None:
        """A call got no answer at all from a destination, or could not be sent to it."""
        now = self._clock.monotonic()
        health = trunk.health_of(destination)
        if health.unanswered(now):
            wait_s = health.down_until - now
            why = self.why(cause, destination)
            LOG.warning(
                "trunk %s: %s is left alone for %g s: calls unanswered (%s)", trunk.name, destination, wait_s, why
            )
            if trunk.up and not trunk.open_destinations(now):
                self.on_down(trunk)
            for host in trunk.route_hosts:
                if destination in host.destinations and not trunk.open_among(host.destinations, now):
                    self.on_down(host)
            self.on_lost(trunk, destination)

    def why(self, cause: str, destination: TransportAddress | None) -> str:
        """Why what went to a destination got no answer, in words."""
        if destination is None:
            return why_unanswered(cause)
        return why_unanswered(cause, self.last_failure(destination), stream=destination.reliable)

    def unavailable(self, trunk: Trunk, destination: TransportAddress, retry_after_s: int | None) -> None:
        """A destination answered a call with 503: it is left alone as long as that says; where it says nothing, others
        are asked before it for a few seconds."""
        now = self._clock.monotonic()
        if retry_after_s is None:
            trunk.health_of(destination).overloaded(now)
        else:
            LOG.warning("trunk %s: %s asks to be left alone for %d s", trunk.name, destination, retry_after_s)
            trunk.health_of(destination).held_off(now, retry_after_s)

    def registration_told(self, trunk: Trunk, registered: bool, reason: str) -> None:
        """How the registration with the trunk stands; without it, it is down."""
        if registered != trunk.registered or (not registered and reason != trunk.registration):
            LOG.log(logging.INFO if registered else logging.WARNING, "trunk %s: %s", trunk.name, reason)
        was_registered, trunk.registered, trunk.registration = trunk.registered, registered, reason
        if not registered:
            trunk.registered_at = None
            if was_registered:
                self.on_down(trunk)

    def held_off(self, trunk: Trunk, seconds: float) -> None:
        """Leave the whole trunk alone so long."""
        trunk.not_before = max(trunk.not_before, self._clock.monotonic() + seconds)

    def _answered_at(self, trunk: Trunk, destination: TransportAddress | None) -> None:
        where = destination or trunk.destination
        if where is not None and where in trunk.health:
            trunk.health[where].answered()

    def states(self) -> list[TrunkState]:
        """Every trunk as an operator sees it."""
        now = self._clock.monotonic()
        return [
            TrunkState(
                name=trunk.name,
                uri=trunk.config.uri.text,
                up=trunk.usable(now),
                reason=trunk.reason_at(now),
                live_calls=trunk.live_calls,
                max_calls=trunk.config.max_calls,
                cps=trunk.config.cps,
                last_options_at=trunk.last_options_at,
                last_options_status=trunk.last_options_status,
                round_trip_ms=trunk.round_trip_ms,
                destinations=len(trunk.destinations),
                open_destinations=len(trunk.open_destinations(now)) if trunk.up else 0,
                waiting=trunk.rate.waiting,
                placed=trunk.invites,
                failovers=trunk.failovers,
                failures=tuple(sorted(trunk.failures.items())),
            )
            for trunk in self._trunks
        ]

    def _mark(self, trunk: Trunk, *, up: bool, reason: str) -> None:
        if up != trunk.up:
            LOG.warning("trunk %s is %s: %s", trunk.name, "up" if up else "down", reason)
        went_down = trunk.up and not up
        trunk.up = up
        trunk.reason = reason
        if went_down:
            self.on_down(trunk)


def _trunk_of(config: TrunkConfig, least: int) -> Trunk:
    """A trunk at the start; `least`: the least common multiple of all weights."""
    return Trunk(
        config,
        _media_profile(config),
        _policy(config),
        reason="not probed yet" if config.options_interval_s > 0 else "not probed (options_interval_s is 0)",
        registered=False if config.register else None,
        registration="not registered yet",
        stride=least // config.weight,
    )


def _nearness(trunk: Trunk, source: TransportAddress) -> tuple[bool, bool, bool]:
    """How well the place of a source fits its trunk: whether that is there, at that host, or at that port."""
    at_host = source.host == trunk.config.uri.host or any(each.host == source.host for each in trunk.destinations)
    return _is_among(source, trunk.destinations), at_host, trunk.config.uri.port == source.port


def _is_among(address: TransportAddress, destinations: Iterable[TransportAddress]) -> bool:
    """Whether it is one of them: of one that does not say who is expected there, whether its place is."""
    if address.expected or address.transport != "tls":
        return address in destinations
    place = address[:3]  # by hand: each account with a carrier is asked for each request that comes
    return any(place == each[:3] for each in destinations)


def _identity_by(address: TransportAddress, via: Trunk) -> PeerIdentity:
    return identity_there(f"{address.host}:{address.port} by {via.name}", address.host, via.config)


def _has_address(named: Trunk | RouteHost, host: str) -> bool:
    return named.has_address(host) if isinstance(named, Trunk) else host in named.found_hosts


def _ignore(_trunk: Trunk | RouteHost) -> None:
    """Who is told of a trunk that goes down while nobody asked to be."""


def _unheard(_trunk: Trunk, _destination: TransportAddress) -> None:
    """Who is told of a destination that is lost, likewise."""


def _unknown(_destination: TransportAddress) -> None:
    """What is known of connections while nobody makes any."""


def _media_profile(config: TrunkConfig) -> LegProfile:
    return LegProfile(
        codecs=config.codecs,
        ptime_ms=config.ptime_ms,
        dtmf_payload_type=config.dtmf_payload_type,
        key_tones=config.dtmf_in_audio,
        nat=config.nat,
        media_networks=tuple(str(network) for network in config.media_addresses),
        srtp=config.srtp,
    )


def _policy(config: TrunkConfig) -> PeerPolicy:
    challenge = credentials = None
    if config.challenge_username:
        challenge = Credentials(config.challenge_username, config.challenge_password)
    if config.auth_username:
        credentials = Credentials(config.auth_username, config.auth_password)
    return PeerPolicy(
        reliable_provisional=cast(Literal["off", "supported", "required"], config.reliable_provisional),
        session_timer_s=config.session_timer_s,
        session_timer_min_s=config.session_timer_min_s,
        session_refresher=cast(Literal["auto", "us", "peer"], config.session_refresher),
        session_refresh_method=cast(Literal["auto", "update", "invite"], config.session_refresh_method),
        challenge=challenge,
        realm=config.domain,
        algorithms=config.challenge_algorithms,
        credentials=credentials,
        nat=config.nat,
        expected=expected_of(config),
    )


def _remember_hosts(where: Trunk | RouteHost, now: float) -> None:
    found = {host: at for host, at in where.found_hosts.items() if now - at < FOUND_HOSTS_LIFE_S}
    for destination in where.destinations:
        found.pop(destination.host, None)
        found[destination.host] = now
    where.found_hosts = dict(list(found.items())[-FOUND_HOSTS_LIMIT:])
