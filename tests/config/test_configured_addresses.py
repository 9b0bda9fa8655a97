"""Addresses in a configuration: whichever way one is written, it is one text from then on."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from b2bua.config import HostPort, ListenAddress
from tests.support.configurations import A_TRUNK, config_of, mistakes_in


def test_addresses_take_their_one_text() -> None:
    config = config_of(
        """
        [sip]
        listen = ["udp://[0:0:0:0:0:0:0:1]:5060", "tcp://[2001:DB8::0:5]:5060", "udp://127.0.0.1:5060"]
        advertise = "2001:DB8:0::77"
        [api]
        listen = "[0::1]:9000"
        [media]
        address_ipv6 = "0:0::1"
        [[trunks]]
        name = "t"
        uri = "sip:[2001:DB8::0010]:5070"
        outbound_proxy = "[2001:db8:0::11]:5071"
        """
    )
    assert config.sip.listen == (
        ListenAddress("udp", "::1", 5060),
        ListenAddress("tcp", "2001:db8::5", 5060),
        ListenAddress("udp", "127.0.0.1", 5060),
    )
    assert config.sip.advertise == "2001:db8::77"
    assert config.api.listen == HostPort("::1", 9000)
    assert config.media.address_ipv6 == "::1"
    (trunk,) = config.trunks
    assert (trunk.uri.host, trunk.uri.text) == ("2001:db8::10", "sip:[2001:DB8::0010]:5070")
    assert trunk.outbound_proxy is not None
    assert trunk.outbound_proxy.host == "2001:db8::11"


def test_what_others_are_told_may_be_a_name() -> None:
    assert config_of("[sip]\nadvertise = 'sip.example'").sip.advertise == "sip.example"


@pytest.mark.parametrize("half", ["[2001:db8::12", "2001:db8::1]", "[", "]"])
def test_brackets_stand_around_an_address_or_nowhere(half: str) -> None:
    (mistake,) = mistakes_in(f"[sip]\nadvertise = '{half}'")
    assert mistake.startswith("sip.advertise: ")


def test_ipv4_that_is_mapped_into_ipv6_is_ipv4() -> None:
    config = config_of(
        """
        [sip]
        listen = ["udp://[::ffff:127.0.0.1]:5060"]
        [[trunks]]
        name = "t"
        uri = "sip:[::FFFF:192.0.2.9]:5070"
        addresses = ["::ffff:192.0.2.0/120", "::ffff:198.51.100.7", "::/0"]
        """
    )
    assert config.sip.listen == (ListenAddress("udp", "127.0.0.1", 5060),)
    (trunk,) = config.trunks
    assert trunk.uri.host == "192.0.2.9"
    assert trunk.addresses == (ip_network("192.0.2.0/24"), ip_network("198.51.100.7"), ip_network("::/0"))


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("sip:{user}@[0:0:0:0:0:0:0:1]:5070", "sip:{user}@[::1]:5070"),
        ("sip:desk@[2001:DB8::0:1]", "sip:desk@[2001:db8::1]"),
        ("sip:{user}@[::ffff:192.0.2.9]:5070", "sip:{user}@192.0.2.9:5070"),
        ("sip:{user}@192.0.2.9", "sip:{user}@192.0.2.9"),
        ("sip:{user}@Gateway.example:5070", "sip:{user}@Gateway.example:5070"),
        ("sip:{user}@gateway.example.", "sip:{user}@gateway.example."),
    ],
)
def test_so_does_that_of_a_routes_target(written: str, one: str) -> None:
    listen = '[sip]\nlisten = ["udp://127.0.0.1:5060", "udp://[::1]:5060"]\n'
    (route,) = config_of(listen + A_TRUNK + target(written)).routes
    assert route.to == one


def test_a_listener_that_is_written_in_two_ways_stands_there_twice() -> None:
    (mistake,) = mistakes_in("[sip]\nlisten = ['udp://[::1]:5060', 'udp://[0::1]:5060']")
    assert mistake.startswith("sip.listen: something stands in it twice")


def target(to: str) -> str:
    """A route to it."""
    return f'[[routes]]\nmatch = ".*"\nto = "{to}"\nvia = "carrier"\n'


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("sip:{user}@127.0.0.1:99999", '"99999" is not a port'),
        ("sip:{user}@127.0.0.1:123456", '"123456" is not a port'),
        ("sip:{user}@gateway.example:65536", '"65536" is not a port'),
        ("sip:{user}@127.0.0.1:", "the port is missing"),
        ("sip:{user}@127.0.0.1:0", "port 0 cannot be called"),
        ("sip:{user}@gateway.example:0", "port 0 cannot be called"),
        ("sip:{user}@1.2.3", '"1.2.3" is neither an address nor a host name'),
        ("sip:{user}@300.1.2.3:5060", '"300.1.2.3" is neither an address nor a host name'),
        ("sip:{user}@gateway..example", '"gateway..example" is neither an address nor a host name'),
        ("sip:{user}@[::g]", '"sip:{user}@[::g]" does not fit'),
        ("sip:{user}@[1::2::3]:5060", '"1::2::3" is not an IPv6 address'),
        ("sip:{user}@[192.0.2.1]", '"192.0.2.1" is not an IPv6 address'),
        ("sip:{user}@192.0.2.1;transport=tcp", '"sip:{user}@192.0.2.1;transport=tcp" does not fit'),
        ("tel:{user}", '"tel:{user}" does not fit'),
        ("sip:{user}@" + "a" * 250, "it is 261 characters long, 256 are allowed"),
    ],
)
def test_a_route_to_where_nothing_can_be_sent_is_a_mistake(to: str, said: str) -> None:
    assert mistakes_in(A_TRUNK + target(to)) == [f'routes[#1].to: {said}; expected "sip:{{user}}@host:port"']


def test_they_are_told_all_at_once() -> None:
    written = ("sip:{user}@127.0.0.1:99999", "sip:{user}@127.0.0.1", "sip:{user}@1.2.3", "sip:{user}@[::1]")
    mistakes = mistakes_in(A_TRUNK + "".join(map(target, written)))
    assert [mistake.partition(": ")[0] for mistake in mistakes] == ["routes[#1].to", "routes[#3].to", "routes[#4].to"]


@pytest.mark.parametrize(
    ("listen", "uri", "to", "lacks"),
    [
        ("udp://127.0.0.1:5060", "sip:192.0.2.1", "[2001:db8::9]:5060", "udp:// listener of IPv6"),
        ("udp://[::1]:5060", "sip:[2001:db8::1]", "192.0.2.9", "udp:// listener of IPv4"),
        ("udp://127.0.0.1:5060", "sip:192.0.2.1;transport=tcp", "[2001:db8::9]", "tcp:// listener of IPv6"),
        ("udp://127.0.0.1:5060", "sip:192.0.2.1;transport=tcp", "192.0.2.9", None),
        ("udp://127.0.0.1:5060", "sip:192.0.2.1", "[::ffff:192.0.2.9]", None),
        ("udp://127.0.0.1:5060", "sip:192.0.2.1", "gateway.example", None),
        ("udp://[::1]:5060", "sip:[2001:db8::1]", "[2001:db8::9]", None),
    ],
)
def test_a_route_to_an_address_that_no_listener_reaches_is_a_mistake(
    listen: str, uri: str, to: str, lacks: str | None
) -> None:
    text = f'[sip]\nlisten = ["{listen}"]\n[[trunks]]\nname = "carrier"\nuri = "{uri}"\n'
    told = [
        f"routes[#1].to: nothing can be sent to it, because sip.listen has no {lacks}; "
        "expected one, or an address that a listener reaches"
    ]
    assert mistakes_in(text + target(f"sip:{{user}}@{to}")) == ([] if lacks is None else told)


def test_a_proxy_may_reach_what_we_cannot() -> None:
    assert mistakes_in(A_TRUNK + "outbound_proxy = '192.0.2.50'\n" + target("sip:{user}@[2001:db8::9]")) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[sip]\nlisten = ['udp://nowhere']\n" + A_TRUNK, "sip.listen"),
        (A_TRUNK + "outbound_proxy = 'nowhere:x'\n", "trunks[carrier].outbound_proxy"),
    ],
)
def test_what_follows_from_another_mistake_is_not_one_of_the_route(text: str, key: str) -> None:
    (mistake,) = mistakes_in(text + target("sip:{user}@[2001:db8::9]"))
    assert mistake.startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("section", "key", "address"),
    [
        ("sip", "advertise", "0.0.0.0"),
        ("sip", "advertise", "0::0"),
        ("media", "advertise", "0.0.0.0"),
        ("media", "advertise", "::ffff:0.0.0.0"),
        ("media", "address_ipv6 = '::1'\nadvertise_ipv6", "::"),
        ("webrtc", "advertise", "::"),
    ],
)
def test_nobody_is_told_to_send_to_any_address(section: str, key: str, address: str) -> None:
    (mistake,) = mistakes_in(f"[{section}]\n{key} = '{address}'")
    assert mistake.startswith(f"{section}.advertise")
    assert "nobody can send to" in mistake


@pytest.mark.parametrize(
    ("listen", "api", "key"),
    [
        (["tcp://127.0.0.1:5061", "tls://127.0.0.1:5061"], "127.0.0.1:8080", "sip.listen"),
        (["udp://0.0.0.0:5060", "udp://192.0.2.1:5060"], "127.0.0.1:8080", "sip.listen"),
        (["tls://[::1]:5061", "tcp://[::]:5061"], "127.0.0.1:8080", "sip.listen"),
        (["tcp://0.0.0.0:8080"], "127.0.0.1:8080", "api.listen"),
        (["tcp://127.0.0.1:8080"], "0.0.0.0:8080", "api.listen"),
        (["tcp://127.0.0.1:8080"], "localhost:8080", "api.listen"),
        (["tls://[::]:8080"], "localhost:8080", "api.listen"),
    ],
)
def test_two_listeners_on_one_port_are_a_mistake(tmp_path: Path, listen: list[str], api: str, key: str) -> None:
    """Of a wildcard, too: the system would let the second not be opened."""
    (mistake,) = mistakes_in(_listening(tmp_path, listen, api), path=tmp_path / "maskbridge.toml")
    assert mistake.startswith(f"{key}: ")


@pytest.mark.parametrize(
    "listen",
    [
        ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060", "tls://127.0.0.1:5061"],
        ["udp://127.0.0.1:5060", "udp://127.0.0.2:5060"],
        ["udp://0.0.0.0:5060", "udp://[::]:5060", "tcp://0.0.0.0:5060", "tcp://[::1]:5060"],
        ["tcp://127.0.0.1:0", "tls://127.0.0.1:0", "udp://127.0.0.1:8080"],
    ],
)
def test_listeners_that_do_not_meet_are_none(tmp_path: Path, listen: list[str]) -> None:
    assert mistakes_in(_listening(tmp_path, listen, "127.0.0.1:8080"), path=tmp_path / "maskbridge.toml") == []


def _listening(folder: Path, listen: list[str], api: str) -> str:
    (folder / "our.pem").touch()
    return (
        f"[sip]\nlisten = {listen}\nadvertise = '192.0.2.1'\ntls_certificate = 'our.pem'\ntls_key = 'our.pem'\n"
        f"[api]\nlisten = '{api}'"
    )


def test_a_trunk_has_one_transport() -> None:
    """RFC 3261 section 19.1.1: a parameter stands once in a URI."""
    (mistake,) = mistakes_in(A_TRUNK.replace(":5060", ";transport=udp;transport=tcp"))
    assert mistake.startswith("trunks[carrier].uri: ")


def test_a_network_names_no_zone() -> None:
    """None is compared, so that it would restrict nothing."""
    (mistake,) = mistakes_in('[api]\ntrusted_proxies = ["fe80::1%eth0"]')
    assert "names a zone" in mistake
