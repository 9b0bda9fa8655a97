"""Which Contacts of a 3xx stay with a trunk, and how the URI is written that is called then."""

import pytest

from b2bua.sip.message import Response
from b2bua.sip.routing import TransportAddress
from b2bua.switch.redirection import Redirection, redirections
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock


def followed(uri: str, contact: str, profile: str = "", transport: str = "") -> list[Redirection]:
    text = f'[[trunks]]\nname = "t"\nuri = "{uri}"\naddresses = ["2001:db8::/64", "192.0.2.0/24"]\n{profile}\n'
    (trunk,) = Trunks(config_of(text).trunks, ManualClock())
    transport = transport or trunk.next_hop.transport
    return redirections(Response(302, "Moved Temporarily", [("Contact", f"<{contact}>")]), trunk, transport)


@pytest.mark.parametrize(
    ("contact", "request_uri", "host"),
    [
        ("sip:a@[2001:DB8:0:0::0:10]", "sip:a@[2001:db8::10]", "2001:db8::10"),
        ("sip:a@[::ffff:192.0.2.9]", "sip:a@192.0.2.9", "192.0.2.9"),
        ("sip:a@192.0.2.9", "sip:a@192.0.2.9", "192.0.2.9"),
    ],
)
def test_an_address_of_the_trunk_is_known_whichever_way_it_is_written(
    contact: str, request_uri: str, host: str
) -> None:
    address = TransportAddress("udp", host, 5060)
    assert followed("sip:[2001:db8::1]", contact) == [Redirection(request_uri, address)]


@pytest.mark.parametrize("contact", ["sip:a@[2001:DB8:1::10]", "sip:a@[2001:db8::10]:0"], ids=["a stranger", "nobody"])
def test_another_one_is_not_followed(contact: str) -> None:
    assert followed("sip:[2001:db8::1]", contact) == []


@pytest.mark.parametrize(
    ("uri", "contact", "request_uri"),
    [
        ("sip:192.0.2.1:5060", "sip:a@192.0.2.1", "sip:a@192.0.2.1:5060"),
        ("sip:192.0.2.1:5060", "sip:a@192.0.2.1:5060", "sip:a@192.0.2.1:5060"),
        ("sip:192.0.2.1", "sip:a@192.0.2.1:5060", "sip:a@192.0.2.1"),
        ("sip:192.0.2.1;transport=tls", "sip:a@192.0.2.1:5061;transport=tls", "sip:a@192.0.2.1"),
        ("sip:192.0.2.1:5061;transport=tls", "sip:a@192.0.2.1", "sip:a@192.0.2.1:5061"),
        ("sips:192.0.2.1", "sips:a@192.0.2.1;transport=tcp", "sip:a@192.0.2.1"),
        ("sip:carrier.example:5060", "sip:a@carrier.example", "sip:a@carrier.example:5060"),
        ("sip:carrier.example:5060", "sip:a@carrier.example.", "sip:a@carrier.example:5060"),
        ("sip:192.0.2.1:5080", "sip:a@192.0.2.1", "sip:a@192.0.2.1"),
        ("sip:192.0.2.1:5060", "sip:a@192.0.2.9:5060", "sip:a@192.0.2.9"),
    ],
)
def test_the_trunks_own_place_is_written_as_its_invites_have_it(uri: str, contact: str, request_uri: str) -> None:
    assert [each.request_uri for each in followed(uri, contact)] == [request_uri]


@pytest.mark.parametrize(
    ("contact", "port"),
    [
        ("sip:a@192.0.2.9", 5061),
        ("sip:a@192.0.2.9;transport=tls", 5061),
        ("sips:a@192.0.2.9:5071", 5071),
        ("sip:a@192.0.2.9;transport=udp", None),
    ],
)
def test_where_dns_leads_to_tls_it_stays_with_tls(contact: str, port: int | None) -> None:
    """The URI names no transport, and NAPTR or SRV says which."""
    assert [each.address for each in followed("sip:carrier.example", contact, transport="tls")] == (
        [] if port is None else [TransportAddress("tls", "192.0.2.9", port)]
    )
