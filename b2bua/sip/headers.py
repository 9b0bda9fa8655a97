"""Typed header values: what a header field's text means (RFC 3261 section 20 and 25.1).

Each is frozen, has `parse(text)` raising MalformedHeader or MalformedUri, and str() that gives text fit
to be sent. A parameter keeps its quotes in `params`; `param(name)` gives it without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from b2bua.sip.errors import MalformedHeader, MalformedUri
from b2bua.sip.grammar import (
    LWS,
    MAX_PARAMETERS,
    QUOTED_CONTENT,
    TOKEN_CHARACTERS,
    Parameters,
    clean,
    find_parameter,
    first_value,
    is_token,
    is_unsafe,
    parse_number,
    parse_parameters,
    quote,
    render_parameters,
    split_commas,
    unquote,
)
from b2bua.sip.uri import MAX_PORT, Uri, parse_host

MAX_CSEQ: Final = 2**32 - 1
"""CSeq and RSeq numbers fit 32 bits unsigned; ours stay below 2**31 (section 8.1.1.5)."""
MAX_SECONDS: Final = 2**32 - 1
"""The largest delta-seconds."""

_QUOTED: Final = re.compile(rf'"({QUOTED_CONTENT})"[ \t]*', re.DOTALL)
_NO_DISPLAY: Final = re.compile(r'[",;:<>]')
_VIA: Final = re.compile(
    rf"""[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*/[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*/[ \t]*([{TOKEN_CHARACTERS}]+)
        [ \t]+(\[[^\]\s]+\]|[A-Za-z0-9_][A-Za-z0-9_.\-]*)(?:[ \t]*:[ \t]*([0-9]{{1,5}}))?[ \t]*""",
    re.VERBOSE,
)
_CSEQ: Final = re.compile(rf"[ \t]*([0-9]+)[ \t]+([{TOKEN_CHARACTERS}]+)[ \t]*", re.ASCII)
_RACK: Final = re.compile(rf"[ \t]*([0-9]+)[ \t]+([0-9]+)[ \t]+([{TOKEN_CHARACTERS}]+)[ \t]*", re.ASCII)
_MEDIA_TYPE: Final = re.compile(rf"[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*/[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*")
_RETRY_AFTER: Final = re.compile(r"[ \t]*([0-9]+)[ \t]*", re.ASCII)
_AUTH_SCHEME: Final = re.compile(rf"[ \t]*([{TOKEN_CHARACTERS}]+)(?:[ \t]+|\Z)")
_AUTH_PARAMETER: Final = re.compile(
    rf"""[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*=[ \t]*("{QUOTED_CONTENT}"|[^\s,"]+)[ \t]*(?:,|\Z)""", re.DOTALL
)


def _checked(text: str, header: str) -> str:
    """The text, refused where it holds CR, LF or NUL: nothing that is sent can carry another header in it."""
    if is_unsafe(text):
        raise MalformedHeader("Control character in a header value", header)
    return text


class NameAddr(NamedTuple):
    """A name-addr or addr-spec with header parameters: From, To, Contact, Route, Refer-To, identities.

    Without angle brackets everything from the first semicolon on belongs to the header (section 20.10).
    `display` is the plain name, without quotes and escapes; None when there was none.
    """

    uri: Uri
    display: str | None = None
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """One value, not a list. Raises MalformedHeader or MalformedUri."""
        text = text.strip(LWS)
        display: str | None
        if text.startswith('"'):
            quoted = _QUOTED.match(text)
            if quoted is None:
                raise MalformedHeader("Unterminated quoted string")
            display = clean(unquote(f'"{quoted.group(1)}"'))
            start = quoted.end()
            if not text.startswith("<", start):
                raise MalformedHeader("Display name without an address")
        else:
            start = text.find("<")
            if start < 0:
                return cls._parse_bare(text)
            display = text[:start].rstrip(LWS)
            if _NO_DISPLAY.search(display):
                return cls._parse_bare(text)
            display = clean(display) if display else None
        end = text.find(">", start)
        if end < 0:
            raise MalformedHeader("Unclosed angle bracket")
        uri = Uri.parse(text[start + 1 : end])
        return cls(uri, display, parse_parameters(text, end + 1) if end + 1 < len(text) else ())

    @classmethod
    def _parse_bare(cls, text: str) -> NameAddr:
        semicolon = text.find(";")
        address = text if semicolon < 0 else text[:semicolon].rstrip(LWS)
        if "," in address or "?" in address:
            raise MalformedHeader("Address needs angle brackets")
        return cls(Uri.parse(address), None, () if semicolon < 0 else parse_parameters(text, semicolon))

    def __str__(self) -> str:
        address = f"<{self.uri}>"
        if self.display:
            address = f"{quote(_checked(self.display, ''))} {address}"
        return address + _checked(render_parameters(self.params), "") if self.params else address

    def param(self, name: str) -> str | None:
        """The parameter of that lowercase name: "" when it has no value, None when it is absent."""
        return find_parameter(self.params, name)

    @property
    def tag(self) -> str | None:
        """The tag, None when there is none (RFC 2543 peers) or it is empty."""
        return find_parameter(self.params, "tag") or None


def _unbracketed(host: str | None) -> str | None:
    """A parameter's host without the brackets of an IPv6 address; None where there is none."""
    if not host:
        return None
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


class Via(NamedTuple):
    """One Via value (section 20.42). `transport` is uppercase; an IPv6 `host` has no brackets."""

    transport: str
    host: str
    port: int | None = None
    params: Parameters = ()
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> Via:
        """One value, not a list. Raises MalformedHeader."""
        found = _VIA.match(text)
        if found is None:
            raise MalformedHeader("Malformed Via", "Via")
        name, version, transport, host, port_text = found.groups()
        try:
            host = parse_host(host)
        except MalformedUri as error:
            raise MalformedHeader("Malformed Via host", "Via") from error
        port = None if port_text is None else int(port_text)
        if port is not None and port > MAX_PORT:
            raise MalformedHeader("Via port out of range", "Via")
        params = parse_parameters(text, found.end())
        protocol = "SIP/2.0" if version == "2.0" and name == "SIP" else f"{name.upper()}/{version}"
        return cls(transport.upper(), host, port, params, protocol)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return _checked(f"{self.protocol}/{self.transport} {host}{port}{render_parameters(self.params)}", "Via")

    def param(self, name: str) -> str | None:
        """The parameter of that lowercase name: "" when it has no value, None when it is absent."""
        return find_parameter(self.params, name)

    @property
    def branch(self) -> str | None:
        """The branch parameter, None when absent or empty."""
        return find_parameter(self.params, "branch") or None

    @property
    def has_transaction_id(self) -> bool:
        """Whether the branch is an RFC 3261 transaction identifier: the cookie with something behind it.

        The cookie alone identifies nothing; such a request is matched like one of RFC 2543 (RFC 4475 3.2.1).
        The cookie is compared without regard to case, as tokens are.
        """
        return self.transaction_id() is not None

    def transaction_id(self) -> str | None:
        """The branch in lowercase where `has_transaction_id`, None otherwise."""
        branch = (find_parameter(self.params, "branch") or "").lower()
        return branch if len(branch) > 7 and branch.startswith("z9hg4bk") else None

    @property
    def received(self) -> str | None:
        """The received address, an IPv6 one without brackets whichever way it was written; None if absent."""
        return _unbracketed(find_parameter(self.params, "received"))

    @property
    def rport(self) -> int | None:
        """The port of a filled rport parameter (RFC 3581); None when it is absent, empty or no port."""
        value = find_parameter(self.params, "rport")
        return parse_number(value, MAX_PORT) if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether an rport parameter stands there, filled or not."""
        return find_parameter(self.params, "rport") is not None

    @property
    def maddr(self) -> str | None:
        """The maddr parameter, an IPv6 address without its brackets; None if absent."""
        return _unbracketed(find_parameter(self.params, "maddr"))

    def with_params(self, **values: str | None) -> Via:
        """The same value with these parameters set: in place where they stand already, else at the end."""
        names = {name.lower() for name, _ in self.params}
        kept = [
            (name, values[name.lower()]) if name.lower() in values else (name, value) for name, value in self.params
        ]
        added = [(name, value) for name, value in values.items() if name not in names]
        return self._replace(params=(*kept, *added))


def parse_first_via(text: str) -> Via:
    """The topmost of the values of a Via field. Raises MalformedHeader."""
    return Via.parse(first_value(text))


class CSeq(NamedTuple):
    """A CSeq value: `number` of 0 .. 2**32-1 and the method."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises MalformedHeader, also for a number over 32 bits."""
        found = _CSEQ.fullmatch(text)
        if found is None:
            raise MalformedHeader("Malformed CSeq", "CSeq")
        number = parse_number(found.group(1), MAX_CSEQ)
        if number is None:
            raise MalformedHeader("CSeq number out of range", "CSeq")
        return cls(number, found.group(2))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RAck:
    """What a PRACK acknowledges (RFC 3262 section 7.2): the RSeq, and the CSeq of the response."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Raises MalformedHeader."""
        found = _RACK.fullmatch(text)
        if found is None:
            raise MalformedHeader("Malformed RAck", "RAck")
        rseq, cseq = parse_number(found.group(1), MAX_CSEQ), parse_number(found.group(2), MAX_CSEQ)
        if rseq is None or cseq is None:
            raise MalformedHeader("RAck number out of range", "RAck")
        return cls(rseq, cseq, found.group(3))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type, or one value of Accept. `type` and `subtype` are lowercase."""

    type: str
    subtype: str
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """Raises MalformedHeader."""
        found = _MEDIA_TYPE.match(text)
        if found is None:
            raise MalformedHeader("Malformed media type")
        return cls(found.group(1).lower(), found.group(2).lower(), parse_parameters(text, found.end()))

    def __str__(self) -> str:
        return _checked(f"{self.type}/{self.subtype}{render_parameters(self.params)}", "")

    @property
    def essence(self) -> str:
        """`type/subtype` alone."""
        return f"{self.type}/{self.subtype}"

    def param(self, name: str) -> str | None:
        """The parameter of that lowercase name: "" when it has no value, None when it is absent."""
        return find_parameter(self.params, name)


@dataclass(frozen=True, slots=True)
class ValueWithParams:
    """A token with parameters: Reason (RFC 3326), Event, Session-Expires, one value of Accept-Encoding, ..."""

    value: str
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> ValueWithParams:
        """Raises MalformedHeader."""
        semicolon = text.find(";")
        value = (text if semicolon < 0 else text[:semicolon]).strip(LWS)
        if not is_token(value):
            raise MalformedHeader("Malformed header value")
        return cls(value, () if semicolon < 0 else parse_parameters(text, semicolon))

    def __str__(self) -> str:
        return _checked(f"{self.value}{render_parameters(self.params)}", "")

    def param(self, name: str) -> str | None:
        """The parameter of that lowercase name: "" when it has no value, None when it is absent."""
        return find_parameter(self.params, name)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """A Retry-After value (section 20.33). `seconds` is capped at 2**32-1; the comment is dropped."""

    seconds: int
    duration_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> RetryAfter:
        """Raises MalformedHeader when it does not start with a number."""
        found = _RETRY_AFTER.match(text)
        if found is None:
            raise MalformedHeader("Malformed Retry-After", "Retry-After")
        rest = text[found.end() :]
        if rest and rest[0] not in ";(":
            raise MalformedHeader("Malformed Retry-After", "Retry-After")
        seconds = parse_number(found.group(1), MAX_SECONDS)
        return cls(MAX_SECONDS if seconds is None else seconds, cls._duration(rest))

    @staticmethod
    def _duration(rest: str) -> int | None:
        for piece in rest.rpartition(")")[2].split(";"):
            name, _, value = piece.partition("=")
            if name.strip(LWS).lower() == "duration":
                return parse_number(value.strip(LWS), MAX_SECONDS)
        return None

    def __str__(self) -> str:
        return str(self.seconds) if self.duration_s is None else f"{self.seconds};duration={self.duration_s}"


@dataclass(frozen=True, slots=True)
class AuthValue:
    """A challenge or credentials: WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization.

    `scheme` as written; `params` in order with lowercase names and unquoted values.
    """

    scheme: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> AuthValue:
        """The first of a header field. Raises MalformedHeader."""
        return cls.parse_all(text)[0]

    @classmethod
    def parse_all(cls, text: str) -> tuple[AuthValue, ...]:
        """All of one header field: commas part parameters, and a further scheme starts where a token and a space stand
        before a `name=`. Raises MalformedHeader; beyond the limit of parameters too.

        Schemes without `name=value` parameters (Bearer, Basic) have no params, and nothing behind them is read.
        """
        values: list[AuthValue] = []
        position = 0
        while position < len(text):
            found = _AUTH_SCHEME.match(text, position)
            if found is None:
                raise MalformedHeader("Malformed authentication scheme")
            params, position = _auth_parameters(text, found.end())
            values.append(cls(found.group(1), params))
            if position < len(text) and (not params or _AUTH_SCHEME.match(text, position) is None):
                if values[-1].is_digest:
                    raise MalformedHeader("Malformed authentication parameter")
                break
        if not values:
            raise MalformedHeader("Malformed authentication scheme")
        return tuple(values)

    @property
    def is_digest(self) -> bool:
        """Whether the scheme is Digest."""
        return self.scheme.lower() == "digest"

    def param(self, name: str) -> str | None:
        """The value of the first parameter of that lowercase name, None if absent."""
        for key, value in self.params:
            if key == name:
                return value
        return None


def _auth_parameters(text: str, position: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """The `name=value` parameters from `position` on, and where they end."""
    params: list[tuple[str, str]] = []
    while (found := _AUTH_PARAMETER.match(text, position)) is not None:
        params.append((found.group(1).lower(), unquote(found.group(2))))
        position = found.end()
        if len(params) > MAX_PARAMETERS:
            raise MalformedHeader("Too many authentication parameters")
    return tuple(params), position


Challenge = AuthValue


def parse_tokens(text: str) -> tuple[str, ...]:
    """The tokens of Supported, Require, Allow and the like; empty elements are passed over.

    Raises MalformedHeader for an element that is no token.
    """
    tokens = [token for token in split_commas(text) if token]
    for token in tokens:
        if not is_token(token):
            raise MalformedHeader("Malformed token list")
    return tuple(tokens)


def parse_seconds(text: str) -> int:
    """A delta-seconds (Expires, Min-Expires), parameters behind it ignored. Raises MalformedHeader."""
    seconds = parse_number(text.partition(";")[0].strip(LWS), MAX_SECONDS)
    if seconds is None:
        raise MalformedHeader("Malformed number of seconds")
    return seconds


def parse_call_id(text: str) -> str:
    """A Call-ID: `word [ "@" word ]`, taken as one run of visible ASCII characters. Raises MalformedHeader."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise MalformedHeader("Malformed Call-ID", "Call-ID")
    return text
