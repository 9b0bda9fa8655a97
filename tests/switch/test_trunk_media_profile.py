"""A leg's media is of its peer's IP version, and on loopback only where the peer is."""

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock


@pytest.mark.parametrize(
    ("host", "ipv6", "loopback"),
    [
        ("203.0.113.1", False, False),
        ("2001:db8::1", True, False),
        ("127.0.0.1", False, True),
        ("::1", True, True),
    ],
)
def test_the_profile_at_a_peer(host: str, ipv6: bool, loopback: bool) -> None:
    (trunk,) = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\n').trunks, ManualClock())
    profile = trunk.media_profile_at(TransportAddress("udp", host, 5060))
    assert (profile.ipv6, profile.loopback) == (ipv6, loopback)
