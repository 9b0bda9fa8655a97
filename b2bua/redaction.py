"""Text as people beside the call may see it: every telephone number cut down to `98******10`."""

import re
from typing import Final

_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# What only looks like a number is passed over: an id such as a call's, hexadecimal words like those in Call-IDs, a day
# and its time, an IPv4 address. Between the digits of a number may stand what is there for the eye alone (RFC 3966
# section 3), with spaces around it, as in "(987) 654 - 3210", and what address books put in the place of these: blanks
# that do not break, dashes of all lengths, signs that nobody sees. Its digits may be those of any script.
_BETWEEN: Final = (
    r"[-.\t ()\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2069\u2212\u3000\ufe58\ufe63\ufeff\uff0d]"
)
_OTHER: Final = (
    r"(?:\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9]*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64})\b"
    r"|\b(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9])"
    r"(?:[ T][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{3,6}(?![0-9]))?)?)?"
    rf"|(?<![0-9])(?<![0-9]\.)(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?[0-9]))"
)
_PLAIN: Final = rf"\d(?:{_BETWEEN}{{0,4}}\d){{6,}}"
# What also parts dates, paths, networks and lists is there for the eye alone only within what can be nothing but a
# number: one with a plus, or a mobile one of India, in two or three parts of two digits or more, each between single
# signs, with nothing that is passed over.
_PARTED: Final = rf"(?:(?<=\d\d)[_/,](?=\d\d)(?!{_OTHER})|[-. ])?"
_CERTAIN: Final = (
    rf"(?:(?<=\+)\d(?:{_PARTED}\d){{6,14}}"
    rf"|(?<!\d)(?!\d+(?:[_/,]\d+){{3}})(?:(?:00)?91{_PARTED}|0[-. ]?)?[6-9](?:{_PARTED}\d){{9}})"
    rf"(?![^\W_])(?:{_BETWEEN}{{1,4}}\d+)*"
)
_NUMBER: Final = re.compile(f"(?P<other>{_OTHER})|{_PLAIN}", re.IGNORECASE)
_PARTED_NUMBER: Final = re.compile(f"(?P<other>{_OTHER})|{_CERTAIN}|{_PLAIN}", re.IGNORECASE)


def redact_text(text: str) -> str:
    """The text with every number of seven digits or more cut down to its first and last two."""
    parted = "_" in text or "/" in text or "," in text
    return (_PARTED_NUMBER if parted else _NUMBER).sub(_cut, text)


def _cut(match: re.Match[str]) -> str:
    number = match.group()
    if match["other"] is not None:
        return number
    digits = "".join(filter(str.isdigit, number))
    return f"{digits[:2]}******{digits[-2:]}"
