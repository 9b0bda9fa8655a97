"""Digest authentication, the server's side: what is let in, what is challenged again, what is refused."""

from __future__ import annotations

import pytest

from b2bua.sip.digest import ChallengeLog, Credentials, DigestClient, answer_challenge
from b2bua.sip.digest_server import MAX_NONCES, NONCE_LIFE_S, DigestServer, Verdict, make_challenge, verify_response
from b2bua.sip.headers import AuthValue
from b2bua.sip.message import Request, Response

TRUNK = Credentials("trunk", "pw")
URI = "sip:917969002802@h"


def server(*algorithms: str) -> DigestServer:
    """A server of realm r for the trunk, with the algorithms it has by default or these alone."""
    if algorithms:
        return DigestServer("r", TRUNK, b"secret", algorithms=algorithms)
    return DigestServer("r", TRUNK, b"secret")


def request(*values: str, method: str = "INVITE", uri: str = URI) -> Request:
    """A request with these Authorization values."""
    return Request(method, uri, [("Authorization", value) for value in values])


def credentials(challenges: tuple[str, ...], who: Credentials = TRUNK, count: int = 1, uri: str = URI) -> str:
    """What a client makes of challenges."""
    value = answer_challenge([AuthValue.parse(one) for one in challenges], who, "INVITE", uri, b"", count, "cn")
    assert value is not None
    return value


def written(value: AuthValue) -> str:
    """Credentials as text, every parameter quoted."""
    return f"{value.scheme} " + ", ".join(f'{name}="{text}"' for name, text in value.params)


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"])
@pytest.mark.parametrize("qop", [("auth",), ("auth-int",), ()])
def test_both_sides_agree(algorithm: str, qop: tuple[str, ...]) -> None:
    text = make_challenge('r "1"', 'n"', algorithm=algorithm, qop=qop, opaque="o")
    value = answer_challenge([AuthValue.parse(text)], TRUNK, "INVITE", URI, b"body", 3, "cn")
    assert value is not None
    given = AuthValue.parse(value)
    known = {"method": "INVITE", "realm": 'r "1"', "uri": URI}
    assert verify_response(given, TRUNK, body=b"body", **known)
    assert not verify_response(given, Credentials("trunk", "other"), body=b"body", **known)
    assert not verify_response(given, Credentials("other", "pw"), body=b"body", **known)
    assert not verify_response(given, TRUNK, body=b"body", method="BYE", realm='r "1"', uri=URI)
    assert not verify_response(given, TRUNK, body=b"body", method="INVITE", realm='r "1"', uri="sip:other@h")
    assert verify_response(given, TRUNK, body=b"BODY", **known) is (qop != ("auth-int",))


def test_hashed_user_name() -> None:
    text = make_challenge("r", "n") + ", userhash=true"
    given = AuthValue.parse(credentials((text,)))
    assert given.param("username") != "trunk"
    assert verify_response(given, TRUNK, method="INVITE", realm="r", uri=URI)


def test_strongest_challenge_first() -> None:
    algorithms = [AuthValue.parse(text).param("algorithm") for text in server().challenges(1.0, "s")]
    assert algorithms == ["SHA-512-256", "SHA-256", "MD5"]


def test_a_call_is_let_in() -> None:
    guard = server()
    value = credentials(guard.challenges(1000.0, "s"))
    assert guard.verify(request(value), 1001.0) is Verdict.ACCEPTED


def test_without_credentials_of_the_realm() -> None:
    guard = server()
    other = 'Digest username="u", realm="other", nonce="n", uri="u", response="x"'
    for values in ((), ("Basic x",), (other,), ('Digest realm="r',)):
        assert guard.verify(request(*values), 0.0) is Verdict.MISSING
    assert guard.verify(request(other, credentials(guard.challenges(0.0, "s"))), 0.0) is Verdict.ACCEPTED


