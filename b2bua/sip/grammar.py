"""The pieces of RFC 3261 section 25.1 that more than one header shares.

Every pattern here is linear: no two adjacent repetitions can match the same character, and an
unterminated quotation is consumed to its end instead of being tried again from each of its quotes.
"""

from __future__ import annotations

import re
from typing import Final

from b2bua.sip.errors import MalformedHeader

MAX_MESSAGE_OCTETS: Final = 65_535
"""The largest message received: what fits a UDP datagram (RFC 3261 section 18.1.1)."""
MAX_HEADER_FIELDS: Final = 256
"""Header field lines of one message, after unfolding."""
MAX_HEADER_LENGTH: Final = 8_192
"""Characters of one header field line, after unfolding."""
MAX_URI_LENGTH: Final = 2_048
"""Characters of one URI; a longer request URI is answered 414."""
MAX_VALUES: Final = 256
"""Values of one kind of list header in one message (Contact, Route, ...)."""
MAX_VIAS: Final = 100
"""Via values of one message: more hops than Max-Forwards lets a sane request make."""
MAX_PARAMETERS: Final = 64
"""Parameters of one header value or URI."""

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters in order, as written: a value keeps its quotes and escapes; None means there was no `=`."""

LWS: Final = " \t"
TOKEN_CHARACTERS: Final = r"A-Za-z0-9\-.!%*_+`'~"
TOKEN: Final = re.compile(f"[{TOKEN_CHARACTERS}]+")
QUOTED_CONTENT: Final = r'[^"\\]*(?:\\.[^"\\]*)*'

_PARAMETER: Final = re.compile(
    rf"""[ \t]*;[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*(?:=[ \t]*("{QUOTED_CONTENT}"|[^\s;,"<>=]+))?""", re.DOTALL
)
_COMMA_OR_GROUP: Final = re.compile(rf',|"{QUOTED_CONTENT}(?:"|\\?\Z)|<[^>]*>?', re.DOTALL)
_EMPTY_PARAMETER: Final = re.compile(r";(?=[ \t]*(?:[;,]|\Z))")
_EMPTY_OR_GROUP: Final = re.compile(rf'{_EMPTY_PARAMETER.pattern}|"{QUOTED_CONTENT}(?:"|\\?\Z)|<[^>]*>?', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_UNSAFE: Final = re.compile(r"[\r\n\x00]")
_TO_ESCAPE: Final = re.compile(r'(["\\])')


def is_token(text: str) -> bool:
    """Whether the whole text is a `token`."""
    return TOKEN.fullmatch(text) is not None


def is_unsafe(text: str) -> bool:
    """Whether the text holds CR, LF or NUL, which may never be put into a header or a URI."""
    return not text.isprintable() and _UNSAFE.search(text) is not None


def clean(text: str) -> str:
    """The text with undecodable octets and NUL replaced by U+FFFD, fit for a database or a log."""
    if text.isprintable():
        return text
    octets = text.replace("\x00", "\ufffd").encode("utf-8", "surrogateescape")
    return octets.decode("utf-8", "replace")


def unquote(text: str) -> str:
    """The content of a quoted-string with its quoted-pairs resolved; other text as it is."""
    if len(text) < 2 or text[0] != '"':
        return text
    content = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", content) if "\\" in content else content


def quote(text: str) -> str:
    """The text as a quoted-string."""
    return f'"{_TO_ESCAPE.sub(_escape, text)}"' if '"' in text or "\\" in text else f'"{text}"'


def _escape(match: re.Match[str]) -> str:
    return "\\" + match.group(1)


def split_commas(text: str) -> list[str]:
    """The values of a comma-separated list, stripped; commas in quotes and angle brackets do not separate.

    Empty elements are kept for the caller to judge.
    """
    if "," not in text:
        return [text.strip(LWS)]
    values = []
    start = 0
    for match in _COMMA_OR_GROUP.finditer(text):
        if match.group() == ",":
            values.append(text[start : match.start()].strip(LWS))
            start = match.end()
    values.append(text[start:].strip(LWS))
    return values


def first_value(text: str) -> str:
    """The first value of a comma-separated list."""
    return split_commas(text)[0] if "," in text else text


def parse_parameters(text: str, start: int = 0) -> Parameters:
    """`*( SEMI generic-param )` from `start` to the end of the text.

    Raises MalformedHeader for an empty parameter, a name that is no token, or anything left over.
    """
    parameters: list[tuple[str, str | None]] = []
    end = len(text)
    match = _PARAMETER.match
    while start < end:
        found = match(text, start)
        if found is None:
            if not text[start:].strip(LWS):
                break
            raise MalformedHeader("Malformed parameter")
        name, value = found.groups()
        parameters.append((name, value))
        start = found.end()
    if len(parameters) > MAX_PARAMETERS:
        raise MalformedHeader("Too many parameters")
    return tuple(parameters)


def without_empty_parameters(text: str) -> str:
    """A value, or a list of them, without the semicolons that no parameter follows; those in quotes and angle brackets
    stay."""
    if _EMPTY_PARAMETER.search(text) is None:
        return text
    return _EMPTY_OR_GROUP.sub(_unless_empty, text).strip(LWS)


def _unless_empty(match: re.Match[str]) -> str:
    return "" if match.group() == ";" else match.group()


def find_parameter(parameters: Parameters, name: str) -> str | None:
    """The unquoted value of the first parameter of that (lowercase) name: "" without a value, None if absent."""
    for key, value in parameters:
        if key == name or key.lower() == name:
            if not value:
                return ""
            return unquote(value) if value[0] == '"' else value
    return None


def render_parameters(parameters: Parameters) -> str:
    """The parameters as they stand behind a value."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in parameters])


def parse_number(text: str, limit: int) -> int | None:
    """A run of ASCII digits, leading zeros allowed, as an integer of 0 .. limit; None for anything else."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    if len(digits) > 20:
        return None
    number = int(digits or "0")
    return number if number <= limit else None
