"""Calls with session timers against a peer played by hand (RFC 4028)."""

from b2bua.sip.events import IncomingInvite
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import OFFER, PEER, Bench, answer_to, request_from_peer

SDP = "application/sdp"
WITH_UPDATE = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"
WITHOUT_UPDATE = "Allow: INVITE, ACK, BYE, CANCEL"
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth"'
NO_WISH = PeerPolicy()
Sent = list[tuple[float, Request | Response]]


def wish(seconds: int, min_s: int = 90) -> PeerPolicy:
    """A profile that asks for session timers."""
    return PeerPolicy(session_timer_s=seconds, session_timer_min_s=min_s)


def called(bench: Bench, headers: str, policy: PeerPolicy = NO_WISH) -> tuple[int, Request]:
    """A call of ours, answered 200 with these header lines."""
    usage, invite = bench.call(policy=policy)
    bench.receive(answer_to(invite, 200, to_tag="peer", headers=headers))
    bench.events()
    return usage, invite


def was_called(headers: str, policy: PeerPolicy = NO_WISH) -> tuple[Bench, int, Response]:
    """A call of the peer's with these header lines, answered and acknowledged: its usage and our 200."""
    bench = Bench(policy_of=lambda _request, source: policy if source == PEER else PeerPolicy())
    bench.receive(request_from_peer("INVITE", headers=headers, body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    [ok] = bench.take_sent()
    assert isinstance(ok, Response)
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    return bench, event.usage, ok


def requests(sent: Sent) -> list[tuple[float, Request]]:
    """The requests sent, each once however often it was repeated."""
    found: list[tuple[float, Request]] = []
    for when, each in sent:
        if isinstance(each, Request) and each not in [known for _, known in found]:
            found.append((when, each))
    return found


def the_refresh(bench: Bench, after_s: float) -> Request:
    """The refresh that goes out after so many seconds, and not before."""
    [(when, request)] = requests(bench.advance(after_s))
    assert when == after_s
    return request


def statuses(messages: list[Request | Response]) -> list[int]:
    """The statuses of the responses among them."""
    return [message.status for message in messages if isinstance(message, Response)]
