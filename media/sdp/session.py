"""A session description (RFC 8866) read tolerantly and within limits, and written."""

from functools import lru_cache
from typing import Final

from media.errors import MalformedSdp, UnusableSdp
from media.sdp.description import (
    DESCRIPTION_BYTES_MAX,
    FORMATS_MAX,
    LINES_MAX,
    MEDIA_MAX,
    PORT_MAX,
    Attributes,
    Media,
    Origin,
    SessionDescription,
    parse_address,
)
from media.sdp.plain import read_plain

_CACHED_ATTRIBUTES: Final = 1_024
_LINE_CACHED_MAX: Final = 64  # characters


def parse_description(body: bytes) -> SessionDescription:
    """Read a description. Unknown lines are passed over; MalformedSdp where it is none, UnusableSdp where an audio
    stream has an address that cannot be used."""
    plain = read_plain(body)
    return parse_any(body) if plain is None else plain


def parse_any(body: bytes) -> SessionDescription:
    """As `parse_description`, of whatever description, plain ones as well. Raises the same."""
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
        self._unusable: UnusableSdp | None = None
        self._attributes: list[tuple[str, str | None]] = []
        self._media: list[Media] = []
        self._media_address: str | None = None
        self._media_unusable: UnusableSdp | None = None
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
        # One that cannot be used does no harm where it does not count: at a stream that is refused, or overruled.
        address, unusable = None, None
        try:
            address = _parse_connection(value)
        except UnusableSdp as error:
            unusable = error
        if not self._media:
            self._address, self._unusable = address, unusable
        elif self._media_address is None and self._media_unusable is None:
            self._media_address, self._media_unusable = address, unusable

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
        self._media.append(Media(fields[0].lower(), port, _protocol(fields[2]), tuple(fields[3:])))

    def _close_media(self) -> None:
        if self._media:
            last = self._media[-1]
            unusable = self._media_unusable or (self._unusable if self._media_address is None else None)
            if unusable is not None and last.kind == "audio" and last.port:
                raise unusable
            self._media[-1] = Media(
                last.kind, last.port, last.protocol, last.formats, self._media_address, tuple(self._media_attributes)
            )
        self._media_address = None
        self._media_unusable = None
        self._media_attributes = []

    def finished(self) -> SessionDescription:
        self._close_media()
        if not self._media:
            raise MalformedSdp("the SDP has no m= line")
        return SessionDescription(self._origin, self._address, tuple(self._media), tuple(self._attributes))


def _protocol(text: str) -> str:
    capitals = text.upper()
    return capitals if "RTP/" in capitals else text


def _parse_connection(value: str) -> str:
    fields = value.split()
    if len(fields) < 3 or fields[0].upper() != "IN" or fields[1].upper() not in ("IP4", "IP6"):
        raise UnusableSdp("a c= line is not IN IP4 or IN IP6 with an address")
    return parse_address(fields[2].partition("/")[0])


def _parse_attribute(value: str) -> tuple[str, str | None]:
    name, colon, text = value.strip().partition(":")
    return name.strip().lower(), text.strip() if colon else None


_known_attribute = lru_cache(maxsize=_CACHED_ATTRIBUTES)(_parse_attribute)


def _parse_port(text: str) -> int:
    port = parse_number(text, PORT_MAX)
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
