"""Setting up calls: the 2xx/ACK duty of both sides, forks, early dialogs (section 13; hard cases 3 and 4)."""

import pytest

from b2bua.sip.bodies import session_description
from b2bua.sip.errors import SipError
from b2bua.sip.events import (
    AckReceived,
    Answered,
    DialogLost,
    IncomingCancelled,
    IncomingInvite,
    NoResponse,
    Provisional,
    Rejected,
    UsageEnded,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import NOTHING_HELD, OFFER, PEER, Bench, answer_to, plan_to, request_from_peer


def requests(messages: list[Request | Response]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


def incoming(bench: Bench) -> IncomingInvite:
    bench.receive(request_from_peer("INVITE", body="v=0\r\n"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    return event


# What we send.


def test_invite_carries_what_the_plan_says_and_nothing_of_the_machine() -> None:
    bench = Bench()
    headers = (("P-Asserted-Identity", "<sip:+918000000001@192.0.2.1>"), ("X-One", "1"), ("X-One", "2"))
    _, invite = bench.call(headers=headers, from_display='Acme "1"')
    assert invite.request_uri == "sip:+919812345678@203.0.113.10"
    assert invite.max_forwards == 70
    assert str(invite.contact) == "<sip:192.0.2.1:5060>"
    assert invite.via.param("rport") == ""
    assert invite.via.branch is not None
    assert invite.via.branch.startswith("z9hG4bK")
    assert invite.headers.get("From") == f'"Acme \\"1\\"" <sip:+918000000001@192.0.2.1>;tag={invite.from_tag}'
    assert [pair for pair in invite.headers if pair[0] in dict(headers)] == list(headers)
    assert invite.body == OFFER
    assert all(character in "0123456789abcdef" for character in invite.call_id)
    assert len(invite.render()) < 1300


def test_two_calls_share_no_identifier() -> None:
    bench = Bench()
    _, one = bench.call()
    _, other = bench.call()
    assert one.call_id != other.call_id
    assert one.from_tag != other.from_tag
    assert one.via.branch != other.via.branch


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("X", "a\r\nEvil: 1"),)},
        {"headers": (("Bad Name", "a"),)},
        {"from_uri": "sip:a@b>\r\nEvil: 1"},
        {"request_uri": "sip:a@b\r\n"},
        {"request_uri": "sip:a@b SIP/2.0"},
        {"routes": ("<sip:p;lr>\r\nEvil: 1",)},
    ],
)
def test_a_plan_cannot_smuggle_lines(changes: dict[str, object]) -> None:
    bench = Bench()
    with pytest.raises(SipError):
        bench.call(**changes)
    assert bench.take_sent() == []
    assert bench.events() == []
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_no_listener_for_the_destination_ends_the_call_at_once() -> None:
    bench = Bench()
    usage = bench.user_agent.invite(plan_to(TransportAddress("tcp", "203.0.113.10", 5060)), bench.now)
    assert bench.events() == [NoResponse(usage, "transport"), UsageEnded(usage)]


# As UAC.


def test_events_of_an_answered_call() -> None:
    bench = Bench()
    usage, invite = bench.call()
    assert bench.receive(answer_to(invite, 100)) == []
    bench.receive(answer_to(invite, 183, to_tag="peer", headers="Content-Type: application/sdp", body="v=0"))
    [progress] = bench.events()
    assert progress == Provisional(usage, 183, "Whatever", "peer", b"v=0", "application/sdp")
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", body="v=0", headers="Content-Type: application/sdp"))
    assert isinstance(ack, Request)
    assert (ack.method, ack.request_uri, str(ack.cseq)) == ("ACK", "sip:gw@203.0.113.10:5060", "1 ACK")
    assert ack.via.branch != invite.via.branch
    assert ack.to_tag == "peer"
    [answered] = bench.events()
    assert isinstance(answered, Answered)
    assert (answered.usage, answered.status, answered.body) == (usage, 200, b"v=0")


def test_trunk_case_03_each_repeated_200_gets_the_same_ack_until_64_t1() -> None:
    bench = Bench()
    _, invite, ack = bench.answered_call()
    for _ in range(3):
        bench.advance(9)
        assert bench.receive(answer_to(invite, 200, to_tag="peer")) == [ack]
    assert bench.events() == []
    bench.advance(5.1)
    assert bench.receive(answer_to(invite, 200, to_tag="peer")) == []


def test_trunk_case_03_a_second_2xx_of_a_fork_gets_ack_then_bye() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    fork = bench.receive(answer_to(invite, 200, to_tag="fork", contact="<sip:fork@203.0.113.10:5062>"))
    assert requests(fork) == ["ACK", "BYE"]
    assert {message.to_tag for message in fork} == {"fork"}
    assert all(isinstance(message, Request) and "fork@" in message.request_uri for message in fork)
    assert bench.events() == []
    assert requests(bench.receive(answer_to(invite, 200, to_tag="fork"))) == ["ACK"]
    assert isinstance(fork[1], Request)
    bench.receive(answer_to(fork[1], 200))
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert bye.to_tag == "peer"


