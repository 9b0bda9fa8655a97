"""The session description in a message's body, alone or as a part of several (RFC 5621)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.sip.errors import SipError
from b2bua.sip.headers import MediaType
from b2bua.sip.known_values import read_media_type

if TYPE_CHECKING:
    from b2bua.sip.message import Message

SDP: Final = "application/sdp"
"""The media type of a session description (RFC 8866 section 8.1)."""
MAX_PARTS: Final = 16
"""Parts looked at in one body, and in each that is a part of another."""
MAX_DEPTH: Final = 4
"""Multipart bodies that may stand in each other."""

_AS_IT_IS: Final = frozenset({"", "7bit", "8bit", "binary"})
_EARLY: Final = "early-session"
_TYPE_NAMES: Final = ("content-type", "c")


def session_description(content_type: str | None, body: bytes) -> bytes:
    """The SDP in a body: all of it, or the first part of a multipart one that is SDP, which may be a part of a part;
    b"" where there is none.

    A body without a type is taken for SDP, as peers that leave it out mean it.
    """
    if not body or content_type is None:
        return body
    media_type = _media_type(content_type)
    return b"" if media_type is None else _description(media_type, body, MAX_DEPTH)


def describes(message: Message) -> bool:
    """Whether it has a session description. Any other body is no offer and no answer (RFC 3261 section 13.2.1)."""
    return bool(message.body) and bool(session_description(message.headers.get("Content-Type"), message.body))


def _description(media_type: MediaType, body: bytes, depth: int) -> bytes:
    if media_type.subtype == "sdp" and media_type.type == "application":
        return body
    boundary = media_type.param("boundary")
    return _part_of(body, boundary, depth) if media_type.type == "multipart" and boundary and depth else b""


def _part_of(body: bytes, boundary: str, depth: int) -> bytes:
    """RFC 2046 section 5.1.1: each part follows a delimiter line; the last one ends with `--`."""
    delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
    for piece in (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)[1 : MAX_PARTS + 1]:
        rest_of_line, _, part = piece.partition(b"\r\n")
        if rest_of_line.startswith(b"--"):
            break
        head, _, content = (b"\r\n" + part).partition(b"\r\n\r\n")
        media_type = _part_type(head)
        found = b"" if media_type is None else _description(media_type, content, depth - 1)
        if found:
            return found
    return b""


def _part_type(head: bytes) -> MediaType | None:
    """The type of a part that can be read as it is; None for others, and for those of an early session, which is
    another than the call's (RFC 3959)."""
    media_type, encoding, disposition = None, "", ""
    text = head.decode("utf-8", "surrogateescape").replace("\r\n ", " ").replace("\r\n\t", " ")
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if name in _TYPE_NAMES:
            media_type = _media_type(value.strip())
        elif name == "content-transfer-encoding":
            encoding = value.strip().lower()
        elif name == "content-disposition":
            disposition = value.partition(";")[0].strip().lower()
    return media_type if encoding in _AS_IT_IS and disposition != _EARLY else None


def _media_type(text: str) -> MediaType | None:
    try:
        return read_media_type(text)
    except SipError:
        return None
