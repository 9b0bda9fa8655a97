# cython: language_level=3, binding=False, auto_pickle=False
"""What messages are made of, in C. What it does is in b2bua.sip.message_parts, which does the same in Python."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from b2bua.sip.field_names import KNOWN_NAMES, KNOWN_SPELLINGS, field_key
from b2bua.sip.errors import MalformedHeader
from b2bua.sip.grammar import MAX_VALUES
from b2bua.sip.headers import CSeq, parse_call_id, parse_first_via
from b2bua.sip.known_values import read_name_addr, read_tokens


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)


cdef frozenset _names = frozenset(KNOWN_NAMES), _spellings = frozenset(KNOWN_SPELLINGS)
cdef object _unread = object()


cdef class FieldMap:
    """See b2bua.sip.message_parts."""

    cdef public list _fields
    cdef public dict _index
    cdef public dict _typed

    def _values(self, name):
        return self._all(name)

    def _make_index(self):
        return self._indexed()

    cdef list _all(self, name):
        cdef dict index = self._index
        if index is None:
            index = self._indexed()
        values = index.get(name)
        if values is not None or name in _names:
            return values
        return index.get(field_key(name))

    cdef dict _indexed(self):
        cdef dict index = {}
        cdef tuple field
        cdef list values
        for field in self._fields:
            name = field[0]
            key = name if name in _spellings else name.lower()
            values = index.get(key)
            if values is None:
                index[key] = [field[1]]
            else:
                values.append(field[1])
        self._index = index
        return index

    def get(self, name):
        cdef list values = self._all(name)
        return None if values is None else values[0]

    def typed(self, key, name, parse):
        return self._read(key, name, parse)

    cdef _read(self, key, name, parse):
        cdef dict kept = self._typed, index
        value = kept.get(key, _unread)
        if value is _unread:
            index = self._index
            values = (self._indexed() if index is None else index).get(name)
            value = kept[key] = None if values is None else parse(values[0])
        return value


cdef class Asked:
    """See b2bua.sip.message_parts."""

    cdef public FieldMap headers
    cdef public object body

    cdef _required(self, name, parse):
        value = self.headers._read(name, name, parse)
        if value is None:
            raise MalformedHeader(f"Missing {name}", name)
        return value

    @property
    def via(self):
        kept = self.headers._typed.get("Via")
        return self._required("Via", parse_first_via) if kept is None else kept

    @property
    def from_(self):
        kept = self.headers._typed.get("From")
        return self._required("From", read_name_addr) if kept is None else kept

    @property
    def to(self):
        kept = self.headers._typed.get("To")
        return self._required("To", read_name_addr) if kept is None else kept

    @property
    def from_tag(self):
        cdef dict kept = self.headers._typed
        tag = kept.get("From;tag", _unread)
        if tag is _unread:
            tag = kept["From;tag"] = self.from_.tag
        return tag

    @property
    def to_tag(self):
        cdef dict kept = self.headers._typed
        tag = kept.get("To;tag", _unread)
        if tag is _unread:
            tag = kept["To;tag"] = self.to.tag
        return tag

    @property
    def call_id(self):
        kept = self.headers._typed.get("Call-ID")
        return self._required("Call-ID", parse_call_id) if kept is None else kept

    @property
    def cseq(self):
        kept = self.headers._typed.get("CSeq")
        return self._required("CSeq", CSeq.parse) if kept is None else kept

    cdef _tokens(self, name):
        cdef FieldMap headers = self.headers
        kept = headers._typed.get(name)
        if kept is not None:
            return kept
        cdef dict index = headers._index
        cdef list values = (headers._indexed() if index is None else index).get(name)
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
    def require(self):
        return self._tokens("Require")

    @property
    def proxy_require(self):
        return self._tokens("Proxy-Require")

    @property
    def supported(self):
        return self._tokens("Supported")

    @property
    def unsupported(self):
        return self._tokens("Unsupported")

    @property
    def allow(self):
        return self._tokens("Allow")


def copied(list fields, frozenset names):
    cdef tuple field
    return [field for field in fields if field[0] in names]


def written(str start_line, list fields, bytes body):
    last = f"Content-Length: {PyBytes_GET_SIZE(body)}\r\n\r\n"
    lines = [start_line]
    cdef tuple field
    cdef bint is_ascii = PyUnicode_IS_COMPACT_ASCII(start_line)
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(start_line) + 2 + len(last) + PyBytes_GET_SIZE(body)
    for field in fields:
        name, value = field
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("a header field is made of two texts")
        if name == "Content-Length":
            continue
        is_ascii = is_ascii and PyUnicode_IS_COMPACT_ASCII(name) and PyUnicode_IS_COMPACT_ASCII(value)
        size += PyUnicode_GET_LENGTH(name) + 2 + PyUnicode_GET_LENGTH(value) + 2
        lines.append(field)
    if not is_ascii:
        text = "\r\n".join([start_line, *[": ".join(field) for field in lines[1:]], last])
        return text.encode("utf-8", "surrogateescape") + body
    message = PyBytes_FromStringAndSize(NULL, size)
    cdef char *at = PyBytes_AS_STRING(message)
    at = _put(at, start_line)
    at = _put_two(at, b"\r\n")
    cdef Py_ssize_t number
    for number in range(1, len(lines)):
        field = <tuple>lines[number]
        at = _put(at, field[0])
        at = _put_two(at, b": ")
        at = _put(at, field[1])
        at = _put_two(at, b"\r\n")
    at = _put(at, last)
    memcpy(at, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    return message


cdef inline char *_put(char *at, text):
    """Of a text that is known to be ASCII; behind it."""
    cdef Py_ssize_t length = PyUnicode_GET_LENGTH(text)
    memcpy(at, PyUnicode_DATA(text), length)
    return at + length


cdef inline char *_put_two(char *at, const char *octets) noexcept:
    memcpy(at, octets, 2)
    return at + 2
