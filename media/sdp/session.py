"""A session description (RFC 8866) read tolerantly and within limits, and written."""

import ipaddress
from functools import lru_cache
from typing import Final, NamedTuple

from media.errors import MalformedSdp, UnusableSdp

DESCRIPTION_BYTES_MAX: Final = 65_535
LINES_MAX: Final = 1_000
MEDIA_MAX: Final = 32
FORMATS_MAX: Final = 64
_CACHED_ADDRESSES: Final = 1_024
_CACHED_ATTRIBUTES: Final = 1_024
_LINE_CACHED_MAX: Final = 64  # characters

SENDRECV: Final = "sendrecv"
SENDONLY: Final = "sendonly"
RECVONLY: Final = "recvonly"
INACTIVE: Final = "inactive"
DIRECTIONS: Final = (SENDRECV, SENDONLY, RECVONLY, INACTIVE)

Attributes = tuple[tuple[str, str | None], ...]


class Origin(NamedTuple):
    """The o= line. `address` without brackets."""

    username: str
    session_id: str
    version: str
    address: str


class Media(NamedTuple):
    """One m= section. `address` is its own c= address, None when the session's counts; `formats` as written.

    Attributes are not shown: there may be keys among them.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None = None
    attributes: Attributes = ()

    def __repr__(self) -> str:
        shown = f"{self.kind!r}, {self.port!r}, {self.protocol!r}, {self.formats!r}, {self.address!r}"
        return f"Media({shown})"

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of this name; "" for one without a value, None when it is absent."""
        return _attribute(self.attributes, name)


class SessionDescription(NamedTuple):
    """A whole description. `address` is the session's c= address, None when it has none."""

    origin: Origin | None
    address: str | None
    media: tuple[Media, ...]
    attributes: Attributes = ()

    def attribute(self, name: str) -> str | None:
        """The value of the session's first attribute of this name; "" for one without a value, None when absent."""
        return _attribute(self.attributes, name)

    def address_of(self, media: Media) -> str | None:
        """The c= address that counts for a media section."""
        return media.address if media.address is not None else self.address

    def direction_of(self, media: Media) -> str:
        """The direction that counts for a media section, from its writer's view (RFC 8866 section 6.7)."""
        for attributes in (media.attributes, self.attributes):
            for name, _ in attributes:
                if name in DIRECTIONS:
                    return name
        return SENDRECV


def _attribute(attributes: Attributes, name: str) -> str | None:
    for found, value in attributes:
        if found == name:
            return value or ""
    return None


