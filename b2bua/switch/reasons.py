"""What of one leg's Reason (RFC 3326) the other leg is told."""

import re
from typing import Final

from b2bua.call.hangup import Q850_TEXTS
from b2bua.sip.errors import SipError
from b2bua.sip.grammar import quote
from b2bua.sip.headers import ValueWithParams
from b2bua.sip.message import Response
from b2bua.sip.status import REASON_PHRASES

MOST_REASONS: Final = 4
_CAUSE: Final = re.compile(r"[0-9]{1,3}")
# What may be a cause of each protocol: anything else would be a way to send digits to the other leg.
_CAUSES: Final = {"Q.850": range(1, 128), "SIP": range(100, 700)}
_LONGEST_TEXT: Final = 128


def told_reason(response: Response, *, with_text: bool) -> str | None:
    """The Reason of a final response for the other leg, None where there is none to tell.

    The first cause of each protocol is kept: a message may have no more (RFC 3326 section 2). Of the text only what the
    registries call the cause, as long as not `with_text`: in a peer's own words there may be a number or a name.
    """
    told: dict[str, str] = {}
    try:
        for reason in response.reasons[:MOST_REASONS]:
            protocol = reason.value.upper()
            said = "" if protocol in told else _told(protocol, reason, with_text)
            if said:
                told[protocol] = said
    except SipError:
        return None
    return ", ".join(told.values()) or None


def _told(protocol: str, reason: ValueWithParams, with_text: bool) -> str:
    cause = reason.param("cause") or ""
    if not _CAUSE.fullmatch(cause) or int(cause) not in _CAUSES.get(protocol, ()):
        return ""
    text = (Q850_TEXTS if protocol == "Q.850" else REASON_PHRASES).get(int(cause), "")
    if with_text:
        text = _printable(reason.param("text") or "")
    return f"{protocol};cause={int(cause)}" + (f";text={quote(text)}" if text else "")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TEXT]
