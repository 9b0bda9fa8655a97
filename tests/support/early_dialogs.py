"""Early dialogs played by hand: reliable provisional responses of a peer, and a peer's call with its PRACKs."""

from dataclasses import dataclass, field

from b2bua.sip.events import IncomingInvite, UsageEnded, UserAgentEvent
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, Bench, answer_to, request_from_peer

SDP = "application/sdp"


def statuses(messages: list[Request | Response]) -> list[int]:
    """Of the responses among them."""
    return [message.status for message in messages if isinstance(message, Response)]


def only(messages: list[Request | Response]) -> Response:
    """The one response that they are."""
    [response] = messages
    assert isinstance(response, Response)
    return response


def the_prack(messages: list[Request | Response]) -> Request:
    """The one PRACK that they are."""
    [prack] = messages
    assert isinstance(prack, Request)
    assert prack.method == "PRACK"
    return prack


def reliable(
    invite: Request,
    rseq: int,
    *,
    status: int = 183,
    tag: str = "peer",
    headers: str = "",
    body: str = "",
    contact: str = "<sip:gw@203.0.113.10:5060>",
) -> bytes:
    """A reliable provisional response of the peer."""
    lines = f"Require: 100rel\nRSeq: {rseq}\n{headers}"
    return answer_to(invite, status, to_tag=tag, headers=lines, body=body, contact=contact)


@dataclass
class Arrival:
    """A peer's call, and what the two say to each other."""

    headers: str = "Supported: 100rel"
    policy: PeerPolicy = field(default_factory=PeerPolicy)
    body: str = "v=0"
    content_type: str = SDP
    bench: Bench = field(init=False)
    tag: str | None = None
    cseq: int = 1

    def __post_init__(self) -> None:
        """Let it come."""
        self.bench = Bench(policy_of=lambda _request, _source: self.policy)
        kind = self.content_type
        self.bench.receive(request_from_peer("INVITE", headers=self.headers, body=self.body, content_type=kind))
        [event] = self.bench.events()
        assert isinstance(event, IncomingInvite)
        self.usage, self.transaction = event.usage, event.transaction

    def respond(
        self, status: int, body: bytes = b"", *, to: int | None = None, reliable: bool | None = None
    ) -> list[Request | Response]:
        """Our user's response, to the INVITE or another request; what goes out."""
        transaction = self.transaction if to is None else to
        kind = SDP if body else None
        self.bench.user_agent.respond(
            transaction, status, self.bench.now, body=body, content_type=kind, reliable=reliable
        )
        return self._see(self.bench.take_sent())

    def request(self, method: str, body: bytes = OFFER) -> list[Request]:
        """Our user's request in the dialog; what goes out."""
        kind = SDP if body else None
        self.bench.user_agent.request_in_dialog(self.usage, method, self.bench.now, body=body, content_type=kind)
        return [message for message in self.bench.take_sent() if isinstance(message, Request)]

    def ask(
        self, method: str, *, headers: str = "", body: str = "", content_type: str = SDP
    ) -> list[Request | Response]:
        """The peer's next request in the dialog; what comes back."""
        self.cseq += 1
        content = request_from_peer(
            method,
            to_tag=self.tag,
            cseq=self.cseq,
            branch=f"z9hG4bK{self.cseq}{method}",
            headers=headers,
            body=body,
            content_type=content_type,
        )
        return self._see(self.bench.receive(content))

    def cancel(self) -> list[Request | Response]:
        """The peer's CANCEL of its INVITE; what comes back."""
        return self.bench.receive(request_from_peer("CANCEL"))

    def prack(self, response: Request | Response, *, body: str = "") -> list[Request | Response]:
        """The peer's PRACK of one of our responses; what comes back."""
        assert isinstance(response, Response)
        return self.ask("PRACK", headers=f"RAck: {response.rseq} {response.cseq.number} INVITE", body=body)

    def ack(self) -> None:
        """The peer's ACK of our 2xx to its INVITE."""
        self.bench.receive(request_from_peer("ACK", to_tag=self.tag, branch="z9hG4bKack"))

    def events(self) -> list[UserAgentEvent]:
        """What was told since the last look."""
        return self.bench.events()

    def end(self) -> None:
        """Let all of it be over: nothing is left."""
        self.bench.advance(300)
        assert isinstance(self.events()[-1], UsageEnded)
        assert self.bench.user_agent.table_sizes() == NOTHING_HELD

    def _see(self, messages: list[Request | Response]) -> list[Request | Response]:
        """Remember our tag."""
        for message in messages:
            if isinstance(message, Response) and message.to_tag:
                self.tag = message.to_tag
        return messages
