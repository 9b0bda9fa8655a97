"""Header field names: their usual spelling, their compact forms, and which of them are lists."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

COMPACT_FORMS: Final = MappingProxyType(
    {
        "a": "Accept-Contact",
        "b": "Referred-By",
        "c": "Content-Type",
        "d": "Request-Disposition",
        "e": "Content-Encoding",
        "f": "From",
        "i": "Call-ID",
        "j": "Reject-Contact",
        "k": "Supported",
        "l": "Content-Length",
        "m": "Contact",
        "n": "Identity-Info",
        "o": "Event",
        "r": "Refer-To",
        "s": "Subject",
        "t": "To",
        "u": "Allow-Events",
        "v": "Via",
        "x": "Session-Expires",
        "y": "Identity",
    }
)
"""Compact names (RFC 3261 section 7.3.3 and the IANA registry)."""

LIST_HEADERS: Final = frozenset(
    {
        "Accept",
        "Accept-Contact",
        "Accept-Encoding",
        "Accept-Language",
        "Alert-Info",
        "Allow",
        "Allow-Events",
        "Call-Info",
        "Contact",
        "Content-Encoding",
        "Content-Language",
        "Diversion",
        "Error-Info",
        "Geolocation",
        "History-Info",
        "In-Reply-To",
        "P-Access-Network-Info",
        "P-Asserted-Identity",
        "P-Associated-URI",
        "P-Preferred-Identity",
        "P-Visited-Network-ID",
        "Path",
        "Proxy-Require",
        "Reason",
        "Record-Route",
        "Recv-Info",
        "Reject-Contact",
        "Remote-Party-ID",
        "Request-Disposition",
        "Require",
        "Resource-Priority",
        "Route",
        "Security-Client",
        "Security-Server",
        "Security-Verify",
        "Service-Route",
        "Supported",
        "Unsupported",
        "Via",
        "Warning",
    }
)
"""Headers whose grammar is a comma-separated list, so that several fields and one line mean the same."""

_SINGLE: Final = (
    "Accept-Resource-Priority",
    "Answer-Mode",
    "Authentication-Info",
    "Authorization",
    "CSeq",
    "Call-ID",
    "Content-Disposition",
    "Content-ID",
    "Content-Length",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "Event",
    "Expires",
    "Flow-Timer",
    "From",
    "Identity",
    "Identity-Info",
    "Info-Package",
    "Join",
    "MIME-Version",
    "Max-Breadth",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Called-Party-ID",
    "P-Charging-Function-Addresses",
    "P-Charging-Vector",
    "P-Early-Media",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "RAck",
    "RSeq",
    "Refer-Sub",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "Reply-To",
    "Retry-After",
    "SIP-ETag",
    "SIP-If-Match",
    "Server",
    "Session-Expires",
    "Session-ID",
    "Subject",
    "Subscription-State",
    "Suppress-If-Match",
    "Target-Dialog",
    "Timestamp",
    "To",
    "User-Agent",
    "User-to-User",
    "WWW-Authenticate",
)


def _spellings() -> dict[str, str]:
    table: dict[str, str] = {}
    for name in (*LIST_HEADERS, *_SINGLE):
        for spelling in (name, name.lower(), name.upper()):
            table[spelling] = name
    for letter, name in COMPACT_FORMS.items():
        table[letter] = table[letter.upper()] = name
    return table


KNOWN_SPELLINGS: Final = MappingProxyType(_spellings())
"""Usual, lower and upper case and compact spellings of the known names, to the usual one."""


KNOWN_NAMES: Final = frozenset(KNOWN_SPELLINGS.values())
"""The known names in their usual spelling."""


def canonical_name(name: str) -> str:
    """The usual spelling of a known name however it is written; an unknown one as it is."""
    return KNOWN_SPELLINGS.get(name) or KNOWN_SPELLINGS.get(name.lower()) or name


def field_key(name: str) -> str:
    """What a name is looked up by: the usual spelling of a known one, an unknown one in lower case."""
    return KNOWN_SPELLINGS.get(name) or KNOWN_SPELLINGS.get(name.lower()) or name.lower()
