"""Hard case 18: challenges to an INVITE and to requests within its dialog."""

import re

import pytest

from b2bua.sip.digest import Credentials, DigestInput, digest_response
from b2bua.sip.events import Answered, Provisional, Rejected, RequestAnswered, UsageEnded
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import OutgoingRequest, PeerPolicy
from b2bua.sip.station import KEPT_DIGESTS
from tests.support.agents import NOTHING_HELD, PEER, Bench, answer_to, in_dialog_from_peer
from tests.support.session_timer_calls import was_called

CREDENTIALS = Credentials("trunk-user", "secret")
KINDS = [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")]


def challenge(nonce: str = "n1", header: str = "WWW-Authenticate", more: str = "") -> str:
    return f'{header}: Digest realm="trunk", nonce="{nonce}", qop="auth", algorithm=MD5{more}'


def requests(messages: list[Request | Response]) -> list[Request]:
    return [message for message in messages if isinstance(message, Request)]


def check(request: Request, nonce: str, count: int, header: str = "Authorization") -> None:
    """The credentials are right for this request, by the digest computed here."""
    [value] = request.headers.get_fields(header)
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', value))
    assert (fields["username"], fields["nonce"], fields["uri"]) == ("trunk-user", nonce, request.request_uri)
    assert fields["nc"] == f"{count:08x}"
    given = DigestInput(
        "MD5", "trunk", nonce, request.method, request.request_uri, b"", "auth", fields["cnonce"], count
    )
    assert fields["response"] == digest_response(CREDENTIALS, given)


@pytest.mark.parametrize(("status", "header", "answer_header"), KINDS)
def test_the_next_invite_answers_the_challenge(status: int, header: str, answer_header: str) -> None:
    bench = Bench()
    usage, invite = bench.call(credentials=CREDENTIALS)
    assert "Authorization" not in invite.headers
    bench.receive(answer_to(invite, 100))
    ack, again = requests(bench.receive(answer_to(invite, status, to_tag="x", headers=challenge(header=header))))
    assert (ack.method, ack.via.branch) == ("ACK", invite.via.branch)
    assert (again.call_id, again.from_tag, again.to_tag) == (invite.call_id, invite.from_tag, None)
    assert again.cseq.number == invite.cseq.number + 1
    assert again.via.branch != invite.via.branch
    assert (again.body, again.request_uri) == (invite.body, invite.request_uri)
    check(again, "n1", 1, answer_header)
    assert bench.events() == []
    [ack] = requests(bench.receive(answer_to(again, 200, to_tag="peer")))
    assert ack.headers.get(answer_header) == again.headers.get(answer_header)
    assert ack.cseq.number == again.cseq.number
    assert [event.usage for event in bench.events() if isinstance(event, Answered)] == [usage]


def test_a_repeated_401_is_no_second_challenge() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge()))
    repeated = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge())))
    assert [request.method for request in repeated] == ["ACK"]
    assert bench.events() == []


def test_a_new_nonce_is_one_more_try_and_no_more() -> None:
    bench = Bench()
    usage, invite = bench.call(credentials=CREDENTIALS)
    _, second = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge("n1"))))
    _, third = requests(bench.receive(answer_to(second, 401, to_tag="x", headers=challenge("n2"))))
    check(third, "n2", 1)
    assert third.cseq.number == 3
    assert len(requests(bench.receive(answer_to(third, 401, to_tag="x", headers=challenge("n3"))))) == 1
    [event] = bench.events()
    assert isinstance(event, Rejected)
    assert (event.usage, event.status) == (usage, 401)
    bench.advance(64)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_the_same_nonce_again_means_wrong_credentials() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    _, second = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge())))
    assert len(requests(bench.receive(answer_to(second, 401, to_tag="x", headers=challenge())))) == 1
    assert [type(event) for event in bench.events()] == [Rejected]


@pytest.mark.parametrize("headers", ["", "WWW-Authenticate: Basic realm=x", 'WWW-Authenticate: Digest realm="'])
def test_a_401_without_a_usable_challenge_is_a_plain_failure(headers: str) -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    assert [one.method for one in requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=headers)))] == [
        "ACK"
    ]
    assert [type(event) for event in bench.events()] == [Rejected]


def test_without_credentials_a_challenge_is_a_plain_failure() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 407, to_tag="x", headers=challenge(header="Proxy-Authenticate")))
    assert [type(event) for event in bench.events()] == [Rejected]


def test_hung_up_before_the_challenge_no_new_invite_goes_out() -> None:
    bench = Bench()
    usage, invite = bench.call(credentials=CREDENTIALS)
    bench.user_agent.hang_up(usage, bench.now)
    answers = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge())))
    assert [one.method for one in answers] == ["ACK"]
    assert [type(event) for event in bench.events()] == [Rejected]


def test_a_challenge_ends_the_early_dialogs_of_the_first_try() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    bench.receive(answer_to(invite, 183, to_tag="early"))
    _, again = requests(
        bench.receive(answer_to(invite, 407, to_tag="x", headers=challenge(header="Proxy-Authenticate")))
    )
    assert bench.user_agent.table_sizes().dialogs == 0
    bench.receive(answer_to(again, 180, to_tag="peer"))
    assert [type(event) for event in bench.events()] == [Provisional, Provisional]


