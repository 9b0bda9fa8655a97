"""What a peer has to prove before a call of its own is told (RFC 3261 section 22.1, RFC 8760)."""

from b2bua.sip.digest import Credentials
from b2bua.sip.digest_server import DigestServer, Verdict
from b2bua.sip.message import Request
from b2bua.sip.screening import Rejection
from b2bua.sip.settings import PeerPolicy
from b2bua.sip.status import reason_phrase
from b2bua.tokens import Tokens


class Guard:
    """Challenges the requests of peers whose policy asks for proof.

    It keeps one `DigestServer` for each policy and realm of the configuration, and nothing for a challenge that is
    out: a nonce is a sealed time. What does not prove the password is refused with 403, whoever it names and whatever
    is wrong with it, and is not challenged again; so there is neither an oracle nor a loop.
    """

    __slots__ = ("_secret", "_servers", "_tokens")

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._secret = b""
        self._servers: dict[tuple[str, Credentials, tuple[str, ...]], DigestServer] = {}

    def judge(self, request: Request, policy: PeerPolicy, realm: str, now: float) -> Rejection | None:
        """The refusal of a request that has not proved enough, None for one that may pass.

        401 with a challenge for each algorithm when there are no credentials, and with stale=true when they prove the
        password with a nonce that is old, not ours or used up. `realm` is used where the policy names none.
        """
        if policy.challenge is None:
            return None
        server = self._server(policy.realm or realm, policy.challenge, policy.algorithms)
        verdict = server.verify(request, now)
        if verdict is Verdict.ACCEPTED:
            return None
        if verdict is Verdict.REFUSED:
            return Rejection(403, reason_phrase(403))
        challenges = server.challenges(now, self._tokens.hex(16), stale=verdict is Verdict.STALE)
        return Rejection(401, reason_phrase(401), tuple([("WWW-Authenticate", text) for text in challenges]))

    def _server(self, realm: str, credentials: Credentials, algorithms: tuple[str, ...]) -> DigestServer:
        key = realm, credentials, algorithms
        server = self._servers.get(key)
        if server is None:
            self._secret = self._secret or self._tokens.hex(64).encode()
            server = self._servers[key] = DigestServer(realm, credentials, self._secret, algorithms=algorithms)
        return server
