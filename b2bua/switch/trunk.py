"""One trunk as it is now: where it is, whether it answers, how full it is."""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from b2bua.config import Trunk as TrunkConfig
from b2bua.config import TrunkUri
from b2bua.sip.location import Choices
from b2bua.sip.routing import ANYBODY, TransportAddress, is_ip_literal
from b2bua.sip.settings import PeerPolicy
from b2bua.switch.call_rate import CallRate
from b2bua.switch.health import ASKED_TO_BE_LEFT_ALONE, Health
from b2bua.switch.route_host import RouteHost
from b2bua.transport.tls import PeerIdentity
from media.leg import LegProfile
from media.reach import is_loopback

NO_SUCH_NAME: Final = "its name does not resolve"
UNANSWERED: Final = "DNS fails to answer for its name"


@dataclass(slots=True, eq=False)
class Trunk:
    """One configured trunk and its present state. Live calls are counted in legs: a trunk sees each leg as a call.

    `promised` are legs of calls that are taken, or about to be, and not dialled yet. `invites` were sent to it;
    `failures` counts those that failed by what they failed of, `failovers` those of them that another attempt
    followed. `stride` is what a leg adds to `share`; among equals the trunk with the smallest share is next.

    `found_hosts` are the addresses its name has led to of late, with the monotonic second of the last time: calls of
    theirs may still be under way. `choices` are what each call draws its order of the destinations from, none where
    that is always the same. `route_hosts` and `route_addresses` are those elsewhere that routes call with its profile.
    `lost` is why there are no destinations, where there are none. `up` and `reason` are what OPTIONS and calls say;
    `registered` and `registration` what its registrar does, None where the profile asks for no registration.
    `registered_at` is the destination that has our binding.
    """

    config: TrunkConfig
    media_profile: LegProfile
    policy: PeerPolicy
    destinations: tuple[TransportAddress, ...] = ()
    choices: Choices = ()
    route_hosts: tuple[RouteHost, ...] = ()
    route_addresses: frozenset[TransportAddress] = frozenset()
    found_hosts: dict[str, float] = field(default_factory=dict)
    lost: str = NO_SUCH_NAME
    registered: bool | None = None
    registration: str = ""
    registered_at: TransportAddress | None = None
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
    not_before: float = 0.0
    _profiles: dict[tuple[bool, bool], LegProfile] = field(init=False, default_factory=dict)

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

    def large_destination(
        self, destination: TransportAddress, among: Sequence[TransportAddress] | None = None
    ) -> TransportAddress | None:
        """Where an INVITE too large for UDP goes instead of there: to the same host by TCP, where `among`, which are
        `destinations` unless given, has that. None where it has not, or the URI asks for UDP."""
        if self.next_hop.transport_given:
            return None
        known = self.destinations if among is None else among
        for each in known:
            if each.transport == "tcp" and each.host == destination.host:
                return each
        return None

    def media_profile_at(self, peer: TransportAddress) -> LegProfile:
        """How it wants the media of a leg whose SIP is with `peer`: over the same IP version, on loopback only where
        `peer` is. What the leg's own SDP says would come too late, where we make the offer."""
        ipv6, loopback = ":" in peer.host, is_ip_literal(peer.host) and is_loopback(peer.host)
        profile = self._profiles.get((ipv6, loopback))
        if profile is None:
            profile = replace(self.media_profile, ipv6=ipv6, loopback=loopback)
            self._profiles[ipv6, loopback] = profile
        return profile

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
        return PeerIdentity(f"trunk {self.name}", _server_name(self.config), self.config.tls_verify)

    @property
    def expected(self) -> str:
        """The same, as its destinations have it."""
        return expected_of(self.config)

    def has_address(self, host: str) -> bool:
        """Whether an address (no name), as a `TransportAddress` has it, is one of the peer's: its requests come from
        there."""
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
        """What is known of a destination; of those no more in a set it is forgotten when the next one is added."""
        found = self.health.get(destination)
        if found is None:
            of_hosts = (each for host in self.route_hosts for each in host.destinations)
            places = {*self.destinations, *self.route_addresses, *of_hosts}
            self.health = {address: kept for address, kept in self.health.items() if address in places}
            found = self.health[destination] = Health()
        return found

    def open_destinations(self, now: float) -> list[TransportAddress]:
        """The destinations that a call may be sent to now, in order; last those that have just said 503."""
        return self.open_among(self.home_first(self.destinations), now)

    def home_first(self, order: tuple[TransportAddress, ...]) -> tuple[TransportAddress, ...]:
        """Destinations with the one that we are registered with before all: the others need not know us."""
        home = self.registered_at
        if home is None or home not in order:
            return order
        return (home, *(each for each in order if each != home))

    def open_among(self, destinations: Sequence[TransportAddress], now: float) -> list[TransportAddress]:
        """Those of some destinations that a call may be sent to now, likewise."""
        known = self.health
        if not known:
            return list(destinations)
        found = [each for each in destinations if each not in known or known[each].open(now)]
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


def expected_of(config: TrunkConfig) -> str:
    """Who answers over TLS where a trunk is, as its destinations have it."""
    return _server_name(config) if config.tls_verify else ANYBODY


def _server_name(config: TrunkConfig) -> str:
    name = config.tls_server_name or (config.outbound_proxy or config.uri).host
    if not config.tls_server_name and config.outbound_proxy is None and config.domain and is_ip_literal(name):
        name = config.domain
    return name.lower()
