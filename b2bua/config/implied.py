"""What a configuration asks for without saying so."""

from collections.abc import Collection, Iterator, Mapping

from b2bua.config.kinds import ListenAddress, TrunkUri, is_ip
from b2bua.config.route_target import address_of
from b2bua.config.sections import Config, Route, Trunk


def next_hop_of(trunk: Trunk) -> tuple[str, TrunkUri]:
    """Where its requests go first, and the key that says so."""
    if trunk.outbound_proxy is not None:
        return "outbound_proxy", trunk.outbound_proxy
    return "uri", trunk.uri


def undeclared_listeners(config: Config) -> tuple[ListenAddress, ...]:
    """The listeners that trunks need and `sip.listen` does not have, each on a free port of the host of its first
    listener of that IP version. Without them such a trunk could not be called, nor could its requests reach us."""
    hosts = _first_hosts(config)
    declared = {(at.transport, _version(at.host)) for at in config.sip.listen}
    needed = dict.fromkeys(each for trunk in config.trunks for each in _needed(trunk, hosts, declared))
    return tuple(ListenAddress(transport, hosts[version], 0) for transport, version in needed)


def advice_on_listeners(config: Config) -> Iterator[str]:
    """What is opened undeclared, and what cannot work for want of something."""
    for at in undeclared_listeners(config):
        names = ", ".join(trunk.name for trunk in config.trunks if next_hop_of(trunk)[1].transport == at.transport)
        yield (
            f"sip.listen: it has no {at.transport}:// listener for {names}: one is opened on a free port of {at.host}"
        )
    hosts = _first_hosts(config)
    for trunk in config.trunks:
        key, next_hop = next_hop_of(trunk)
        if is_ip(next_hop.host) and (version := _version(next_hop.host)) not in hosts:
            yield f"trunks[{trunk.name}].{key}: it cannot be called, because sip.listen has no IPv{version} listener"
        if next_hop.transport == "tls" and config.sip.tls_certificate is None:
            yield (
                f"trunks[{trunk.name}].{key}: it cannot connect to us without sip.tls_certificate; "
                "its requests have to come over the connections that we open"
            )


def routes_out_of_reach(config: Config, routes: Mapping[int, Route], wrong: Collection[str]) -> Iterator[str]:
    """Mistakes: routes, by their position, to addresses that no listener can send to. One whose trunk has an outbound
    proxy is sent there. `wrong`: the keys with mistakes of their own, whose consequences are not told."""
    if "sip.listen" in wrong:
        return
    ways = {(at.transport, _version(at.host)) for at in (*config.sip.listen, *undeclared_listeners(config))}
    trunks = {trunk.name: trunk for trunk in config.trunks}
    for at, route in routes.items():
        trunk, host = trunks.get(route.via), address_of(route.to)
        if host is None or trunk is None or trunk.outbound_proxy is not None:
            continue
        transport, version = trunk.uri.transport, _version(host)
        if (transport, version) not in ways and f"trunks[{trunk.name}].outbound_proxy" not in wrong:
            yield (
                f"routes[#{at}].to: nothing can be sent to it, because sip.listen has no {transport}:// listener of "
                f"IPv{version}; expected one, or an address that a listener reaches"
            )


def _needed(trunk: Trunk, hosts: Mapping[int, str], declared: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The transport and IP version of each listener that this trunk lacks. Of a name the version is not known yet: it
    lacks none where one version has a listener."""
    next_hop = next_hop_of(trunk)[1]
    if is_ip(next_hop.host):
        versions = [_version(next_hop.host)]
    elif any(transport == next_hop.transport for transport, _ in declared):
        versions = []
    else:
        versions = list(hosts)
    for version in versions:
        if version in hosts and (next_hop.transport, version) not in declared:
            yield next_hop.transport, version


def _first_hosts(config: Config) -> Mapping[int, str]:
    """The host of the first listener of each IP version."""
    hosts: dict[int, str] = {}
    for at in config.sip.listen:
        hosts.setdefault(_version(at.host), at.host)
    return hosts


def _version(host: str) -> int:
    return 6 if ":" in host else 4
