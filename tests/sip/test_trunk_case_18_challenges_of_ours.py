"""Hard case 18, the other direction: what a trunk has to prove before a call of its own is told."""

import re

import pytest

from b2bua.sip.digest import Credentials, answer_challenge
from b2bua.sip.digest_server import NONCE_LIFE_S, make_challenge
from b2bua.sip.events import IncomingInvite
from b2bua.sip.headers import AuthValue
from b2bua.sip.message import Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, Bench, request_from_peer

TRUNK = Credentials("carrier-user", "carrier-secret")
URI = "sip:+917969002802@192.0.2.1:5060"
STRONGEST_FIRST = ["SHA-512-256", "SHA-256", "MD5"]


def guarded(realm: str = "carrier.example", challenge: Credentials | None = TRUNK) -> Bench:
    return Bench(policy_of=lambda _request, _source: PeerPolicy(challenge=challenge, realm=realm))


def invite(
    branch: str = "z9hG4bK1", cseq: int = 1, authorization: str = "", method: str = "INVITE", **more: str
) -> bytes:
    headers = f"Authorization: {authorization}" if authorization else ""
    return request_from_peer(method, branch=branch, cseq=cseq, headers=headers, uri=URI, **more)


def ack(branch: str, cseq: int, response: Response) -> bytes:
    return request_from_peer("ACK", branch=branch, cseq=cseq, to_tag=response.to_tag, uri=URI)


def answer(bench: Bench, content: bytes) -> Response:
    """The one response to a message."""
    [response] = bench.receive(content)
    assert isinstance(response, Response)
    return response


def proof(
    response: Response,
    who: Credentials = TRUNK,
    *,
    algorithm: str | None = None,
    count: int = 1,
    uri: str = URI,
    method: str = "INVITE",
) -> str:
    """A client's credentials for the challenges of a 401, for the strongest or the one named."""
    offered = [AuthValue.parse(text) for text in response.headers.get_fields("WWW-Authenticate")]
    chosen = [one for one in offered if algorithm in (None, one.param("algorithm"))]
    value = answer_challenge(chosen, who, method, uri, b"", count, "0a4f113b")
    assert value is not None
    return value


def challenged(bench: Bench, branch: str = "z9hG4bK1", cseq: int = 1) -> Response:
    """The 401 to an INVITE without credentials, acknowledged."""
    response = answer(bench, invite(branch, cseq))
    assert response.status == 401
    assert bench.receive(ack(branch, cseq, response)) == []
    return response


def told(bench: Bench) -> list[str]:
    return [type(event).__name__ for event in bench.events()]


def test_a_401_has_a_challenge_for_each_algorithm_the_strongest_first() -> None:
    bench = guarded()
    response = answer(bench, invite())
    offered = [AuthValue.parse(text) for text in response.headers.get_fields("WWW-Authenticate")]
    assert response.status == 401
    assert [one.param("algorithm") for one in offered] == STRONGEST_FIRST
    assert {(one.param("realm"), one.param("qop"), one.param("stale")) for one in offered} == {
        ("carrier.example", "auth", None)
    }
    assert told(bench) == []
    assert bench.user_agent.counters["calls challenged"] == 1


def test_a_trunk_s_own_algorithms_are_offered_and_no_other_is_taken() -> None:
    bench = Bench(policy_of=lambda _request, _source: PeerPolicy(challenge=TRUNK, realm="r", algorithms=("MD5",)))
    response = challenged(bench)
    [text] = response.headers.get_fields("WWW-Authenticate")
    assert AuthValue.parse(text).param("algorithm") == "MD5"
    stronger = proof(Response(401, None, [("WWW-Authenticate", text.replace("MD5", "SHA-256"))]))
    assert answer(bench, invite("z9hG4bK2", 2, stronger)).status == 403
    assert answer(bench, invite("z9hG4bK3", 3, proof(response))).status == 100


def test_without_a_domain_the_realm_is_the_host_we_advertise() -> None:
    response = answer(guarded(realm=""), invite())
    assert 'realm="192.0.2.1"' in (response.headers.get("WWW-Authenticate") or "")


