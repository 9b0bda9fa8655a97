"""The trunks as they are now: where they are, whether they answer, how full they are, and which one a leg takes."""

import ipaddress
import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, cast

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.model import TrunkState
from b2bua.clock import Clock
from b2bua.config import Trunk as TrunkConfig
from b2bua.config import TrunkUri
from b2bua.sip.digest import Credentials
from b2bua.sip.routing import TransportAddress, is_ip_literal
from b2bua.sip.settings import PeerPolicy
from b2bua.switch.call_rate import CallRate
from b2bua.switch.health import ASKED_TO_BE_LEFT_ALONE, Health
from b2bua.transport.tls import PeerIdentity
from media.leg import LegProfile

LOG: Final = logging.getLogger(__name__)

DOWN_STATUSES: Final = frozenset({408, 503})
_STRICTEST: Final = PeerPolicy(reliable_provisional="off")  # of a source that is no trunk's
FOUND_HOSTS_LIMIT: Final = 64  # addresses of one trunk's name remembered; the one found longest ago is forgotten
FOUND_HOSTS_LIFE_S: Final = 4 * 3600.0  # longer than any call
PEER_CACHE_LIMIT: Final = 4096  # sources remembered as trunk or stranger; emptied when full


@dataclass(slots=True, eq=False)
class Trunk:
    """One configured trunk and its present state. Live calls are counted in legs: a trunk sees each leg as a call.

    `promised` are legs of calls that are taken, or about to be, and not dialled yet. `invites` were sent to it;
    `failures` counts those that failed by what they failed of, `failovers` those of them that another attempt
    followed. `stride` is what a leg adds to `share`; among equals the trunk with the smallest share is next.

    `found_hosts` are the addresses its name has led to of late, with the monotonic second of the last time: calls of
    theirs may still be under way. `up` and `reason` are what OPTIONS and calls say; `registered` and `registration`
    what its registrar does, None where the profile asks for no registration.
    """

    config: TrunkConfig
    media_profile: LegProfile
    policy: PeerPolicy
    destinations: tuple[TransportAddress, ...] = ()
    found_hosts: dict[str, float] = field(default_factory=dict)
    registered: bool | None = None
    registration: str = ""
    up: bool = True
    reason: str = "not probed yet"
    live_calls: int = 0
    promised: int = 0
    stride: int = 1
    share: int = 0
    invites: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failovers: int = 0
    health: dict[TransportAddress, Health] = field(default_factory=dict)
    rate: CallRate = field(init=False)
    last_options_at: int | None = None
    last_options_status: int | None = None
    round_trip_ms: float | None = None
    probe_sent_at: float = 0.0
    not_before: float = 0.0

    def __post_init__(self) -> None:
        """Give it its call rate."""
        self.rate = CallRate(self.config.cps)

    @property
    def name(self) -> str:
        """The configured name."""
        return self.config.name

    @property
    def destination(self) -> TransportAddress | None:
        """Where its requests are sent first: at the outbound proxy if it has one. None while the name does not
        resolve. `destinations` are all of them, in the order they are tried."""
        return self.destinations[0] if self.destinations else None

    def large_destination(self, destination: TransportAddress) -> TransportAddress | None:
        """Where an INVITE too large for UDP goes instead of there: to the same host by TCP, where `destinations` have
        that. None where they do not, or the URI asks for UDP."""
        if ";transport=" in self.next_hop.text.lower():
            return None
        candidates = (each for each in self.destinations if each.transport == "tcp" and each.host == destination.host)
        return next(candidates, None)

    @property
    def contact_user(self) -> str | None:
        """The user part that its registrar knows us by: that of the credentials, without what follows an @ in it. None
        where we do not register."""
        return self.config.auth_username.partition("@")[0] if self.config.register else None

    @property
    def next_hop(self) -> TrunkUri:
        """Where its requests go first."""
        return self.config.outbound_proxy or self.config.uri

    @property
    def identity(self) -> PeerIdentity:
        """Who answers there over TLS. Where the certificate's name is not configured, it is the host that is called; a
        domain stands for an address of `uri`, which hardly an authority would certify."""
        config = self.config
        name = config.tls_server_name or self.next_hop.host
        if not config.tls_server_name and config.outbound_proxy is None and config.domain and is_ip_literal(name):
            name = config.domain
        return PeerIdentity(f"trunk {self.name}", name, config.tls_verify)

    def has_address(self, host: str) -> bool:
        """Whether an address (no name) is one of the peer's: its requests come from there."""
        if host in self.found_hosts or any(host == destination.host for destination in self.destinations):
            return True
        if host == self.config.uri.host:  # the peer itself, where its requests go by a proxy
            return True
        if not self.config.addresses:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.config.addresses)

    def usable(self, now: float) -> bool:
        """Whether a leg may be sent to it at all."""
        may_call = self.up and self.registered is not False and now >= self.not_before
        return may_call and bool(self.open_destinations(now))

    def health_of(self, destination: TransportAddress) -> Health:
        """What is known of a destination; of those no more in the set it is forgotten when the next one is added."""
        found = self.health.get(destination)
        if found is None:
            self.health = {address: kept for address, kept in self.health.items() if address in self.destinations}
            found = self.health[destination] = Health()
        return found

    def open_destinations(self, now: float) -> list[TransportAddress]:
        """The destinations that a call may be sent to now, in order; last those that have just said 503."""
        known = self.health
        if not known:
            return list(self.destinations)
        found = [each for each in self.destinations if each not in known or known[each].open(now)]
        return sorted(found, key=lambda each: each in known and now < known[each].second_choice_until)

    def second_choice(self, now: float) -> bool:
        """Whether every destination has just said 503 without a time, so that other trunks are better asked first."""
        known = self.health
        return bool(known) and all(
            each in known and now < known[each].second_choice_until for each in self.destinations
        )

    def reason_at(self, now: float) -> str:
        """Why it is up or down."""
        if self.up and self.destinations and not self.open_destinations(now):
            known = [self.health[each] for each in self.destinations]
            return min(known, key=lambda health: max(health.held_until, health.down_until)).reason(now)
        if now < self.not_before:
            return ASKED_TO_BE_LEFT_ALONE
        if self.registered is None or (self.registered and not self.up):
            return self.reason
        if not self.registered or self.config.options_interval_s == 0:
            return self.registration
        return f"{self.registration}, {self.reason}"

    def is_full(self, legs: int) -> bool:
        """Whether `legs` more legs are over the cap of calls at once."""
        return bool(self.config.max_calls) and self.live_calls + self.promised + legs > self.config.max_calls

    def has_room(self, now: float, legs: int) -> bool:
        """Whether `legs` more legs fit under its caps. The call rate is asked for the first of them."""
        if self.is_full(legs):
            return False
        return self.rate.has_room(now)

    def promise(self, legs: int, calls: int = 1) -> None:
        """Keep room for legs to come. `calls` of them, 0 or 1, are dialled at once and have a place in the call rate's
        line from now."""
        self.promised += legs
        self.share += legs * self.stride
        self.rate.booked += calls

    def withdraw(self, legs: int, calls: int = 0) -> None:
        """Legs that were promised will not come; `calls` of them have not been dialled though they were to be."""
        self.promised -= legs
        self.share -= legs * self.stride
        self.rate.booked -= calls

    def take(self, *, booked: bool) -> None:
        """A promised leg is dialled: count it in. `booked`: it asks the call rate for the turn it has a place for."""
        self.promised -= 1
        self.live_calls += 1
        self.rate.booked -= booked

    def arrive(self) -> bool:
        """A leg comes in from it: counted as a live one where the cap allows it, False where not. The call rate is
        for what we send."""
        if self.is_full(1):
            return False
        self.live_calls += 1
        return True

    def give_back(self) -> None:
        """Count a leg out, whichever side it came from."""
        self.live_calls -= 1


