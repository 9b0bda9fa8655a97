# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""Plain descriptions, read in C. What is plain, and what is done with the others, is in media.sdp.plain.

Whatever is in doubt is not plain: nothing is refused here, and nothing means anything else than in media.sdp.session.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp, memcpy

from media.errors import UnusableSdp
from media.sdp.description import (
    DESCRIPTION_BYTES_MAX,
    FORMATS_MAX,
    LINES_MAX,
    MEDIA_MAX,
    PORT_MAX,
    Media,
    Origin,
    SessionDescription,
    parse_address,
)


cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)
    ctypedef struct PyTypeObject:
        object (*tp_new)(PyTypeObject *, object, void *)
    PyTypeObject PyTuple_Type

cdef enum:
    NOT_PLAIN = -1  # of numbers

cdef struct Field:
    const char *at
    const char *end

cdef Py_ssize_t _bytes_max = DESCRIPTION_BYTES_MAX, _lines_max = LINES_MAX
cdef Py_ssize_t _media_max = MEDIA_MAX, _formats_max = FORMATS_MAX
cdef long _port_max = PORT_MAX
cdef Py_ssize_t _port_digits_max = len(str(PORT_MAX))

cdef object _Origin = Origin, _Media = Media, _SessionDescription = SessionDescription
cdef object _parse_address = parse_address, _UnusableSdp = UnusableSdp


cdef inline object _text(const char *at, const char *end):
    """Of characters that are known to be ASCII."""
    text = PyUnicode_New(end - at, 127)
    if end > at:
        memcpy(PyUnicode_DATA(text), at, end - at)
    return text


cdef inline object _cased(const char *at, const char *end, char first, int change):
    """As `_text`; from the letter `first` on the 26 are changed by that much."""
    text = PyUnicode_New(end - at, 127)
    cdef char *to = <char *>PyUnicode_DATA(text)
    while at < end:
        to[0] = at[0] + change if first <= at[0] < first + 26 else at[0]
        to += 1
        at += 1
    return text


cdef inline object _lower(const char *at, const char *end):
    return _cased(at, end, b"A", 32)


cdef inline object _upper(const char *at, const char *end):
    return _cased(at, end, b"a", -32)


cdef inline object _protocol(const char *at, const char *end):
    capitals = _upper(at, end)
    return capitals if "RTP/" in <str>capitals else _text(at, end)


cdef inline object _new(object kind, tuple values):
    """A named tuple, without the interpreter's detour."""
    return PyTuple_Type.tp_new(<PyTypeObject *>kind, (values,), NULL)


cdef inline const char *_found(const char *at, const char *end, int character) noexcept:
    """Where it first stands; NULL: nowhere."""
    return <const char *>memchr(at, character, end - at) if at < end else NULL


cdef inline const char *_behind_spaces(const char *at, const char *end) noexcept:
    while at < end and at[0] == b" ":
        at += 1
    return at


cdef inline const char *_before_spaces(const char *at, const char *end) noexcept:
    """Where the text ends without the spaces that end it."""
    while end > at and (end - 1)[0] == b" ":
        end -= 1
    return end


cdef inline Field _field(const char *at, const char *end) noexcept:
    """The next one; where there is none, it begins at the end."""
    cdef Field field
    field.at = _behind_spaces(at, end)
    field.end = _found(field.at, end, b" ")
    if not field.end:
        field.end = end
    return field


cdef long _port(Field digits) noexcept:
    """NOT_PLAIN: it is no number, or none of a port."""
    cdef const char *at = digits.at
    cdef long port = 0
    if at == digits.end or digits.end - at > _port_digits_max:
        return NOT_PLAIN
    while at < digits.end:
        if not b"0" <= at[0] <= b"9":
            return NOT_PLAIN
        port = port * 10 + (at[0] - 48)
        at += 1
    return port if port <= _port_max else NOT_PLAIN


cdef object _origin(const char *at, const char *end):
    """None, as in media.sdp.session, where it lacks fields."""
    cdef Field fields[6]
    cdef int position
    for position in range(6):
        fields[position] = _field(at, end)
        at = fields[position].end
    if fields[5].at == end:
        return None
    return _new(
        _Origin,
        (
            _text(fields[0].at, fields[0].end),
            _text(fields[1].at, fields[1].end),
            _text(fields[2].at, fields[2].end),
            _text(fields[5].at, fields[5].end),
        ),
    )


