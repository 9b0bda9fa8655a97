"""What a ladder diagram shows of a message, read off its octets without parsing it."""

from typing import Final, NamedTuple

from b2bua.sip.bodies import SDP
from b2bua.sip.errors import MalformedMessage
from b2bua.sip.framing import Framed
from b2bua.sip.grammar import clean
from b2bua.sip.message import Request, Response

LONGEST_SHOWN: Final = 256  # characters of one value

_CALL_ID_LINE: Final = b"\r\nCall-ID: "  # as nearly everybody writes it
_SDP_LINE: Final = b"\r\nContent-Type: application/sdp\r\n"
# Field names as they are looked for: at the start of a line, in lower case, the compact form after the long one.
_CALL_ID: Final = (b"\ncall-id", b"\ni")
_CSEQ: Final = (b"\ncseq",)
_REASON: Final = (b"\nreason",)
_WARNING: Final = (b"\nwarning",)
_BODY_TYPE: Final = (b"\ncontent-type", b"\nc")


class Glance(NamedTuple):
    """A message as a ladder shows it. `name`: the method of a request, the status and phrase of a response."""

    name: str
    cseq: str
    reason: str | None
    body_type: str | None
    warning: str | None = None


def call_id_of(message: bytes | Framed) -> str | None:
    """The Call-ID of a message, None where none can be made out."""
    if not isinstance(message, bytes):
        head = message.request if isinstance(message, MalformedMessage) else message
        return None if head is None else head.headers.get("Call-ID")
    start = message.find(_CALL_ID_LINE)
    if start >= 0:
        start += len(_CALL_ID_LINE)
        return _text(message[start : message.find(b"\r", start)])
    return _value(message, message.lower(), _CALL_ID)


def glance(message: bytes | Framed) -> Glance | None:
    """What is shown of a message, None where it is none."""
    if isinstance(message, bytes):
        return _of_octets(message)
    head = message.request if isinstance(message, MalformedMessage) else message
    if head is None:
        return None
    name = head.method if isinstance(head, Request) else f"{head.status} {head.reason}"
    body_type = _shown(head, "Content-Type")
    return Glance(
        name[:LONGEST_SHOWN],
        _shown(head, "CSeq") or "",
        _shown(head, "Reason"),
        None if body_type is None else body_type.partition(";")[0].strip(),
        _shown(head, "Warning"),
    )


def _shown(head: Request | Response, name: str) -> str | None:
    """A header field as it may be written down: what of its octets is no text stands in it as surrogates."""
    value = head.headers.get(name)
    return None if value is None else clean(value[:LONGEST_SHOWN])


def _of_octets(message: bytes) -> Glance | None:
    head = message.partition(b"\r\n\r\n")[0]
    line = head.partition(b"\r\n")[0]
    first, _, rest = line.partition(b" ")
    if not rest:
        return None
    name = rest if first.upper() == b"SIP/2.0" else first
    low = head.lower()
    body_type = SDP if _SDP_LINE in message else _value(head, low, _BODY_TYPE)
    return Glance(
        _text(name),
        _value(head, low, _CSEQ) or "",
        _value(head, low, _REASON),
        None if body_type is None else body_type.partition(";")[0].strip(),
        _value(head, low, _WARNING),
    )


def _value(head: bytes, low: bytes, names: tuple[bytes, ...]) -> str | None:
    """The value of the first header field of one of these names; `low` is `head` in lower case."""
    for name in names:
        at = low.find(name)
        while at >= 0:
            start = at + len(name)
            end = low.find(b"\n", start)
            line = (head[start:end] if end >= 0 else head[start:]).lstrip(b" \t")
            if line[:1] == b":":
                return _text(line[1:])
            at = low.find(name, start)
    return None


def _text(value: bytes) -> str:
    return value.strip()[:LONGEST_SHOWN].decode("utf-8", "replace")
