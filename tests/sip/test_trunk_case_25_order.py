"""Hard case 25: no provisional after a final response, in either direction (RFC 3261 17.2.1, 13.2.2.4)."""

import pytest

from b2bua.sip.events import IncomingInvite, IncomingRequest
from b2bua.sip.message import Response
from tests.support.agents import OFFER, Bench, answer_to, in_dialog_from_peer, request_from_peer

SDP = "application/sdp"


@pytest.mark.parametrize("final", [200, 486])
@pytest.mark.parametrize("late", [180, 183, 200, 603])
def test_trunk_case_25_after_our_final_nothing_else_is_sent(final: int, late: int) -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, final, bench.now)
    [sent] = bench.take_sent()
    assert isinstance(sent, Response)
    bench.user_agent.respond(event.transaction, late, bench.now, body=OFFER, content_type=SDP)
    assert bench.take_sent() == []
    assert bench.user_agent.counters["responses too late"] == 1
    again = [each for _, each in bench.advance(2)]
    assert set(map(str, again)) <= {str(sent)}


def test_trunk_case_25_after_our_final_to_a_reinvite_nothing_else_is_sent() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 488, bench.now)
    bench.take_sent()
    bench.user_agent.respond(event.transaction, 183, bench.now)
    assert bench.take_sent() == []


def test_trunk_case_25_a_late_provisional_after_a_failure_does_nothing() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 486, to_tag="peer"))
    bench.events()
    assert bench.receive(answer_to(invite, 180, to_tag="peer")) == []
    assert bench.events() == []


# The same INVITE again.


@pytest.mark.parametrize("status", [None, 180, 200, 486])
def test_near_miss_a_repeated_invite_makes_no_second_call(status: int | None) -> None:
    bench = Bench()
    invite = request_from_peer("INVITE", body="v=0")
    [last] = bench.receive(invite)
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    if status is not None:
        bench.user_agent.respond(event.transaction, status, bench.now)
        [last] = bench.take_sent()
    expected = [] if status == 200 else [last]  # a 2xx is repeated by its own timer (13.3.1.4, RFC 6026)
    for _ in range(3):
        assert bench.receive(invite) == expected
    assert bench.events() == []
    assert bench.user_agent.table_sizes().usages == 1