def test_an_old_nonce_is_stale_only_for_who_knows_the_password() -> None:
    guard = server()
    challenges = guard.challenges(1000.0, "s")
    late = 1000.0 + NONCE_LIFE_S + 1
    assert guard.verify(request(credentials(challenges)), late) is Verdict.STALE
    assert guard.verify(request(credentials(challenges, Credentials("trunk", "x"))), late) is Verdict.REFUSED
    fresh = guard.challenges(late, "t", stale=True)
    assert AuthValue.parse(fresh[0]).param("stale") == "true"
    assert guard.verify(request(credentials(fresh)), late) is Verdict.ACCEPTED


def test_nonce_of_another_server_is_stale_and_never_good() -> None:
    foreign = DigestServer("r", TRUNK, b"another secret").challenges(1000.0, "s")
    assert server().verify(request(credentials(foreign)), 1000.0) is Verdict.STALE
    assert server().verify(request(credentials(foreign, Credentials("trunk", "x"))), 1000.0) is Verdict.REFUSED
    made_up = (make_challenge("r", "zz-zz-zz"), make_challenge("r", "\u00e9"), make_challenge("r", "-"))
    for text in made_up:
        assert server().verify(request(credentials((text,))), 1000.0) is Verdict.STALE


def test_a_count_cannot_be_used_again() -> None:
    guard = server()
    challenges = guard.challenges(1000.0, "s")
    verdicts = [guard.verify(request(credentials(challenges, count=count)), 1000.0) for count in (1, 1, 3, 2, 4)]
    accepted, stale = Verdict.ACCEPTED, Verdict.STALE
    assert verdicts == [accepted, stale, accepted, stale, accepted]


def test_forgotten_counts_cannot_be_replayed() -> None:
    guard = server("MD5")
    first = credentials(guard.challenges(1000.0, "first"))
    assert guard.verify(request(first), 1000.0) is Verdict.ACCEPTED
    for number in range(MAX_NONCES):
        value = credentials(guard.challenges(1001.0, str(number)))
        assert guard.verify(request(value), 1001.0) is Verdict.ACCEPTED
    assert guard.verify(request(first), 1001.0) is Verdict.STALE


def test_downgrades_are_refused() -> None:
    guard = server("SHA-256")
    nonce = AuthValue.parse(guard.challenges(1.0, "s")[0]).param("nonce") or ""
    for text in (
        make_challenge("r", nonce, algorithm="MD5"),
        make_challenge("r", nonce, qop=()),
        make_challenge("r", nonce, algorithm="SHA-256-sess"),
    ):
        assert guard.verify(request(credentials((text,))), 1.0) is Verdict.REFUSED


def test_uri_of_the_digest_is_the_request_s() -> None:
    guard = server()
    challenges = guard.challenges(1.0, "s")
    for uri in (
        *("sip:other@h", "sip:other", "sip:917969002802@h:5062", "sips:917969002802@h", "not a uri", ""),
        *("sip:h;transport=tcp", "sip:h?subject=x", "sip:h:5062"),
    ):
        assert guard.verify(request(credentials(challenges, uri=uri)), 1.0) is Verdict.REFUSED


@pytest.mark.parametrize("uri", ["sip:917969002802@H", "sip:h", "sip:917969002802@h;x=1"])
def test_uri_of_the_digest_may_be_written_otherwise_or_name_the_host_alone(uri: str) -> None:
    guard = server()
    challenges = guard.challenges(1.0, "s")
    assert guard.verify(request(credentials(challenges, uri=uri)), 1.0) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "change", [("nc=00000001", "nc=1"), ("nc=00000001", "nc=+0000001"), ("nc=00000001", "nc=00000000")]
)
def test_malformed_counts_are_refused(change: tuple[str, str]) -> None:
    guard = server()
    value = credentials(guard.challenges(1.0, "s")).replace(*change)
    assert guard.verify(request(value), 1.0) is Verdict.REFUSED


def test_a_nonce_count_is_hexadecimal() -> None:
    guard = server("MD5")
    challenges = guard.challenges(1.0, "s")
    for count in (9, 10, 15, 16, 255, 256, 0xFFFF):
        assert guard.verify(request(credentials(challenges, count=count)), 1.0) is Verdict.ACCEPTED