cdef object _address(const char *at, const char *end):
    """Of `IN IP4 address`, in its canonical form; None: it is not plain."""
    cdef const char *digit = at + 7
    if end - at < 8 or memcmp(at, b"IN IP4 ", 7):
        return None
    while digit < end:
        if not b"0" <= digit[0] <= b"9" and digit[0] != b".":
            return None
        digit += 1
    try:
        return _parse_address(_text(at + 7, end))
    except _UnusableSdp:
        return None


cdef object _attribute(const char *at, const char *end):
    """`name[:value]`."""
    cdef const char *colon
    at = _behind_spaces(at, end)
    end = _before_spaces(at, end)
    colon = _found(at, end, b":")
    if not colon:
        return (_lower(at, end), None)
    return (_lower(at, _before_spaces(at, colon)), _text(_behind_spaces(colon + 1, end), end))


cdef class _Reading:
    """A description while its lines come in: its session's first, then those of one m= section after the other."""

    cdef object origin
    cdef object session_address
    cdef tuple session_attributes
    cdef list media
    # What is being read now. `begun`: what its m= line says, None: it is the session.
    cdef tuple begun
    cdef object address
    cdef list attributes

    def __cinit__(self):
        self.media = []
        self.attributes = []

    cdef bint take(self, const char *at, const char *end) except -1:
        """Whether the line is plain."""
        cdef char kind
        if end - at < 2 or at[0] == b" " or at[1] != b"=":
            return False
        kind = at[0]
        at += 2
        if kind == b"a":
            self.attributes.append(_attribute(at, end))
        elif kind == b"m":
            return self.begin_media(at, end)
        elif kind == b"c":
            return self.take_address(at, end)
        elif kind == b"o":
            self.origin = _origin(at, end)
        return True

    cdef bint take_address(self, const char *at, const char *end) except -1:
        address = _address(at, end)
        if address is None:
            return False
        # The last of a session counts, and the first of an m= section.
        if self.begun is None or self.address is None:
            self.address = address
        return True

    cdef bint begin_media(self, const char *at, const char *end) except -1:
        cdef Field kind = _field(at, end)
        cdef Field digits = _field(kind.end, end)
        cdef Field protocol = _field(digits.end, end)
        cdef Field named = _field(protocol.end, end)
        cdef long port = _port(digits)
        self.close()
        if port == NOT_PLAIN or protocol.at == end or len(self.media) == _media_max:
            return False
        formats = []
        while named.at < end:
            if len(formats) == _formats_max:
                return False
            formats.append(_text(named.at, named.end))
            named = _field(named.end, end)
        self.begun = (_lower(kind.at, kind.end), port, _protocol(protocol.at, protocol.end), tuple(formats))
        return True

    cdef int close(self) except -1:
        """What is being read now is whole."""
        attributes = tuple(self.attributes)
        if self.begun is None:
            self.session_address = self.address
            self.session_attributes = attributes
        else:
            kind, port, protocol, formats = self.begun
            self.media.append(_new(_Media, (kind, port, protocol, formats, self.address, attributes)))
        self.address = None
        self.attributes = []
        return 0

    cdef object finished(self):
        """None: without an m= line it is not plain."""
        if self.begun is None:
            return None
        self.close()
        found = (self.origin, self.session_address, tuple(self.media), self.session_attributes)
        return _new(_SessionDescription, found)


cdef inline const char *_end_of_line(const char *at, const char *end) noexcept:
    """NULL: it is not plain text up to a CRLF or the end."""
    while at < end and 0x20 <= <unsigned char>at[0] < 0x7F:
        at += 1
    if at == end or (end - at >= 2 and at[0] == b"\r" and at[1] == b"\n"):
        return at
    return NULL


def read_plain(bytes body not None):
    """See media.sdp.plain."""
    cdef const char *at = PyBytes_AS_STRING(body)
    cdef const char *end = at + PyBytes_GET_SIZE(body)
    cdef const char *behind
    cdef Py_ssize_t lines = 2  # behind a CRLF there is one more, if only an empty one
    if end - at > _bytes_max or end - at < 5 or memcmp(at, b"v=0\r\n", 5):
        return None
    reading = _Reading()
    at += 5
    while at < end:
        behind = _end_of_line(at, end)
        if not behind or not reading.take(at, behind):
            return None
        if behind == end:
            break
        lines += 1
        if lines > _lines_max:
            return None
        at = behind + 2
    return reading.finished()
