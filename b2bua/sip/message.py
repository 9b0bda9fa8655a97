"""SIP messages: header fields kept as text, understood only when asked for.

A typed value is parsed at its first use and kept until its header field is changed. Every property that
parses raises MalformedHeader or MalformedUri (both SipError) and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from b2bua.sip.errors import MalformedHeader, SipError
from b2bua.sip.field_names import LIST_HEADERS, canonical_name, field_key
from b2bua.sip.grammar import (
    LWS,
    MAX_VALUES,
    MAX_VIAS,
    is_token,
    is_unsafe,
    parse_number,
    split_commas,
    without_empty_parameters,
)
from b2bua.sip.headers import (
    MediaType,
    NameAddr,
    RAck,
    RetryAfter,
    ValueWithParams,
    Via,
    parse_seconds,
)
from b2bua.sip.known_values import read_media_type, read_name_addr
from b2bua.sip.message_parts import Asked, Field, FieldMap, copied, written
from b2bua.sip.status import reason_phrase
from b2bua.sip.uri import Uri

T = TypeVar("T")

MAX_FORWARDS_LIMIT: Final = 255
CHECKED: Final = "checked"
"""What is kept among the typed values where a message was found in order while it was read (b2bua.sip.plain)."""
TIDY: Final = "tidy"
"""Likewise where no field has a semicolon that no parameter follows."""
DIALOG_FORMING: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
"""Methods whose 1xx and 2xx responses copy Record-Route (section 12.1.1)."""
_WITH_PARAMETERS: Final = frozenset(
    {"Via", "From", "To", "Contact", "Record-Route", "Content-Type", "Session-Expires", "Min-SE"}
)
_COPIED: Final = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
_COPIED_WITH_ROUTE: Final = _COPIED | {"Record-Route"}
_COPIED_INTO_100: Final = _COPIED | {"Timestamp"}


class Headers(FieldMap):
    """An ordered multi-map of header fields. Names are compared without case; compact forms are the same name."""

    __slots__ = ()

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._fields = []
        self._index = None
        self._typed = {}
        for name, value in fields:
            self._fields.append(_checked_field(name, value))

    @classmethod
    def trusted(cls, fields: list[Field], index: dict[str, list[str]] | None = None) -> Headers:
        """Fields that a parser made or that were taken from a parsed message: names canonical, kept as they are.

        `index`: the values by `field_key`, where they are known already.
        """
        headers = cls.__new__(cls)
        headers._fields = fields
        headers._index = index
        headers._typed = {}
        return headers

    def copy(self) -> Headers:
        """Another map with the same fields."""
        return Headers.trusted(self._fields.copy())

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: str) -> bool:
        return self._values(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def count(self, name: str) -> int:
        """How many fields of that name there are."""
        values = self._values(name)
        return 0 if values is None else len(values)

    def first_repeated(self, names: Iterable[str]) -> str | None:
        """The first of these canonical names that has more than one field."""
        index = self._index
        if index is None:
            index = self._make_index()
        for name in names:
            if len(index.get(name, ())) > 1:
                return name
        return None

    def get_fields(self, name: str) -> list[str]:
        """The values of all fields of that name, as they stand."""
        values = self._values(name)
        return [] if values is None else values.copy()

    def get_all(self, name: str) -> list[str]:
        """All values of that name; where the header is a list, those on one line are parted. Empty ones are dropped."""
        values = self._values(name)
        if values is None:
            return []
        if canonical_name(name) not in LIST_HEADERS:
            return values.copy()
        return [part for value in values for part in split_commas(value) if part]

    def add(self, name: str, value: str) -> None:
        """One more field at the end. Raises MalformedHeader for CR, LF, NUL or a name that is no token."""
        self.forget_meaning()
        self._fields.append(_checked_field(name, value))

    def set(self, name: str, value: str) -> None:
        """This field in place of all of that name, where the first stood or at the end. Raises as add does."""
        field = _checked_field(name, value)
        key = field_key(name)
        self.forget_meaning()
        kept: list[Field] = []
        placed = False
        for existing in self._fields:
            if field_key(existing[0]) != key:
                kept.append(existing)
            elif not placed:
                kept.append(field)
                placed = True
        if not placed:
            kept.append(field)
        self._fields = kept

    def stamp_via(self, via: Via) -> None:
        """The topmost Via, which must be there, as a hop of ours has completed it: all else keeps its meaning."""
        text = str(via)
        for position, (name, old) in enumerate(self._fields):
            if name == "Via":
                text = ", ".join([text, *split_commas(old)[1:]])
                self._fields[position] = (name, text)
                break
        if self._index is not None:
            self._index["Via"][0] = text
        self._typed["Via"] = via
        vias = self._typed.get("Via*")
        if vias:
            self._typed["Via*"] = (via, *vias[1:])

    def remove(self, name: str) -> None:
        """Takes all fields of that name away; nothing happens when there is none."""
        key = field_key(name)
        self.forget_meaning()
        self._fields = [field for field in self._fields if field_key(field[0]) != key]

    def forget_meaning(self) -> None:
        """Keep the text alone: what was read of it takes ten times the room, and can be read again."""
        self._index = None
        self._typed.clear()

    @property
    def are_checked(self) -> bool:
        """Whether `validate_request` or `validate_response` has nothing left to look at, and no field has changed."""
        return CHECKED in self._typed

    def typed_list(self, key: str, name: str, parse: Callable[[str], T], limit: int = MAX_VALUES) -> tuple[T, ...]:
        """All values of a list header of a canonical name through `parse`, kept under `key`. Raises MalformedHeader
        beyond the limit."""
        kept = self._typed
        if key in kept:
            value: tuple[T, ...] = kept[key]
            return value
        index = self._index
        values = (self._make_index() if index is None else index).get(name)
        if values is None:
            return ()
        parsed: tuple[T, ...]
        if len(values) == 1 and "," not in values[0]:
            parsed = (parse(values[0].strip(LWS)),)
        else:
            parts = [part for text in values for part in split_commas(text)]
            if len(parts) > limit:
                raise MalformedHeader("Too many header values", name)
            parsed = tuple([parse(part) for part in parts])
        kept[key] = parsed
        return parsed


def _checked_field(name: str, value: str) -> Field:
    if not is_token(name):
        raise MalformedHeader("Header name is not a token")
    if is_unsafe(value):
        raise MalformedHeader("Control character in a header value", canonical_name(name))
    return canonical_name(name), value


def _parse_max_forwards(text: str) -> int | None:
    """None for a number over 255, which counts as absent (RFC 4475 section 3.1.2.4)."""
    number = parse_number(text.strip(LWS), 10**18)
    if number is None and not (text.isascii() and text.isdigit()):
        raise MalformedHeader("Malformed Max-Forwards", "Max-Forwards")
    return number if number is not None and number <= MAX_FORWARDS_LIMIT else None


class Message(Asked):
    """What requests and responses share."""

    __slots__ = ()

    headers: Headers

    def __init__(self, headers: Headers | Iterable[Field] = (), body: bytes = b"") -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Via values, topmost first."""
        return self.headers.typed_list("Via*", "Via", self._parse_via, MAX_VIAS)

    def _parse_via(self, text: str) -> Via:
        """A Via value; the topmost is not read twice where it stands alone on its line, as it nearly always does."""
        fields = self.headers._values("Via")
        return self.via if fields is not None and text == fields[0] else Via.parse(text)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact values; empty for `*`."""
        index = self.headers._index
        if (self.headers._make_index() if index is None else index).get("Contact") in (None, ["*"]):
            return ()
        return self.headers.typed_list("Contact", "Contact", read_name_addr)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact value; None when there is none or it is `*`."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """All Route values, the next hop first."""
        return self.headers.typed_list("Route", "Route", read_name_addr)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """All Record-Route values, in the order of the message."""
        return self.headers.typed_list("Record-Route", "Record-Route", read_name_addr)

    @property
    def content_type(self) -> MediaType | None:
        """Content-Type."""
        return self.headers.typed("Content-Type", "Content-Type", read_media_type)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None when it is absent or no number of 0 .. 2**32-1 (RFC 4475 section 3.1.2.4)."""
        try:
            return self.headers.typed("Expires", "Expires", parse_seconds)
        except SipError:
            return None

    @property
    def rseq(self) -> int | None:
        """RSeq of a reliable provisional response (RFC 3262)."""
        return self.headers.typed("RSeq", "RSeq", parse_seconds)

    @property
    def reasons(self) -> tuple[ValueWithParams, ...]:
        """All Reason values (RFC 3326) that can be read: the protocol with `cause` and `text` parameters. Nothing hangs
        on any of them, so one that is malformed takes none of the others with it (RFC 3261 16.3)."""
        read = self.headers.typed_list("Reason", "Reason", _reason_or_none)
        return tuple([reason for reason in read if reason is not None])


