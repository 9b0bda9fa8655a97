"""Digits in INFO as telephones send them: bodies of application/dtmf-relay and application/dtmf.

Neither type is standardised; both are legacy uses of INFO (RFC 6086 section 2) that came with Cisco's gateways.
"""

import re
from dataclasses import dataclass
from typing import Final

from b2bua.sip.errors import MalformedMessage

DIGITS: Final = "0123456789*#ABCD"
DURATION_MS: Final = 160
"""Where the body says nothing of it."""
LONGEST_BODY: Final = 1024
RELAY_TYPE: Final = "application/dtmf-relay"
SIGNAL_TYPE: Final = "application/dtmf"
FLASH: Final = frozenset({"16", "!", "HF", "FLASH"})
_NUMBERED: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_DURATION: Final = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class InfoDigit:
    """One key press that an INFO tells of; `duration_ms` as the peer says it, at most 999,999."""

    digit: str
    duration_ms: int


def read_digit(essence: str, body: bytes) -> InfoDigit | None:
    """The key press in an INFO's body of that media type; None for a hook flash, and for any other type.

    application/dtmf-relay: lines `Signal=` and `Duration=` in ms, others are passed over. application/dtmf: the signal
    alone. MalformedMessage for anything else.
    """
    if essence not in (RELAY_TYPE, SIGNAL_TYPE):
        return None
    if len(body) > LONGEST_BODY:
        raise MalformedMessage("Bad DTMF Body")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedMessage("Bad DTMF Body") from None
    if essence == SIGNAL_TYPE:
        return _digit(text.strip(), DURATION_MS)
    fields: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or fields.setdefault(name.strip().lower(), value.strip()) != value.strip():
            raise MalformedMessage("Bad DTMF Body")
    if "signal" not in fields:
        raise MalformedMessage("Bad DTMF Body")
    duration = fields.get("duration", str(DURATION_MS))
    if _DURATION.fullmatch(duration) is None:
        raise MalformedMessage("Bad DTMF Body")
    return _digit(fields["signal"], int(duration))


def _digit(signal: str, duration_ms: int) -> InfoDigit | None:
    name = signal.upper()
    if name in FLASH:
        return None
    digit = _NUMBERED.get(name, name)
    if len(digit) != 1 or digit not in DIGITS:
        raise MalformedMessage("Bad DTMF Body")
    return InfoDigit(digit, duration_ms)
