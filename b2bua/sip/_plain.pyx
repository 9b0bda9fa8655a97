# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""Plain messages, read in C. What is plain, and what is done with the others, is in b2bua.sip.plain.

Whatever is in doubt is not plain: nothing is refused here, and nothing means anything else than in b2bua.sip.parser.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.string cimport memchr, memcmp, memcpy

from b2bua.sip.field_names import KNOWN_SPELLINGS
from b2bua.sip.grammar import (
    MAX_HEADER_FIELDS,
    MAX_HEADER_LENGTH,
    MAX_MESSAGE_OCTETS,
    MAX_PARAMETERS,
    MAX_URI_LENGTH,
    MAX_VIAS,
)
from b2bua.sip.headers import MAX_CSEQ, CSeq, NameAddr, Via
from b2bua.sip.message import CHECKED, MAX_FORWARDS_LIMIT, TIDY, Headers, Request, Response
from b2bua.sip.uri import MAX_HOST_LENGTH, MAX_PORT, Uri


cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)
    ctypedef struct PyTypeObject:
        object (*tp_new)(PyTypeObject *, object, void *)
    PyTypeObject PyTuple_Type

cdef enum:
    # What a character may be in.
    TOKEN = 1
    HOST = 2
    HOST_FIRST = 4  # of a host name
    USER = 8  # of a URI, without escapes and parameters
    VALUE = 16  # of a header's parameter, without quotes
    URI_PARAMETER = 32  # its name or its value, without escapes
    DIGIT = 64

    MISSING = -1  # lengths and numbers
    NOT_PLAIN = -2

cdef unsigned char _classes[256]


cdef int _may_be(bytes characters, int use) except -1:
    for character in characters:
        _classes[<unsigned char>character] |= use
    return 0


_ALPHANUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_may_be(_ALPHANUM + b"-.!%*_+`'~", TOKEN)
_may_be(_ALPHANUM + b"-._", HOST)
_may_be(_ALPHANUM + b"_", HOST_FIRST)
_may_be(_ALPHANUM + b"-_.!~*'()&=+$,", USER)
_may_be(bytes(set(range(0x21, 0x7F)) - set(b';,"<>=')), VALUE)
_may_be(_ALPHANUM + b"-_.!~*'()[]/:&+$", URI_PARAMETER)
_may_be(b"0123456789", DIGIT)

cdef Py_ssize_t _octets_max = MAX_MESSAGE_OCTETS, _head_max = MAX_HEADER_LENGTH, _fields_max = MAX_HEADER_FIELDS
cdef Py_ssize_t _uri_max = MAX_URI_LENGTH, _host_max = MAX_HOST_LENGTH, _parameters_max = MAX_PARAMETERS
cdef Py_ssize_t _vias_max = MAX_VIAS
cdef long long _port_max = MAX_PORT, _cseq_max = MAX_CSEQ, _hops_max = MAX_FORWARDS_LIMIT

cdef object _Headers = Headers, _Request = Request, _Response = Response
cdef object _Via = Via, _NameAddr = NameAddr, _CSeq = CSeq, _Uri = Uri

# One object for each name, however it is spelled: names are told apart by identity.
cdef dict _spellings = {spelling: KNOWN_SPELLINGS[name] for spelling, name in KNOWN_SPELLINGS.items()}
cdef str _VIA = _spellings["Via"], _FROM = _spellings["From"], _TO = _spellings["To"]
cdef str _CALL_ID = _spellings["Call-ID"], _CSEQ = _spellings["CSeq"], _CONTACT = _spellings["Contact"]
cdef str _MAX_FORWARDS = _spellings["Max-Forwards"], _CONTENT_LENGTH = _spellings["Content-Length"]
cdef str _ROUTE = _spellings["Route"], _RECORD_ROUTE = _spellings["Record-Route"]
cdef str _CHECKED = CHECKED, _TIDY = TIDY


cdef inline object _text(const char *at, const char *end):
    """Of characters that are known to be ASCII."""
    text = PyUnicode_New(end - at, 127)
    if end > at:
        memcpy(PyUnicode_DATA(text), at, end - at)
    return text


cdef inline object _new(object kind, tuple values):
    """A named tuple, without the interpreter's detour."""
    return PyTuple_Type.tp_new(<PyTypeObject *>kind, (values,), NULL)


cdef inline object _blank(object kind):
    """An object whose attributes are not set, likewise."""
    return (<PyTypeObject *>kind).tp_new(<PyTypeObject *>kind, (), NULL)


cdef inline const char *_behind(const char *at, const char *end, int use) noexcept:
    """Behind the characters that may be in this."""
    while at < end and _classes[<unsigned char>at[0]] & use:
        at += 1
    return at


