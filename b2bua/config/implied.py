"""What a configuration asks for without saying so."""

from collections.abc import Iterator

from b2bua.config.kinds import ListenAddress, TrunkUri
from b2bua.config.sections import Config, Trunk


def next_hop_of(trunk: Trunk) -> tuple[str, TrunkUri]:
    """Where its requests go first, and the key that says so."""
    if trunk.outbound_proxy is not None:
        return "outbound_proxy", trunk.outbound_proxy
    return "uri", trunk.uri


def undeclared_listeners(config: Config) -> tuple[ListenAddress, ...]:
    """The listeners that trunks need and `sip.listen` does not have: one for each transport of a trunk, on a free port
    of the first listener's host. Without it the trunk could not be called, nor could its requests reach us."""
    first = config.sip.listen[0]
    declared = {at.transport for at in config.sip.listen}
    needed = dict.fromkeys(next_hop_of(trunk)[1].transport for trunk in config.trunks)
    return tuple(ListenAddress(transport, first.host, 0) for transport in needed if transport not in declared)


def advice_on_listeners(config: Config) -> Iterator[str]:
    """What is opened undeclared, and what cannot work for want of something."""
    for at in undeclared_listeners(config):
        names = ", ".join(trunk.name for trunk in config.trunks if next_hop_of(trunk)[1].transport == at.transport)
        yield (
            f"sip.listen: it has no {at.transport}:// listener for {names}: one is opened on a free port of {at.host}"
        )
    if config.sip.tls_certificate is None:
        for trunk in config.trunks:
            if next_hop_of(trunk)[1].transport == "tls":
                yield (
                    f"trunks[{trunk.name}]: it cannot connect to us without sip.tls_certificate; "
                    "its requests have to come over the connections that we open"
                )
