"""CANCEL and its races (section 9; hard cases 1, 2 and 25)."""

import pytest

from b2bua.sip.events import (
    Answered,
    IncomingCancelled,
    IncomingInvite,
    IncomingRequest,
    NoResponse,
    Provisional,
    Rejected,
    UsageEnded,
)
from b2bua.sip.message import Request, Response
from tests.support.agents import NOTHING_HELD, Bench, answer_to, in_dialog_from_peer, request_from_peer


def requests(messages: list[Request | Response]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


def hang_up(bench: Bench, usage: int) -> list[Request | Response]:
    bench.user_agent.hang_up(usage, bench.now)
    return bench.take_sent()


def test_cancel_is_built_from_the_invite() -> None:
    bench = Bench()
    usage, invite = bench.call(routes=("<sip:proxy@203.0.113.10;lr>",))
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    [cancel] = hang_up(bench, usage)
    assert isinstance(cancel, Request)
    assert cancel.method == "CANCEL"
    assert cancel.request_uri == invite.request_uri
    assert str(cancel.cseq) == "1 CANCEL"
    for name in ("Via", "From", "To", "Call-ID", "Route"):
        assert cancel.headers.get_fields(name) == invite.headers.get_fields(name)
    assert cancel.body == b""


def test_trunk_case_01_cancel_crosses_200() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    [cancel] = hang_up(bench, usage)
    assert isinstance(cancel, Request)
    assert requests(bench.receive(answer_to(cancel, 481))) == []
    late = bench.receive(answer_to(invite, 200, to_tag="peer"))
    assert requests(late) == ["ACK", "BYE"]
    assert isinstance(late[1], Request)
    assert late[1].to_tag == "peer"
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK"]
    bench.receive(answer_to(late[1], 200))
    bench.advance(64)
    kinds = [type(event) for event in bench.events()]
    assert kinds == [Provisional, UsageEnded]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_02_cancel_is_held_until_a_provisional() -> None:
    bench = Bench()
    usage, invite = bench.call()
    assert hang_up(bench, usage) == []
    assert {message.method for _, message in bench.advance(1) if isinstance(message, Request)} == {"INVITE"}
    assert requests(bench.receive(answer_to(invite, 100))) == ["CANCEL"]
    assert requests(bench.receive(answer_to(invite, 180, to_tag="peer"))) == []
    assert requests(bench.receive(answer_to(invite, 487, to_tag="peer"))) == ["ACK"]
    [event] = bench.events()
    assert isinstance(event, Rejected)
    assert event.status == 487


@pytest.mark.parametrize("method", ["INFO", "UPDATE"])
def test_what_the_peer_asks_in_a_call_that_we_are_cancelling_finds_nobody(method: str) -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    hang_up(bench, usage)
    bench.events()
    [answer] = bench.receive(in_dialog_from_peer(invite, method))
    assert isinstance(answer, Response)
    assert (answer.status, bench.events()) == (481, [])


@pytest.mark.parametrize("status", [486, 503, 401])
def test_trunk_case_02_a_final_that_comes_first_is_acted_on(status: int) -> None:
    bench = Bench()
    usage, invite = bench.call()
    hang_up(bench, usage)
    assert requests(bench.receive(answer_to(invite, status, to_tag="peer"))) == ["ACK"]
    assert [type(event) for event in bench.events()] == [Rejected]
    assert [m for _, m in bench.advance(64) if isinstance(m, Request) and m.method != "ACK"] == []
    assert [type(event) for event in bench.events()] == [UsageEnded]


def test_trunk_case_02_a_200_that_comes_first_is_acknowledged_and_ended() -> None:
    bench = Bench()
    usage, invite = bench.call()
    hang_up(bench, usage)
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK", "BYE"]
    bench.advance(100)
    assert Answered not in [type(event) for event in bench.events()]


def test_trunk_case_02_a_487_that_never_comes_ends_64_t1_after_the_cancels_200() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    [cancel] = hang_up(bench, usage)
    assert isinstance(cancel, Request)
    bench.advance(3)
    bench.receive(answer_to(cancel, 200))
    bench.events()
    bench.advance(31.9)
    assert bench.events() == []
    bench.advance(0.2)
    assert bench.events() == [NoResponse(usage, "timeout"), UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_provisional_response_to_the_cancel_does_not_begin_the_wait_for_a_487_anew() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    [cancel] = hang_up(bench, usage)
    assert isinstance(cancel, Request)
    bench.events()
    bench.advance(3)
    assert bench.receive(answer_to(cancel, 100)) == []
    bench.advance(28.9)
    assert bench.events() == []
    bench.advance(0.2)
    assert bench.events() == [NoResponse(usage, "timeout"), UsageEnded(usage)]


def test_a_cancel_that_is_never_answered_ends_too() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    hang_up(bench, usage)
    bench.events()
    sent = bench.advance(40)
    assert len(sent) == 10
    assert bench.events() == [NoResponse(usage, "timeout"), UsageEnded(usage)]


def test_hanging_up_twice_cancels_once() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    assert requests(hang_up(bench, usage)) == ["CANCEL"]
    assert hang_up(bench, usage) == []


def test_trunk_case_25_a_late_provisional_after_a_2xx_does_nothing() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    assert bench.receive(answer_to(invite, 183, to_tag="peer")) == []
    assert bench.events() == []


def test_an_attempt_without_any_answer_is_given_up_in_time() -> None:
    bench = Bench()
    usage, _ = bench.call(no_answer_timeout_s=4.0)
    sent = bench.advance(4)
    assert [when for when, _ in sent] == [0.5, 1.5, 3.5]
    assert bench.events() == [NoResponse(usage, "no_answer")]
    assert [when for when, _ in bench.advance(40)] == [3.5, 11.5], "see below"
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("hung_up", [False, True])
def test_a_peer_whose_responses_were_lost_is_cancelled_when_one_comes_through(hung_up: bool) -> None:
    """17.1.1.2, 9.1: it rings, and only its answer to an INVITE sent once more lets us cancel it."""
    bench = Bench()
    usage, invite = bench.call(no_answer_timeout_s=4.0)
    if hung_up:
        hang_up(bench, usage)
    bench.advance(4)
    assert [event.cause for event in bench.events() if isinstance(event, NoResponse)] == ["no_answer"]
    assert requests([message for _, message in bench.advance(4)]) == ["INVITE"]
    assert requests(bench.receive(answer_to(invite, 180, to_tag="peer"))) == ["CANCEL"]
    assert bench.advance(0.1) == []


def test_an_attempt_that_others_follow_is_not_sent_again() -> None:
    """Its peer, back again, would ring a phone that rings by another way already."""
    bench = Bench()
    usage, invite = bench.call(no_answer_timeout_s=4.0)
    bench.advance(4)
    hang_up(bench, usage)
    assert bench.advance(20) == []
    assert requests(bench.receive(answer_to(invite, 180, to_tag="peer"))) == ["CANCEL"]


def test_any_response_stops_the_no_answer_timer() -> None:
    bench = Bench()
    _, invite = bench.call(no_answer_timeout_s=4.0)
    bench.receive(answer_to(invite, 100))
    bench.advance(100)
    assert bench.events() == []


def test_trunk_case_19_a_late_provisional_of_a_dead_attempt_is_not_told_but_cancelled() -> None:
    bench = Bench()
    _, invite = bench.call(no_answer_timeout_s=4.0)
    bench.advance(5)
    bench.events()
    assert requests(bench.receive(answer_to(invite, 180, to_tag="peer"))) == ["CANCEL"]
    assert requests(bench.receive(answer_to(invite, 487, to_tag="peer"))) == ["ACK"]
    bench.advance(64)
    assert [type(event) for event in bench.events()] == [UsageEnded]


def test_a_late_200_of_a_dead_attempt_gets_ack_and_bye() -> None:
    bench = Bench()
    _, invite = bench.call(no_answer_timeout_s=4.0)
    bench.advance(5)
    bench.events()
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK", "BYE"]
    bench.advance(64)
    assert [type(event) for event in bench.events()] == [UsageEnded]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_phone_that_rings_for_over_three_minutes_is_cancelled() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.advance(100)
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.events()
    assert bench.advance(180.9) == []
    assert [message.method for _, message in bench.advance(0.2) if isinstance(message, Request)] == ["CANCEL"]
    assert bench.events() == [NoResponse(usage, "timeout")]


def test_incoming_cancel_is_answered_and_ends_the_call() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [invite] = bench.events()
    assert isinstance(invite, IncomingInvite)
    answers = bench.receive(request_from_peer("CANCEL"))
    assert [(one.status, one.cseq.method) for one in answers if isinstance(one, Response)] == [
        (200, "CANCEL"),
        (487, "INVITE"),
    ]
    assert answers[0].to_tag == answers[1].to_tag
    assert bench.events() == [IncomingCancelled(invite.usage)]
    bench.user_agent.respond(invite.transaction, 200, bench.now)
    assert bench.take_sent() == []
    bench.receive(request_from_peer("ACK", to_tag=answers[1].to_tag))
    bench.advance(64)
    assert bench.events() == [UsageEnded(invite.usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_incoming_cancel_after_the_answer_has_no_effect() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [invite] = bench.events()
    assert isinstance(invite, IncomingInvite)
    bench.user_agent.respond(invite.transaction, 200, bench.now)
    bench.take_sent()
    [answer] = bench.receive(request_from_peer("CANCEL"))
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert bench.events() == []


def test_incoming_cancel_of_a_reinvite_after_its_answer_has_no_effect() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0"))
    [asked] = bench.events()
    assert isinstance(asked, IncomingRequest)
    bench.user_agent.respond(asked.transaction, 488, bench.now)
    bench.take_sent()
    [answer] = bench.receive(in_dialog_from_peer(invite, "CANCEL"))
    assert isinstance(answer, Response)
    assert (answer.status, str(answer.cseq), bench.events()) == (200, "1 CANCEL", [])


def test_cancel_of_nothing_is_answered_481() -> None:
    bench = Bench()
    [answer] = bench.receive(request_from_peer("CANCEL"))
    assert isinstance(answer, Response)
    assert answer.status == 481
