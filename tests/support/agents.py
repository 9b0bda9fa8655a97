"""SIP user agents on a network in memory, and a hand-played peer that sends exactly what a test tells it to."""

from collections.abc import Callable

from b2bua.sip.events import UserAgentEvent
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import OutgoingInvite, UserAgentLimits, UserAgentSettings
from b2bua.sip.user_agent import TableSizes, UserAgent
from b2bua.transport.endpoint import SipEndpoint
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

OURS = TransportAddress("udp", "192.0.2.1", 5060)
PEER = TransportAddress("udp", "203.0.113.10", 5060)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\n"
ENDING_REASONS = {
    cause: f"SIP;cause=408;text={cause}"
    for cause in ("no_answer", "timeout", "no_ack", "expired", "transport", "left", "elsewhere")
}
NOTHING_HELD = TableSizes(0, 0, 0, 0)


def settings_for(address: TransportAddress, limits: UserAgentLimits | None = None) -> UserAgentSettings:
    """One listener that is told as it is bound."""
    return UserAgentSettings(
        locals=(LocalAddress(address, address.host, address.port),),
        limits=limits or UserAgentLimits(),
        ending_reasons=ENDING_REASONS,
    )


def plan_to(destination: TransportAddress = PEER, **changes: object) -> OutgoingInvite:
    """An INVITE as the switch would ask for."""
    values: dict[str, object] = {
        "request_uri": f"sip:+919812345678@{destination.host}",
        "from_uri": "sip:+918000000001@192.0.2.1",
        "to_uri": f"sip:+919812345678@{destination.host}",
        "destination": destination,
        "body": OFFER,
    }
    return OutgoingInvite(**{**values, **changes})  # type: ignore[arg-type]  # keyword values of a test


class Agent:
    """An endpoint whose events are kept; `react` may answer each as it comes."""

    def __init__(
        self,
        network: LossyNetwork,
        clock: ManualClock,
        address: TransportAddress,
        seed: str = "",
        limits: UserAgentLimits | None = None,
    ) -> None:
        self.address = address
        self.events: list[UserAgentEvent] = []
        self.react: Callable[[UserAgentEvent], None] | None = None
        self.user_agent = UserAgent(settings_for(address, limits), SeededTokens(f"{address}{seed}"))
        self.endpoint = SipEndpoint(self.user_agent, clock, lambda _source: True, self._on_event)
        self.endpoint.attach(network.attach(address, self.endpoint.received))

    def _on_event(self, event: UserAgentEvent) -> None:
        self.events.append(event)
        if self.react is not None:
            self.react(event)

    def kinds(self) -> list[str]:
        """The names of the events so far."""
        return [type(event).__name__ for event in self.events]