def test_rfc2617_credentials_without_an_algorithm_are_md5() -> None:
    value = credentials(server("MD5").challenges(1.0, "s"))
    assert ", algorithm=MD5" in value
    unnamed = value.replace(", algorithm=MD5", "")
    assert server("MD5").verify(request(unnamed), 1.0) is Verdict.ACCEPTED
    assert server("SHA-256").verify(request(unnamed), 1.0) is Verdict.REFUSED


@pytest.mark.parametrize("name", ["username", "nonce", "uri", "response", "qop", "nc", "cnonce"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_credentials_that_lack_a_parameter_are_refused(algorithm: str, name: str) -> None:
    guard = server(algorithm)
    whole = AuthValue.parse(credentials(guard.challenges(1.0, "s")))
    assert name in dict(whole.params)
    without = AuthValue(whole.scheme, tuple([param for param in whole.params if param[0] != name]))
    empty = AuthValue(whole.scheme, tuple([(key, "" if key == name else value) for key, value in whole.params]))
    for given in (without, empty):
        assert guard.verify(request(written(given)), 1.0) is Verdict.REFUSED
    assert guard.verify(request(written(whole)), 1.0) is Verdict.ACCEPTED


@pytest.mark.parametrize("name", ["nonce", "username", "cnonce", "response", "realm", "uri", "qop", "nc", "algorithm"])
def test_bytes_that_are_no_text_let_nobody_in(name: str) -> None:
    """Whatever stands in a parameter, there is a verdict."""
    guard = server("MD5")
    whole = AuthValue.parse(credentials(guard.challenges(1.0, "s")))
    for text in ("\udcff\udcfe-\udcff", "\u00e9-0", "\udcff", "-\udcff"):
        given = AuthValue(whole.scheme, tuple([(key, text if key == name else value) for key, value in whole.params]))
        assert guard.verify(request(written(given)), 1.0) in (Verdict.REFUSED, Verdict.MISSING)


def test_a_nonce_is_good_from_when_it_was_made_until_its_life_is_over() -> None:
    guard = server("MD5")
    for salt, now, verdict in (
        ("a", 1000.0, Verdict.ACCEPTED),
        ("b", 1000.0 + NONCE_LIFE_S, Verdict.ACCEPTED),
        ("c", 1000.001 + NONCE_LIFE_S, Verdict.STALE),
        ("d", 999.999, Verdict.STALE),  # it has not been made yet
    ):
        assert guard.verify(request(credentials(guard.challenges(1000.0, salt))), now) is verdict


def test_a_nonce_whose_time_was_changed_is_not_ours() -> None:
    guard = server("MD5")
    old = AuthValue.parse(guard.challenges(1000.0, "s")[0]).param("nonce") or ""
    assert old.startswith(f"{1_000_000:x}-")
    younger = f"{2_000_000:x}" + old[len(f"{1_000_000:x}") :]
    assert guard.verify(request(credentials((make_challenge("r", younger, algorithm="MD5"),))), 2000.0) is Verdict.STALE
    assert guard.verify(request(credentials((make_challenge("r", old, algorithm="MD5"),))), 1000.0) is Verdict.ACCEPTED


def test_a_client_and_a_server_through_a_stale_nonce() -> None:
    guard, client = server(), DigestClient(TRUNK, lambda: "cn")
    log = ChallengeLog()
    first = Response(401, None, [("WWW-Authenticate", text) for text in guard.challenges(0.0, "a")])
    fields = client.answer(first, log, "INVITE", URI)
    assert fields is not None
    assert guard.verify(Request("INVITE", URI, fields), 1.0) is Verdict.ACCEPTED
    late = NONCE_LIFE_S + 10
    log = ChallengeLog()
    ahead = client.fields(log, "BYE", URI)
    assert guard.verify(Request("BYE", URI, ahead), late) is Verdict.STALE
    again = Response(401, None, [("WWW-Authenticate", text) for text in guard.challenges(late, "b", stale=True)])
    retried = client.answer(again, log, "BYE", URI)
    assert retried is not None
    assert guard.verify(Request("BYE", URI, retried), late) is Verdict.ACCEPTED
