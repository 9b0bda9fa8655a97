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
_LONGEST_TEXT: Final = 128


def told_reason(response: Response, *, with_text: bool) -> str | None:
    """The Reason of a final response for the other leg, None where there is none to tell.

    The causes are kept. Of the text only what the registries call the cause, as long as not `with_text`: in a peer's
    own words there may be a number or a name.
    """
    try:
        told = [_told(reason, with_text) for reason in response.reasons[:MOST_REASONS]]
    except SipError:
        return None
    return ", ".join(filter(None, told)) or None


def _told(reason: ValueWithParams, with_text: bool) -> str:
    protocol, cause = reason.value.upper(), reason.param("cause") or ""
    if protocol not in ("Q.850", "SIP") or not _CAUSE.fullmatch(cause):
        return ""
    text = (Q850_TEXTS if protocol == "Q.850" else REASON_PHRASES).get(int(cause), "")
    if with_text:
        text = _printable(reason.param("text") or "")
    return f"{protocol};cause={int(cause)}" + (f";text={quote(text)}" if text else "")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TEXT]
