"""Digest authentication, the client's side: published vectors, choice of challenge, and the corners of retries."""

from __future__ import annotations

import hashlib

import pytest

from b2bua.sip.digest import (
    MAX_ANSWERS,
    MAX_REALMS,
    ChallengeLog,
    Credentials,
    DigestClient,
    DigestInput,
    answer_challenge,
    choose_challenge,
    choose_qop,
    digest_response,
    response_challenges,
)
from b2bua.sip.errors import MalformedHeader
from b2bua.sip.headers import AuthValue
from b2bua.sip.message import Response

MUFASA = Credentials("Mufasa", "Circle Of Life")
MUFASA_7616 = Credentials("Mufasa", "Circle of Life")
JASON = Credentials("J\u00e4s\u00f8n Doe", "Secret, or not?")
NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def md5(text: str) -> str:
    """Hexadecimal MD5 of a text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def challenge(text: str) -> AuthValue:
    """A Digest challenge of realm r with these further parameters."""
    return AuthValue.parse(f'Digest realm="r"{text}')


def answer(*texts: str) -> AuthValue:
    """Our credentials for challenges of realm r, as their receiver reads them."""
    value = answer_challenge([challenge(text) for text in texts], MUFASA, "INVITE", "sip:b@h", b"body", 1, "cn")
    assert value is not None
    return AuthValue.parse(value)


def refused(status: int, *challenges: str) -> Response:
    """A 401 or 407 with these challenges."""
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, None, [(header, text) for text in challenges])


class Counter:
    """Cnonces c1, c2, ..."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"c{self.count}"


def test_rfc2617_s3_5_example() -> None:
    given = DigestInput(
        *("MD5", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "GET", "/dir/index.html"),
        qop="auth",
        cnonce="0a4f113b",
    )
    assert digest_response(MUFASA, given) == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_s3_9_1_example(algorithm: str, expected: str) -> None:
    given = DigestInput(
        algorithm, "http-auth@example.org", NONCE_7616, "GET", "/dir/index.html", qop="auth", cnonce=CNONCE_7616
    )
    assert digest_response(MUFASA_7616, given) == expected


