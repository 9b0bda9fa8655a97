"""RFC 5118: the IPv6 torture messages, with the outcome each section gives."""

from __future__ import annotations

import pytest

from b2bua.sip.errors import MalformedMessage, MalformedUri
from b2bua.sip.message import Request, build_response
from b2bua.sip.parser import parse_message, validate_request
from b2bua.sip.uri import Uri
from tests.support.sip_corpus import torture_message, torture_names, touch_everything


def request(name: str) -> Request:
    """A message of the corpus that is a well-formed request."""
    message = parse_message(torture_message("rfc5118", name))
    assert isinstance(message, Request)
    validate_request(message)
    return message


@pytest.mark.parametrize("name", [name for name in torture_names("rfc5118") if name != "ipv6-bad"])
def test_valid_message_is_accepted_and_round_trips(name: str) -> None:
    message = request(name)
    assert touch_everything(message) == 0
    assert parse_message(message.render()) == message


def test_the_corpus_is_whole() -> None:
    assert len(torture_names("rfc5118")) == 12


def test_s4_1_ipv6_references() -> None:
    message = request("ipv6-good")
    assert (message.uri.host, message.uri.port) == ("2001:db8::10", None)
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", None)
    assert message.contact is not None
    assert message.contact.uri.host == "2001:db8::1"
    assert str(message.uri) == "sip:[2001:db8::10]"
    assert str(message.via) == "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"


def test_s4_2_address_without_brackets() -> None:
    with pytest.raises(MalformedMessage) as caught:
        request("ipv6-bad")
    assert caught.value.status == 400
    assert caught.value.request is not None
    assert build_response(caught.value.request, 400).render().startswith(b"SIP/2.0 400 Bad Request\r\nTo: ")


def test_s4_3_port_within_the_brackets_is_part_of_the_address() -> None:
    uri = request("port-ambiguous").uri
    assert (uri.host, uri.port) == ("2001:db8::10:5070", None)


def test_s4_4_port_behind_the_brackets() -> None:
    uri = request("port-unambiguous").uri
    assert (uri.host, uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_s4_5_received_with_and_without_brackets(name: str) -> None:
    assert request(name).via.received == "2001:db8::9:255"


def test_s4_6_addresses_in_sdp() -> None:
    message = request("ipv6-in-sdp")
    assert message.via.host == "2001:db8::20"
    assert b"c=IN IP6 2001:db8::20\r\n" in message.body


def test_s4_7_several_families_in_headers() -> None:
    vias = request("mult-ip-in-header").vias
    assert [(via.host, via.port, via.received) for via in vias] == [
        ("2001:db8::9:1", 6050, None),
        ("192.0.2.1", None, None),
        ("2001:db8::9:255", None, "192.0.2.200"),
    ]


def test_s4_8_several_families_in_sdp() -> None:
    body = request("mult-ip-in-sdp").body
    assert b"c=IN IP4 192.0.2.1\r\n" in body
    assert b"c=IN IP6 2001:db8::1\r\n" in body


def test_s4_9_ipv4_mapped_addresses() -> None:
    message = request("ipv4-mapped-ipv6")
    assert [(via.host, via.port) for via in message.vias] == [("::ffff:192.0.2.10", 19823), ("::ffff:192.0.2.2", None)]
    assert message.contact is not None
    assert message.contact.uri.host == "::ffff:192.0.2.2"


def test_s4_10_three_colons_mean_two() -> None:
    liberal, correct = request("ipv6-bug-abnf-3-colons").uri, request("ipv6-correct-abnf-2-colons").uri
    assert liberal.host == correct.host == "2001:db8::192.0.2.1"
    assert liberal.equivalent(correct)


@pytest.mark.parametrize(
    "text", ["sip:[::1", "sip:[]", "sip:[:::]", "sip:[1:2:3]", "sip:[::1]x", "sip:[fe80::1%]", "sip:[g::1]"]
)
def test_broken_references_are_refused(text: str) -> None:
    with pytest.raises(MalformedUri):
        Uri.parse(text)