@pytest.mark.parametrize("algorithm", STRONGEST_FIRST)
def test_who_knows_the_password_is_let_in(algorithm: str) -> None:
    bench = guarded()
    response = challenged(bench)
    assert answer(bench, invite("z9hG4bK2", 2, proof(response, algorithm=algorithm))).status == 100
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    assert event.request.cseq.number == 2


def test_without_a_challenge_in_the_policy_the_address_is_enough() -> None:
    bench = guarded(challenge=None)
    assert answer(bench, invite()).status == 100
    assert told(bench) == ["IncomingInvite"]


def test_a_retransmitted_invite_gets_the_same_401_and_its_ack_ends_it() -> None:
    bench = guarded()
    first, again = answer(bench, invite()), answer(bench, invite())
    assert again.headers.get("WWW-Authenticate") == first.headers.get("WWW-Authenticate")
    assert [each[1].status for each in bench.advance(1.0) if isinstance(each[1], Response)] == [401]
    bench.receive(ack("z9hG4bK1", 1, first))
    assert bench.advance(40) == []
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_retransmitted_invite_with_credentials_makes_one_call() -> None:
    bench = guarded()
    value = proof(challenged(bench))
    assert answer(bench, invite("z9hG4bK2", 2, value)).status == 100
    assert answer(bench, invite("z9hG4bK2", 2, value)).status == 100
    assert told(bench) == ["IncomingInvite"]


def test_a_merged_invite_is_482_once_the_call_is_let_in() -> None:
    bench = guarded()
    value = proof(challenged(bench))
    assert answer(bench, invite("z9hG4bK2", 2, value)).status == 100
    assert answer(bench, invite("z9hG4bKother", 2, value)).status == 482
    assert told(bench) == ["IncomingInvite"]


def test_a_proxy_that_answers_for_its_client_without_counting_cseq_up_is_let_in() -> None:
    bench = guarded()
    value = proof(challenged(bench))
    assert answer(bench, invite("z9hG4bK2", 1, value)).status == 100
    assert told(bench) == ["IncomingInvite"]
    bench.user_agent.hang_up(1, bench.now)
    bench.advance(70)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_credentials_used_before_make_no_call_and_are_challenged_anew() -> None:
    bench = guarded()
    value = proof(challenged(bench))
    assert answer(bench, invite("z9hG4bK2", 2, value)).status == 100
    replayed = answer(bench, invite("z9hG4bK3", 3, value, call_id="another"))
    assert replayed.status == 401
    assert "stale=true" in (replayed.headers.get("WWW-Authenticate") or "")
    assert told(bench) == ["IncomingInvite"]
    assert answer(bench, invite("z9hG4bK4", 4, proof(replayed), call_id="another")).status == 100


def test_a_nonce_serves_several_calls_with_its_count_rising() -> None:
    bench = guarded()
    response = challenged(bench)
    for count in (1, 2, 7):
        value = proof(response, count=count)
        assert answer(bench, invite(f"z9hG4bKn{count}", 1, value, call_id=f"call-{count}")).status == 100
    assert told(bench) == ["IncomingInvite"] * 3


def test_an_old_nonce_is_stale() -> None:
    bench = guarded()
    response = challenged(bench)
    bench.advance(NONCE_LIFE_S + 1)
    late = answer(bench, invite("z9hG4bK2", 2, proof(response)))
    assert late.status == 401
    assert all("stale=true" in text for text in late.headers.get_fields("WWW-Authenticate"))
    assert answer(bench, invite("z9hG4bK3", 3, proof(late))).status == 100


def test_a_nonce_of_a_process_before_ours_is_stale_too() -> None:
    bench = guarded()
    before = Response(401, None, [("WWW-Authenticate", make_challenge("carrier.example", "dcd98b7102dd2f0e"))])
    response = answer(bench, invite("z9hG4bK1", 1, proof(before)))
    assert response.status == 401
    assert "stale=true" in (response.headers.get("WWW-Authenticate") or "")


