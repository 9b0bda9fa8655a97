"""GSTINs, and the states that their first two digits name."""

import re
import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from b2bua.billing.errors import GstinInvalid, StatesDisagree, StateUnknown

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "01": "Jammu and Kashmir",
        "02": "Himachal Pradesh",
        "03": "Punjab",
        "04": "Chandigarh",
        "05": "Uttarakhand",
        "06": "Haryana",
        "07": "Delhi",
        "08": "Rajasthan",
        "09": "Uttar Pradesh",
        "10": "Bihar",
        "11": "Sikkim",
        "12": "Arunachal Pradesh",
        "13": "Nagaland",
        "14": "Manipur",
        "15": "Mizoram",
        "16": "Tripura",
        "17": "Meghalaya",
        "18": "Assam",
        "19": "West Bengal",
        "20": "Jharkhand",
        "21": "Odisha",
        "22": "Chhattisgarh",
        "23": "Madhya Pradesh",
        "24": "Gujarat",
        "26": "Dadra and Nagar Haveli and Daman and Diu",
        "27": "Maharashtra",
        "29": "Karnataka",
        "30": "Goa",
        "31": "Lakshadweep",
        "32": "Kerala",
        "33": "Tamil Nadu",
        "34": "Puducherry",
        "35": "Andaman and Nicobar Islands",
        "36": "Telangana",
        "37": "Andhra Pradesh",
        "38": "Ladakh",
        "97": "Other Territory",
    }
)

_SHAPE: Final = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][A-Z][0-9A-Z]")
_DIGITS: Final = string.digits + string.ascii_uppercase
_BY_NAME: Final = MappingProxyType({name.casefold(): code for code, name in STATES.items()})


def check_gstin(text: str) -> str:
    """A GSTIN in capitals without blanks; GstinInvalid says what is wrong: its shape, its state or its check digit."""
    gstin = "".join(text.split()).upper()
    if not _SHAPE.fullmatch(gstin):
        raise GstinInvalid("a GSTIN has 15 characters: a state's number, a PAN, an entity, a letter, a check digit")
    if gstin[:2] not in STATES:
        raise GstinInvalid(f"a GSTIN begins with a state's number, and {gstin[:2]} is none")
    if gstin[14] != check_digit(gstin[:14]):
        raise GstinInvalid("the check digit of the GSTIN is wrong: one of its characters has been mistyped")
    return gstin


def check_digit(body: str) -> str:
    """The fifteenth character for the first fourteen: a weighted sum in base 36."""
    total = 0
    for at, character in enumerate(body):
        product = _DIGITS.index(character) * (1 + at % 2)
        total += product // 36 + product % 36
    return _DIGITS[-total % 36]


def state_code(text: str) -> str:
    """The number of a state given by its number or its name; StateUnknown."""
    wanted = text.strip()
    code = wanted.zfill(2) if wanted.isascii() and wanted.isdigit() else _BY_NAME.get(wanted.casefold(), "")
    if code not in STATES:
        raise StateUnknown(f"{text!r} is neither the name nor the GST number of a state")
    return code


def registration(gstin: str | None, state: str | None) -> tuple[str | None, str | None]:
    """A customer's GSTIN and state as they are kept: the GSTIN in capitals, the state in its own words without blanks
    around it. GstinInvalid, StateUnknown, StatesDisagree."""
    kept_gstin = None if gstin is None else check_gstin(gstin)
    kept_state = None if state is None else state.strip()
    code = None if kept_state is None else state_code(kept_state)
    if kept_gstin is not None and code is not None and code != kept_gstin[:2]:
        raise StatesDisagree(f"the GSTIN is one of {STATES[kept_gstin[:2]]}, the state is {STATES[code]}")
    return kept_gstin, kept_state