cdef inline const char *_found(const char *at, const char *end, int character) noexcept:
    """Where it first stands; NULL: nowhere."""
    return <const char *>memchr(at, character, end - at) if at < end else NULL


cdef inline const char *_behind_spaces(const char *at, const char *end) noexcept:
    while at < end and at[0] == b" ":
        at += 1
    return at


cdef bint _is_tidy(const char *at, const char *end) noexcept:
    """Whether something that may be a parameter follows each semicolon."""
    at = _found(at, end, b";")
    while at:
        at = _behind_spaces(at + 1, end)
        if at == end or at[0] == b";" or at[0] == b",":
            return False
        at = _found(at, end, b";")
    return True


cdef long long _number(const char *at, const char *end) noexcept:
    """Of 1 to 18 digits; NOT_PLAIN of anything else."""
    cdef long long number = 0
    if at >= end or end - at > 18:
        return NOT_PLAIN
    while at < end:
        if not _classes[<unsigned char>at[0]] & DIGIT:
            return NOT_PLAIN
        number = number * 10 + (at[0] - 48)
        at += 1
    return number


cdef const char *_behind_host(const char *at, const char *end) noexcept:
    """NULL: no host name or IPv4 address stands here."""
    cdef const char *behind
    if at >= end or not _classes[<unsigned char>at[0]] & HOST_FIRST:
        return NULL
    behind = _behind(at, end, HOST)
    if behind - at > _host_max:
        return NULL
    return behind


cdef const char *_behind_port(const char *at, const char *end, long long *port) noexcept:
    """`port` MISSING where there is none; NULL: it is not plain."""
    cdef const char *behind
    port[0] = MISSING
    if at >= end or at[0] != b":":
        return at
    behind = _behind(at + 1, end, DIGIT)
    if behind - at > 6:
        return NULL
    port[0] = _number(at + 1, behind)
    if port[0] < 0 or port[0] > _port_max:
        return NULL
    return behind


cdef object _parameters(const char *at, const char *end, int name_use, int value_use):
    """`*( ";" name [ "=" value ] )` up to the end; None: they are not plain."""
    cdef const char *behind
    cdef Py_ssize_t count = 0
    if at == end:
        return ()
    found = []
    while at < end:
        count += 1
        behind = _behind(at + 1, end, name_use)
        if at[0] != b";" or behind == at + 1 or count > _parameters_max:
            return None
        name = _text(at + 1, behind)
        at = behind
        if at == end or at[0] != b"=":
            found.append((name, None))
            continue
        behind = _behind(at + 1, end, value_use)
        if behind == at + 1:
            return None
        found.append((name, _text(at + 1, behind)))
        at = behind
    return tuple(found)


cdef object _uri(const char *at, const char *end):
    """`sip:[user@]host[:port]` with parameters; None: it is not plain."""
    cdef const char *behind
    cdef const char *host
    cdef long long port
    if end - at < 5 or end - at > _uri_max or memcmp(at, b"sip:", 4):
        return None
    at += 4
    user = None
    behind = _found(at, end, b"@")
    if behind:
        if behind == at or _behind(at, behind, USER) != behind:
            return None
        user = _text(at, behind)
        at = behind + 1
    host = at
    behind = _behind_host(at, end)
    at = _behind_port(behind, end, &port) if behind else NULL
    if not at:
        return None
    parameters = _parameters(at, end, URI_PARAMETER, URI_PARAMETER)
    if parameters is None:
        return None
    numbered = None if port == MISSING else port
    return _new(_Uri, ("sip", user, None, _text(host, behind), numbered, parameters, (), None))


cdef const char *_behind_display(const char *at, const char *end, const char **display, const char **behind) noexcept:
    """The angle bracket behind a display name, NULL: it is not plain. `display` NULL: there is none."""
    cdef const char *bracket
    display[0] = behind[0] = NULL
    if at < end and at[0] == b'"':
        display[0] = at + 1
        behind[0] = _found(at + 1, end, b'"')
        if not behind[0] or _found(at + 1, behind[0], b"\\"):
            return NULL
        bracket = _behind_spaces(behind[0] + 1, end)
        return bracket if bracket < end and bracket[0] == b"<" else NULL
    bracket = _found(at, end, b"<")
    if not bracket or bracket == at:
        return bracket
    display[0], behind[0] = at, bracket
    while behind[0] > at and (behind[0] - 1)[0] == b" ":
        behind[0] -= 1
    while at < behind[0]:
        if at[0] == b'"' or at[0] == b"," or at[0] == b";" or at[0] == b":" or at[0] == b">":
            return NULL
        at += 1
    return bracket


