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


@pytest.mark.parametrize("where", ["", ":5061", ":5060"])
@pytest.mark.parametrize("profile", ["", 'domain = "sbc.example"'], ids=["its name", "its domain"])
def test_a_name_that_dns_leads_to_tls_may_say_the_port_of_that(where: str, profile: str) -> None:
    host = "sbc.example" if profile else "carrier.example"
    found = followed("sip:carrier.example", f"sip:a@{host}{where};transport=tls", profile, transport="tls")
    assert [each.address for each in found] == [None]


def test_no_other_port_of_its_name_is_followed() -> None:
    assert followed("sip:carrier.example", "sip:a@carrier.example:5062;transport=tls", transport="tls") == []
    assert followed("sip:carrier.example:5060", "sip:a@carrier.example:5061;transport=tls", transport="tls") == []
    assert followed("sip:carrier.example", "sip:a@carrier.example:5061") == []


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


BY_PROXY = 'outbound_proxy = "sip:proxy.example:5070"\ndomain = "home.example"'


@pytest.mark.parametrize(
    ("contact", "is_followed"),
    [
        ("sip:a@carrier.example", True),
        ("sip:a@CARRIER.example:5060", True),
        ("sip:a@carrier.example:5070", False),  # the proxy's port, not its own
        ("sip:a@proxy.example", True),
        ("sip:a@proxy.example:5070", True),
        ("sip:a@proxy.example:5060", False),
        ("sip:a@home.example", True),
        ("sip:a@home.example:5060", True),
        ("sip:a@home.example:5070", False),
        ("sip:a@evil.carrier.example", False),
        ("sip:a@carrier.example.evil.example", False),
    ],
)
def test_a_trunk_by_a_proxy_goes_by_three_names_each_with_its_own_port(contact: str, is_followed: bool) -> None:
    (*followed_to,) = followed("sip:carrier.example", contact, BY_PROXY)
    assert bool(followed_to) == is_followed
    assert [each.address for each in followed_to] == [None] * is_followed, "by the proxy, wherever it leads"


@pytest.mark.parametrize(
    "found",
    [
        ";npdi;rn=+917969002802",
        ";npdi",
        ";rn=1144;rn-context=+91",
        ";NPDI;RN=+91-7969-002802;cic=+91-0288",
        ";cic=5678;cic-context=carrier.example;npdi",
    ],
)
def test_what_a_query_of_number_portability_has_found_is_kept(found: str) -> None:
    """RFC 4694 section 5: the number goes by its routing number."""
    where = "192.0.2.1:5060"
    contact = f"sip:+919876543210{found}@{where};user=phone"
    assert [each.request_uri for each in followed(f"sip:{where}", contact)] == [f"sip:+919876543210{found}@{where}"]


@pytest.mark.parametrize(
    "found",
    [";npdi=yes", ";rn=", ";rn=+91%30", ";rn=5;isub=1", ";npdi;", ";rn=$", ";npdi" * 6, f";rn={'1' * 33}", ";rnx=1"],
)
def test_what_is_no_such_finding_is_not_followed(found: str) -> None:
    assert followed("sip:192.0.2.1", f"sip:+919876543210{found}@192.0.2.1") == []


@pytest.mark.parametrize(
    "contact",
    [
        "sip:a@192.0.2.9;method=REFER",
        "sip:a@192.0.2.9;METHOD=INVITE",
        "sip:a@192.0.2.9;maddr=203.0.113.1",
        "sip:a@192.0.2.9;ttl=1",
        "tel:+919876543210",
        "mailto:a@192.0.2.9",
        "http://a@192.0.2.9",
        "im:a@192.0.2.9",
        "sip:192.0.2.9",
        "sip:a%40b@192.0.2.9",
        "sip:a;isub=1@192.0.2.9",
        "sip:a:secret@203.0.113.1",
    ],
)
def test_a_contact_that_asks_for_more_than_a_call_at_the_trunk_is_not_followed(contact: str) -> None:
    assert followed("sip:192.0.2.1", contact) == []


def test_the_highest_q_is_first_one_of_none_is_last_and_what_cannot_be_read_counts_as_1() -> None:
    (trunk,) = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\n').trunks, ManualClock())
    weights = {"none": "0", "half": "0.5", "bad": "high", "one": "1.0", "over": "7", "unsaid": None, "some": "0.001"}
    contacts = [
        ("Contact", f"<sip:{user}@192.0.2.1>" + ("" if q is None else f";q={q}")) for user, q in weights.items()
    ]
    found = redirections(Response(300, "Multiple Choices", contacts), trunk, "udp")
    assert [each.request_uri.removeprefix("sip:").partition("@")[0] for each in found] == [
        *("bad", "one", "over", "unsaid"),
        *("half", "some", "none"),
    ]


@pytest.mark.parametrize("q", ["high", "1.5", "-0.5", "nan", "inf"])
def test_what_is_no_q_counts_neither_more_nor_less_than_1(q: str) -> None:
    (trunk,) = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\n').trunks, ManualClock())
    contacts = [
        ("Contact", f"<sip:{user}@192.0.2.1>;q={weight}")
        for user, weight in (("less", "0.999"), ("before", "1.0"), ("it", q), ("after", "1.000"))
    ]
    found = redirections(Response(300, "Multiple Choices", contacts), trunk, "udp")
    assert [each.request_uri.removeprefix("sip:").partition("@")[0] for each in found] == [
        *("before", "it", "after", "less"),
    ]


def test_no_more_than_eight_contacts_of_one_answer_are_looked_at() -> None:
    (trunk,) = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\n').trunks, ManualClock())
    contacts = [("Contact", f"<sip:{number}@192.0.2.1>;q=0.{number}") for number in range(1, 10)]
    assert len(redirections(Response(300, "Multiple Choices", contacts), trunk, "udp")) == 8
