"""Hosts that routes name: each once, whose certificate is theirs, who is heard from there, what is remembered."""

import asyncio

import pytest

from b2bua.sip.location import Question, Target
from b2bua.sip.routing import TransportAddress
from b2bua.switch import locating as locating_module
from b2bua.switch.health import UNANSWERED_CALLS_TO_DOWN
from b2bua.switch.locating import Locating
from b2bua.switch.trunks import FOUND_HOSTS_LIFE_S, Trunks
from b2bua.transport.resolver import Located
from b2bua.transport.tls import PeerIdentity
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

THERE, ALSO = TransportAddress("tls", "192.0.2.7", 5061), TransportAddress("tls", "192.0.2.8", 5061)


def trunk(name: str, uri: str, more: str = "") -> str:
    return f'[[trunks]]\nname = "{name}"\nuri = "{uri}"\n{more}\n'


def route(to: str, via: str = "t") -> str:
    return f'[[routes]]\nmatch = ".*"\nto = "{to}"\nvia = "{via}"\n'


def trunks_of(text: str, clock: ManualClock | None = None) -> Trunks:
    config = config_of(text)
    return Trunks(config.trunks, clock or ManualClock(), config.routes)


def test_each_host_is_looked_for_once_with_the_transport_of_its_trunk() -> None:
    trunks = trunks_of(
        trunk("t", "sip:192.0.2.1")
        + trunk("tcp", "sip:192.0.2.2;transport=tcp")
        + trunk("sips", "sips:192.0.2.3")
        + route("sip:{user}@h.example")
        + route("sip:fixed@H.example")
        + route("sip:{user}@h.example:5070")
        + route("sip:{user}@h.example", "tcp")
        + route("sip:{user}@h.example", "sips")
        + route("sip:{user}@192.0.2.9")
    )
    assert [host.target for host in trunks.route_hosts] == [
        Target("h.example"),
        Target("h.example", 5070),
        Target("h.example", None, "tcp"),
        Target("h.example", None, None, secure=True),
    ]


def test_the_dot_of_the_root_makes_no_other_name() -> None:
    """No certificate has it, and the trunk's own name is the trunk's with it too."""
    own = trunk("t", "sip:sbc.example;transport=tls")
    trunks = trunks_of(
        own + route("sip:{user}@SBC.example.") + route("sip:{user}@h.example.") + route("sip:a@h.example")
    )
    (host,) = trunks.route_hosts
    assert host.target == Target("h.example", None, "tls")
    assert host.identity == PeerIdentity("route to h.example by t", "h.example")


@pytest.mark.parametrize(
    ("profile", "identity"),
    [
        ("", PeerIdentity("route to h.example by t", "h.example")),
        ("tls_verify = false", PeerIdentity("route to h.example by t", "h.example", verify=False)),
        ('tls_server_name = "sbc.example"', PeerIdentity("route to h.example by t", "sbc.example")),
    ],
)
def test_the_certificate_names_the_host_of_the_route(profile: str, identity: PeerIdentity) -> None:
    trunks = trunks_of(trunk("t", "sip:192.0.2.1;transport=tls", profile) + route("sip:{user}@h.example"))
    assert trunks.identity_of(THERE) is None
    trunks.resolved(trunks.route_hosts[0], [THERE])
    assert trunks.identity_of(THERE) == identity


@pytest.mark.parametrize(
    ("profile", "server_name", "verify"),
    [
        ("", "192.0.2.7", True),
        ("tls_verify = false", "192.0.2.7", False),
        ('tls_server_name = "s.example"', "s.example", True),
    ],
)
def test_an_address_of_a_route_is_verified_as_the_profile_has_it(profile: str, server_name: str, verify: bool) -> None:
    trunks = trunks_of(
        trunk("t", "sip:192.0.2.1;transport=tls", profile)
        + trunk("owner", "sip:192.0.2.2;transport=tls", 'addresses = ["192.0.2.8"]')
        + route("sip:{user}@192.0.2.7")
        + route("sip:{user}@192.0.2.8")
    )
    assert trunks.identity_of(THERE) == PeerIdentity("route to 192.0.2.7:5061 by t", server_name, verify)
    assert trunks.identity_of(ALSO) == trunks.named("owner").identity
    assert trunks.identity_of(THERE._replace(port=5062)) is None


def test_what_comes_from_there_is_heard_and_is_no_trunk_s() -> None:
    trunks = trunks_of(trunk("t", "sip:192.0.2.1") + route("sip:{user}@h.example"), clock := ManualClock())
    (host,) = trunks.route_hosts
    assert not trunks.is_peer(THERE)
    trunks.resolved(host, [THERE])
    assert trunks.is_peer(THERE)
    assert trunks.owner(THERE) is None
    trunks.resolved(host, [ALSO])
    assert trunks.is_peer(THERE), "calls may still be under way"
    clock.advance(FOUND_HOSTS_LIFE_S)
    trunks.resolved(host, [ALSO])
    assert not trunks.is_peer(THERE)


def test_its_health_is_kept_and_it_is_looked_for_when_the_last_of_it_is_down() -> None:
    trunks = trunks_of(trunk("t", "sip:192.0.2.1") + route("sip:{user}@h.example"))
    (host,), (trunk_t,) = trunks.route_hosts, trunks
    lost: list[object] = []
    trunks.on_down = lost.append
    trunks.resolved(host, [THERE, ALSO])
    assert [each.place for each in host.destinations] == [THERE, ALSO]
    for destination in host.destinations:
        assert lost == []
        for _ in range(UNANSWERED_CALLS_TO_DOWN):
            trunks.unanswered(trunk_t, destination, "timeout")
    assert lost == [host]
    assert trunk_t.open_among(host.destinations, 1000.0) == []
    assert trunk_t.usable(1000.0), "which is elsewhere"


async def test_it_is_found_at_the_start_kept_up_to_date_and_stays_when_dns_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locating_module, "LOST_AGAIN_S", 0.01)
    results = [
        Located((), 0.01),
        Located((THERE,), 0.01),
        Located((), 0.01, (), (Question("h.example", "NAPTR"),)),
        Located((ALSO,), 300),
    ]
    asked: list[Target] = []
    over = asyncio.Event()

    class Zone:
        async def locate(self, target: Target) -> Located:
            asked.append(target)
            if len(asked) == len(results):
                over.set()
            return results[len(asked) - 1]

    trunks = trunks_of(trunk("t", "sip:192.0.2.1") + route("sip:{user}@h.example"))
    (host,) = trunks.route_hosts
    locating = Locating(trunks, Zone())
    await locating.start()
    async with asyncio.timeout(5):
        await over.wait()
    await asyncio.sleep(0)
    assert host.destinations == (ALSO._replace(expected="h.example"),)
    assert set(asked) == {Target("h.example")}
    assert [line for line in caplog.messages if "route" in line] == [
        "route to h.example by t: h.example does not resolve",
        "route to h.example by t: DNS fails to answer NAPTR h.example; it stays at tls:192.0.2.7:5061",
    ]
    await locating.close()
