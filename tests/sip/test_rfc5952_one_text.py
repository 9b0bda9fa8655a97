"""Addresses are compared by value, not as text: RFC 4291 section 2.2, RFC 5118 section 4.5, RFC 5952."""

import pytest

from b2bua.addresses import canonical_host
from b2bua.sip.events import IncomingInvite
from b2bua.sip.headers import Via
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress, next_hop_address
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import answer_to, plan_to, request_from_peer
from tests.support.seeded_tokens import SeededTokens

OURS = TransportAddress("udp", "2001:db8::1", 5060)
PEER = TransportAddress("udp", "2001:db8::10", 5070)
WRITTEN = "2001:DB8:0:0:0:0:0:10"  # the peer's host, as nothing of ours writes it


class Line:
    """One UserAgent that may talk to `reachable` alone, and what it sends."""

    def __init__(self, *reachable: TransportAddress, told: str = OURS.host) -> None:
        settings = UserAgentSettings(locals=(LocalAddress(OURS, told, 5060),))
        self.user_agent = UserAgent(settings, SeededTokens("line"), lambda address: address in reachable)

    def receive(self, content: bytes) -> None:
        """What comes from the peer."""
        self.user_agent.receive(content, PEER, OURS, 0.0)

    def sent(self) -> list[tuple[Request | Response, TransportAddress]]:
        """The messages since, each with where it goes."""
        return [(parse_message(each.content), each.destination) for each in self.user_agent.to_send()]

    def invite(self) -> Request:
        """Call the peer."""
        uri = "sip:a@[2001:db8::10]:5070"
        self.user_agent.invite(plan_to(PEER, request_uri=uri, to_uri=uri), 0.0)
        [(invite, _)] = self.sent()
        assert isinstance(invite, Request)
        return invite


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("0:0:0:0:0:0:0:1", "::1"),
        ("0::1", "::1"),
        ("::0.0.0.1", "::1"),
        ("2001:DB8::0010", "2001:db8::10"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::FFFF:7f00:1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("sip.carrier.example", "sip.carrier.example"),
        ("no:address", "no:address"),
    ],
)
def test_an_address_has_one_text(written: str, one: str) -> None:
    assert canonical_host(written) == one


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:a@[0:0:0:0:0:0:0:1]:5071", TransportAddress("udp", "::1", 5071)),
        ("sip:[2001:DB8::10];transport=tcp", TransportAddress("tcp", "2001:db8::10", 5060)),
        ("sip:[::ffff:192.0.2.9]", TransportAddress("udp", "192.0.2.9", 5060)),
    ],
)
def test_the_address_a_uri_names(uri: str, expected: TransportAddress) -> None:
    assert next_hop_address(uri, "udp") == expected


def test_a_contact_is_followed_whichever_way_it_is_written() -> None:
    contact_port = PEER._replace(port=5071)
    line = Line(contact_port)
    invite = line.invite()
    line.receive(answer_to(invite, 200, to_tag="peer", contact=f"<sip:gw@[{WRITTEN}]:5071>"))
    [(ack, destination)] = line.sent()
    assert isinstance(ack, Request)
    assert (ack.request_uri, destination) == (f"sip:gw@[{WRITTEN}]:5071", contact_port)


def test_a_response_is_ours_whichever_way_its_sent_by_is_written() -> None:
    line = Line()
    invite = line.invite()
    answer = answer_to(invite, 200, to_tag="peer").replace(b"[2001:db8::1]:5060", b"[2001:DB8:0::1]:5060")
    assert answer.count(b"[2001:DB8:0::1]:5060") == 1
    line.receive(answer)
    assert [message.method for message, _ in line.sent() if isinstance(message, Request)] == ["ACK"]


def test_a_response_is_ours_without_the_port_that_is_the_default() -> None:
    line = Line()
    invite = line.invite()
    answer = answer_to(invite, 200, to_tag="peer").replace(b"[2001:db8::1]:5060", b"[2001:db8::1]")
    line.receive(answer)
    assert [message.method for message, _ in line.sent() if isinstance(message, Request)] == ["ACK"]


def test_a_response_with_the_sent_by_of_another_is_not() -> None:
    line = Line()
    invite = line.invite()
    line.receive(answer_to(invite, 200, to_tag="peer").replace(b"[2001:db8::1]:5060", b"[2001:db8::2]:5060"))
    assert line.sent() == []
    assert line.user_agent.counters["responses to nothing"] == 1


def test_where_a_request_came_from_is_noted_where_its_sent_by_is_another_address_alone() -> None:
    line = Line()
    for via, received in ((f"[{WRITTEN}]:5070", None), ("[2001:db8::11]:5070", PEER.host)):
        line.receive(request_from_peer("OPTIONS", branch=f"z9hG4bK{len(via)}", call_id=via, via=via))
        [(answer, destination)] = line.sent()
        assert isinstance(answer, Response)
        assert (answer.via.received, destination) == (received, PEER)


def test_a_response_goes_to_the_maddr_whichever_way_it_is_written() -> None:
    elsewhere = TransportAddress("udp", "2001:db8::20", 5070)
    line = Line(elsewhere)
    line.receive(request_from_peer("OPTIONS", via="[2001:db8::10]:5070;maddr=[2001:DB8:0::20]"))
    [(_, destination)] = line.sent()
    assert destination == elsewhere


def test_a_request_again_is_the_same_whichever_way_its_sent_by_is_written() -> None:
    line = Line()
    for host in (PEER.host, WRITTEN):
        line.receive(request_from_peer("INVITE", via=f"[{host}]:5070"))
    events = [line.user_agent.next_event(), line.user_agent.next_event()]
    assert [type(event) for event in events] == [IncomingInvite, type(None)]


def test_what_a_via_says_is_written_back_as_it_came() -> None:
    assert str(Via.parse(f"SIP/2.0/UDP [{WRITTEN}]:5070;branch=z9hG4bKa")) == (
        f"SIP/2.0/UDP [{WRITTEN}]:5070;branch=z9hG4bKa"
    )
