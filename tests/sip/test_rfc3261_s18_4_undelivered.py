"""RFC 3261 18.4: the network says that a datagram was not delivered.

Anybody can send an ICMP error about an address. One counts for the request that it quotes, which only who has seen that
can do, and never ends what may still be answered.
"""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import Answered, NoResponse, RequestAnswered, RequestFailed, UsageEnded
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest
from tests.support.agents import NOTHING_HELD, PEER, Bench, answer_to

ELSEWHERE = TransportAddress("udp", "198.51.100.1", 5060)


def quoted(request: Request, octets: int | None = None) -> bytes:
    """As much of a request as an ICMP error quotes."""
    return request.render()[:octets]


def as_request(message: Request | Response) -> Request:
    assert isinstance(message, Request)
    return message


def requests(messages: list[Request | Response]) -> list[str]:
    """The methods of the requests among them."""
    return [message.method for message in messages if isinstance(message, Request)]


def undelivered(bench: Bench, content: bytes, destination: TransportAddress = PEER) -> None:
    bench.user_agent.undelivered(content, destination, bench.now)


def test_an_invite_that_is_quoted_has_failed_at_once() -> None:
    bench = Bench()
    usage, invite = bench.call()
    _, other = bench.call()
    undelivered(bench, quoted(invite, 548))
    assert bench.events() == [NoResponse(usage, "transport")]
    sent_again = {message.call_id for _, message in bench.advance(3.0)}
    assert sent_again == {other.call_id}, "another to the same address goes on, the failed one does not"


@pytest.mark.parametrize("octets", [0, 8, 30])
def test_an_error_that_quotes_too_little_says_nothing(octets: int) -> None:
    bench = Bench()
    _, invite = bench.call()
    undelivered(bench, quoted(invite, octets))
    assert bench.events() == []
    assert bench.user_agent.counters["network errors about nothing open"] == 1


def test_an_error_with_a_guessed_branch_says_nothing() -> None:
    bench = Bench()
    usage, invite = bench.call()
    branch = (invite.via.branch or "").encode()
    undelivered(bench, quoted(invite).replace(branch, b"z9hG4bKguess"))
    undelivered(bench, quoted(invite), ELSEWHERE)
    undelivered(bench, quoted(invite).replace(branch, branch[:-1]))
    undelivered(bench, quoted(invite)[: quoted(invite).index(branch) + len(branch)])
    undelivered(bench, b"\xff" * 500)
    assert bench.events() == []
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    assert any(isinstance(event, Answered) and event.usage == usage for event in bench.events())


def test_an_invite_that_was_given_up_is_not_sent_again() -> None:
    bench = Bench()
    _, invite = bench.call()
    undelivered(bench, quoted(invite))
    bench.events()
    assert bench.advance(31.0) == []
    bench.advance(2.0)
    assert [type(event) for event in bench.events()] == [UsageEnded]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("hung_up", [False, True])
@pytest.mark.parametrize("by_stream", [False, True])
def test_a_ringing_that_comes_all_the_same_is_cancelled(hung_up: bool, by_stream: bool) -> None:
    bench = Bench()
    usage, invite = bench.call()
    if hung_up:
        bench.user_agent.hang_up(usage, bench.now, "Q.850;cause=16")
    if by_stream:
        bench.user_agent.transport_failed(PEER, bench.now)
    else:
        undelivered(bench, quoted(invite))
    assert bench.events() == [NoResponse(usage, "transport")]
    assert requests(bench.receive(answer_to(invite, 180, to_tag="peer"))) == ["CANCEL"]
    assert requests(bench.receive(answer_to(invite, 487, to_tag="peer"))) == ["ACK"]
    assert [type(event) for event in bench.events() if not isinstance(event, UsageEnded)] == []


def test_an_answer_that_comes_all_the_same_is_acknowledged_and_ended() -> None:
    bench = Bench()
    _, invite = bench.call()
    undelivered(bench, quoted(invite))
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK", "BYE"]


def test_an_invite_that_was_answered_by_a_provisional_goes_on() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.events()
    undelivered(bench, quoted(invite))
    assert bench.events() == []
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK"]


def test_an_invite_that_got_a_100_goes_on() -> None:
    """Over UDP, where a later copy may have been lost that none was waiting for."""
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 100))
    undelivered(bench, quoted(invite))
    assert bench.events() == []
    assert requests(bench.receive(answer_to(invite, 200, to_tag="peer"))) == ["ACK"]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE"])
def test_a_request_in_a_dialog_is_left_to_its_timers(method: str) -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    bench.events()
    if method == "BYE":
        bench.user_agent.hang_up(usage, bench.now)
    else:
        bench.user_agent.request_in_dialog(usage, method, bench.now, body=b"v=0", content_type="application/sdp")
    [request] = bench.take_sent()
    undelivered(bench, quoted(as_request(request)))
    assert bench.events() == []
    assert requests([message for _, message in bench.advance(0.6)]) == [method], "it is sent again"
    bench.receive(answer_to(as_request(request), 200, to_tag="peer"))
    bench.advance(40.0)
    assert (UsageEnded if method == "BYE" else RequestAnswered) in [type(event) for event in bench.events()]


def test_a_request_outside_dialogs_has_failed_at_once() -> None:
    bench = Bench()
    handle = bench.user_agent.request(OutgoingRequest("OPTIONS", "sip:a@b", "sip:c@d", "sip:a@b", PEER), bench.now)
    [options] = bench.take_sent()
    undelivered(bench, quoted(as_request(options)))
    assert bench.events() == [RequestFailed(handle, "transport")]


def test_an_error_about_an_invite_that_another_has_followed_says_nothing() -> None:
    bench = Bench()
    usage, invite = bench.call(credentials=Credentials("user", "secret"))
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    again = as_request(bench.receive(answer_to(invite, 401, to_tag="gate", headers=challenge))[-1])
    assert again.method == "INVITE"
    undelivered(bench, quoted(invite))
    assert bench.events() == []
    undelivered(bench, quoted(again))
    assert bench.events() == [NoResponse(usage, "transport")]
