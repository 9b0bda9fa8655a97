"""Security descriptions (SDES): the a=crypto attribute of RFC 4568, read strictly and written."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from media.errors import UnusableCrypto
from media.rtp.srtp import Suite
from media.sdp.description import Attributes
from media.sdp.session import parse_number

# Lines of one section that are looked at; those after them are not.
CRYPTO_LINES_MAX: Final = 16

_TAG_MAX: Final = 999_999_999
_LIFETIME_EXPONENT_MAX: Final = 48
_WINDOW_MIN: Final = 64


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One a=crypto line: its tag, its suite, and the master key with the master salt behind it."""

    tag: int
    suite: Suite
    master: bytes = field(repr=False)

    def render(self) -> str:
        """The attribute's value."""
        return f"{self.tag} {self.suite.name} inline:{base64.b64encode(self.master).decode('ascii')}"


def parse_crypto(value: str, suites: tuple[Suite, ...]) -> CryptoLine:
    """Read an attribute's value; UnusableCrypto for a line that cannot be used with `suites`.

    A key's lifetime is read and left at that: renewing the key before its end is up to the side that sends with it
    (RFC 4568 section 6.1). A key with an MKI is not served. A window size is a hint, and a parameter that begins with a
    dash may be passed over (section 6.3); anything else that changes the session is not served.
    """
    fields = value.split()
    if len(fields) < 3:
        raise UnusableCrypto("an a=crypto line lacks fields")
    tag = parse_number(fields[0], _TAG_MAX)
    if tag is None:
        raise UnusableCrypto("the tag of an a=crypto line is not a number of up to nine digits")
    suite = next((suite for suite in suites if suite.name == fields[1].upper()), None)
    if suite is None:
        raise UnusableCrypto("the suite of an a=crypto line is not served")
    for parameter in fields[3:]:
        _check_parameter(parameter.upper())
    return CryptoLine(tag, suite, _master(fields[2], suite))


def usable_lines(attributes: Attributes, suites: tuple[Suite, ...]) -> tuple[CryptoLine, ...]:
    """The lines that can be used, in their order, which is the offerer's preference (section 5.1.1).

    A tag that stands twice counts once: an answer could not tell which is meant. UnusableCrypto, with the first line's
    reason, when there are lines and none can be used.
    """
    usable: list[CryptoLine] = []
    problem: UnusableCrypto | None = None
    seen: set[str] = set()
    for value in _values(attributes):
        tag = value.partition(" ")[0].lstrip("0")
        try:
            if tag in seen:
                raise UnusableCrypto("two a=crypto lines have the same tag")
            seen.add(tag)
            usable.append(parse_crypto(value, suites))
        except UnusableCrypto as refusal:
            problem = problem or refusal
    if problem is not None and not usable:
        raise problem
    return tuple(usable)


def accepted_line(attributes: Attributes, offered: tuple[CryptoLine, ...]) -> tuple[CryptoLine, CryptoLine]:
    """The line of our offer that an answer accepts, and the answer's own, which has the far end's key.

    UnusableCrypto unless the answer has exactly one line, with the tag and the suite of one of ours (section 5.1.3).
    """
    values = _values(attributes)
    if len(values) != 1:
        raise UnusableCrypto("the SDP answer has not exactly one a=crypto line")
    answered = parse_crypto(values[0], tuple(line.suite for line in offered))
    for line in offered:
        if (line.tag, line.suite) == (answered.tag, answered.suite):
            return line, answered
    raise UnusableCrypto("the SDP answer's a=crypto line has not the tag and suite of one that was offered")


def has_crypto(attributes: Attributes) -> bool:
    """Whether there is any a=crypto line."""
    return "crypto" in [name for name, _ in attributes]


def crypto_attributes(lines: Iterable[CryptoLine]) -> list[tuple[str, str | None]]:
    """The lines as attributes of a section."""
    return [("crypto", line.render()) for line in lines]


def _values(attributes: Attributes) -> list[str]:
    return [value or "" for name, value in attributes if name == "crypto"][:CRYPTO_LINES_MAX]


def _check_parameter(parameter: str) -> None:
    name, _, value = parameter.partition("=")
    if name == "WSH":
        size = parse_number(value, 9_999_999)
        if size is None or size < _WINDOW_MIN:
            raise UnusableCrypto(f"a window size of SRTP is not a number from {_WINDOW_MIN} on")
    elif parameter != "KDR=0" and not parameter.startswith("-"):
        raise UnusableCrypto("an a=crypto line has a session parameter that is not served")


def _master(parameters: str, suite: Suite) -> bytes:
    method, colon, key = parameters.partition(":")
    if method.lower() != "inline" or not colon:
        raise UnusableCrypto("the key of an a=crypto line is not inline")
    if ";" in key:
        raise UnusableCrypto("an a=crypto line has several keys, which is not served")
    text, *rest = key.split("|")
    if any(":" in part for part in rest):
        raise UnusableCrypto("a key of SRTP has an MKI, which is not served")
    if len(rest) > 1 or not all(_is_lifetime(part) for part in rest):
        raise UnusableCrypto("the lifetime of a key of SRTP is not of RFC 4568's form")
    return _decoded(text, suite)


def _decoded(text: str, suite: Suite) -> bytes:
    """Key and salt out of base64, with the padding or, as some write it, without."""
    try:
        master = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UnusableCrypto("a key of SRTP is not base64") from None
    if len(master) != suite.master_bytes:
        raise UnusableCrypto(f"a key of SRTP has not the {suite.master_bytes} bytes of {suite.name}")
    return master


def _is_lifetime(text: str) -> bool:
    """A number of packets, 1 to 2^48: plain, or as a power of two."""
    if text.startswith("2^"):
        return parse_number(text[2:], _LIFETIME_EXPONENT_MAX) is not None
    return bool(parse_number(text, 1 << _LIFETIME_EXPONENT_MAX))