@lru_cache(maxsize=_CACHED_ADDRESSES)
def parse_address(text: str) -> str:
    """An IP literal in its canonical form; UnusableSdp for anything else (a host name, a group).

    IPv6 may stand in brackets, which RFC 8866 knows nothing of and some peers write. IPv4 that is mapped into IPv6 is
    IPv4: nothing may reach by it what that would not (RFC 4291 section 2.5.5.2).
    """
    literal = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        raise UnusableSdp("a c= address is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    reserved = address.version == 4 and address.is_reserved  # 240.0.0.0/4, the broadcast address among them
    if address.is_multicast or reserved or "%" in text:
        raise UnusableSdp("a c= address is not a unicast IP address")
    return str(address)


@lru_cache(maxsize=_CACHED_ADDRESSES)
def is_unspecified(address: str) -> bool:
    """Whether it is 0.0.0.0 or ::, the old way to say hold (RFC 3264 section 8.4)."""
    return ipaddress.ip_address(address).is_unspecified


def parse_description(body: bytes) -> SessionDescription:
    """Read a description. Unknown lines are passed over; MalformedSdp where it is none, UnusableSdp for an
    address that cannot be used."""
    if len(body) > DESCRIPTION_BYTES_MAX:
        raise MalformedSdp(f"the SDP is longer than {DESCRIPTION_BYTES_MAX} bytes")
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > LINES_MAX:
        raise MalformedSdp(f"the SDP has more than {LINES_MAX} lines")
    reading = _Reading()
    reading.take(lines)
    return reading.finished()


class _Reading:
    """A description while its lines come in."""

    def __init__(self) -> None:
        self._seen = 0
        self._origin: Origin | None = None
        self._address: str | None = None
        self._attributes: list[tuple[str, str | None]] = []
        self._media: list[Media] = []
        self._media_address: str | None = None
        self._media_attributes: list[tuple[str, str | None]] = []

    def take(self, lines: list[str]) -> None:
        for line in lines:
            is_attribute = line[:2] == "a="
            # What has a key in it is not remembered, and nothing that is likely to come once only.
            if is_attribute and self._seen and len(line) <= _LINE_CACHED_MAX and "crypto" not in line.lower():
                self._seen += 1
                (self._media_attributes if self._media else self._attributes).append(_known_attribute(line[2:]))
            elif is_attribute or line.strip(" \t\0"):
                self._seen += 1
                self._take_line(line.lstrip())

    def _take_line(self, line: str) -> None:
        kind, equals, value = line[:1], line[1:2], line[2:].strip()
        if equals != "=":
            raise MalformedSdp(f"line {self._seen} of the SDP is not of the form type=value")
        if self._seen == 1 and (kind, value) != ("v", "0"):
            raise MalformedSdp("the SDP does not begin with v=0")
        if kind == "m":
            self._begin_media(value)
        elif kind == "c":
            self._connection(value)
        elif kind == "a":
            (self._media_attributes if self._media else self._attributes).append(_parse_attribute(value))
        elif kind == "o":
            self._origin = _parse_origin(value)

    def _connection(self, value: str) -> None:
        fields = value.split()
        if len(fields) < 3 or fields[0].upper() != "IN" or fields[1].upper() not in ("IP4", "IP6"):
            raise UnusableSdp("a c= line is not IN IP4 or IN IP6 with an address")
        address = parse_address(fields[2].partition("/")[0])
        if self._media:
            self._media_address = self._media_address or address
        else:
            self._address = address

    def _begin_media(self, value: str) -> None:
        self._close_media()
        if len(self._media) == MEDIA_MAX:
            raise MalformedSdp(f"the SDP has more than {MEDIA_MAX} m= lines")
        fields = value.split()
        if len(fields) < 3:
            raise MalformedSdp("an m= line lacks fields")
        port = _parse_port(fields[1].partition("/")[0])
        if len(fields) - 3 > FORMATS_MAX:
            raise MalformedSdp(f"an m= line has more than {FORMATS_MAX} formats")
        self._media.append(Media(fields[0].lower(), port, fields[2].upper(), tuple(fields[3:])))

    def _close_media(self) -> None:
        if self._media:
            last = self._media[-1]
            self._media[-1] = Media(
                last.kind, last.port, last.protocol, last.formats, self._media_address, tuple(self._media_attributes)
            )
        self._media_address = None
        self._media_attributes = []

    def finished(self) -> SessionDescription:
        self._close_media()
        if not self._media:
            raise MalformedSdp("the SDP has no m= line")
        return SessionDescription(self._origin, self._address, tuple(self._media), tuple(self._attributes))


def _parse_attribute(value: str) -> tuple[str, str | None]:
    name, colon, text = value.strip().partition(":")
    return name.strip().lower(), text.strip() if colon else None


_known_attribute = lru_cache(maxsize=_CACHED_ATTRIBUTES)(_parse_attribute)


def _parse_port(text: str) -> int:
    port = parse_number(text, 65_535)
    if port is None:
        raise MalformedSdp("an m= line has no valid port")
    return port


def _parse_origin(value: str) -> Origin | None:
    fields = value.split()
    return Origin(fields[0], fields[1], fields[2], fields[5]) if len(fields) >= 6 else None


def parse_number(text: str, largest: int) -> int | None:
    """A decimal number of 0..largest, or None. ASCII digits only, and not more of them than `largest` needs."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(largest)):
        return None
    number = int(text)
    return number if number <= largest else None


def connection_type(address: str) -> str:
    """IP4 or IP6."""
    return "IP6" if ":" in address else "IP4"


def render_description(origin: Origin, address: str, media: tuple[Media, ...], attributes: Attributes = ()) -> bytes:
    """Write a description with one session-level c= line, s=- and t=0 0, and the session's `attributes`."""
    own = f"IN {connection_type(origin.address)} {origin.address}"
    lines = [
        "v=0",
        f"o={origin.username} {origin.session_id} {origin.version} {own}",
        "s=-",
        f"c=IN {connection_type(address)} {address}",
        "t=0 0",
        *_rendered(attributes),
    ]
    for section in media:
        lines.append(f"m={section.kind} {section.port} {section.protocol} {' '.join(section.formats)}")
        lines += _rendered(section.attributes)
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _rendered(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
