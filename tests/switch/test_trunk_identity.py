"""Whose certificate is expected at an address, and where a large INVITE goes."""

import pytest

from b2bua.call.arrival import target_of
from b2bua.sip.location import Choice
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import ANYBODY, TransportAddress
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import PEER_CACHE_LIMIT, Trunks
from b2bua.transport.tls import PeerIdentity
from tests.support.agents import request_from_peer
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

AT = TransportAddress("tls", "203.0.113.5", 5061)


def trunks_of(*profiles: str) -> Trunks:
    tables = (f'[[trunks]]\nname = "t{number}"\n{profile}\n' for number, profile in enumerate(profiles))
    return Trunks(config_of("\n".join(tables)).trunks, ManualClock())


@pytest.mark.parametrize(
    ("profile", "server_name"),
    [
        ('uri = "sips:sip.carrier.example"', "sip.carrier.example"),
        ('uri = "sips:sip.carrier.example"\ndomain = "carrier.example"', "sip.carrier.example"),
        ('uri = "sips:203.0.113.5"\ndomain = "carrier.example"', "carrier.example"),
        ('uri = "sips:203.0.113.5"', "203.0.113.5"),
        ('uri = "sips:[2001:db8::5]"', "2001:db8::5"),
        ('uri = "sip:carrier.example"\noutbound_proxy = "sips:sbc.example"', "sbc.example"),
        ('uri = "sip:carrier.example"\ndomain = "c.example"\noutbound_proxy = "sips:203.0.113.5"', "203.0.113.5"),
        ('uri = "sips:203.0.113.5"\ndomain = "a.example"\ntls_server_name = "b.example"', "b.example"),
        ('uri = "sips:203.0.113.5"\ndomain = "a.example"\ntls_server_name = "203.0.113.6"', "203.0.113.6"),
    ],
)
def test_the_name_that_a_trunks_certificate_must_have(profile: str, server_name: str) -> None:
    [trunk] = trunks_of(profile)
    assert trunk.identity == PeerIdentity("trunk t0", server_name, verify=True)


def test_an_address_is_its_trunks_by_destination_and_then_by_source() -> None:
    trunks = trunks_of(
        'uri = "sips:first.example"\naddresses = ["203.0.113.0/24"]\ntls_verify = false',
        'uri = "sips:second.example"',
        'uri = "sips:third.example"',
    )
    first, second, third = trunks
    trunks.resolved(second, [AT])
    trunks.resolved(third, [AT])
    assert trunks.identity_of(AT) == second.identity, "of several, the first"
    assert trunks.identity_of(TransportAddress("tls", "203.0.113.77", 40_000)) == first.identity
    assert not first.identity.verify
    for at, listens in ((AT, True), (AT._replace(port=40_000), False)):
        identity = trunks.identity_of(at)
        assert identity is not None
        assert identity.listens is listens
    assert trunks.identity_of(TransportAddress("tls", "198.51.100.1", 5061)) is None


def test_a_trunk_that_is_not_verified_leaves_no_other_at_its_address_unverified() -> None:
    trunks = trunks_of('uri = "sips:first.example"\ntls_verify = false', 'uri = "sips:second.example"')
    first, second = trunks
    trunks.resolved(first, [AT])
    assert trunks.identity_of(AT) == first.identity
    trunks.resolved(second, [AT])
    assert trunks.identity_of(AT) == second.identity