cdef object _name_addr(const char *at, const char *end):
    """`[display] <uri>` with parameters; None: it is not plain. Neither begins nor ends with a space."""
    cdef const char *display
    cdef const char *behind
    cdef const char *bracket = _behind_display(at, end, &display, &behind)
    cdef const char *close = _found(bracket, end, b">") if bracket else NULL
    if not close:
        return None
    uri = _uri(bracket + 1, close)
    if uri is None:
        return None
    parameters = _parameters(close + 1, end, TOKEN, VALUE)
    if parameters is None:
        return None
    return _new(_NameAddr, (uri, _text(display, behind) if display else None, parameters))


cdef object _via(const char *at, const char *end):
    """`SIP/2.0/TRANSPORT host[:port]` with parameters; None: it is not plain."""
    cdef const char *transport = at + 8
    cdef const char *behind
    cdef const char *host
    cdef const char *behind_host
    cdef long long port
    if end - at < 11 or memcmp(at, b"SIP/2.0/", 8):
        return None
    behind = transport
    while behind < end and b"A" <= behind[0] <= b"Z":
        behind += 1
    host = _behind_spaces(behind, end)
    if behind == transport or host == behind:
        return None
    behind_host = _behind_host(host, end)
    at = _behind_port(behind_host, end, &port) if behind_host else NULL
    if not at:
        return None
    parameters = _parameters(at, end, TOKEN, VALUE)
    if parameters is None:
        return None
    numbered = None if port == MISSING else port
    return _new(_Via, (_text(transport, behind), _text(host, behind_host), numbered, parameters, "SIP/2.0"))


cdef object _cseq(const char *at, const char *end):
    """`number method`; None: it is not plain."""
    cdef const char *space = _found(at, end, b" ")
    cdef long long number = _number(at, space) if space else NOT_PLAIN
    if number < 0 or number > _cseq_max or space + 1 == end or _behind(space + 1, end, TOKEN) != end:
        return None
    return _new(_CSeq, (number, _text(space + 1, end)))


cdef object _call_id(const char *at, const char *end):
    return None if at == end or _found(at, end, b" ") else _text(at, end)


cdef class _Fields:
    """The fields of a message, as text and as far as they are read here."""

    cdef list fields
    cdef dict index
    cdef dict typed
    cdef list vias  # None: one of them is not plain
    cdef long long length  # of the body, by Content-Length
    cdef bint checked  # everything that was read so far is plain
    cdef bint tidy  # no value so far has a semicolon that no parameter follows

    def __cinit__(self):
        self.fields = []
        self.index = {}
        self.typed = {}
        self.vias = []
        self.length = MISSING
        self.checked = self.tidy = True

    cdef bint take(self, const char *at, const char *end) except -1:
        """Whether the line is a plain one: any known name, a colon without a space before it, any value."""
        cdef const char *colon = _behind(at, end, TOKEN)
        cdef bint repeated
        if colon == end or colon[0] != b":" or len(self.fields) == _fields_max:
            return False
        known = _spellings.get(_text(at, colon))
        if known is None:
            return False
        at = _behind_spaces(colon + 1, end)
        while end > at and (end - 1)[0] == b" ":
            end -= 1
        value = _text(at, end)
        self.tidy = self.tidy and _is_tidy(at, end)
        self.fields.append((known, value))
        values = self.index.get(known)
        repeated = values is not None
        if repeated:
            (<list>values).append(value)
        else:
            self.index[known] = [value]
        self.read(<str>known, at, end, repeated)
        return True

    cdef int read(self, str name, const char *at, const char *end, bint repeated) except -1:
        if name is _VIA:
            self.read_via(at, end)
        elif name is _CONTENT_LENGTH:
            self.length = NOT_PLAIN if repeated else _number(at, end)
        elif name is _ROUTE:
            self.checked = False
        elif (
            name is _FROM
            or name is _TO
            or name is _CALL_ID
            or name is _CSEQ
            or name is _CONTACT
            or name is _MAX_FORWARDS
        ):
            if repeated:
                self.checked = False
                # All of them are one list: what was read of the first is not the whole.
                if name is _CONTACT:
                    self.typed.pop(_CONTACT, None)
                return 0
            value = self.value_of(name, at, end)
            if value is None:
                self.checked = False
            else:
                self.typed[name] = value
        return 0

    cdef int read_via(self, const char *at, const char *end) except -1:
        via = _via(at, end) if self.vias is not None else None
        if via is None:
            self.vias = None
        else:
            self.vias.append(via)
        return 0

    cdef object value_of(self, str name, const char *at, const char *end):
        cdef long long hops
        cdef tuple parameters
        if name is _CSEQ:
            return _cseq(at, end)
        if name is _CALL_ID:
            return _call_id(at, end)
        if name is _MAX_FORWARDS:
            hops = _number(at, end)
            return hops if 0 <= hops <= _hops_max else None
        address = _name_addr(at, end)
        if name is _CONTACT:
            return None if address is None else (address,)
        if address is not None:
            parameters = <tuple>PyTuple_GET_ITEM(address, 2)
            self.keep_tag("From;tag" if name is _FROM else "To;tag", parameters)
            # A To without room for our tag is for validate_request.
            if name is _TO and len(parameters) == _parameters_max:
                self.checked = False
        return address

    cdef int keep_tag(self, str key, tuple parameters) except -1:
        for name, value in parameters:
            if name == "tag":
                self.typed[key] = value
                return 0
            if name.lower() == "tag":
                return 0
        self.typed[key] = None
        return 0

    cdef object finished(self):
        """The headers."""
        headers = _blank(_Headers)
        if self.vias and len(self.vias) <= _vias_max:
            self.typed[_VIA] = self.vias[0]
            self.typed["Via*"] = tuple(self.vias)
        else:
            self.checked = False
        for name in (_FROM, _TO, _CALL_ID, _CSEQ):
            if name not in self.typed:
                self.checked = False
        headers._fields = self.fields
        headers._index = self.index
        headers._typed = self.typed
        return headers


