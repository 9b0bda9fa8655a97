"""RFC 3326: the Reason of each CANCEL and BYE of ours says why it is sent, also where nobody asked for it."""

import pytest

from b2bua.sip.events import IncomingCancelled, IncomingInvite
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import ENDING_REASONS, PEER, Bench, answer_to, in_dialog_from_peer, request_from_peer

NORMAL = 'Q.850;cause=16;text="Normal call clearing"'


def reason_of(messages: list[Request | Response], method: str) -> str | None:
    """The Reason of the requests of that method among these: all of them the same, sent again perhaps."""
    requests = [each for each in messages if isinstance(each, Request) and each.method == method]
    [reason] = {each.headers.get("Reason") for each in requests}
    return reason


@pytest.mark.parametrize(("status", "method"), [(180, "CANCEL"), (200, "BYE")])
def test_an_attempt_that_was_silent_too_long_is_told_so(status: int, method: str) -> None:
    bench = Bench()
    _, invite = bench.call(no_answer_timeout_s=4.0)
    bench.advance(4.0)
    sent = bench.receive(answer_to(invite, status, to_tag="peer"))
    assert reason_of(sent, method) == ENDING_REASONS["no_answer"]


def test_an_attempt_that_another_has_followed_is_told_so_too() -> None:
    bench = Bench()
    usage, invite = bench.call(no_answer_timeout_s=4.0)
    bench.advance(4.0)
    bench.user_agent.hang_up(usage, bench.now)
    sent = bench.receive(answer_to(invite, 180, to_tag="peer"))
    assert reason_of(sent, "CANCEL") == ENDING_REASONS["no_answer"]


def test_who_hangs_up_says_why_and_no_later_silence_says_otherwise() -> None:
    bench = Bench()
    usage, invite = bench.call(no_answer_timeout_s=4.0)
    bench.user_agent.hang_up(usage, bench.now, NORMAL)
    bench.advance(4.0)
    sent = bench.receive(answer_to(invite, 180, to_tag="peer"))
    assert reason_of(sent, "CANCEL") == NORMAL


def test_an_attempt_that_was_not_delivered_is_told_so() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.user_agent.transport_failed(PEER, bench.now)
    bench.take_sent()
    sent = bench.receive(answer_to(invite, 180, to_tag="peer"))
    assert reason_of(sent, "CANCEL") == ENDING_REASONS["transport"]


def test_ringing_for_over_three_minutes_is_cancelled_with_a_reason() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    sent = [message for _at, message in bench.advance(181.0)]
    assert reason_of(sent, "CANCEL") == ENDING_REASONS["timeout"]


def test_a_200_of_ours_that_is_never_acknowledged_ends_with_a_reason() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", body="v=0"))
    [told] = bench.events()
    bench.user_agent.respond(told.transaction, 200, bench.now, body=b"v=0", content_type="application/sdp")  # type: ignore[union-attr]
    sent = [message for _at, message in bench.advance(32.1)]
    assert reason_of(sent, "BYE") == ENDING_REASONS["no_ack"]


def test_a_session_that_is_not_refreshed_ends_with_a_reason() -> None:
    bench = Bench()
    policy = PeerPolicy(session_timer_s=90)
    _, invite = bench.call(policy=policy)
    bench.receive(answer_to(invite, 200, to_tag="peer", headers="Session-Expires: 90;refresher=uas"))
    sent = [message for _at, message in bench.advance(61.0)]
    assert reason_of(sent, "BYE") == ENDING_REASONS["expired"]


def test_a_fork_that_answers_second_is_told_that_another_was_chosen() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="first"))
    sent = bench.receive(answer_to(invite, 200, to_tag="second"))
    assert reason_of(sent, "BYE") == ENDING_REASONS["elsewhere"]
    bye = sent[-1]
    assert isinstance(bye, Request)
    bench.receive(answer_to(bye, 200))
    bench.user_agent.hang_up(usage, bench.now, NORMAL)
    assert reason_of(bench.take_sent(), "BYE") == NORMAL, "of the call itself that says nothing"


def test_a_peer_that_hangs_up_while_it_rings_is_cancelled_with_a_reason() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    sent = bench.receive(in_dialog_from_peer(invite, "BYE"))
    assert reason_of(sent, "CANCEL") == ENDING_REASONS["left"]


@pytest.mark.parametrize(
    ("reason", "elsewhere"),
    [
        ('SIP;cause=200;text="Call completed elsewhere"', True),
        ("sip ;cause=200", True),
        ("Q.850;cause=26, SIP;cause=200", True),
        ("SIP;cause=600", False),
        ("Q.850;cause=200", False),
        ("SIP;text=x", False),
        ('SIP;cause=200;text="', False),
        ("Q.850;cause=26;text=Answered elsewhere\nReason: SIP;cause=200", True),
        ("Q.850;cause=26;text=Answered elsewhere, SIP;cause=200", True),
        (None, False),
    ],
)
def test_a_caller_that_says_another_place_has_answered_is_told_as_that(reason: str | None, elsewhere: bool) -> None:
    """Section 2. One that cannot be read cancels all the same."""
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [invite] = bench.events()
    assert isinstance(invite, IncomingInvite)
    answers = bench.receive(request_from_peer("CANCEL", headers="" if reason is None else f"Reason: {reason}"))
    assert [message.status for message in answers if isinstance(message, Response)] == [200, 487]
    assert bench.events() == [IncomingCancelled(invite.usage, elsewhere=elsewhere)]
