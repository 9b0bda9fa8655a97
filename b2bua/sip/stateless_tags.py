"""The To tags of responses to requests that get no transaction (RFC 3261 sections 8.2.7 and 19.3)."""

import hashlib
from typing import Final

from b2bua.sip.message import Request
from b2bua.tokens import Tokens

_SECRET_DIGITS: Final = 64
_TAG_OCTETS: Final = 8
# What a request keeps when it is sent again, and shares with no other.
_TELLING: Final = ("Via", "From", "To", "Call-ID", "CSeq")


class StatelessTags:
    """Gives a request the same tag each time it comes, as nothing is kept of it, and one that nobody can foretell."""

    __slots__ = ("_secret", "_tokens")

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._secret = b""

    def tag_of(self, request: Request) -> str:
        """The tag for a stamped request, be it broken."""
        self._secret = self._secret or bytes.fromhex(self._tokens.hex(_SECRET_DIGITS))
        told = [request.method, request.request_uri]
        for name in _TELLING:
            told += (name, *request.headers.get_fields(name))
        text = "\n".join(told).encode("utf-8", "surrogateescape")
        return hashlib.blake2s(text, key=self._secret, digest_size=_TAG_OCTETS).hexdigest()
