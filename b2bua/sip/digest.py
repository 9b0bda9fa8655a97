"""Digest authentication, our side as a client (RFC 3261 section 22, RFC 2617, RFC 7616, RFC 8760).

The server's side is in `digest_server`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from b2bua.sip.errors import MalformedHeader, SipError
from b2bua.sip.grammar import LWS, is_unsafe, quote
from b2bua.sip.headers import AuthValue, Challenge
from b2bua.sip.message import Request, Response
from b2bua.sip.message_parts import Field

STRENGTH: Final = MappingProxyType({"MD5": 1, "SHA-256": 2, "SHA-512-256": 3})
"""The hash algorithms known, by strength; each also with `-sess`."""
MAX_CHALLENGES: Final = 16
"""Challenges looked at in one response."""
MAX_REALMS: Final = 8
"""Protection domains remembered at once; the oldest is forgotten."""
MAX_NONCE_COUNT: Final = 0xFFFFFFFF
MAX_TRIES: Final = 2
"""Answers to one realm for one request: the first, and one more to a new nonce."""
MAX_ANSWERS: Final = 6
"""Challenges answered for one request in all, whatever realms they name: two proxies and the far end, twice each."""

_HASH_NAMES: Final = MappingProxyType({"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"})
_ANSWER_HEADERS: Final = MappingProxyType(
    {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its password; the password stays out of the repr."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DigestInput:
    """All that a digest is computed over, quoted-strings without quotes and escapes. `qop` is "" for RFC 2069."""

    algorithm: str
    realm: str
    nonce: str
    method: str
    uri: str
    body: bytes = b""
    qop: str = ""
    cnonce: str = ""
    nonce_count: int = 1


def split_algorithm(text: str | None) -> tuple[str, bool] | None:
    """The hash (a key of STRENGTH) and whether it is a `-sess` one; MD5 for None; None for one that is not known."""
    name = (text or "MD5").upper()
    is_session = name.endswith("-SESS")
    name = name.removesuffix("-SESS")
    return (name, is_session) if name in STRENGTH else None


def digest_hex(name: str, content: bytes) -> str:
    """The lowercase hexadecimal hash. `name` is a key of STRENGTH."""
    return hashlib.new(_HASH_NAMES[name], content, usedforsecurity=False).hexdigest()


def digest_response(credentials: Credentials, given: DigestInput) -> str:
    """The `response` value (RFC 7616 section 3.4.1; RFC 2069 without qop). Raises MalformedHeader for an unknown
    algorithm."""
    known = split_algorithm(given.algorithm)
    if known is None:
        raise MalformedHeader("Unknown digest algorithm")
    name, is_session = known
    secret = digest_hex(name, f"{credentials.username}:{given.realm}:{credentials.password}".encode())
    if is_session:
        secret = digest_hex(name, f"{secret}:{given.nonce}:{given.cnonce}".encode("utf-8", "surrogateescape"))
    subject = f"{given.method}:{given.uri}"
    if given.qop == "auth-int":
        subject += f":{digest_hex(name, given.body)}"
    subject = digest_hex(name, subject.encode("utf-8", "surrogateescape"))
    middle = f"{given.nonce_count:08x}:{given.cnonce}:{given.qop}:" if given.qop else ""
    return digest_hex(name, f"{secret}:{given.nonce}:{middle}{subject}".encode("utf-8", "surrogateescape"))


def choose_challenge(challenges: Sequence[Challenge]) -> Challenge | None:
    """The strongest challenge that can be answered, the first among equals; None when there is none."""
    best: Challenge | None = None
    best_strength = 0
    for challenge in challenges[:MAX_CHALLENGES]:
        strength = _strength(challenge)
        if strength > best_strength:
            best, best_strength = challenge, strength
    return best


def _strength(challenge: Challenge) -> int:
    """0 for a challenge that cannot be answered: another scheme, algorithm or qop, or no realm or nonce."""
    if not challenge.is_digest or challenge.param("realm") is None or not challenge.param("nonce"):
        return 0
    known = split_algorithm(challenge.param("algorithm"))
    if known is None or choose_qop(challenge.param("qop")) is None:
        return 0
    return STRENGTH[known[0]]


def choose_qop(offered: str | None) -> str | None:
    """`auth` before `auth-int`; "" when nothing is offered (RFC 2069); None when all that is offered is unknown."""
    if offered is None:
        return ""
    options = {option.strip(LWS).lower() for option in offered.split(",")}
    if "auth" in options:
        return "auth"
    return "auth-int" if "auth-int" in options else None


def answer_challenge(
    challenges: Sequence[Challenge],
    credentials: Credentials,
    method: str,
    uri: str,
    body: bytes,
    nonce_count: int,
    cnonce: str,
) -> str | None:
    """The value of Authorization or Proxy-Authorization for the strongest challenge; None when none can be answered.

    `uri` is the request URI as it stands in the request line. Raises MalformedHeader when the user name holds CR, LF or
    NUL.
    """
    challenge = choose_challenge(challenges)
    if challenge is None:
        return None
    qop = choose_qop(challenge.param("qop")) or ""
    algorithm = challenge.param("algorithm")
    realm, nonce, opaque = challenge.param("realm") or "", challenge.param("nonce") or "", challenge.param("opaque")
    given = DigestInput(algorithm or "MD5", realm, nonce, method, uri, body, qop, cnonce, nonce_count)
    known = split_algorithm(algorithm)
    name, is_session = known if known is not None else ("MD5", False)
    hashed_user = (challenge.param("userhash") or "").lower() == "true"
    username = digest_hex(name, f"{credentials.username}:{realm}".encode()) if hashed_user else credentials.username
    parts = [
        f"Digest username={quote(username)}",
        f"realm={quote(realm)}",
        f"nonce={quote(nonce)}",
        f"uri={quote(uri)}",
        f'response="{digest_response(credentials, given)}"',
    ]
    if algorithm:
        parts.append(f"algorithm={name}-sess" if is_session else f"algorithm={name}")
    if qop:
        parts.append(f'qop={qop}, nc={nonce_count:08x}, cnonce="{cnonce}"')
    elif is_session:
        parts.append(f'cnonce="{cnonce}"')
    if opaque is not None:
        parts.append(f"opaque={quote(opaque)}")
    if hashed_user:
        parts.append("userhash=true")
    value = ", ".join(parts)
    if is_unsafe(value):
        raise MalformedHeader("Control character in a header value", "Authorization")
    return value


def response_challenges(response: Response) -> tuple[Challenge, ...]:
    """The challenges of a 401 or 407 that can be read; empty for any other status, and when there is none."""
    headers = _ANSWER_HEADERS.get(response.status)
    if headers is None:
        return ()
    challenges: list[Challenge] = []
    for text in response.headers.get_fields(headers[0])[:MAX_CHALLENGES]:
        try:
            challenges.extend(AuthValue.parse_all(text))
        except SipError:
            # One that cannot be read cannot be answered; another beside it may.
            continue
    return tuple(challenges[:MAX_CHALLENGES])


@dataclass(slots=True)
class _Domain:
    """A realm that challenged us, and how far its nonce has been used. One cnonce serves a nonce's life, so that the
    `-sess` secret stays the same."""

    challenge: Challenge
    cnonce: str
    nonce_count: int = 0


class ChallengeLog:
    """What one request has been sent with so far; its sender keeps it from try to try."""

    __slots__ = ("nonces", "tries")

    def __init__(self) -> None:
        self.nonces: set[tuple[str, str, str]] = set()
        self.tries: dict[tuple[str, str], int] = {}

    @property
    def is_spent(self) -> bool:
        """Whether no more challenges are answered for the request."""
        return sum(self.tries.values()) >= MAX_ANSWERS


class DigestClient:
    """Credentials towards one peer, and what it has challenged us with: one for each dialog, or one for a trunk.

    `new_cnonce` gives a fresh token. Nothing here depends on time.
    """

    def __init__(self, credentials: Credentials, new_cnonce: Callable[[], str]) -> None:
        self._credentials = credentials
        self._new_cnonce = new_cnonce
        self._domains: dict[tuple[str, str], _Domain] = {}

    def answer(
        self, response: Response, log: ChallengeLog, method: str, uri: str, body: bytes = b""
    ) -> tuple[Field, ...] | None:
        """The credential fields of the next try after a 401 or 407 to this request; None when the failure is final.

        Final are: no challenge, none that can be answered, a nonce this request was sent with already (the credentials
        are wrong), a third challenge of the same realm, and a seventh in all. A new nonce gets one more try, stale or
        not. The fields replace those of the last try and answer every realm heard of, so a 401 behind a 407 keeps the
        proxy content.
        """
        header = _ANSWER_HEADERS.get(response.status, ("", ""))[1]
        answered = False
        for realm, challenges in _by_realm(response_challenges(response)).items():
            challenge = choose_challenge(challenges)
            nonce = "" if challenge is None else challenge.param("nonce") or ""
            key = header, realm
            tries = log.tries.get(key, 0)
            if challenge is None or (header, realm, nonce) in log.nonces or tries >= MAX_TRIES or log.is_spent:
                continue
            log.tries[key] = tries + 1
            self._remember(key, challenge)
            answered = True
        return self.fields(log, method, uri, body) if answered else None

    def fields(self, log: ChallengeLog, method: str, uri: str, body: bytes = b"") -> tuple[Field, ...]:
        """The credential fields for a request to the same peer with the nonces known so far: each use counts `nc` up.

        Empty before the first challenge. The `log` is the request's own, to be given to `answer` if it is challenged.
        """
        made: list[Field] = []
        for (header, realm), domain in self._domains.items():
            if domain.nonce_count >= MAX_NONCE_COUNT:
                continue
            domain.nonce_count += 1
            log.nonces.add((header, realm, domain.challenge.param("nonce") or ""))
            value = answer_challenge(
                (domain.challenge,), self._credentials, method, uri, body, domain.nonce_count, domain.cnonce
            )
            if value is not None:
                made.append((header, value))
        return tuple(made)

    def accepted(self, response: Response) -> None:
        """Takes the next nonce from the Authentication-Info of a 2xx (RFC 7616 section 3.5)."""
        for name, header in (
            ("Authentication-Info", "Authorization"),
            ("Proxy-Authentication-Info", "Proxy-Authorization"),
        ):
            text = response.headers.get(name)
            if text is None:
                continue
            try:
                nonce = AuthValue.parse(f"Digest {text}").param("nextnonce")
            except SipError:
                continue
            of_header = [key for key in self._domains if key[0] == header]
            if nonce and len(of_header) == 1:
                old = self._domains[of_header[0]].challenge
                if nonce == old.param("nonce"):  # the 2xx has come again
                    continue
                params = tuple([("nonce", nonce) if name == "nonce" else (name, value) for name, value in old.params])
                self._remember(of_header[0], AuthValue(old.scheme, params))

    def _remember(self, key: tuple[str, str], challenge: Challenge) -> None:
        if key not in self._domains and len(self._domains) >= MAX_REALMS:
            del self._domains[next(iter(self._domains))]
        self._domains[key] = _Domain(challenge, self._new_cnonce())


def _by_realm(challenges: Sequence[Challenge]) -> dict[str, list[Challenge]]:
    realms: dict[str, list[Challenge]] = {}
    for challenge in challenges:
        realms.setdefault(challenge.param("realm") or "", []).append(challenge)
    return realms


def request_credentials(request: Request, header: str) -> tuple[AuthValue, ...]:
    """The Digest credentials in a request's Authorization or Proxy-Authorization fields that can be read."""
    found: list[AuthValue] = []
    for text in request.headers.get_fields(header)[:MAX_CHALLENGES]:
        try:
            found.extend([value for value in AuthValue.parse_all(text) if value.is_digest])
        except SipError:
            continue
    return tuple(found)