def _reason_or_none(text: str) -> ValueWithParams | None:
    try:
        return ValueWithParams.parse(text)
    except SipError:
        return None


class Request(Message):
    """A request. `request_uri` is the text of the request line; `uri` understands it."""

    __slots__ = ("method", "request_uri")

    def __init__(
        self, method: str, request_uri: str, headers: Headers | Iterable[Field] = (), body: bytes = b""
    ) -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.method = method
        self.request_uri = request_uri

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.request_uri!r}, {self.headers!r}, {self.body!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Request)
            and (self.method, self.request_uri, self.body) == (other.method, other.request_uri, other.body)
            and self.headers == other.headers
        )

    @property
    def uri(self) -> Uri:
        """The request URI."""
        kept: Uri | None = self.headers._typed.get("Request-URI")
        return Uri.parse(self.request_uri) if kept is None else kept

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards of 0 .. 255; None when it is absent or larger."""
        return self.headers.typed("Max-Forwards", "Max-Forwards", _parse_max_forwards)

    @property
    def rack(self) -> RAck | None:
        """RAck of a PRACK (RFC 3262)."""
        return self.headers.typed("RAck", "RAck", RAck.parse)

    def render(self) -> bytes:
        """The octets, Content-Length set last. Raises MalformedHeader where the request line would be broken."""
        uri = self.request_uri
        if not is_token(self.method) or not uri.isprintable() or " " in uri or not uri:
            raise MalformedHeader("Request line cannot be written")
        return written(f"{self.method} {uri} SIP/2.0", self.headers._fields, self.body)


class Response(Message):
    """A response. `reason` is the reason phrase, possibly empty."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str | None = None, headers: Headers | Iterable[Field] = (), body: bytes = b""
    ) -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.status = status
        self.reason = reason_phrase(status) if reason is None else reason

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.reason!r}, {self.headers!r}, {self.body!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Response)
            and (self.status, self.reason, self.body) == (other.status, other.reason, other.body)
            and self.headers == other.headers
        )

    @property
    def retry_after_s(self) -> int | None:
        """The seconds of Retry-After (section 20.33); None where it has none, or one that cannot be read."""
        text = self.headers.get("Retry-After")
        try:
            return None if text is None else RetryAfter.parse(text).seconds
        except MalformedHeader:
            return None

    def skip_empty_parameters(self) -> None:
        """Take out the semicolons that no parameter follows, in the fields that are read for their parameters: some
        peers send them, and an answered call is not lost for that."""
        if TIDY in self.headers._typed:
            return
        fields = self.headers._fields
        for position, (name, value) in enumerate(fields):
            if name in _WITH_PARAMETERS:
                tidy = without_empty_parameters(value)
                if tidy != value:
                    self.headers.forget_meaning()
                    fields[position] = (name, tidy)

    def render(self) -> bytes:
        """The octets, Content-Length set last. Raises MalformedHeader where the status line would be broken."""
        if not 100 <= self.status <= 699 or is_unsafe(self.reason):
            raise MalformedHeader("Status line cannot be written")
        return written(f"SIP/2.0 {self.status} {self.reason}", self.headers._fields, self.body)


