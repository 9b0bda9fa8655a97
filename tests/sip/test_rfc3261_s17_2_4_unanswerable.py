"""RFC 3261 17.2.4: a response can be sent neither over the connection of its request nor over another."""

import pytest

from b2bua.sip.events import AckReceived, IncomingCancelled, IncomingInvite, IncomingRequest, UsageEnded
from b2bua.sip.message import Response
from tests.support.agents import NOTHING_HELD, Bench
from tests.support.early_dialogs import Arrival

INVITE = """INVITE sip:917969002802@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP Phone.example:5070;branch=z9hG4bKcaller;rport
Max-Forwards: 70
From: <sip:+919876543210@203.0.113.1>;tag=caller
To: <sip:917969002802@192.0.2.1>
Call-ID: gone
CSeq: 7 INVITE
Contact: <sip:phone@203.0.113.1>
Content-Length: 0

"""


def called() -> tuple[Bench, IncomingInvite, bytes]:
    """A call that rings, and its 180."""
    bench = Bench()
    bench.receive(INVITE)
    [invite] = bench.events()
    assert isinstance(invite, IncomingInvite)
    bench.user_agent.respond(invite.transaction, 180, bench.now)
    [ringing] = bench.take_sent()
    return bench, invite, ringing.render()


def test_a_caller_that_cannot_be_told_that_it_rings_has_gone() -> None:
    bench, invite, ringing = called()
    bench.user_agent.unanswerable(ringing, bench.now)
    assert bench.events() == [IncomingCancelled(invite.usage, "unanswerable")]
    [refused] = bench.take_sent()
    assert isinstance(refused, Response)
    assert refused.status == 480
    bench.user_agent.unanswerable(refused.render(), bench.now)
    bench.advance(64.0)
    assert bench.events() == [UsageEnded(invite.usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_an_answer_goes_out_again_until_its_time_is_over() -> None:
    """13.3.1.4: who restarts may be there before."""
    bench, invite, _ = called()
    bench.user_agent.respond(invite.transaction, 200, bench.now)
    [answer] = bench.take_sent()
    assert isinstance(answer, Response)
    bench.user_agent.unanswerable(answer.render(), bench.now)
    assert bench.events() == []
    assert [message for _, message in bench.advance(0.5)] == [answer]
    ack = INVITE.replace("INVITE ", "ACK ", 1).replace("7 INVITE", "7 ACK").replace("z9hG4bKcaller", "z9hG4bKack")
    bench.receive(ack.replace("To: <sip:917969002802@192.0.2.1>", f"To: {answer.headers.get('To')}"))
    assert not [event for event in bench.events() if not isinstance(event, AckReceived)]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("z9hG4bKcaller", "z9hG4bKother"), ("7 INVITE", "7 CANCEL"), ("z9hG4bKcaller", "1"), ("SIP/2.0 180", "nothing")],
)
def test_what_is_no_response_to_it_says_nothing_of_a_caller(was: str, becomes: str) -> None:
    bench, _, ringing = called()
    bench.user_agent.unanswerable(ringing.replace(was.encode(), becomes.encode()), bench.now)
    assert bench.events() == []
    assert bench.take_sent() == []


def test_a_caller_that_cannot_be_told_of_a_request_within_its_call_is_waited_for() -> None:
    arrival = Arrival()
    arrival.respond(180)
    arrival.ask("INFO")
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    [told] = arrival.respond(200, to=asked.transaction)
    arrival.bench.user_agent.unanswerable(told.render(), arrival.bench.now)
    assert arrival.events() == []
    [answer] = arrival.respond(200)
    assert isinstance(answer, Response)
    assert answer.status == 200
