"""Every table of a UserAgent has a limit, and nothing stays in one after its call."""

import pytest

from b2bua.sip.events import ByeReceived, IncomingInvite, IncomingRequest, NoResponse, RequestFailed, UsageEnded
from b2bua.sip.framing import StreamFramer
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest, UserAgentLimits, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import (
    NOTHING_HELD,
    OFFER,
    OURS,
    PEER,
    Bench,
    answer_to,
    in_dialog_from_peer,
    plan_to,
    request_from_peer,
)
from tests.support.seeded_tokens import SeededTokens


def statuses(messages: list[Request | Response]) -> list[int]:
    return [message.status for message in messages if isinstance(message, Response)]


def test_a_user_agent_needs_a_listener() -> None:
    with pytest.raises(ValueError, match="listener"):
        UserAgent(UserAgentSettings(locals=()), SeededTokens())


def test_full_of_transactions_new_calls_are_refused_and_live_ones_can_end() -> None:
    bench = Bench(UserAgentLimits(transactions=3))
    usage, invite, _ = bench.answered_call()
    _, other, _ = bench.answered_call()
    bench.call()
    [refusal] = bench.receive(request_from_peer("INVITE"))
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
    assert statuses(bench.receive(request_from_peer("CANCEL"))) == [503]
    refused = bench.user_agent.invite(plan_to(), bench.now)
    assert bench.take_sent() == []
    assert bench.events() == [NoResponse(refused, "limit"), UsageEnded(refused)]
    asked = bench.user_agent.request(OutgoingRequest("OPTIONS", "sip:a@b", "sip:c@d", "sip:a@b", PEER), bench.now)
    assert bench.events() == [RequestFailed(asked, "refused")]
    told = bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    assert bench.events() == [RequestFailed(told, "refused")]
    assert statuses(bench.receive(in_dialog_from_peer(invite, "INFO"))) == [503]
    assert statuses(bench.receive(request_from_peer("BYE", to_tag="nobody", branch="z9hG4bKbye"))) == [503]
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", cseq=2))) == [200]
    bench.user_agent.hang_up(2, bench.now)
    [bye] = bench.take_sent()
    assert bye.call_id == other.call_id


def test_full_of_usages_calls_are_refused() -> None:
    bench = Bench(UserAgentLimits(usages=1))
    bench.call()
    assert statuses(bench.receive(request_from_peer("INVITE"))) == [503]
    refused = bench.user_agent.invite(plan_to(), bench.now)
    assert bench.events() == [NoResponse(refused, "limit"), UsageEnded(refused)]
    assert statuses(bench.receive(request_from_peer("OPTIONS", branch="z9hG4bKo"))) == [200]


def test_full_of_events_new_requests_are_refused() -> None:
    bench = Bench(UserAgentLimits(events=2))
    for number in range(4):
        bench.receive(request_from_peer("INVITE", branch=f"z9hG4bK{number}", call_id=f"call{number}"))
    assert [type(event) for event in bench.events()] == [IncomingInvite, IncomingInvite]
    assert bench.user_agent.counters["requests refused for want of room"] == 2
    assert statuses(bench.receive(request_from_peer("INVITE", branch="z9hG4bKnext", call_id="next"))) == [100]


def test_large_requests_are_limited_by_their_octets() -> None:
    """Each is kept for half a minute, and so is an answer that has its Via values: thousands would fill the memory."""
    bench = Bench(UserAgentLimits(large_octets=200_000))
    padding = "\n".join(["Subject: " + "x" * 8_000] * 7)

    def ask(number: int, headers: str = padding, method: str = "OPTIONS") -> list[Request | Response]:
        branch = f"z9hG4bK{number}"
        return bench.receive(request_from_peer(method, branch=branch, call_id=f"call{number}", headers=headers))

    assert [statuses(ask(number)) for number in range(5)] == [[200]] * 3 + [[503]] * 2
    assert statuses(ask(2)) == [200], "what was taken is answered again"
    [refusal] = ask(5, method="INVITE")
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
    assert bench.user_agent.counters["requests refused for want of room"] == 3
    assert statuses(ask(6, headers="Subject: x")) == [200], "others are taken"
    bench.advance(32)
    assert bench.user_agent.table_sizes() == NOTHING_HELD
    assert statuses(ask(7)) == [200]