class Trunks:
    """All trunks: choice, ownership of sources, and what their OPTIONS and live traffic say of them.

    `on_down` is called with each trunk that goes down.
    """

    def __init__(self, configs: Iterable[TrunkConfig], clock: Clock, targets: Iterable[str] = ()) -> None:
        """`targets`: addresses that routes send calls to. What comes from them is heard, whatever trunk they are of;
        the calls they make belong to a trunk only where its own addresses have them."""
        self._clock = clock
        self.on_down: Callable[[Trunk], None] = _ignore
        listed = tuple(configs)
        least = math.lcm(*(config.weight for config in listed))
        self._trunks = tuple(
            Trunk(
                config,
                _media_profile(config),
                _policy(config),
                reason="not probed yet" if config.options_interval_s > 0 else "not probed (options_interval_s is 0)",
                registered=False if config.register else None,
                registration="not registered yet",
                stride=least // config.weight,
            )
            for config in listed
        )
        self._targets = frozenset(targets)
        self._shares: dict[int, int] = {}  # of each priority: the share of the trunk chosen last
        self._peers: dict[str, bool] = {}
        for trunk in self._trunks:
            hop = trunk.next_hop
            if is_ip_literal(hop.host):
                trunk.destinations = (TransportAddress(hop.transport, hop.host, hop.port),)

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks)

    def __len__(self) -> int:
        return len(self._trunks)

    def is_peer(self, source: TransportAddress) -> bool:
        """Whether the source's address belongs to a trunk or a route sends calls to it; anything else is a stranger."""
        known = self._peers.get(source.host)
        if known is None:
            if len(self._peers) >= PEER_CACHE_LIMIT:
                self._peers.clear()
            known = self._peers[source.host] = source.host in self._targets or any(
                trunk.has_address(source.host) for trunk in self._trunks
            )
        return known

    def owner(self, source: TransportAddress) -> Trunk | None:
        """The trunk a request from this source belongs to: of several, the one with its port, then the first."""
        owners = [trunk for trunk in self._trunks if trunk.has_address(source.host)]
        for trunk in owners:
            if trunk.config.uri.port == source.port or source in trunk.destinations:
                return trunk
        return owners[0] if owners else None

    def policy_of(self, source: TransportAddress) -> PeerPolicy:
        """The policy for calls that come from this source."""
        trunk = self.owner(source)
        return _STRICTEST if trunk is None else trunk.policy

    def named(self, name: str) -> Trunk:
        """The trunk of this name, which the configuration declares."""
        return next(trunk for trunk in self._trunks if trunk.name == name)

    def identity_of(self, destination: TransportAddress) -> PeerIdentity | None:
        """Who is expected at an address, None where it is no trunk's. Trunks that share an address and port share
        their connections: the first of them says whose name is verified."""
        trunk = next((trunk for trunk in self._trunks if destination in trunk.destinations), None)
        trunk = trunk or self.owner(destination)
        return None if trunk is None else trunk.identity

    def at(self, host: str, port: int) -> Trunk | None:
        """The trunk whose `uri` has this host and port."""
        for trunk in self._trunks:
            if trunk.config.uri.port == port and trunk.config.uri.host.lower() == host.lower():
                return trunk
        return None

    def choose(self, legs: int, number: str | None = None, but: Collection[Trunk] = ()) -> Trunk | None:
        """The trunk a plain number goes out by: up, with room for `legs`, of the lowest priority, shared by weight.

        `number` restricts it to trunks that may show this masked number; those of `but` have been tried.
        """
        now = self._clock.monotonic()
        ready = [
            trunk
            for trunk in self._trunks
            if trunk not in but
            and (number is None or number in trunk.config.numbers)
            and trunk.usable(now)
            and trunk.has_room(now, legs)
        ]
        if not ready:
            return None
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

    def resolved(self, trunk: Trunk, destinations: Sequence[TransportAddress]) -> None:
        """A trunk's destinations in the order to try them; where there are none, the last ones found stay good, and a
        trunk that never had any is down until it has."""
        if destinations:
            if not trunk.destinations and not trunk.up:
                self._mark(trunk, up=True, reason="resolved")
            trunk.destinations = tuple(destinations)
            _remember_hosts(trunk, self._clock.monotonic())
        elif not trunk.destinations:
            self._mark(trunk, up=False, reason="its name does not resolve")
        self._peers.clear()

    def probe_answered(
        self, trunk: Trunk, status: int, now: float, destination: TransportAddress | None = None
    ) -> None:
        """An OPTIONS to a destination, the first where none is named, got a final response: any of them but 408 and
        503 shows a live peer."""
        where = destination or trunk.destination
        if status in DOWN_STATUSES:
            self._probed(trunk, where, status, None)
            self._not_answering(trunk, where, f"OPTIONS answered {status}", for_sure=True)
            return
        self._probed(trunk, where, status, round((now - trunk.probe_sent_at) * 1000, 1))
        self._answered_at(trunk, where)
        self._mark(trunk, up=True, reason=f"OPTIONS answered {status}")

    def probe_failed(self, trunk: Trunk, cause: str, destination: TransportAddress | None = None) -> None:
        """An OPTIONS to a destination, the first where none is named, got nothing. The second in a row takes the
        destination down, and the trunk with the last of them."""
        where = destination or trunk.destination
        self._probed(trunk, where, None, None)
        self._not_answering(trunk, where, f"OPTIONS unanswered ({cause})", for_sure=False)

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
            LOG.warning("trunk %s: %s is left alone for %g s: %s", trunk.name, destination, wait_s, cause)

    def unavailable(self, trunk: Trunk, destination: TransportAddress, retry_after_s: int | None) -> None:
        """A destination answered a call with 503: it is left alone as long as that says; where it says nothing, others
        are asked before it for a few seconds."""
        now = self._clock.monotonic()
        if retry_after_s is None:
            trunk.health_of(destination).overloaded(now)
        else:
            trunk.health_of(destination).held_off(now, retry_after_s)

    def registration_told(self, trunk: Trunk, registered: bool, reason: str) -> None:
        """How the registration with the trunk stands; without it, it is down."""
        if registered != trunk.registered or (not registered and reason != trunk.registration):
            LOG.log(logging.INFO if registered else logging.WARNING, "trunk %s: %s", trunk.name, reason)
        was_registered, trunk.registered, trunk.registration = trunk.registered, registered, reason
        if was_registered and not registered:
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