cdef const char *_end_of_head(const char *start, const char *end) noexcept:
    """The empty line; NULL: there is none, or what stands before it is not plain text in lines that end with CRLF."""
    cdef const char *at = start
    while True:
        while at < end and 0x20 <= <unsigned char>at[0] < 0x7F:
            at += 1
        if end - at < 4 or at[0] != b"\r" or at[1] != b"\n":
            return NULL
        if at[2] == b"\r" and at[3] == b"\n":
            return at
        at += 2


cdef object _response(const char *at, const char *end, _Fields fields):
    """By its status line; None: that is not plain."""
    cdef long long status
    if end - at < 12 or at[11] != b" ":
        return None
    status = _number(at + 8, at + 11)
    if not 100 <= status <= 699:
        return None
    response = _blank(_Response)
    response.headers = fields.finished()
    response.status = status
    response.reason = _text(at + 12, end)
    if fields.checked and len(fields.vias) == 1:
        fields.typed[_CHECKED] = True
    if fields.tidy:
        fields.typed[_TIDY] = True
    return response


cdef object _request(const char *at, const char *end, _Fields fields):
    """By its request line; None: that is not plain."""
    cdef const char *space = _behind(at, end, TOKEN)
    cdef const char *version = end - 8
    if space == at or version <= space + 1 or space[0] != b" " or memcmp(version, b" SIP/2.0", 8):
        return None
    if version - space - 1 > _uri_max or _found(space + 1, version, b" "):
        return None
    request = _blank(_Request)
    request.headers = fields.finished()
    method = _text(at, space)
    request.method = method
    request.request_uri = _text(space + 1, version)
    uri = _uri(space + 1, version)
    if uri is not None:
        fields.typed["Request-URI"] = uri
        if fields.checked and _RECORD_ROUTE not in fields.index and <object>PyTuple_GET_ITEM(fields.typed[_CSEQ], 1) == method:
            fields.typed[_CHECKED] = True
    return request


def is_plain_uri(str text not None):
    """See b2bua.sip.plain."""
    cdef const char *at
    if not text.isascii():
        return False
    at = <const char *>PyUnicode_DATA(text)
    return _uri(at, at + len(text)) is not None


def read_plain(bytes octets not None, *, bint head_alone=False):
    """See b2bua.sip.plain."""
    cdef const char *start = PyBytes_AS_STRING(octets)
    cdef const char *end = start + PyBytes_GET_SIZE(octets)
    cdef const char *head = _end_of_head(start, end)
    cdef const char *line
    cdef const char *at
    cdef Py_ssize_t body
    if not head or end - start > _octets_max or head - start > _head_max:
        return None
    fields = _Fields()
    line = _found(start, head, b"\r")
    if not line:
        return None
    at = line + 2
    while at < head:
        line = _found(at, head, b"\r")
        if not line:
            line = head
        if not fields.take(at, line):
            return None
        at = line + 2
    body = end - head - 4
    if fields.length == NOT_PLAIN or (fields.length > body and not head_alone):
        return None
    if head_alone:
        body = 0
    elif fields.length != MISSING:
        body = <Py_ssize_t>fields.length
    line = _found(start, head, b"\r")
    if line - start >= 8 and not memcmp(start, b"SIP/2.0 ", 8):
        message = _response(start, line, fields)
    else:
        message = _request(start, line, fields)
    if message is not None:
        message.body = PyBytes_FromStringAndSize(head + 4, body)
    return message