def test_two_names_at_one_address_are_two_destinations() -> None:
    """Where one carrier's DNS leads is not another's affair: each is expected where it is itself called."""
    trunks = trunks_of('uri = "sips:first.example"', 'uri = "sips:second.example"\naddresses = ["203.0.113.0/24"]')
    first, second = trunks
    for trunk in trunks:
        trunks.resolved(trunk, [AT], choices=((Choice(1, (AT,)), Choice(1, (AT._replace(port=5062),))),))
        assert trunk.destinations == (AT._replace(expected=trunk.next_hop.host),)
        assert trunks.identity_of(trunk.destinations[0]) == trunk.identity
        assert trunk.policy.expected == trunk.next_hop.host, "in calls of its own, too"
        drawn_from = {at for equals in trunk.choices for choice in equals for at in choice.destinations}
        assert {at.expected for at in drawn_from} == {trunk.next_hop.host}
        assert trunks.owner(trunk.destinations[0]) is trunk, "what comes over its connection is its own"
    assert trunks.owner(AT._replace(port=40_000)) is trunks.owner(AT) is first
    request = parse_message(request_from_peer("INVITE", uri="sip:+919876543210@first.example"))
    assert isinstance(request, Request)
    assert trunks.owner_of(request, second.destinations[0]) is first, "what a request says of its account counts"
    request = parse_message(request_from_peer("INVITE"))
    assert isinstance(request, Request)
    assert trunks.owner_of(request, second.destinations[0]) is second
    in_its_calls = AT._replace(port=5071, expected="second.example")
    assert trunks.identity_of(in_its_calls) == second.identity
    assert trunks.identity_of(in_its_calls.place) == first.identity, "whoever is there, the first"
    elsewhere = AT._replace(host="198.51.100.1", expected="second.example")
    assert trunks.identity_of(elsewhere) is None, "nobody that we know has the address"
    trunks.resolved(first, [elsewhere.place])
    assert trunks.identity_of(elsewhere) == first.identity, "the call of one leads to the other"


@pytest.mark.parametrize(
    ("identity", "port", "listens"), [("second.example", 5061, True), ("second.example", 5071, False)]
)
def test_a_server_is_called_at_an_address_whoever_calls_it_there(identity: str, port: int, listens: bool) -> None:
    trunks = trunks_of('uri = "sips:first.example"', 'uri = "sips:second.example"\naddresses = ["203.0.113.0/24"]')
    trunks.resolved(next(iter(trunks)), [AT])
    found = trunks.identity_of(AT._replace(port=port, expected=identity))
    assert found is not None
    assert (found.server_name, found.listens) == (identity, listens)


def test_who_is_not_verified_is_believed_where_another_is_verified() -> None:
    trunks = trunks_of('uri = "sips:first.example"\ntls_verify = false', 'uri = "sips:second.example"')
    first, second = trunks
    for trunk in trunks:
        trunks.resolved(trunk, [AT])
    assert first.destinations == (AT._replace(expected=ANYBODY),)
    assert [trunks.identity_of(trunk.destinations[0]) for trunk in trunks] == [first.identity, second.identity]


def test_accounts_with_one_server_share_its_connections() -> None:
    trunks = trunks_of('uri = "sips:203.0.113.5"\ndomain = "A.example"', 'uri = "sips:a.Example"')
    first, second = trunks
    trunks.resolved(second, [AT])
    assert first.destinations == second.destinations == (AT._replace(expected="a.example"),)


def test_an_address_of_a_route_expects_who_has_it_by_configuration_whatever_dns_says() -> None:
    config = config_of(
        '[[trunks]]\nname = "t"\nuri = "sips:192.0.2.1"\n'
        '[[trunks]]\nname = "owner"\nuri = "sips:owner.example"\naddresses = ["203.0.113.6"]\n'
        '[[trunks]]\nname = "rogue"\nuri = "sips:rogue.example"\n'
        '[[routes]]\nmatch = "1"\nto = "sip:{user}@203.0.113.5"\nvia = "t"\n'
        '[[routes]]\nmatch = "2"\nto = "sip:{user}@203.0.113.6"\nvia = "t"\n'
    )
    trunks = Trunks(config.trunks, ManualClock(), config.routes)
    via, owner, rogue = trunks
    trunks.resolved(rogue, [AT, AT._replace(host="203.0.113.6")])
    for route, expected in zip(config.routes, ("203.0.113.5", "owner.example"), strict=True):
        there = trunks.address_of(target_of(route, ""), via)
        assert there in via.route_addresses
        identity = trunks.identity_of(there)
        assert identity is not None
        assert identity.server_name == there.expected == expected
    assert owner.destinations == ()


