"""Octets to messages: datagrams (section 18.3), streams (section 7.5) and the checks every message must pass.

Whatever the octets are, the outcome is a Request, a Response or MalformedMessage.
"""

from __future__ import annotations

import re
from typing import Final

from b2bua.sip.errors import MalformedHeader, MalformedMessage, SipError
from b2bua.sip.field_names import KNOWN_SPELLINGS, canonical_name
from b2bua.sip.grammar import (
    LWS,
    MAX_HEADER_FIELDS,
    MAX_HEADER_LENGTH,
    MAX_MESSAGE_OCTETS,
    MAX_PARAMETERS,
    MAX_URI_LENGTH,
    TOKEN_CHARACTERS,
    clean,
    is_token,
    parse_number,
)
from b2bua.sip.message import Headers, Message, Request, Response
from b2bua.sip.message_parts import Field
from b2bua.sip.plain import read_plain

_REQUEST_LINE: Final = re.compile(rf"([{TOKEN_CHARACTERS}]+) ([^ ]+) (SIP/[0-9]+\.[0-9]+)", re.IGNORECASE)
_LOOSE_REQUEST_LINE: Final = re.compile(rf"([{TOKEN_CHARACTERS}]+)[ \t]+(\S.*)[ \t](SIP/\S+)[ \t]*", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"(SIP/[0-9]+\.[0-9]+) ([0-9]+)(?: (.*))?", re.IGNORECASE)
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_NO_FIELD: Final = "Malformed header field"
_SINGLE_FIELDS: Final = ("Call-ID", "CSeq", "From", "To", "Max-Forwards")

KNOWN_METHODS: Final = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)
"""The registered methods; whatever else comes is answered 501, one of these that we do not serve 405."""


def is_keep_alive(datagram: bytes) -> bool:
    """Whether a datagram only keeps a path open: empty, line ends (RFC 5626) or zero octets, at most 8 of them."""
    return len(datagram) <= 8 and not datagram.strip(b"\r\n\x00")


def parse_message(content: bytes | bytearray | memoryview) -> Request | Response:
    """The message of a datagram. Octets beyond Content-Length are dropped; without one the body is the rest.

    Raises MalformedMessage: with 400, 414, 505 or 513, and with the request where it can be answered.
    """
    octets = bytes(content)
    plain = read_plain(octets)
    return parse_any(octets) if plain is None else plain


def parse_any(octets: bytes) -> Request | Response:
    """As `parse_message`, of whatever message, plain ones as well. Raises the same."""
    if len(octets) > MAX_MESSAGE_OCTETS:
        raise MalformedMessage("Message too large", 513)
    start = 0
    while octets.startswith(b"\r\n", start):
        start += 2
    end = octets.find(b"\r\n\r\n", start)
    if end < 0:
        raise _cut_short(octets[start:])
    headers, message = parse_head(octets[start:end])
    if isinstance(message, MalformedMessage):
        raise message
    try:
        length = content_length(headers)
    except MalformedHeader as error:
        raise _malformed(message, error.reason) from None
    if length is None:
        message.body = octets[end + 4 :]
        return message
    message.body = octets[end + 4 : end + 4 + length]
    if len(message.body) < length:
        raise _malformed(message, "Body shorter than Content-Length")
    return message


def _cut_short(octets: bytes) -> MalformedMessage:
    """For a header without the empty line that ends it: whatever stands there is not to be trusted, but answered."""
    message = parse_head(octets.rstrip(b"\r\n"))[1]
    return message if isinstance(message, MalformedMessage) else _malformed(message, "No end of the header")


def _malformed(message: Message, reason: str) -> MalformedMessage:
    return MalformedMessage(reason, 400, message if isinstance(message, Request) else None)


def content_length(headers: Headers) -> int | None:
    """The Content-Length, None where there is none. Several that agree count as one.

    Raises MalformedHeader for one that is no number, conflicts, or exceeds any message we would take.
    """
    text = headers.get("Content-Length")
    if text is None:
        return None
    length = parse_number(text, MAX_MESSAGE_OCTETS)
    if length is None:
        raise MalformedHeader("Malformed Content-Length", "Content-Length")
    if headers.count("Content-Length") > 1:
        values = headers.get_fields("Content-Length")
        if any(parse_number(value, MAX_MESSAGE_OCTETS) != length for value in values):
            raise MalformedHeader("Conflicting Content-Length", "Content-Length")
    return length