@pytest.mark.parametrize("part", ["body", "names", "values"])
def test_octets_are_counted_wherever_they_are(part: str) -> None:
    bench = Bench(UserAgentLimits(large_octets=0))
    headers = {"names": f"{'x' * 5_000}: y", "values": f"X: {'y' * 5_000}"}.get(part, "")
    content = request_from_peer("OPTIONS", headers=headers, body="x" * 5_000 if part == "body" else "")
    assert statuses(bench.receive(content)) == [503]
    for message in StreamFramer().feed(content):
        bench.user_agent.receive_message(message, PEER, OURS, bench.now)
    assert statuses(bench.take_sent()) == [503], "of a stream nobody says how large its messages are"


def test_the_peers_open_requests_in_a_call_are_limited() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    answers = [
        statuses(bench.receive(in_dialog_from_peer(invite, "INFO", cseq=number, branch=f"z9hG4bKi{number}")))
        for number in range(1, 12)
    ]
    assert answers == [[]] * 8 + [[503]] * 3
    assert [type(event) for event in bench.events()] == [IncomingRequest] * 8
    [refusal] = bench.receive(in_dialog_from_peer(invite, "INFO", cseq=12, branch="z9hG4bKi12"))
    assert refusal.headers.get("Retry-After") == "10"


def test_the_transactions_of_one_call_are_limited() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    answers = [
        statuses(bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=number, branch=f"z9hG4bKo{number}")))
        for number in range(1, 101)
    ]
    assert answers.count([200]) == 63
    assert answers.count([503]) == 37
    assert bench.user_agent.table_sizes().transactions == 64


def test_a_call_at_its_limit_can_still_be_ended() -> None:
    """Digits in INFO, four a second for a quarter of a minute, fill it; the BYE behind them may not be refused."""
    bench = Bench()
    _, invite, _ = bench.answered_call()
    for number in range(1, 101):
        bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=number, branch=f"z9hG4bKo{number}"))
    byes = [
        statuses(bench.receive(in_dialog_from_peer(invite, "BYE", cseq=number, branch=f"z9hG4bKb{number}")))
        for number in range(101, 113)
    ]
    assert byes == [[200]] * 8 + [[503]] * 4
    assert [type(event) for event in bench.events()] == [ByeReceived]
    bench.advance(64)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_the_2xx_of_one_reinvite_are_limited() -> None:
    """Each To-tag has an ACK that is kept half a minute long, and one tag alone belongs to the dialog."""
    bench = Bench(UserAgentLimits(forks=3))
    usage, _, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    answers = []
    for number in range(10):
        ours.headers.set("To", f"<sip:+919812345678@203.0.113.10>;tag=other{number}")
        answers.append(bench.receive(answer_to(ours, 200)))
    assert [len(each) for each in answers] == [1] * 3 + [0] * 7
    assert bench.user_agent.counters["forks refused"] == 7


def test_no_table_grows_with_the_number_of_calls() -> None:
    bench = Bench()
    for number in range(300):
        usage, invite = bench.call(no_answer_timeout_s=4.0)
        kind = number % 6
        if kind != 0:
            bench.receive(answer_to(invite, 180, to_tag="peer"))
        if kind in (1, 2):
            bench.receive(answer_to(invite, 200, to_tag="peer"))
        if kind == 1:
            bench.receive(in_dialog_from_peer(invite, "BYE", branch=f"z9hG4bKbye{number}"))
        elif kind in (2, 3):
            bench.user_agent.hang_up(usage, bench.now)
        elif kind == 4:
            bench.receive(answer_to(invite, 503, to_tag="peer"))
        elif kind == 5:
            bench.user_agent.transport_failed(PEER, bench.now)
            bench.user_agent.hang_up(usage, bench.now)
        bench.take_sent()
    bench.advance(200)
    ended = [event.usage for event in bench.events() if isinstance(event, UsageEnded)]
    assert sorted(ended) == list(range(1, 301))
    assert bench.user_agent.table_sizes() == NOTHING_HELD
    assert len(bench.user_agent._station.timers._heap) == 0
    assert bench.user_agent.next_timer() is None


def test_a_message_for_another_listener_is_taken_by_the_first() -> None:
    bench = Bench()
    elsewhere = TransportAddress("udp", "192.0.2.99", 5060)
    bench.user_agent.receive(request_from_peer("INVITE"), PEER, elsewhere, bench.now)
    [outgoing] = bench.user_agent.to_send()
    assert outgoing.local == elsewhere