def test_an_address_of_a_route_where_its_own_trunk_is_found_is_the_trunk() -> None:
    """It is called there by its name, and one connection serves both; but for an address that is another's."""
    config = config_of(
        '[[trunks]]\nname = "t"\nuri = "sips:t.example"\n'
        '[[trunks]]\nname = "owner"\nuri = "sips:owner.example"\naddresses = ["203.0.113.6"]\n'
        '[[routes]]\nmatch = "1"\nto = "sip:{user}@203.0.113.5"\nvia = "t"\n'
        '[[routes]]\nmatch = "2"\nto = "sip:{user}@203.0.113.5:5071"\nvia = "t"\n'
        '[[routes]]\nmatch = "3"\nto = "sip:{user}@203.0.113.6"\nvia = "t"\n'
    )
    trunks = Trunks(config.trunks, ManualClock(), config.routes)
    via = trunks.named("t")
    named = [target_of(route, "") for route in config.routes]
    also, theirs = AT._replace(port=5071), AT._replace(host="203.0.113.6", expected="owner.example")
    own = [AT._replace(expected="203.0.113.5"), also._replace(expected="203.0.113.5")]
    assert [trunks.address_of(target, via) for target in named] == [*own, theirs]
    trunks.resolved(via, [AT, theirs.place])
    own = [AT._replace(expected="t.example"), also._replace(expected="t.example")]
    assert [trunks.address_of(target, via) for target in named] == [*own, theirs]
    assert via.route_addresses == {*own, theirs}, "how they fare is remembered"
    for each in own:
        identity = trunks.identity_of(each)
        assert identity is not None
        assert (identity.server_name, identity.listens) == ("t.example", True)


def test_trunk_case_22_a_large_invite_goes_by_tcp_to_the_same_host_where_it_is_known() -> None:
    udp, tcp = (TransportAddress(transport, "203.0.113.5", 5060) for transport in ("udp", "tcp"))
    elsewhere = TransportAddress("udp", "203.0.113.6", 5060)
    trunks = trunks_of('uri = "sip:open.example"', 'uri = "sip:forced.example;transport=udp"')
    free, forced = trunks
    for trunk in trunks:
        trunks.resolved(trunk, [udp, elsewhere, tcp])
    assert free.large_destination(udp) == tcp
    assert free.large_destination(elsewhere) is None
    assert forced.large_destination(udp) is None
    trunks.resolved(free, [udp])
    assert free.large_destination(udp) is None


def test_who_is_expected_at_an_address_is_found_once_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message by TLS asks, and there may be hundreds of routes; but not without an end."""
    trunks = trunks_of('uri = "sips:first.example"', 'uri = "sips:second.example"\naddresses = ["203.0.113.0/24"]')
    first, _second = trunks
    found = 0

    def identity(trunk: Trunk) -> PeerIdentity:
        nonlocal found
        found += 1
        return PeerIdentity("", trunk.name)

    monkeypatch.setattr(Trunk, "identity", property(identity))
    trunks.resolved(first, [AT])
    for _ in range(3):
        assert trunks.identity_of(AT) == PeerIdentity("", "t0")
    assert found == 1
    trunks.resolved(first, [AT._replace(host="198.51.100.1")])
    assert trunks.identity_of(AT) == PeerIdentity("", first.name), "the address that was its own"
    for port in range(1, PEER_CACHE_LIMIT + 2):
        trunks.identity_of(TransportAddress("tls", "203.0.113.9", port))
    found = 0
    assert trunks.identity_of(AT) == PeerIdentity("", first.name)
    assert found == 1, "it was forgotten for the others"


def test_an_address_of_a_route_is_left_alone_as_it_asked_when_its_trunk_is_found_there() -> None:
    config = config_of(
        '[[trunks]]\nname = "t"\nuri = "sips:t.example"\n'
        '[[routes]]\nmatch = "1"\nto = "sip:{user}@203.0.113.5:5071"\nvia = "t"\n'
        '[[routes]]\nmatch = "2"\nto = "sip:{user}@203.0.113.5:5072"\nvia = "t"\n'
    )
    clock = ManualClock()
    trunks = Trunks(config.trunks, clock, config.routes)
    via = trunks.named("t")
    for route in config.routes:
        before = trunks.address_of(target_of(route, ""), via)
        assert before is not None
        trunks.unavailable(via, before, 600)
    trunks.resolved(via, [AT])
    there = [AT._replace(port=port, expected="t.example") for port in (5071, 5072)]
    assert [trunks.address_of(target_of(route, ""), via) for route in config.routes] == there
    assert via.open_among(there, clock.monotonic()) == []
    clock.advance(601)
    assert via.open_among(there, clock.monotonic()) == there