def test_trunk_case_04_an_early_dialog_per_to_tag() -> None:
    bench = Bench()
    _, invite = bench.call()
    for tag in ("one", "two", "one"):
        bench.receive(answer_to(invite, 183, to_tag=tag))
    assert [event.to_tag for event in bench.events() if isinstance(event, Provisional)] == ["one", "two", "one"]
    assert bench.user_agent.table_sizes().dialogs == 2
    [ack] = bench.receive(answer_to(invite, 200, to_tag="two"))
    assert ack.to_tag == "two"


def test_early_dialogs_have_a_limit() -> None:
    bench = Bench()
    _, invite = bench.call()
    for number in range(30):
        bench.receive(answer_to(invite, 183, to_tag=f"fork{number}"))
    assert bench.user_agent.table_sizes().dialogs == 8
    assert bench.user_agent.counters["early dialogs refused"] == 22
    assert len(bench.events()) == 30


def test_forks_have_a_limit() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    byes = 0
    for number in range(30):
        byes += "BYE" in requests(bench.receive(answer_to(invite, 200, to_tag=f"fork{number}")))
    assert byes == 7
    assert bench.user_agent.counters["forks refused"] == 23


def test_near_miss_18x_and_200_without_a_to_tag() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180))
    [ack] = bench.receive(answer_to(invite, 200))
    assert isinstance(ack, Request)
    assert ack.to_tag is None
    assert [type(event) for event in bench.events()] == [Provisional, Answered]
    assert bench.receive(answer_to(invite, 200)) == [ack]
    bye = request_from_peer("BYE", call_id=invite.call_id, to_tag=invite.from_tag).replace(b";tag=peer", b"")
    [ok] = bench.receive(bye)
    assert isinstance(ok, Response)
    assert ok.status == 200
    assert [event.usage for event in bench.events()] == [usage]  # type: ignore[union-attr]


def test_a_200_without_contact_is_acknowledged_where_the_invite_went() -> None:
    bench = Bench()
    _, invite = bench.call()
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", contact=None))
    assert isinstance(ack, Request)
    assert ack.request_uri == invite.request_uri


def test_failure_is_told_once() -> None:
    bench = Bench()
    usage, invite = bench.call()
    assert requests(bench.receive(answer_to(invite, 486, to_tag="peer", reason="Busy"))) == ["ACK"]
    assert requests(bench.receive(answer_to(invite, 486, to_tag="peer", reason="Busy"))) == ["ACK"]
    [event] = bench.events()
    assert isinstance(event, Rejected)
    assert (event.usage, event.status, event.reason) == (usage, 486, "Busy")
    bench.advance(33)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_no_response_at_all_is_told_at_timer_b() -> None:
    bench = Bench()
    usage, _ = bench.call()
    bench.advance(31.9)
    assert bench.events() == []
    bench.advance(0.2)
    assert bench.events() == [NoResponse(usage, "timeout"), UsageEnded(usage)]


def test_a_transport_failure_before_any_response_is_told_at_once() -> None:
    bench = Bench()
    usage, _ = bench.call()
    other, ringing = bench.call()
    bench.receive(answer_to(ringing, 180, to_tag="peer"))
    bench.events()
    bench.user_agent.transport_failed(TransportAddress("udp", "198.51.100.1", 5060), bench.now)
    assert bench.events() == []
    bench.user_agent.transport_failed(PEER, bench.now)
    assert bench.events() == [NoResponse(usage, "transport")]
    bench.user_agent.hang_up(other, bench.now)
    assert requests(bench.take_sent()) == ["CANCEL"]


# As UAS.


def test_trunk_case_03_our_200_is_repeated_until_its_ack() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.user_agent.respond(event.transaction, 180, bench.now)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    ringing, ok = bench.take_sent()
    assert ringing.to_tag == ok.to_tag
    assert str(ok.contact) == "<sip:192.0.2.1:5060>"
    sent = bench.advance(8)
    assert [when for when, _ in sent] == [0.5, 1.5, 3.5, 7.5]
    assert all(message == ok for _, message in sent)
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    assert bench.advance(100) == []
    assert bench.events() == []


def test_trunk_case_03_our_200_never_acknowledged_ends_in_bye_and_dialog_lost() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    bench.take_sent()
    sent = bench.advance(32)
    assert [when for when, _ in sent[:-1]] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert sent[-1][0] == 32
    bye = sent[-1][1]
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert bench.events() == [DialogLost(event.usage, "no_ack")]
    bench.receive(answer_to(bye, 200))
    bench.advance(10)
    assert bench.events() == [UsageEnded(event.usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_the_body_of_an_ack_is_told() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [ok] = bench.take_sent()
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag, body="v=0"))
    assert bench.events() == [AckReceived(event.usage, b"v=0", "application/sdp")]
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag, body="v=0"))
    assert bench.events() == []