def build_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    own: Iterable[Field] = (),
    headers: Iterable[Field] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """A response to a request, by section 8.2.6: Via, From, To, Call-ID and CSeq as they came.

    `own` fields are ours, of canonical names, and not looked at any more; `headers`, behind them, are checked.
    `to_tag` is added when To has none and the status is not 100. Record-Route is copied into 101-299 of methods that
    make a dialog, Timestamp into a 100. Works on a broken request too: what is there is copied.
    """
    if status == 100:
        names = _COPIED_INTO_100
    else:
        keep_route = status < 300 and request.method in DIALOG_FORMING
        names = _COPIED_WITH_ROUTE if keep_route else _COPIED
    fields = copied(request.headers._fields, names)
    tag = None
    if to_tag is not None and status != 100:
        for position, (name, value) in enumerate(fields):
            if name == "To":
                text, tag = _with_tag(request, value, to_tag)
                fields[position] = (name, text)
    response = Response(status, reason, Headers.trusted(fields), body)
    if tag is not None:
        response.headers._typed["To;tag"] = tag
    fields.extend(own)
    if headers:
        fields.extend([_checked_field(name, value) for name, value in headers])
    if content_type is not None:
        fields.append(_checked_field("Content-Type", content_type))
    return response


def _with_tag(request: Request, to: str, tag: str) -> tuple[str, str | None]:
    """To with a tag, and that tag; None where it is not what is read of it: an empty one stands before it, or To, which
    gets the tag behind whatever it is, cannot be read."""
    try:
        own_tag = request.to_tag
        is_read = own_tag is None and request.to.param("tag") is None
    except SipError:
        own_tag, is_read = None, False
    return (f"{to};tag={tag}", tag if is_read else None) if own_tag is None else (to, own_tag)
