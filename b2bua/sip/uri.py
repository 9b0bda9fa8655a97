"""URIs (RFC 3261 section 19.1, RFC 3966 as far as routing needs it)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

from b2bua.addresses import canonical_host
from b2bua.sip.errors import MalformedUri
from b2bua.sip.grammar import MAX_PARAMETERS, MAX_URI_LENGTH, Parameters

_SIP: Final = re.compile(
    r"""(?P<scheme>sips?):
        (?:(?P<user>[^@:<>"]+)(?::(?P<password>[^@:<>"]*))?@)?
        (?P<host>\[[^\]]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*))
        (?::(?P<port>[0-9]{1,5}))?
        (?P<params>;[^?]*)?
        (?:\?(?P<headers>.*))?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_OTHER: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):([^<>\"]+)", re.ASCII)
_FORBIDDEN: Final = re.compile(r'[\s<>"]')
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NOT_IN_USER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_TRIPLE_COLON: Final = re.compile(r":::(?=[0-9]+\.)")
_RESERVED: Final = frozenset(";/?:@&=+$,")
_COMPARED_IF_ONE_SIDED: Final = frozenset({"user", "ttl", "method", "maddr"})
MAX_HOST_LENGTH: Final = 255
MAX_PORT: Final = 65_535
_CACHED_URIS: Final = 2_048
_CACHED_TEXTS: Final = 1_024


class Uri(NamedTuple):
    """A URI. Parts are kept as written (escapes included), so that str() gives back what came in.

    `scheme` is lowercase. An IPv6 `host` has no brackets. For schemes other than sip and sips, `host` is
    empty and `opaque` holds all that follows the colon. `params` and `headers` are in order.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Parameters = ()
    headers: tuple[tuple[str, str], ...] = ()
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Uri:
        """The URI of an addr-spec or absoluteURI without brackets around it. Raises MalformedUri."""
        return _parse(text)

    def __str__(self) -> str:
        """The URI as text. Raises MalformedUri when a part holds a character no URI can carry."""
        if self.opaque is not None:
            text = f"{self.scheme}:{self.opaque}"
        else:
            text = f"{self.scheme}:{self._userinfo()}{self.host_port}{self._tail()}"
        if not text.isprintable() or _FORBIDDEN.search(text):
            raise MalformedUri("Character not allowed in a URI")
        return text

    def _userinfo(self) -> str:
        if self.user is None:
            return ""
        return f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"

    def _tail(self) -> str:
        if not self.params and not self.headers:
            return ""
        tail = "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self.params])
        if self.headers:
            tail += "?" + "&".join([f"{name}={value}" for name, value in self.headers])
        return tail

    @property
    def host_port(self) -> str:
        """The host, an IPv6 address in brackets, and the port where one was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is sip or sips."""
        return self.opaque is None

    @property
    def decoded_user(self) -> str | None:
        """The user part with its escapes resolved."""
        return None if self.user is None else unescape(self.user)

    @property
    def telephone(self) -> str | None:
        """The number of a tel URI, or the user part of a sip one, without the parameters behind it."""
        text = self.opaque if self.scheme == "tel" else self.user
        return None if text is None else unescape(text.partition(";")[0])

    def param(self, name: str) -> str | None:
        """The unescaped value of a parameter: "" when it has none, None when it is absent. `name` in lowercase."""
        for key, value in self.params:
            if key == name or unescape(key).lower() == name:
                return unescape(value) if value else ""
        return None

    def has_param(self, name: str) -> bool:
        """Whether the parameter is there, with or without a value."""
        return self.param(name) is not None

    @property
    def next_host(self) -> str:
        """The host that what is for it is sent to (RFC 3263 section 4): `maddr` where it has one, without the brackets
        of an IPv6 address."""
        maddr = self.param("maddr")
        return maddr.removeprefix("[").removesuffix("]") if maddr else self.host

    @property
    def is_loose_router(self) -> bool:
        """Whether the `lr` parameter stands in it (section 19.1.1)."""
        return self.param("lr") is not None

    def in_request_line(self) -> Uri:
        """The URI without what may not stand in a request URI: headers and the `method` parameter (19.1.1)."""
        if not self.headers and not self.has_param("method"):
            return self
        params = tuple([each for each in self.params if unescape(each[0]).lower() != "method"])
        return self._replace(params=params, headers=())

    def equivalent(self, other: Uri) -> bool:
        """Whether two URIs are the same by section 19.1.4; others than sip and sips by their text."""
        if self.scheme != other.scheme:
            return False
        if self.opaque is not None or other.opaque is not None:
            return self.opaque == other.opaque
        return (
            _normal(self.user) == _normal(other.user)
            and _normal(self.password) == _normal(other.password)
            and canonical_host(self.host).lower() == canonical_host(other.host).lower()
            and self.port == other.port
            and _params_match(self.params, other.params)
            and _header_set(self.headers) == _header_set(other.headers)
        )


@lru_cache(maxsize=_CACHED_TEXTS)
def request_line_text(uri: Uri) -> str:
    """The URI as it stands in a request line. Raises MalformedUri as `str` does."""
    return str(uri.in_request_line())


@lru_cache(maxsize=_CACHED_URIS)
def _parse(text: str) -> Uri:
    if len(text) > MAX_URI_LENGTH:
        raise MalformedUri("URI too long", 414)
    if not text.isprintable() or _FORBIDDEN.search(text):
        raise MalformedUri("Character not allowed in a URI")
    found = _SIP.fullmatch(text)
    if found is None:
        return _parse_other(text)
    if "%" in text and _BAD_ESCAPE.search(text):
        raise MalformedUri("Malformed escape in a URI")
    scheme, user, password, host, port_text, params, headers = found.groups()
    port = None if port_text is None else int(port_text)
    if port is not None and port > MAX_PORT:
        raise MalformedUri("Port out of range")
    return Uri(
        scheme.lower(),
        user,
        password,
        parse_host(host),
        port,
        _parse_params(params) if params else (),
        _parse_headers(headers) if headers is not None else (),
    )


def _parse_other(text: str) -> Uri:
    found = _OTHER.fullmatch(text)
    if found is None:
        raise MalformedUri("Malformed URI")
    scheme = found.group(1).lower()
    if scheme in ("sip", "sips"):
        raise MalformedUri("Malformed SIP URI")
    return Uri(scheme=scheme, opaque=found.group(2))


def parse_host(text: str) -> str:
    """The host without the brackets of an IPv6 reference. Raises MalformedUri."""
    if text[0] == "[":
        return check_ipv6(text[1:-1])
    if len(text) > MAX_HOST_LENGTH:
        raise MalformedUri("Host name too long")
    return text


def check_ipv6(text: str) -> str:
    """The text if it is an IPv6 address; three colons before an IPv4 part, which the grammar of RFC 3261
    asked for by mistake, become two (RFC 5118 section 4.10). Raises MalformedUri."""
    if ":::" in text:
        text = _TRIPLE_COLON.sub("::", text)
    try:
        IPv6Address(text)
    except AddressValueError:
        raise MalformedUri("Malformed IPv6 reference") from None
    return text


def _parse_params(text: str) -> Parameters:
    pieces = text[1:].split(";")
    if len(pieces) > MAX_PARAMETERS:
        raise MalformedUri("Too many URI parameters")
    params: list[tuple[str, str | None]] = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if not name or (equals and not value):
            raise MalformedUri("Malformed URI parameter")
        params.append((name, value if equals else None))
    return tuple(params)


def _parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    pieces = text.split("&")
    if len(pieces) > MAX_PARAMETERS:
        raise MalformedUri("Too many URI headers")
    headers = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if not name or not equals:
            raise MalformedUri("Malformed URI header")
        headers.append((name, value))
    return tuple(headers)


def unescape(text: str) -> str:
    """Each run of %HH replaced once by the characters it stands for; octets that are no UTF-8 become U+FFFD."""
    return _ESCAPES.sub(_unescape_run, text) if "%" in text else text


def _unescape_run(match: re.Match[str]) -> str:
    return bytes.fromhex(match.group().replace("%", "")).decode("utf-8", "replace")


def escape_user(text: str) -> str:
    """Plain text as the user part of a URI: whatever may not stand there is escaped."""
    return _NOT_IN_USER.sub(_escape_character, text)


def _escape_character(match: re.Match[str]) -> str:
    return "".join([f"%{octet:02X}" for octet in match.group().encode("utf-8", "replace")])


def _normal(text: str | None) -> str | None:
    """Escapes resolved except those of reserved characters, which differ from the bare character (19.1.4)."""
    if text is None or "%" not in text:
        return text
    return _ESCAPES.sub(_normal_run, text)


def _normal_run(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match.group().replace("%", ""))
    characters = [chr(octet) for octet in octets]
    kept = [c if " " < c < "\x7f" and c not in _RESERVED and c != "%" else f"%{ord(c):02X}" for c in characters]
    return "".join(kept)


def _params_match(one: Parameters, other: Parameters) -> bool:
    mine, theirs = _param_table(one), _param_table(other)
    for name in mine.keys() | theirs.keys():
        if name in mine and name in theirs:
            if mine[name] != theirs[name]:
                return False
        elif name in _COMPARED_IF_ONE_SIDED:
            return False
    return True


def _param_table(params: Parameters) -> dict[str, str | None]:
    return {(_normal(name) or "").lower(): _lower(_normal(value)) for name, value in params}


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _header_set(headers: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    return frozenset(((_normal(name) or "").lower(), _normal(value) or "") for name, value in headers)