def test_refusing_an_incoming_call() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.user_agent.respond(event.transaction, 404, bench.now)
    [refusal] = bench.take_sent()
    assert isinstance(refusal, Response)
    assert refusal.status == 404
    bench.receive(request_from_peer("ACK", to_tag=refusal.to_tag))
    bench.advance(6)
    assert bench.events() == [UsageEnded(event.usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_hanging_up_an_unanswered_incoming_call_refuses_it() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.user_agent.hang_up(event.usage, bench.now, "Q.850;cause=17", status=603)
    [refusal] = bench.take_sent()
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Reason")) == (603, "Q.850;cause=17")


def test_an_incoming_call_nobody_answers_is_refused_in_the_end() -> None:
    bench = Bench()
    event = incoming(bench)
    bench.take_sent()
    sent = bench.advance(182)
    assert isinstance(sent[0][1], Response)
    assert (sent[0][0], sent[0][1].status) == (181, 480)
    assert bench.events() == [IncomingCancelled(event.usage, "unattended")]


# Contacts and routes that cannot be read: the call goes on as if they were not there, and never hangs.


@pytest.mark.parametrize("contact", ["<sip:gw@", '"gw <sip:gw@203.0.113.10>', "<sip:gw@203.0.113.10>, ;;"])
def test_a_response_whose_contact_cannot_be_read_still_counts(contact: str) -> None:
    bench = Bench()
    _, invite = bench.call()
    [ack] = bench.receive(answer_to(invite, 486, to_tag="peer", headers=f"Contact: {contact}"))
    assert isinstance(ack, Request)
    assert [type(event) for event in bench.events()] == [Rejected]

    usage, invite = bench.call()
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", contact=contact))
    assert isinstance(ack, Request)
    assert [type(event) for event in bench.events()] == [Answered]
    bench.user_agent.hang_up(usage, bench.now)
    assert requests(bench.take_sent()) == ["BYE"]


@pytest.mark.parametrize(
    ("as_it_is", "as_it_comes"),
    [
        (";tag=peer", ";tag=peer;"),
        (";tag=peer", ";;tag=peer ; "),
        ("<sip:gw@203.0.113.10:5060>", "<sip:gw@203.0.113.10:5060>;"),
        ("<sip:gw@203.0.113.10:5060>", "<sip:gw@203.0.113.10:5060>;, <sip:other@203.0.113.10>;; q=0.1"),
        ("<sip:203.0.113.1;lr>", "<sip:203.0.113.1;lr>;"),
        ("application/sdp", "application/sdp;"),
        (";branch", "; ;branch"),
        (";rport", ";rport;;"),
    ],
)
def test_empty_parameters_of_a_response_are_skipped(as_it_is: str, as_it_comes: str) -> None:
    """No parameter follows these semicolons (25.1), but the call is answered all the same, and costs its caller."""
    bench = Bench()
    usage, invite = bench.call()
    headers = "Record-Route: <sip:203.0.113.1;lr>\nContent-Type: application/sdp"
    ok = answer_to(invite, 200, to_tag="peer", headers=headers, body="v=0").decode()
    assert as_it_is in ok
    [ack] = bench.receive(ok.replace(as_it_is, as_it_comes).encode())
    assert isinstance(ack, Request)
    [event] = bench.events()
    assert isinstance(event, Answered)
    assert session_description(event.response.headers.get("Content-Type"), event.body) == b"v=0"
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    for request in (ack, bye):
        assert request.request_uri == "sip:gw@203.0.113.10:5060"
        assert request.headers.get_all("Route") == ["<sip:203.0.113.1;lr>"]
        assert (request.to_tag, str(request.to)) == ("peer", f"{invite.headers.get('To')};tag=peer")


def test_empty_parameters_of_a_request_are_refused() -> None:
    bench = Bench()
    broken = request_from_peer("INVITE").replace(b";tag=peer", b";tag=peer;")
    assert [each.status for each in bench.receive(broken) if isinstance(each, Response)] == [400]


def test_an_answer_whose_route_cannot_be_read_still_counts() -> None:
    bench = Bench()
    _, invite = bench.call()
    broken = 'Record-Route: <sip:203.0.113.10;lr;ob="x">'
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", headers=broken))
    assert isinstance(ack, Request)
    assert ack.request_uri == "sip:gw@203.0.113.10:5060"
    assert ack.headers.get("Route") is None
    assert [type(event) for event in bench.events()] == [Answered]
