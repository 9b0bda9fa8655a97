"""Hosts and addresses that routes name: where their calls go, with the profile of a trunk that is elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from b2bua.call.arrival import Target as RouteTarget
from b2bua.call.arrival import target_of
from b2bua.config import Route
from b2bua.config import Trunk as TrunkConfig
from b2bua.sip.location import Choices, Target
from b2bua.sip.routing import ANYBODY, DEFAULT_PORT, TransportAddress, is_ip_literal
from b2bua.transport.tls import PeerIdentity

HostKey = tuple[str, str, int | None]
"""The trunk's name, the host in lowercase without the dot of the root, and the port where one is given."""


@dataclass(slots=True, eq=False)
class RouteHost:
    """One of them, for each trunk whose profile its calls have. `destinations`, `choices`, `found_hosts` and `lost` are
    as a trunk's; how they fare is kept with the trunk's own."""

    host: str
    port: int | None
    via: TrunkConfig
    destinations: tuple[TransportAddress, ...] = ()
    choices: Choices = ()
    found_hosts: dict[str, float] = field(default_factory=dict)
    lost: str = ""

    @property
    def target(self) -> Target:
        """What is to be looked up: this host, by the transport of the trunk's URI where that names one."""
        uri = self.via.uri
        return Target(self.host, self.port, uri.transport if uri.transport_given else None, uri.secure)

    @property
    def name(self) -> str:
        """As a log shows it."""
        return f"{self.host}{'' if self.port is None else f':{self.port}'} by {self.via.name}"

    @property
    def identity(self) -> PeerIdentity:
        """Who answers there over TLS: the host, unless the profile names another."""
        return identity_there(self.name, self.host, self.via)

    @property
    def expected(self) -> str:
        """The same, as its destinations have it."""
        return expected_there(self.host, self.via)


def identity_there(name: str, host: str, via: TrunkConfig) -> PeerIdentity:
    """Who answers over TLS where a route leads with the profile of `via`; `name`: as a log shows it."""
    return PeerIdentity(f"route to {name}", (via.tls_server_name or host).lower(), via.tls_verify)


def expected_there(host: str, via: TrunkConfig) -> str:
    """The same, as a destination has it."""
    return (via.tls_server_name or host).lower() if via.tls_verify else ANYBODY


def host_key(target: RouteTarget, via: TrunkConfig) -> HostKey | None:
    """Which host a route's target has to be looked up as. None where it is an address, a name of the trunk's own, or
    behind the trunk's outbound proxy."""
    if via.outbound_proxy is not None or is_ip_literal(target.host):
        return None
    host = target.host.lower().removesuffix(".")
    if host in (via.uri.host.lower(), via.domain.lower()) and target.port in (None, via.uri.port):
        return None
    return via.name, host, target.port


def route_address(target: RouteTarget, via: TrunkConfig) -> TransportAddress | None:
    """The address that a route's target names. None where it is a name, where the trunk itself is, or behind the
    trunk's outbound proxy."""
    if via.outbound_proxy is not None or not is_ip_literal(target.host):
        return None
    uri = via.uri
    port = target.port or DEFAULT_PORT[uri.transport]
    return None if (target.host, port) == (uri.host, uri.port) else TransportAddress(uri.transport, target.host, port)


def route_addresses(routes: Iterable[Route], via: TrunkConfig) -> frozenset[TransportAddress]:
    """The addresses that these routes name with the profile of `via`: no more than there are routes."""
    named = (route_address(target_of(route, ""), via) for route in routes if route.via == via.name)
    return frozenset(address for address in named if address is not None)


def route_hosts(routes: Iterable[Route], trunks: Sequence[TrunkConfig]) -> dict[HostKey, RouteHost]:
    """The hosts that these routes name, each once: no more than there are routes."""
    named = {trunk.name: trunk for trunk in trunks}
    found: dict[HostKey, RouteHost] = {}
    for route in routes:
        via = named[route.via]
        key = host_key(target_of(route, ""), via)
        if key is not None and key not in found:
            found[key] = RouteHost(key[1], key[2], via)
    return found
