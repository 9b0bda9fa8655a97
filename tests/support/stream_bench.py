"""A UserAgent with listeners of each transport, without sockets, and what a peer over TCP says to it."""

from b2bua.sip.events import (
    IncomingInvite,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, Outgoing, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OFFER, plan_to, request_from_peer
from tests.support.seeded_tokens import SeededTokens

UDP = TransportAddress("udp", "192.0.2.1", 5060)
TCP = TransportAddress("tcp", "192.0.2.1", 5062)
TLS = TransportAddress("tls", "192.0.2.1", 5061)
TLS6 = TransportAddress("tls", "2001:db8::1", 5061)
TRUNK = TransportAddress("tcp", "203.0.113.10", 5060)
EPHEMERAL = TransportAddress("tcp", "203.0.113.10", 40_123)
BACK = EPHEMERAL._replace(port=40_124)
"""Another connection of the same peer."""


class StreamBench:
    """A UserAgent with listeners of each kind, its time stepped by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        locals_ = tuple(LocalAddress(bound, bound.host, bound.port) for bound in (UDP, TCP, TLS, TLS6))
        self.user_agent = UserAgent(UserAgentSettings(locals=locals_), SeededTokens("streams"))

    def receive(
        self, content: bytes, source: TransportAddress = TRUNK, local: TransportAddress = TCP
    ) -> list[Outgoing]:
        """Let a message arrive; what goes out in answer."""
        self.user_agent.receive_message(parse_message(content), source, local, self.now)
        return self.user_agent.to_send()

    def advance(self, seconds: float) -> list[tuple[float, Outgoing]]:
        """Step the clock by its timers; what was sent and when, from now on."""
        start, end = self.now, self.now + seconds
        sent: list[tuple[float, Outgoing]] = []
        due = self.user_agent.next_timer()
        while due is not None and due <= end:
            self.now = max(self.now, due)
            self.user_agent.handle_timers(self.now)
            sent += [(round(self.now - start, 6), outgoing) for outgoing in self.user_agent.to_send()]
            due = self.user_agent.next_timer()
        self.now = end
        return sent

    def events(self, kind: type) -> list[object]:
        """The events of a kind since the last look; the others are dropped."""
        found: list[object] = []
        while self.user_agent.has_events:
            event = self.user_agent.next_event()
            if isinstance(event, kind):
                found.append(event)
        return found

    def call(self, destination: TransportAddress = TRUNK) -> tuple[int, Request]:
        """Call; the usage and the INVITE."""
        usage = self.user_agent.invite(plan_to(destination), self.now)
        [outgoing] = self.user_agent.to_send()
        return usage, as_request(outgoing)


def as_request(outgoing: Outgoing) -> Request:
    message = parse_message(outgoing.content)
    assert isinstance(message, Request)
    return message


def as_response(outgoing: Outgoing) -> Response:
    message = parse_message(outgoing.content)
    assert isinstance(message, Response)
    return message


def invite_from_peer(contact: str, call_id: str = "peer-call-1", branch: str = "z9hG4bKpeer1") -> bytes:
    headers = f"Contact: <{contact}>"
    invite = request_from_peer("INVITE", call_id=call_id, branch=branch, headers=headers, body=OFFER.decode())
    return invite.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


def called_by_a_phone(bench: StreamBench, *, acknowledged: bool = True) -> tuple[int, str | None]:
    """A call that we have answered, of a peer that nobody can connect to; its usage and our tag."""
    bench.receive(invite_from_peer("sip:phone@sbc.carrier.example;transport=tcp"), EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    to_tag = as_response(bench.user_agent.to_send()[0]).to_tag
    if acknowledged:
        ack = request_from_peer("ACK", to_tag=to_tag, branch="z9hG4bKack")
        bench.receive(ack.replace(b"/UDP", b"/TCP"), EPHEMERAL)
    return arrived.usage, to_tag
