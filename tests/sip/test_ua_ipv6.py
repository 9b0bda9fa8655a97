"""A call over IPv6, and the listener that each destination gets."""

import pytest

from b2bua.sip.events import Answered
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OURS, PEER, answer_to, plan_to
from tests.support.seeded_tokens import SeededTokens

OURS6 = TransportAddress("udp", "2001:db8::1", 5060)
PEER6 = TransportAddress("udp", "2001:db8::10", 5070)


def both_versions() -> UserAgent:
    locals_ = (LocalAddress(OURS, "198.51.100.7", 15060), LocalAddress(OURS6, "2001:db8::77", 5060))
    return UserAgent(UserAgentSettings(locals=locals_), SeededTokens())


@pytest.mark.parametrize(
    ("destination", "local", "told"),
    [(PEER, OURS, "198.51.100.7:15060"), (PEER6, OURS6, "[2001:db8::77]:5060")],
    ids=["IPv4", "IPv6"],
)
def test_a_call_leaves_by_the_listener_of_its_version_and_tells_its_advertised_address(
    destination: TransportAddress, local: TransportAddress, told: str
) -> None:
    user_agent = both_versions()
    uri = "sip:a@[2001:db8::10]:5070" if ":" in destination.host else "sip:a@203.0.113.10"
    user_agent.invite(plan_to(destination, request_uri=uri, to_uri=uri), 0.0)
    [outgoing] = user_agent.to_send()
    assert (outgoing.local, outgoing.destination) == (local, destination)
    assert f"Via: SIP/2.0/UDP {told};branch=".encode() in outgoing.content
    assert f"Contact: <sip:{told}>".encode() in outgoing.content


def test_a_call_over_ipv6() -> None:
    user_agent = both_versions()
    uri = "sip:a@[2001:db8::10]:5070"
    usage = user_agent.invite(plan_to(PEER6, request_uri=uri, to_uri=uri), 0.0)
    [outgoing] = user_agent.to_send()
    invite = parse_message(outgoing.content)
    assert isinstance(invite, Request)
    contact = "<sip:gw@[2001:db8::10]:5071>"
    user_agent.receive(answer_to(invite, 200, to_tag="peer", contact=contact), PEER6, OURS6, 0.1)
    [ack] = user_agent.to_send()
    assert ack.destination == TransportAddress("udp", "2001:db8::10", 5071)
    assert ack.content.startswith(b"ACK sip:gw@[2001:db8::10]:5071 SIP/2.0\r\n")
    event = user_agent.next_event()
    assert isinstance(event, Answered)
    assert event.usage == usage
