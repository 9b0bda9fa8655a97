"""Which transaction a message belongs to: 17.1.3, 17.2.3, merged requests (8.2.2.2), stray messages."""

import pytest

from b2bua.sip.events import IncomingCancelled, IncomingInvite
from b2bua.sip.message import Request, Response
from tests.support.agents import NOTHING_HELD, Bench, answer_to, request_from_peer

INVITE = {"method": "INVITE"}


def statuses(messages: list[Request | Response]) -> list[int]:
    return [message.status for message in messages if isinstance(message, Response)]


def test_response_is_matched_by_branch_and_cseq_method() -> None:
    bench = Bench()
    _, invite = bench.call()
    for wrong in (
        answer_to(invite, 200, to_tag="x").replace((invite.via.branch or "-").encode(), b"z9hG4bKother"),
        answer_to(invite, 200, to_tag="x").replace(b"1 INVITE", b"1 OPTIONS"),
        answer_to(invite, 200, to_tag="x").replace(b"192.0.2.1:5060;branch", b"192.0.2.9:5060;branch"),
    ):
        assert bench.receive(wrong) == []
    assert bench.events() == []
    assert bench.user_agent.counters["responses to nothing"] == 3
    assert len(bench.receive(answer_to(invite, 200, to_tag="x"))) == 1


def test_repeated_invite_makes_no_second_call() -> None:
    bench = Bench()
    first = bench.receive(request_from_peer("INVITE"))
    again = bench.receive(request_from_peer("INVITE"))
    assert statuses(first) == statuses(again) == [100]
    assert [type(event) for event in bench.events()] == [IncomingInvite]


@pytest.mark.parametrize(
    "changes",
    [{"branch": "z9hG4bKpeer2", "call_id": "other"}, {"via": "203.0.113.10:5062", "call_id": "other"}],
    ids=["another branch", "another sent-by"],
)
def test_another_branch_or_sent_by_is_another_transaction(changes: dict[str, str]) -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    bench.receive(request_from_peer("INVITE", **changes))  # type: ignore[arg-type]
    assert [type(event) for event in bench.events()] == [IncomingInvite, IncomingInvite]


def test_merged_request_is_answered_482() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    assert statuses(bench.receive(request_from_peer("INVITE", branch="z9hG4bKother-path"))) == [482]
    assert len(bench.events()) == 1


def test_a_copy_of_a_request_that_was_answered_2xx_is_merged() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    bench.take_sent()
    assert statuses(bench.receive(request_from_peer("INVITE", branch="z9hG4bKother-path", body="v=0"))) == [482]
    assert bench.events() == []


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_was_refused_may_come_again_by_another_branch(acknowledged: bool) -> None:
    """8.2.2.2 speaks of ongoing transactions: a proxy that forks serially tries the next way with the same request."""
    bench = Bench()
    for branch, status in (("z9hG4bKone", 486), ("z9hG4bKtwo", 503), ("z9hG4bKthree", 404)):
        assert statuses(bench.receive(request_from_peer("INVITE", branch=branch))) == [100]
        assert statuses(bench.receive(request_from_peer("INVITE", branch=f"{branch}-copy"))) == [482]
        [event] = bench.events()
        assert isinstance(event, IncomingInvite)
        bench.user_agent.respond(event.transaction, status, bench.now)
        [refusal] = bench.take_sent()
        assert statuses(bench.receive(request_from_peer("INVITE", branch=branch))) == [status]
        if acknowledged:
            bench.receive(request_from_peer("ACK", branch=branch, to_tag=refusal.to_tag))
    bench.advance(300)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_new_cseq_is_no_merged_request() -> None:
    bench = Bench()
    bench.receive(request_from_peer("OPTIONS"))
    assert statuses(bench.receive(request_from_peer("OPTIONS", branch="z9hG4bKnext", cseq=2))) == [200]


