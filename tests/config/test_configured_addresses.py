"""Addresses in a configuration: whichever way one is written, it is one text from then on."""

from ipaddress import ip_network

from b2bua.config import HostPort, ListenAddress
from tests.support.configurations import config_of, mistakes_in


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


def test_a_listener_that_is_written_in_two_ways_stands_there_twice() -> None:
    (mistake,) = mistakes_in("[sip]\nlisten = ['udp://[::1]:5060', 'udp://[0::1]:5060']")
    assert mistake.startswith("sip.listen: something stands in it twice")