def _ignore(_trunk: Trunk) -> None:
    """Who is told of a trunk that goes down while nobody asked to be."""


class Probing:
    """Sends each trunk its OPTIONS on the configured interval, the trunks spread over it."""

    def __init__(self, trunks: Trunks, scheduler: Scheduler, probe: Callable[[Trunk], None]) -> None:
        self._scheduler = scheduler
        self._probe = probe
        self._alarms: dict[Trunk, Alarm] = {
            trunk: Alarm(scheduler, partial(self._due, trunk))
            for trunk in trunks
            if trunk.config.options_interval_s > 0
        }

    def start(self) -> None:
        """Probe every trunk, the first at once, a fiftieth of a second between one and the next."""
        for position, alarm in enumerate(self._alarms.values()):
            alarm.set(self._scheduler.time() + position * 0.02)

    def stop(self) -> None:
        """Send no more."""
        for alarm in self._alarms.values():
            alarm.clear()

    def _due(self, trunk: Trunk) -> None:
        trunk.probe_sent_at = self._scheduler.time()
        self._alarms[trunk].set(trunk.probe_sent_at + trunk.config.options_interval_s)
        self._probe(trunk)


def _media_profile(config: TrunkConfig) -> LegProfile:
    return LegProfile(
        codecs=config.codecs,
        ptime_ms=config.ptime_ms,
        dtmf_payload_type=config.dtmf_payload_type,
        nat=config.nat,
        media_networks=tuple(str(network) for network in config.media_addresses),
        srtp=config.srtp,
    )


def _policy(config: TrunkConfig) -> PeerPolicy:
    challenge = None
    if config.challenge_username:
        challenge = Credentials(config.challenge_username, config.challenge_password)
    return PeerPolicy(
        reliable_provisional=cast(Literal["off", "supported", "required"], config.reliable_provisional),
        session_timer_s=config.session_timer_s,
        session_timer_min_s=config.session_timer_min_s,
        challenge=challenge,
        realm=config.domain,
    )


def _remember_hosts(trunk: Trunk, now: float) -> None:
    found = {host: at for host, at in trunk.found_hosts.items() if now - at < FOUND_HOSTS_LIFE_S}
    for destination in trunk.destinations:
        found.pop(destination.host, None)
        found[destination.host] = now
    trunk.found_hosts = dict(list(found.items())[-FOUND_HOSTS_LIMIT:])