def test_ack_of_a_failure_reaches_its_transaction() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 486, bench.now)
    [busy] = bench.take_sent()
    bench.receive(request_from_peer("ACK", to_tag=busy.to_tag))
    assert bench.advance(4) == []


def test_rfc2543_invite_retransmission_ack_and_cancel() -> None:
    bench = Bench()
    old = {"branch": "1", "call_id": "old-1"}
    assert statuses(bench.receive(request_from_peer("INVITE", **old))) == [100]  # type: ignore[arg-type]
    assert statuses(bench.receive(request_from_peer("INVITE", **old))) == [100]  # type: ignore[arg-type]
    assert len(bench.events()) == 1
    cancel = bench.receive(request_from_peer("CANCEL", **old))  # type: ignore[arg-type]
    assert [str(one.cseq) for one in cancel] == ["1 CANCEL", "1 INVITE"]
    assert statuses(cancel) == [200, 487]
    assert [type(event) for event in bench.events()] == [IncomingCancelled]
    assert [when for when, _ in bench.advance(0.6)] == [0.5]
    bench.receive(request_from_peer("ACK", to_tag="not-ours", **old))  # type: ignore[arg-type]
    assert [when for when, _ in bench.advance(1)] == [0.9]
    bench.receive(request_from_peer("ACK", to_tag=cancel[1].to_tag, **old))  # type: ignore[arg-type]
    assert bench.advance(30) == []


def test_rfc2543_requests_to_two_places_are_two() -> None:
    """A proxy of that age may fork with one Via: only the Request-URI tells them apart (17.2.3)."""
    bench = Bench()
    assert statuses(bench.receive(request_from_peer("INVITE", branch="1"))) == [100]
    assert statuses(bench.receive(request_from_peer("INVITE", branch="1", uri="sip:other@192.0.2.1"))) == [482]
    assert statuses(bench.receive(request_from_peer("CANCEL", branch="1", uri="sip:third@192.0.2.1"))) == [481]
    assert len(bench.events()) == 1


def test_rfc2543_without_any_branch() -> None:
    bench = Bench()
    plain = request_from_peer("OPTIONS").replace(b";branch=z9hG4bKpeer1", b"")
    one, other = bench.receive(plain), bench.receive(plain)
    assert statuses(one) == statuses(other) == [200]
    assert one[0].to_tag == other[0].to_tag


def test_rfc2543_2xx_is_acknowledged_by_a_matching_ack() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", branch="1"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    bench.receive(request_from_peer("ACK", branch="1", to_tag=ok.to_tag))
    assert bench.advance(30) == []


def test_strays_are_dropped_and_counted() -> None:
    bench = Bench()
    _, invite = bench.call()
    stray = answer_to(invite, 200, to_tag="x").replace((invite.via.branch or "-").encode(), b"z9hG4bKgone")
    assert bench.receive(stray) == []
    assert bench.receive(request_from_peer("ACK", to_tag="nobody")) == []
    assert bench.user_agent.counters["responses to nothing"] == 1
    assert bench.user_agent.counters["ACKs of nothing"] == 1
    assert bench.events() == []


def test_requests_in_unknown_dialogs_are_answered_481() -> None:
    bench = Bench()
    for number, method in enumerate(("BYE", "INVITE", "INFO", "UPDATE")):
        answers = bench.receive(request_from_peer(method, to_tag="nobody", branch=f"z9hG4bK{number}"))
        assert statuses(answers) == [481]
    assert bench.events() == []


def test_transactions_that_share_what_they_are_looked_up_by_end_one_by_one() -> None:
    bench = Bench()
    for number in range(3):
        bench.receive(request_from_peer("CANCEL", branch=f"z9hG4bK{number}"))
        bench.receive(request_from_peer("INVITE", branch="1", to_tag=f"tag{number}"))
    assert bench.user_agent.table_sizes().transactions == 6
    bench.advance(40)
    assert bench.user_agent.table_sizes() == NOTHING_HELD
