"""What `Headers` and `Message` (b2bua.sip.message) stand on: what is asked of them most, and how they are written.

A call asks a hundred times for a field or for one of the values that nearly everything goes by, so compiled code stands
in for all of this where it can be had.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from b2bua.sip.errors import MalformedHeader
from b2bua.sip.field_names import KNOWN_NAMES, KNOWN_SPELLINGS, field_key
from b2bua.sip.grammar import MAX_VALUES
from b2bua.sip.headers import CSeq, NameAddr, Via, parse_call_id, parse_first_via
from b2bua.sip.known_values import read_name_addr, read_tokens

T = TypeVar("T")

_as_line: Final = ": ".join
_LENGTH_LINE: Final = "\r\nContent-Length: "

Field = tuple[str, str]
"""A header field: its name (the long, usual form where the name is known) and its unfolded value."""


class PythonFieldMap:
    """The fields in their order, their values by `field_key` once one was asked for, and what was read of them."""

    __slots__ = ("_fields", "_index", "_typed")

    _fields: list[Field]
    _index: dict[str, list[str]] | None
    _typed: dict[str, Any]

    def _values(self, name: str) -> list[str] | None:
        index = self._index
        if index is None:
            index = self._make_index()
        values = index.get(name)
        if values is not None or name in KNOWN_NAMES:
            return values
        return index.get(field_key(name))

    def _make_index(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for name_as_sent, value in self._fields:
            key = name_as_sent if name_as_sent in KNOWN_SPELLINGS else name_as_sent.lower()
            if key in index:
                index[key].append(value)
            else:
                index[key] = [value]
        self._index = index
        return index

    def get(self, name: str) -> str | None:
        """The value of the first field of that name."""
        index = self._index
        if index is not None and name in KNOWN_NAMES:
            known = index.get(name)
            return None if known is None else known[0]
        values = self._values(name)
        return None if values is None else values[0]

    def typed(self, key: str, name: str, parse: Callable[[str], T]) -> T | None:
        """The first field of a canonical name through `parse`, kept under `key`; None when it is absent."""
        kept = self._typed
        if key in kept:
            value: T | None = kept[key]
            return value
        index = self._index
        values = (self._make_index() if index is None else index).get(name)
        parsed = None if values is None else parse(values[0])
        kept[key] = parsed
        return parsed


class PythonAsked:
    """A message's values, each read at its first use."""

    __slots__ = ("body", "headers")

    headers: PythonFieldMap
    body: bytes

    # Most of these are asked for many times in a message's life: one that has been read is given without a call.

    def _required(self, name: str, parse: Callable[[str], T]) -> T:
        value = self.headers.typed(name, name, parse)
        if value is None:
            raise MalformedHeader(f"Missing {name}", name)
        return value

    @property
    def via(self) -> Via:
        """The topmost Via."""
        kept: Via | None = self.headers._typed.get("Via")
        return self._required("Via", parse_first_via) if kept is None else kept

    @property
    def from_(self) -> NameAddr:
        """From."""
        kept: NameAddr | None = self.headers._typed.get("From")
        return self._required("From", read_name_addr) if kept is None else kept

    @property
    def to(self) -> NameAddr:
        """To."""
        kept: NameAddr | None = self.headers._typed.get("To")
        return self._required("To", read_name_addr) if kept is None else kept

    @property
    def from_tag(self) -> str | None:
        """From's tag."""
        kept = self.headers._typed
        if "From;tag" not in kept:
            kept["From;tag"] = self.from_.tag
        tag: str | None = kept["From;tag"]
        return tag

    @property
    def to_tag(self) -> str | None:
        """To's tag."""
        kept = self.headers._typed
        if "To;tag" not in kept:
            kept["To;tag"] = self.to.tag
        tag: str | None = kept["To;tag"]
        return tag

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte by byte."""
        kept: str | None = self.headers._typed.get("Call-ID")
        return self._required("Call-ID", parse_call_id) if kept is None else kept

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        kept: CSeq | None = self.headers._typed.get("CSeq")
        return self._required("CSeq", CSeq.parse) if kept is None else kept

    def _tokens(self, name: str) -> tuple[str, ...]:
        headers = self.headers
        kept: tuple[str, ...] | None = headers._typed.get(name)
        if kept is not None:
            return kept
        index = headers._index
        values = (headers._make_index() if index is None else index).get(name)
        if values is None:
            return ()
        tokens = read_tokens(values[0])
        if len(values) > 1:
            tokens = tuple([token for text in values for token in read_tokens(text)])
        if len(tokens) > MAX_VALUES:
            raise MalformedHeader("Too many header values", name)
        headers._typed[name] = tokens
        return tokens

    @property
    def require(self) -> tuple[str, ...]:
        """The option tags of Require."""
        return self._tokens("Require")

    @property
    def proxy_require(self) -> tuple[str, ...]:
        """The option tags of Proxy-Require."""
        return self._tokens("Proxy-Require")

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags of Supported."""
        return self._tokens("Supported")

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The option tags of Unsupported."""
        return self._tokens("Unsupported")

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods of Allow."""
        return self._tokens("Allow")


def python_copied(fields: list[Field], names: frozenset[str]) -> list[Field]:
    """The fields of these names."""
    return [field for field in fields if field[0] in names]


def python_written(start_line: str, fields: list[Field], body: bytes) -> bytes:
    """The octets of a message; it gets a Content-Length of its own, as the last field."""
    last = f"Content-Length: {len(body)}\r\n\r\n"
    text = "\r\n".join([start_line, *map(_as_line, fields), last])
    if text.count(_LENGTH_LINE) > 1:  # one that came stands among the fields
        kept = [field for field in fields if field[0] != "Content-Length"]
        text = "\r\n".join([start_line, *map(_as_line, kept), last])
    return text.encode("utf-8", "surrogateescape") + body


if TYPE_CHECKING:
    FieldMap = PythonFieldMap
    Asked = PythonAsked
    copied = python_copied
    written = python_written
else:
    try:
        from b2bua.sip._message_parts import Asked, FieldMap, copied, written
    except ModuleNotFoundError:
        # Without a compiler at the installation.
        FieldMap, Asked, copied, written = PythonFieldMap, PythonAsked, python_copied, python_written
