"""RFC 3261 section 13.3.1: a caller that waits long for an answer is told so each minute, while it wants to wait."""

import pytest

from b2bua.sip.events import IncomingCancelled, IncomingInvite
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, Bench, request_from_peer

SDP = "application/sdp"
SUPPORTED = PeerPolicy()
REQUIRED = PeerPolicy(reliable_provisional="required")


class Waiting:
    """A call of the peer's that our user has not answered."""

    def __init__(self, headers: str = "", policy: PeerPolicy = SUPPORTED) -> None:
        self.bench = Bench(policy_of=lambda _request, _source: policy)
        self.bench.receive(request_from_peer("INVITE", headers=headers, body="v=0"))
        [event] = self.bench.events()
        assert isinstance(event, IncomingInvite)
        self.event = event

    def respond(self, status: int, body: bytes = b"") -> list[Request | Response]:
        """Let our user say something; what is sent."""
        self.bench.user_agent.respond(
            self.event.transaction, status, self.bench.now, body=body, content_type=SDP if body else None
        )
        return self.bench.take_sent()

    def later(self, seconds: float) -> list[tuple[float, Response]]:
        """The responses of these seconds, and when."""
        return [(at, each) for at, each in self.bench.advance(seconds) if isinstance(each, Response)]

    def prack(self, response: Response, cseq: int) -> None:
        """Acknowledge a reliable provisional response."""
        content = request_from_peer(
            "PRACK",
            branch=f"z9hG4bKprack{cseq}",
            to_tag=response.to_tag,
            cseq=cseq,
            headers=f"RAck: {response.rseq} 1 INVITE",
        )
        [answer] = self.bench.receive(content)
        assert isinstance(answer, Response)
        assert answer.status == 200


@pytest.mark.parametrize(("status", "body"), [(180, b""), (183, OFFER)])
def test_13_3_1_1_the_last_provisional_response_is_said_again_each_minute(status: int, body: bytes) -> None:
    waiting = Waiting()
    [said] = waiting.respond(status, body)
    again = waiting.later(179.0)
    assert [at for at, _ in again] == [60.0, 120.0]
    assert [each for _, each in again] == [said, said]
    waiting.respond(486)


def test_the_minute_begins_anew_with_each_that_our_user_sends() -> None:
    waiting = Waiting()
    waiting.respond(183)
    assert waiting.later(50.0) == []
    [said] = waiting.respond(180)
    assert waiting.later(59.0) == []
    assert waiting.later(2.0) == [(1.0, said)]
    waiting.respond(486)


def test_a_mere_100_is_not_said_again() -> None:
    waiting = Waiting()
    assert waiting.later(179.0) == []
    waiting.respond(486)


@pytest.mark.parametrize("status", [200, 486])
def test_nothing_is_said_again_after_the_final_response(status: int) -> None:
    waiting = Waiting()
    waiting.respond(180)
    waiting.respond(status, OFFER if status == 200 else b"")
    assert {each.status for _, each in waiting.later(130.0)} == {status}


def test_rfc3262_what_was_acknowledged_is_followed_by_another_one() -> None:
    """The same RSeq again would be a retransmission of what was acknowledged; its session description is known."""
    waiting = Waiting("Supported: 100rel", REQUIRED)
    [said] = waiting.respond(183, OFFER)
    assert isinstance(said, Response)
    assert said.rseq is not None
    waiting.prack(said, 2)
    again = waiting.later(150.0)
    assert [(at, each.status, each.rseq, each.body) for at, each in again] == [(150.0, 183, said.rseq + 1, b"")]
    waiting.prack(again[0][1], 3)
    assert waiting.later(20.0) == []
    waiting.respond(486)


def test_beside_reliable_ones_a_ringing_is_said_again_unreliably() -> None:
    waiting = Waiting("Supported: 100rel")
    [described] = waiting.respond(183, OFFER)
    assert isinstance(described, Response)
    waiting.prack(described, 2)
    waiting.respond(180)
    [(_, again)] = waiting.later(60.0)
    assert (again.status, again.rseq, again.body) == (180, None, b"")
    waiting.respond(486)


@pytest.mark.parametrize("status", [None, 180])
def test_13_3_1_an_invitation_that_expires_is_answered_487(status: int | None) -> None:
    waiting = Waiting("Expires: 20")
    if status is not None:
        waiting.respond(status)
    assert waiting.later(19.9) == []
    [(at, final)] = waiting.later(0.2)
    assert at == pytest.approx(0.1)
    assert (final.status, final.cseq.method) == (487, "INVITE")
    assert waiting.bench.events()[0] == IncomingCancelled(waiting.event.usage, "expired")
    waiting.bench.receive(request_from_peer("ACK", to_tag=final.to_tag))
    waiting.later(40.0)
    assert waiting.bench.user_agent.table_sizes() == NOTHING_HELD


def test_an_invitation_that_was_answered_in_time_does_not_expire() -> None:
    waiting = Waiting("Expires: 20")
    [answer] = waiting.respond(200, OFFER)
    assert isinstance(answer, Response)
    waiting.bench.receive(request_from_peer("ACK", to_tag=answer.to_tag, branch="z9hG4bKack"))
    assert waiting.later(30.0) == []
    assert waiting.bench.events() == []


@pytest.mark.parametrize("expires", ["Expires: soon", "Expires: 4294967296", "Expires: 99999999"])
def test_an_expiry_that_says_nothing_changes_nothing(expires: str) -> None:
    waiting = Waiting(expires)
    waiting.respond(180)
    assert {each.status for _, each in waiting.later(170.0)} == {180}
    waiting.respond(486)
