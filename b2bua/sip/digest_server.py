"""Digest authentication of requests that come in: challenges made, credentials verified (RFC 3261 22, 7616, 8760)."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum
from typing import Final

from b2bua.sip.digest import (
    MAX_NONCE_COUNT,
    Credentials,
    DigestInput,
    digest_hex,
    digest_response,
    request_credentials,
    split_algorithm,
)
from b2bua.sip.errors import SipError
from b2bua.sip.grammar import quote
from b2bua.sip.headers import AuthValue
from b2bua.sip.message import Request
from b2bua.sip.uri import Uri

NONCE_LIFE_S: Final = 300.0
"""How long a nonce is good; one that is older is answered with stale=true."""
MAX_NONCES: Final = 4_096
"""Nonces whose count is remembered against replay; the one used longest ago is forgotten, and thereby spent."""
_DIGEST_LENGTH: Final = 32


class Verdict(Enum):
    """What a request's credentials are worth."""

    ACCEPTED = "accepted"
    MISSING = "missing"
    STALE = "stale"
    REFUSED = "refused"


def make_challenge(
    realm: str,
    nonce: str,
    *,
    algorithm: str = "SHA-256",
    qop: Sequence[str] = ("auth",),
    opaque: str | None = None,
    stale: bool = False,
) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate. An empty `qop` makes one as in RFC 2069."""
    parts = [f"Digest realm={quote(realm)}", f"nonce={quote(nonce)}"]
    if opaque is not None:
        parts.append(f"opaque={quote(opaque)}")
    if stale:
        parts.append("stale=true")
    parts.append(f"algorithm={algorithm}")
    if qop:
        parts.append(f'qop="{",".join(qop)}"')
    return ", ".join(parts)


def verify_response(
    given: AuthValue, credentials: Credentials, *, method: str, realm: str, body: bytes = b"", uri: str | None = None
) -> bool:
    """Whether credentials prove the password, in constant time as far as the secret goes. Freshness is not judged.

    `uri`, when given, is the request URI, which the digest's must designate; see `_designates`.
    """
    known = split_algorithm(given.param("algorithm"))
    digest_uri, nonce, claimed = given.param("uri"), given.param("nonce"), given.param("response")
    qop = (given.param("qop") or "").lower()
    count = _nonce_count(given) if qop else 1
    if known is None or digest_uri is None or not nonce or not claimed or qop not in ("", "auth", "auth-int"):
        return False
    if count is None or (qop and not given.param("cnonce")) or given.param("realm") != realm:
        return False
    if uri is not None and not _designates(digest_uri, uri):
        return False
    expected_user = credentials.username
    if (given.param("userhash") or "").lower() == "true":
        expected_user = digest_hex(known[0], f"{credentials.username}:{realm}".encode())
    expected = digest_response(
        credentials,
        DigestInput(
            given.param("algorithm") or "MD5",
            realm,
            nonce,
            method,
            digest_uri,
            body,
            qop,
            given.param("cnonce") or "",
            count,
        ),
    )
    same_user = _equal(given.param("username") or "", expected_user)
    return _equal(claimed.lower(), expected) and same_user


def _designates(digest_uri: str, request_uri: str) -> bool:
    """Whether they name the same resource (RFC 7616 3.4.6): equivalent by RFC 3261 19.1.4, or the host and port alone.

    The latter is what load generators put in for every request. It weakens nobody else: whose digests name the whole
    request URI has none that fits another one. A text that is no URI designates only itself.
    """
    if digest_uri == request_uri:
        return True
    try:
        given, wanted = Uri.parse(digest_uri), Uri.parse(request_uri)
    except SipError:
        return False
    if given.user is None and not given.params and not given.headers:
        wanted = wanted._replace(user=None, password=None, params=(), headers=())
    return given.equivalent(wanted)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))


def _nonce_count(given: AuthValue) -> int | None:
    text = given.param("nc") or ""
    if len(text) != 8:
        return None
    try:
        count = int(text, 16)
    except ValueError:
        return None
    return count if 0 < count <= MAX_NONCE_COUNT and text.isalnum() else None


class DigestServer:
    """Challenges for one realm and one set of credentials, and the judgement of what comes back.

    A nonce is the time it was made at, sealed with `secret`, so none has to be kept; only the counts of used ones are,
    `MAX_NONCES` of them. `challenges` go out strongest first (RFC 8760 section 2.4).
    """

    def __init__(
        self,
        realm: str,
        credentials: Credentials,
        secret: bytes,
        *,
        algorithms: Sequence[str] = ("SHA-512-256", "SHA-256", "MD5"),
        header: str = "Authorization",
    ) -> None:
        self._realm = realm
        self._credentials = credentials
        self._secret = secret
        self._algorithms = tuple(algorithms)
        self._header = header
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._forgotten_until = float("-inf")

    def challenges(self, now: float, salt: str, *, stale: bool = False) -> tuple[str, ...]:
        """The header values of a 401 or 407. `salt` is a fresh token, so that no two nonces are the same."""
        nonce = self._nonce(f"{int(now * 1000):x}-{salt}")
        return tuple(
            [make_challenge(self._realm, nonce, algorithm=algorithm, stale=stale) for algorithm in self._algorithms]
        )

    def verify(self, request: Request, now: float) -> Verdict:
        """MISSING and STALE are to be challenged, STALE with stale=true; REFUSED did not prove the password.

        STALE did, with a nonce that is good no more: too old, not ours (of an earlier process, say), or with a count
        that is no higher than the last. So a replay gets nothing but a challenge, and an honest peer one more try.
        """
        of_realm = [
            value for value in request_credentials(request, self._header) if value.param("realm") == self._realm
        ]
        if not of_realm:
            return Verdict.MISSING
        given = of_realm[0]
        made_at = self._made_at(given.param("nonce") or "")
        if not self._proves(given, request):
            return Verdict.REFUSED
        if made_at is None or not 0 <= now - made_at <= NONCE_LIFE_S or made_at <= self._forgotten_until:
            return Verdict.STALE
        return Verdict.ACCEPTED if self._count_up(given) else Verdict.STALE

    def _proves(self, given: AuthValue, request: Request) -> bool:
        name = (given.param("algorithm") or "MD5").upper()
        if name not in self._algorithms or (given.param("qop") or "").lower() != "auth":
            return False
        try:
            return verify_response(
                given,
                self._credentials,
                method=request.method,
                realm=self._realm,
                body=request.body,
                uri=request.request_uri,
            )
        except SipError:
            return False

    def _nonce(self, stamp: str) -> str:
        return f"{stamp}-{hmac.digest(self._secret, stamp.encode(), 'sha256').hex()[:_DIGEST_LENGTH]}"

    def _made_at(self, nonce: str) -> float | None:
        """The time in a nonce of ours, None for any other."""
        stamp = nonce.rpartition("-")[0]
        if not stamp.isascii() or not _equal(self._nonce(stamp), nonce):
            return None
        return int(stamp.partition("-")[0], 16) / 1000

    def _count_up(self, given: AuthValue) -> bool:
        nonce = given.param("nonce") or ""
        count = _nonce_count(given) or 0
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        if len(self._counts) > MAX_NONCES:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten_until = max(self._forgotten_until, self._made_at(oldest) or 0.0)
        return True