REFUSED = [
    ("wrong password", {"who": Credentials("carrier-user", "guess")}),
    ("unknown user", {"who": Credentials("nobody", "carrier-secret")}),
    ("another request URI", {"uri": "sip:+917969002802@192.0.2.1"}),
    ("another method", {"method": "BYE"}),
]


@pytest.mark.parametrize(("_what", "change"), REFUSED, ids=[what for what, _ in REFUSED])
def test_what_proves_nothing_is_refused_without_saying_why(_what: str, change: dict[str, object]) -> None:
    bench = guarded()
    response = challenged(bench)
    refusal = answer(bench, invite("z9hG4bK2", 2, proof(response, **change)))  # type: ignore[arg-type]
    assert (refusal.status, refusal.reason) == (403, "Forbidden")
    assert "WWW-Authenticate" not in refusal.headers
    assert told(bench) == []
    assert bench.user_agent.counters["calls with wrong credentials"] == 1


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("algorithm=SHA-512-256", "algorithm=SHA-512-256-sess"),
        ("qop=auth", "qop=auth-int"),
        ("algorithm=SHA-512-256", "algorithm=MD5"),
        ("algorithm=SHA-512-256", "algorithm=AKAv1-MD5"),
        (r"qop=auth, nc=\w+, cnonce=\"\w+\"", 'opaque=""'),
        (r"nc=\w+", "nc=00000000"),
        (r"response=\"\w+\"", 'response=""'),
    ],
)
def test_what_was_not_offered_is_refused(pattern: str, replacement: str) -> None:
    bench = guarded()
    value, changes = re.subn(pattern, replacement, proof(challenged(bench)))
    assert changes == 1
    assert answer(bench, invite("z9hG4bK2", 2, value)).status == 403
    assert told(bench) == []


@pytest.mark.parametrize("value", ["Basic dXNlcjpwdw==", 'Digest realm="', 'Digest realm="other", nonce="n"', ","])
def test_credentials_for_something_else_are_none(value: str) -> None:
    bench = guarded()
    assert answer(bench, invite("z9hG4bK1", 1, value)).status == 401


def test_options_are_answered_and_other_methods_refused_without_a_challenge() -> None:
    bench = guarded()
    assert answer(bench, invite(method="OPTIONS")).status == 200
    assert answer(bench, invite("z9hG4bK2", method="BYE", to_tag="x")).status == 481
    assert answer(bench, invite("z9hG4bK3", method="MESSAGE")).status == 405


def test_a_challenged_invite_can_be_cancelled() -> None:
    bench = guarded()
    response = answer(bench, invite())
    assert answer(bench, invite(method="CANCEL")).status == 200
    bench.receive(ack("z9hG4bK1", 1, response))
    bench.advance(40)
    assert told(bench) == []
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_requests_within_the_dialog_are_not_challenged() -> None:
    bench = guarded()
    response = challenged(bench)
    bench.receive(invite("z9hG4bK2", 2, proof(response)))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [ok] = bench.take_sent()
    assert isinstance(ok, Response)
    bench.receive(request_from_peer("ACK", branch="z9hG4bKa", cseq=2, to_tag=ok.to_tag))
    again = bench.receive(request_from_peer("INVITE", branch="z9hG4bK3", cseq=3, to_tag=ok.to_tag))
    assert [message.status for message in again if isinstance(message, Response)] == [100]
    ended = bench.receive(request_from_peer("BYE", branch="z9hG4bK4", cseq=4, to_tag=ok.to_tag))
    assert [message.status for message in ended if isinstance(message, Response)] == [200, 487]


def test_while_draining_a_call_is_refused_before_it_is_challenged() -> None:
    bench = guarded()
    bench.user_agent.accepting = False
    assert answer(bench, invite()).status == 503


def test_a_flood_of_challenges_leaves_nothing_behind() -> None:
    bench = guarded()
    for number in range(200):
        challenged(bench, f"z9hG4bKf{number}", number + 1)
    bench.advance(40)
    assert bench.user_agent.table_sizes() == NOTHING_HELD
    assert isinstance(bench.receive(invite("z9hG4bKlast", 500))[0], Response)