def parse_head(octets: bytes) -> tuple[Headers, Request | Response | MalformedMessage]:
    """Start line and header fields, without the empty line behind them: the fields that could be read, and the
    message without its body, or what is wrong with it."""
    try:
        head = octets.decode()
    except UnicodeDecodeError:
        head = octets.decode("utf-8", "surrogateescape")
    if "\r\n " in head or "\r\n\t" in head:
        head = _FOLD.sub(" ", head)
    lines = head.split("\r\n")
    start_line = lines[0]
    problem = ""
    breaks = len(lines) - 1
    if len(head) > MAX_HEADER_LENGTH or head.count("\n") != breaks or head.count("\r") != breaks:
        problem, lines = _usable_lines(lines)
    if len(lines) > MAX_HEADER_FIELDS + 1:
        problem = "Too many header fields"
        del lines[MAX_HEADER_FIELDS + 1 :]
    fields: list[Field] = []
    index: dict[str, list[str]] = {}
    spellings = KNOWN_SPELLINGS
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        known = spellings.get(name)
        if known is None or not colon:
            name = name.rstrip(LWS)
            if not colon or not is_token(name):
                problem = problem or _NO_FIELD
                continue
            known = canonical_name(name)
        value = value.strip(LWS)
        fields.append((known, value))
        key = known if known in spellings else known.lower()
        if key in index:
            index[key].append(value)
        else:
            index[key] = [value]
    headers = Headers.trusted(fields, index)
    return headers, _start(start_line, headers, problem)


def _usable_lines(lines: list[str]) -> tuple[str, list[str]]:
    """What is wrong with some of the lines, and the start line with those that may be copied into an answer: a bare CR
    or LF could carry another line into it."""
    problem = ""
    usable = lines[:1]
    for position, line in enumerate(lines):
        if "\n" in line or "\r" in line:
            problem = "Line end that is not CRLF"
        elif position and len(line) > MAX_HEADER_LENGTH:
            problem = "Header field too long"
        elif position:
            usable.append(line)
    return problem, usable


def _start(line: str, headers: Headers, problem: str) -> Request | Response | MalformedMessage:
    """The message of a start line, or what is wrong with it or (`problem`) with the header fields."""
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        return _start_otherwise(line, headers, problem)
    method, uri, version = found.groups()
    request = Request(method, uri, headers)
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        return MalformedMessage("Version Not Supported", 505, request)
    if len(uri) > MAX_URI_LENGTH:
        return MalformedMessage("Request-URI Too Long", 414, request)
    return MalformedMessage(problem, 400, request) if problem else request


def _start_otherwise(line: str, headers: Headers, problem: str) -> Response | MalformedMessage:
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        loose = _LOOSE_REQUEST_LINE.fullmatch(line)
        if loose is None:
            return MalformedMessage("Malformed start line")
        return MalformedMessage("Malformed request line", 400, Request(loose.group(1), loose.group(2), headers))
    version, digits, reason = found.groups()
    status = parse_number(digits, 699) if len(digits) == 3 else None
    if version.upper() != "SIP/2.0" or status is None or status < 100 or len(line) > MAX_HEADER_LENGTH:
        return MalformedMessage("Malformed status line")
    if problem not in ("", _NO_FIELD):  # of a line that was passed over nobody could be told, and a call might be lost
        return MalformedMessage(problem)
    return Response(status, clean(reason or ""), headers)


def validate_request(request: Request) -> None:
    """What every request must be to be worth a transaction, read whole: Via, From, To, Call-ID and CSeq (section
    8.1.1), and of Max-Forwards, Contact, Route and Record-Route those that are there. A BYE is not lost for a Contact
    or Record-Route, which say nothing in it: its sender is out of the call whatever the answer (section 15.1.1).

    Raises MalformedMessage, to be answered with its status: 400, 414 for the request URI, 501 for a method that is not
    registered and differs from CSeq's (RFC 4475 section 3.1.2.18).
    """
    if request.headers.are_checked:
        return
    problem = _problem_of(request)
    if problem is None:
        try:
            uri = request.uri
            _ = request.max_forwards, request.routes
            if request.method != "BYE":
                _ = request.contacts, request.record_routes
            if uri.headers:
                problem = "Request URI with headers", 400
            elif request.to_tag is None and len(request.to.params) >= MAX_PARAMETERS:
                problem = "No room for a tag in To", 400
            elif request.cseq.method != request.method:
                problem = "CSeq method does not match", 400 if request.method in KNOWN_METHODS else 501
        except SipError as error:
            problem = error.reason, error.status
    if problem is not None:
        raise MalformedMessage(problem[0], problem[1], request)


def validate_response(response: Response) -> None:
    """What every response to us must be: Via, From, To, Call-ID and CSeq readable, and one Via alone, since it goes no
    further (section 8.1.3.3). Raises MalformedMessage; such a response is dropped.

    A Contact or Record-Route that cannot be read is no reason to: nobody could be told, and the call would hang.
    """
    if response.headers.are_checked:
        return
    problem = _problem_of(response)
    if problem is None and len(response.vias) != 1:
        problem = "More than one Via in a response", 400
    if problem is not None:
        raise MalformedMessage(*problem)


def _problem_of(message: Message) -> tuple[str, int] | None:
    headers = message.headers
    try:
        _ = message.vias, message.from_, message.to, message.call_id, message.cseq
        if "Via" not in headers:
            return "Missing Via", 400
    except SipError as error:
        return error.reason, error.status
    repeated = headers.first_repeated(_SINGLE_FIELDS)
    return None if repeated is None else (f"More than one {repeated}", 400)