class Bench:
    """One UserAgent and a peer played by hand: exact messages in, exact messages out, time stepped."""

    def __init__(self, limits: UserAgentLimits | None = None, **changes: object) -> None:
        self.now = 1000.0
        self.user_agent = UserAgent(settings_for(OURS, limits), SeededTokens("bench"), **changes)  # type: ignore[arg-type]
        self.sent: list[tuple[float, Request | Response]] = []

    def receive(self, content: bytes | str, source: TransportAddress = PEER) -> list[Request | Response]:
        """Let a message arrive; what goes out in answer."""
        octets = content if isinstance(content, bytes) else content.replace("\n", "\r\n").encode()
        self.user_agent.receive(octets, source, OURS, self.now)
        return self.take_sent()

    def take_sent(self) -> list[Request | Response]:
        """What was sent since the last look, parsed."""
        messages = [parse_message(outgoing.content) for outgoing in self.user_agent.to_send()]
        self.sent += [(self.now, message) for message in messages]
        return messages

    def advance(self, seconds: float) -> list[tuple[float, Request | Response]]:
        """Step the clock by its timers; what was sent and when, in seconds from the present."""
        start, end = self.now, self.now + seconds
        self.take_sent()
        sent: list[tuple[float, Request | Response]] = []
        due = self.user_agent.next_timer()
        while due is not None and due <= end:
            self.now = max(self.now, due)
            self.user_agent.handle_timers(self.now)
            sent += [(round(self.now - start, 6), message) for message in self.take_sent()]
            due = self.user_agent.next_timer()
        self.now = end
        return sent

    def events(self) -> list[UserAgentEvent]:
        """The events since the last look."""
        events: list[UserAgentEvent] = []
        event = self.user_agent.next_event()
        while event is not None:
            events.append(event)
            event = self.user_agent.next_event()
        return events

    def call(self, **changes: object) -> tuple[int, Request]:
        """Place a call: its usage and the INVITE that goes out."""
        usage = self.user_agent.invite(plan_to(**changes), self.now)  # type: ignore[arg-type]
        [invite] = self.take_sent()
        assert isinstance(invite, Request)
        return usage, invite

    def answered_call(self, **changes: object) -> tuple[int, Request, Request]:
        """Place a call and answer it: its usage, the INVITE and the ACK; the events are taken."""
        usage, invite = self.call(**changes)
        [ack] = self.receive(answer_to(invite, 200, to_tag="peer"))
        assert isinstance(ack, Request)
        self.events()
        return usage, invite, ack


def answer_to(
    request: Request,
    status: int,
    *,
    to_tag: str | None = None,
    headers: str = "",
    body: str = "",
    contact: str | None = "<sip:gw@203.0.113.10:5060>",
    reason: str = "Whatever",
) -> bytes:
    """A peer's response, written by hand rather than by the library under test; `headers` are whole lines."""
    lines = [f"SIP/2.0 {status} {reason}"]
    lines += [f"Via: {value}" for value in request.headers.get_fields("Via")]
    lines += [f"From: {request.headers.get('From')}"]
    to = request.headers.get("To") or ""
    lines += [f"To: {to};tag={to_tag}" if to_tag is not None and "tag=" not in to else f"To: {to}"]
    lines += [f"Call-ID: {request.call_id}", f"CSeq: {request.cseq}"]
    if contact is not None and 100 < status < 300:
        lines.append(f"Contact: {contact}")
    lines += [line for line in headers.split("\n") if line]
    lines += [f"Content-Length: {len(body)}", "", body]
    # What was no text in the request is repeated octet by octet.
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def request_from_peer(
    method: str,
    *,
    call_id: str = "peer-call-1",
    branch: str = "z9hG4bKpeer1",
    from_tag: str = "peer",
    to_tag: str | None = None,
    cseq: int = 1,
    headers: str = "",
    body: str = "",
    uri: str = "sip:192.0.2.1:5060",
    via: str = "203.0.113.10:5060",
    content_type: str = "application/sdp",
) -> bytes:
    """A peer's request, written by hand."""
    to = "<sip:+918000000001@192.0.2.1>" + (f";tag={to_tag}" if to_tag is not None else "")
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch={branch}",
        "Max-Forwards: 70",
        f"From: <sip:+919812345678@203.0.113.10>;tag={from_tag}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
    ]
    lines += [line for line in headers.split("\n") if line]
    if method in ("INVITE", "UPDATE") and "Contact:" not in headers:
        lines.append("Contact: <sip:gw@203.0.113.10:5060>")
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


def in_dialog_from_peer(
    invite: Request,
    method: str,
    *,
    cseq: int = 1,
    branch: str = "z9hG4bKindlg",
    from_tag: str = "peer",
    headers: str = "",
    body: str = "",
) -> bytes:
    """A peer's request in the dialog that an INVITE of ours made with the To-tag `peer`."""
    return request_from_peer(
        method,
        call_id=invite.call_id,
        branch=branch,
        from_tag=from_tag,
        to_tag=invite.from_tag,
        cseq=cseq,
        headers=headers,
        body=body,
    )
