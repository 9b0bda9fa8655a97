"""Numbers, amounts and codes as people copy them out of an address book, a chat or one of our own pages. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_AS_TYPED: Final[Mapping[str, str]] = MappingProxyType({"Zs": " ", "Pd": "-", "Cf": ""})
_BETWEEN: Final = re.compile(r"[\s,;]+|(?=\+)")
_INTERNATIONAL: Final = re.compile(r"\+[0-9](?:[ .()-]*[0-9])*", re.ASCII)
# By thousands and lakhs, or by millions. Any other comma may be meant as a point, as it is in much of Europe.
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]*)?", re.ASCII)


def number(text: str) -> str:
    """A telephone number as it is typed: its blanks and hyphens plain ones, none around it, and without the marks of
    direction that address books put there (U+202A, U+202C). What else is wrong stays, to be refused."""
    return "".join(_AS_TYPED.get(unicodedata.category(letter), letter) for letter in text).strip()


def numbers(text: str) -> list[str]:
    """Masked numbers as trunks declare them, with blanks, commas or semicolons between. One that begins with "+" may be
    in groups of digits, as address books write it: it ends at a comma, a semicolon or the next "+"."""
    grouped = _INTERNATIONAL.sub(lambda found: re.sub(r"[^0-9]", "", found[0]) + ",", number(text))
    return [one for one in _BETWEEN.split(grouped) if one]


def amount(text: str) -> str:
    """An amount of rupees as it is typed: without its sign and the commas between groups of digits. What else is wrong
    stays, to be refused."""
    plain = text.strip().removeprefix("₹").lstrip()
    return plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain


def code(text: str) -> str:
    """The code of an authenticator without the blanks that many show in its middle."""
    return "".join(text.split())