def test_the_no_answer_time_starts_anew_with_the_next_try() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS, no_answer_timeout_s=4.0)
    bench.advance(3)
    bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge()))
    bench.advance(3.9)
    assert bench.events() == []
    bench.advance(0.2)
    assert len(bench.events()) == 1


def test_the_nonce_serves_the_dialog_with_nc_counting() -> None:
    bench = Bench()
    usage, invite = bench.call(credentials=CREDENTIALS)
    _, again = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge())))
    bench.receive(answer_to(again, 200, to_tag="peer"))
    bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    [info] = requests(bench.take_sent())
    check(info, "n1", 2)
    bench.receive(answer_to(info, 200))
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = requests(bench.take_sent())
    check(bye, "n1", 3)


def test_a_challenged_bye_is_sent_again_with_credentials() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call(credentials=CREDENTIALS)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = requests(bench.take_sent())
    assert "Authorization" not in bye.headers
    [again] = requests(bench.receive(answer_to(bye, 401, headers=challenge())))
    assert (again.method, again.cseq.number, again.to_tag) == ("BYE", bye.cseq.number + 1, "peer")
    check(again, "n1", 1)
    assert bench.receive(answer_to(bye, 401, headers=challenge())) == []
    bench.receive(answer_to(again, 200))
    bench.advance(33)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize(("status", "header", "answer_header"), KINDS)
@pytest.mark.parametrize("method", ["UPDATE", "INFO"])
def test_a_challenged_request_in_the_dialog_is_sent_again(
    method: str, status: int, header: str, answer_header: str
) -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call(credentials=CREDENTIALS)
    handle = bench.user_agent.request_in_dialog(usage, method, bench.now)
    [first] = requests(bench.take_sent())
    [again] = requests(bench.receive(answer_to(first, status, headers=challenge(header=header))))
    assert (again.method, again.cseq.number, again.to_tag) == (method, first.cseq.number + 1, "peer")
    check(again, "n1", 1, answer_header)
    assert bench.receive(answer_to(first, status, headers=challenge(header=header))) == []
    bench.receive(answer_to(again, 200))
    [event] = bench.events()
    assert isinstance(event, RequestAnswered)
    assert (event.request, event.response.status) == (handle, 200)


def test_a_challenged_prack_is_sent_again_and_names_the_same_response() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    [prack] = requests(bench.receive(answer_to(invite, 180, to_tag="peer", headers="Require: 100rel\nRSeq: 7")))
    [again] = requests(bench.receive(answer_to(prack, 401, headers=challenge())))
    assert (again.method, again.cseq.number, again.to_tag) == ("PRACK", prack.cseq.number + 1, "peer")
    assert again.headers.get("RAck") == prack.headers.get("RAck") == f"7 {invite.cseq.number} INVITE"
    check(again, "n1", 1)
    assert bench.receive(answer_to(again, 200)) == []
    [ack] = requests(bench.receive(answer_to(invite, 200, to_tag="peer")))
    assert ack.method == "ACK"


def test_the_strongest_of_several_challenges_is_answered_and_unknown_ones_are_passed_over() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    offered = ["AKAv1-MD5", "MD5", "SHA-512-256", "SHA-256"]
    headers = "\n".join(
        f'WWW-Authenticate: Digest realm="trunk", nonce="{name}", qop="auth", algorithm={name}' for name in offered
    )
    _, again = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=headers)))
    [value] = again.headers.get_fields("Authorization")
    assert "algorithm=SHA-512-256" in value
    assert 'nonce="SHA-512-256"' in value


@pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_session_algorithms_and_integrity_are_served(algorithm: str, qop: str) -> None:
    bench = Bench()
    _, invite = bench.call(credentials=CREDENTIALS)
    header = f'WWW-Authenticate: Digest realm="trunk", nonce="n1", qop="{qop}", algorithm={algorithm}'
    _, again = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=header)))
    [value] = again.headers.get_fields("Authorization")
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', value))
    given = DigestInput(algorithm, "trunk", "n1", "INVITE", again.request_uri, again.body, qop, fields["cnonce"], 1)
    assert (fields["qop"], fields["algorithm"]) == (qop, algorithm)
    assert fields["response"] == digest_response(CREDENTIALS, given)


def test_a_challenged_reinvite_is_acknowledged_and_sent_again() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call(credentials=CREDENTIALS)
    handle = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"", content_type=None)
    [offer] = requests(bench.take_sent())
    proxy = challenge(header="Proxy-Authenticate")
    ack, again = requests(bench.receive(answer_to(offer, 407, headers=proxy)))
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert again.cseq.number == offer.cseq.number + 1
    check(again, "n1", 1, "Proxy-Authorization")
    [ack] = requests(bench.receive(answer_to(again, 200)))
    assert ack.headers.get("Proxy-Authorization") == again.headers.get("Proxy-Authorization")
    [event] = bench.events()
    assert isinstance(event, RequestAnswered)
    assert (event.request, event.response.status) == (handle, 200)