def test_rfc7616_s3_9_2_example_as_its_erratum_corrects_it() -> None:
    asked = AuthValue.parse(
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
        'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
    )
    value = answer_challenge([asked], JASON, "GET", "/doe.json", b"", 1, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    assert value is not None
    given = AuthValue.parse(value)
    assert given.param("username") == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert given.param("response") == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert given.param("userhash") == "true"
    assert given.param("opaque") == "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"


def test_rfc2069_style_without_qop() -> None:
    given = answer(', nonce="n"')
    first, second = md5("Mufasa:r:Circle Of Life"), md5("INVITE:sip:b@h")
    assert given.param("response") == md5(f"{first}:n:{second}")
    assert [given.param(name) for name in ("qop", "nc", "cnonce", "algorithm", "opaque")] == [None] * 5
    assert given.param("uri") == "sip:b@h"


def test_auth_int_covers_the_body() -> None:
    given = answer(', nonce="n", qop="auth-int"')
    first, second = md5("Mufasa:r:Circle Of Life"), md5(f"INVITE:sip:b@h:{md5('body')}")
    assert given.param("response") == md5(f"{first}:n:00000001:cn:auth-int:{second}")
    assert given.param("qop") == "auth-int"


def test_session_algorithms_seal_the_nonces_into_the_secret() -> None:
    given = answer(', nonce="n", qop="auth", algorithm=md5-sess')
    first, second = md5(f"{md5('Mufasa:r:Circle Of Life')}:n:cn"), md5("INVITE:sip:b@h")
    assert given.param("response") == md5(f"{first}:n:00000001:cn:auth:{second}")
    assert given.param("algorithm") == "MD5-sess"
    assert answer(', nonce="n", algorithm=SHA-256-sess').param("cnonce") == "cn"


def test_form_of_the_value() -> None:
    value = answer_challenge(
        [challenge(', nonce="n", qop="auth", opaque="", algorithm=MD5')], MUFASA, "A", "u", b"", 26, "c"
    )
    assert value is not None
    assert value.startswith('Digest username="Mufasa", realm="r", nonce="n", uri="u", response="')
    assert value.endswith(', algorithm=MD5, qop=auth, nc=0000001a, cnonce="c", opaque=""')


def test_quotes_in_what_is_quoted() -> None:
    asked = AuthValue.parse('Digest realm="a \\"b\\" \\\\c", nonce="n\\"", opaque="o\\\\"')
    value = answer_challenge([asked], Credentials('u"', "p"), "A", "u", b"", 1, "c")
    assert value is not None
    assert 'username="u\\"", realm="a \\"b\\" \\\\c", nonce="n\\""' in value
    given = AuthValue.parse(value)
    secret = md5('u":a "b" \\c:p')
    assert given.param("response") == md5(f'{secret}:n":{md5("A:u")}')
    assert given.param("opaque") == "o\\"


def test_control_characters_in_a_user_name_are_refused() -> None:
    with pytest.raises(MalformedHeader):
        answer_challenge([challenge(', nonce="n"')], Credentials("u\r\nX: y", "p"), "A", "u", b"", 1, "c")


@pytest.mark.parametrize(
    ("algorithms", "chosen"),
    [
        (("MD5", "SHA-256"), "SHA-256"),
        (("SHA-256", "MD5"), "SHA-256"),
        (("MD5", "SHA-512-256", "SHA-256"), "SHA-512-256"),
        (("SHA-1024", "MD5"), "MD5"),
        (("sha-256-sess", "SHA-256"), "sha-256-sess"),
    ],
)
def test_strongest_known_algorithm_wins(algorithms: tuple[str, ...], chosen: str) -> None:
    best = choose_challenge([challenge(f', nonce="n", algorithm={name}') for name in algorithms])
    assert best is not None
    assert best.param("algorithm") == chosen


@pytest.mark.parametrize(
    "text",
    [
        'Basic realm="r"',
        'Basic realm="r", nonce="n"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce=""',
        'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
        'Digest realm="r", nonce="n", qop="token"',
        'Digest realm="r", nonce="n", qop=""',
    ],
)
def test_what_cannot_be_answered(text: str) -> None:
    assert answer_challenge([AuthValue.parse(text)], MUFASA, "A", "u", b"", 1, "c") is None


def test_choice_of_qop() -> None:
    assert choose_qop("auth-int, AUTH") == "auth"
    assert choose_qop("x,auth-int") == "auth-int"
    assert choose_qop(None) == ""
    assert choose_qop("x") is None


def test_password_is_not_shown() -> None:
    assert "Circle" not in repr(MUFASA)


def test_challenges_of_a_response() -> None:
    response = refused(407, 'Digest realm="a', 'Digest realm="b", nonce="1", Digest realm="b", nonce="2"', "Basic x")
    assert [one.param("nonce") for one in response_challenges(response)] == ["1", "2", None]
    assert response_challenges(Response(403)) == ()
    assert response_challenges(Response(407, None, [("WWW-Authenticate", 'Digest realm="b", nonce="1"')])) == ()


def test_first_challenge_is_answered_and_a_repeated_one_is_final() -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    response = refused(401, 'Digest realm="r", nonce="n", qop="auth"')
    fields = client.answer(response, log, "INVITE", "sip:b@h")
    assert fields is not None
    assert fields[0][0] == "Authorization"
    assert client.answer(response, log, "INVITE", "sip:b@h") is None


@pytest.mark.parametrize("stale", ["", ", stale=true", ", stale=false"])
def test_a_new_nonce_gets_one_more_try_and_no_more(stale: str) -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    for nonce, answered in (("1", True), ("2", True), ("3", False), ("4", False)):
        response = refused(401, f'Digest realm="r", nonce="{nonce}", qop="auth"{stale}')
        assert (client.answer(response, log, "INVITE", "sip:b@h") is not None) is answered


@pytest.mark.parametrize(
    "response", [refused(401), refused(401, "Basic x"), refused(401, "Digest realm"), Response(403)]
)
def test_without_a_challenge_it_is_a_plain_failure(response: Response) -> None:
    assert DigestClient(MUFASA, Counter()).answer(response, ChallengeLog(), "INVITE", "sip:b@h") is None


def test_nonce_count_goes_up_with_each_request_and_restarts_with_a_nonce() -> None:
    client = DigestClient(MUFASA, Counter())
    assert client.fields(ChallengeLog(), "BYE", "sip:b@h") == ()
    log = ChallengeLog()
    client.answer(refused(401, 'Digest realm="r", nonce="1", qop="auth"'), log, "INVITE", "sip:b@h")
    counts = [AuthValue.parse(client.fields(ChallengeLog(), "BYE", "u")[0][1]) for _ in range(3)]
    assert [given.param("nc") for given in counts] == ["00000002", "00000003", "00000004"]
    assert {given.param("cnonce") for given in counts} == {"c1"}
    fields = client.answer(refused(401, 'Digest realm="r", nonce="2", qop="auth"'), log, "INVITE", "sip:b@h")
    assert fields is not None
    given = AuthValue.parse(fields[0][1])
    assert (given.param("nc"), given.param("nonce"), given.param("cnonce")) == ("00000001", "2", "c2")


def test_credentials_sent_ahead_and_refused_with_the_same_nonce_are_wrong() -> None:
    client = DigestClient(MUFASA, Counter())
    response = refused(401, 'Digest realm="r", nonce="1", qop="auth"')
    client.answer(response, ChallengeLog(), "INVITE", "sip:b@h")
    log = ChallengeLog()
    client.fields(log, "BYE", "sip:b@h")
    assert client.answer(response, log, "BYE", "sip:b@h") is None
    assert client.answer(refused(401, 'Digest realm="r", nonce="2"'), log, "BYE", "sip:b@h") is not None


def test_a_401_behind_a_407_gets_both() -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    client.answer(refused(407, 'Digest realm="proxy", nonce="1"'), log, "INVITE", "sip:b@h")
    fields = client.answer(refused(401, 'Digest realm="r", nonce="2"'), log, "INVITE", "sip:b@h")
    assert fields is not None
    assert [(name, AuthValue.parse(value).param("realm")) for name, value in fields] == [
        ("Proxy-Authorization", "proxy"),
        ("Authorization", "r"),
    ]


def test_every_realm_of_a_forked_407_is_answered_by_its_strongest() -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    fields = client.answer(
        refused(
            *(407, 'Digest realm="a", nonce="1"', 'Digest realm="b", nonce="2"'),
            *('Digest realm="a", nonce="3", algorithm=SHA-256', 'Digest realm="c", nonce="4", algorithm=X'),
        ),
        *(log, "INVITE", "sip:b@h"),
    )
    assert fields is not None
    given = [AuthValue.parse(value) for _, value in fields]
    assert [(one.param("realm"), one.param("nonce")) for one in given] == [("a", "3"), ("b", "2")]


def test_a_peer_that_names_a_new_realm_each_time_comes_to_an_end() -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    answers = [
        client.answer(refused(401, f'Digest realm="{number}", nonce="n"'), log, "INVITE", "sip:b@h")
        for number in range(MAX_ANSWERS + 3)
    ]
    assert [answer is None for answer in answers] == [False] * MAX_ANSWERS + [True] * 3


def test_realms_remembered_are_limited() -> None:
    client = DigestClient(MUFASA, Counter())
    for number in range(MAX_REALMS + 3):
        client.answer(refused(401, f'Digest realm="{number}", nonce="n"'), ChallengeLog(), "INVITE", "sip:b@h")
    fields = client.fields(ChallengeLog(), "BYE", "sip:b@h")
    assert [AuthValue.parse(value).param("realm") for _, value in fields] == [str(n) for n in range(3, MAX_REALMS + 3)]


def test_a_repeated_success_does_not_begin_its_next_nonce_anew() -> None:
    """A 2xx comes again while its ACK is lost; a count that was used before would be taken for a replay."""
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    client.answer(refused(401, 'Digest realm="r", nonce="6", qop="auth"'), log, "INVITE", "sip:b@h")
    ok = Response(200, None, [("Authentication-Info", 'nextnonce="7"')])
    used = []
    for _ in range(2):
        client.accepted(ok)
        [(_, value)] = client.fields(ChallengeLog(), "INVITE", "sip:b@h")
        used.append((AuthValue.parse(value).param("nonce"), AuthValue.parse(value).param("nc")))
    assert used == [("7", "00000001"), ("7", "00000002")]


def test_next_nonce_of_a_success() -> None:
    client, log = DigestClient(MUFASA, Counter()), ChallengeLog()
    client.answer(refused(401, 'Digest realm="r", nonce="1", qop="auth"'), log, "INVITE", "sip:b@h")
    client.accepted(Response(200, None, [("Authentication-Info", 'nextnonce="7", qop=auth')]))
    given = AuthValue.parse(client.fields(ChallengeLog(), "BYE", "sip:b@h")[0][1])
    assert (given.param("nonce"), given.param("nc")) == ("7", "00000001")
    client.accepted(Response(200, None, [("Authentication-Info", 'nextnonce="')]))
    assert AuthValue.parse(client.fields(ChallengeLog(), "BYE", "sip:b@h")[0][1]).param("nonce") == "7"