@pytest.mark.parametrize(("status", "header", "answer_header"), KINDS)
@pytest.mark.parametrize("method", ["INFO", "INVITE", "UPDATE", "BYE"])
def test_in_a_call_of_the_peers_a_challenge_is_answered_too(
    method: str, status: int, header: str, answer_header: str
) -> None:
    bench, usage, _ = was_called("", PeerPolicy(credentials=CREDENTIALS))
    if method == "BYE":
        bench.user_agent.hang_up(usage, bench.now)
    else:
        bench.user_agent.request_in_dialog(usage, method, bench.now)
    [first] = requests(bench.take_sent())
    sent = requests(bench.receive(answer_to(first, status, headers=challenge(header=header))))
    [again] = [request for request in sent if request.method != "ACK"]
    assert (again.method, again.cseq.number, again.to_tag) == (method, first.cseq.number + 1, "peer")
    check(again, "n1", 1, answer_header)


@pytest.mark.parametrize("theirs", [False, True])
def test_after_the_bye_no_challenge_of_another_request_is_answered(theirs: bool) -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call(credentials=CREDENTIALS)
    bench.user_agent.request_in_dialog(usage, "UPDATE", bench.now)
    [update] = requests(bench.take_sent())
    if theirs:
        bench.receive(in_dialog_from_peer(invite, "BYE"))
    else:
        bench.user_agent.hang_up(usage, bench.now)
        bench.take_sent()
    assert bench.receive(answer_to(update, 401, headers=challenge())) == []
    bench.advance(100)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_in_a_call_of_a_peer_without_a_password_a_challenge_is_final() -> None:
    bench, usage, _ = was_called("")
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = requests(bench.take_sent())
    assert bench.receive(answer_to(bye, 401, headers=challenge())) == []
    bench.advance(33)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def register(cseq: int, call_id: str = "registration-1") -> OutgoingRequest:
    uri = "sip:trunk@203.0.113.10"
    return OutgoingRequest(
        "REGISTER",
        "sip:203.0.113.10",
        uri,
        uri,
        PEER,
        credentials=CREDENTIALS,
        call_id=call_id,
        from_tag="t1",
        cseq=cseq,
    )


def test_requests_of_one_call_id_share_a_nonce_with_nc_counting() -> None:
    bench = Bench()
    bench.user_agent.request(register(1), bench.now)
    [first] = requests(bench.take_sent())
    assert (first.call_id, first.from_tag, first.cseq.number) == ("registration-1", "t1", 1)
    [again] = requests(bench.receive(answer_to(first, 401, to_tag="x", headers=challenge())))
    check(again, "n1", 1)
    bench.receive(answer_to(again, 200, to_tag="x"))
    bench.user_agent.request(register(3), bench.now)
    [refresh] = requests(bench.take_sent())
    check(refresh, "n1", 2)
    [renewed] = requests(
        bench.receive(answer_to(refresh, 401, to_tag="x", headers=challenge("n2", more=", stale=true")))
    )
    check(renewed, "n2", 1)
    assert renewed.cseq.number == 4
    bench.user_agent.request(register(1, "another"), bench.now)
    [other] = requests(bench.take_sent())
    assert "Authorization" not in other.headers


def test_the_memory_for_nonces_of_a_call_id_is_bounded() -> None:
    bench = Bench()
    for number in range(KEPT_DIGESTS + 5):
        bench.user_agent.request(register(1, f"call-{number}"), bench.now)
    assert len(bench.user_agent._station.digests) == KEPT_DIGESTS


def test_a_challenged_options_is_sent_again() -> None:
    bench = Bench()
    plan = OutgoingRequest(
        "OPTIONS", "sip:203.0.113.10", "sip:192.0.2.1", "sip:203.0.113.10", PEER, credentials=CREDENTIALS
    )
    handle = bench.user_agent.request(plan, bench.now)
    [options] = requests(bench.take_sent())
    [again] = requests(bench.receive(answer_to(options, 401, to_tag="x", headers=challenge())))
    assert (again.call_id, again.from_tag) == (options.call_id, options.from_tag)
    check(again, "n1", 1)
    bench.receive(answer_to(again, 200, to_tag="x"))
    [event] = bench.events()
    assert isinstance(event, RequestAnswered)
    assert (event.request, event.response.status) == (handle, 200)
    bench.advance(6)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_each_2xx_may_name_the_nonce_of_the_next_request_of_the_call() -> None:
    """RFC 7616 3.5: without a further challenge."""
    bench = Bench()
    usage, invite = bench.call(credentials=CREDENTIALS)
    [_, again] = requests(bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge())))
    bench.receive(answer_to(again, 200, to_tag="peer", headers='Authentication-Info: nextnonce="n2", qop=auth'))
    for nonce in ("n2", "n3"):
        bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
        [info] = requests(bench.take_sent())
        check(info, nonce, 1)
        bench.receive(answer_to(info, 200, headers='Authentication-Info: nextnonce="n3", qop=auth'))
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = requests(bench.take_sent())
    check(bye, "n3", 2)
